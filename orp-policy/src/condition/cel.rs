//! `when`: an expression of the [Common Expression Language](https://github.com/google/cel-spec), checked in full when a set
//! is loaded. This is the only module that knows the crate `cel`, which reads the text; what it says is judged by
//! [`Expr`], because the crate's own evaluator has neither types, nor unknown facts, nor bounds.
//! What is read, and on which kinds of facts, stands in [`document`](crate::document).

use super::atom::{Arithmetic, Relation, TextTest, TimePart};
use super::clause::literal_of;
use super::{Atom, Expr, SIZE_LIMIT, Term, Test, Truth};
use crate::fact::{FactKind, FactName, Vocabulary};
use crate::view::View;
use cel::common::ast::{CallExpr, EntryExpr, Expr as Node, IdedEntryExpr, IdedExpr, LiteralValue, operators as op};
use cel::parser::{Parser, PrattParser};
use orp_core::noun::{FactValue, Facts};
use orp_core::unit::Timestamp;

/// The longest expression that is read, in bytes.
pub(crate) const LIMIT_BYTES: usize = 4096;

/// How deep expressions nest.
const DEPTH_LIMIT: u16 = 64;

/// How deep brackets nest where the places of nodes are known. The parser that keeps them takes much stack for each.
const PLACE_DEPTH_LIMIT: u16 = 8;

/// What is wrong with an expression, and where in it: line and column from 1, in characters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CelError {
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) message: String,
}

/// What an expression says, its facts being of this vocabulary.
pub(crate) fn read(vocabulary: &Vocabulary, text: &str) -> Result<Expr, CelError> {
    let nowhere = |message: String| CelError { place: None, message };
    if text.len() > LIMIT_BYTES {
        return Err(nowhere(format!("the expression has {} bytes, at most {LIMIT_BYTES} are read", text.len())));
    }
    let parser = PrattParser::new().max_recursion_depth(DEPTH_LIMIT).max_expression_node_count(4 * SIZE_LIMIT);
    let parsed = parser.parse(text).map_err(|errors| match errors.errors.first() {
        Some(error) => CelError { place: place_of(error.pos), message: plain(&error.msg) },
        None => nowhere("it is no expression".into()),
    })?;
    if !is_within(&parsed, DEPTH_LIMIT) {
        return Err(nowhere(format!("the expression nests more than {DEPTH_LIMIT} deep")));
    }
    let expr = Checker { vocabulary }
        .condition(&parsed, true)
        .map_err(|Fault { node, message }| CelError { place: place_in(text, node), message })?;
    match expr.size() {
        size if size > SIZE_LIMIT => {
            Err(nowhere(format!("{size} values to look at: at most {SIZE_LIMIT} in one document")))
        }
        _ => Ok(expr),
    }
}

/// Whether a node is at most so deep. The parser bounds brackets only, not chains such as `a + a + a`.
fn is_within(node: &IdedExpr, depth: u16) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let entry = |entry: &IdedEntryExpr| match &entry.expr {
        EntryExpr::MapEntry(entry) => is_within(&entry.key, depth) && is_within(&entry.value, depth),
        EntryExpr::StructField(field) => is_within(&field.value, depth),
    };
    match &node.expr {
        Node::Call(call) => {
            call.target.iter().all(|of| is_within(of, depth)) && call.args.iter().all(|of| is_within(of, depth))
        }
        Node::Select(select) => is_within(&select.operand, depth),
        Node::List(list) => list.elements.iter().all(|of| is_within(of, depth)),
        Node::Map(map) => map.entries.iter().all(entry),
        Node::Struct(of) => of.entries.iter().all(entry),
        Node::Comprehension(all) => [&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result]
            .into_iter()
            .all(|of| is_within(of, depth)),
        Node::Unspecified | Node::Ident(_) | Node::Literal(_) => true,
    }
}

/// A parser's message as the others are written.
fn plain(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.replace("<EOF>", "the end").replace('\'', "`");
    format!("it is no expression: {message}")
}

fn place_of((line, column): (isize, isize)) -> Option<(usize, usize)> {
    Some((usize::try_from(line).ok()?, usize::try_from(column).ok()?)).filter(|(line, column)| *line > 0 && *column > 0)
}

/// Where a node stands. The fast parser does not keep that; the other one numbers the nodes alike, and does.
fn place_in(text: &str, node: u64) -> Option<(usize, usize)> {
    let (_, info) = Parser::new().max_recursion_depth(PLACE_DEPTH_LIMIT).parse_with_source_info(text).ok()?;
    let (offset, _) = info.offset_for(node)?;
    let before: String = text.chars().take(offset as usize).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Some((line, column))
}

/// What is wrong with a node.
struct Fault {
    node: u64,
    message: String,
}

fn fault<T>(node: &IdedExpr, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { node: node.id, message: message.into() })
}

/// Turns what was parsed into conditions, or says why it is none.
struct Checker<'v> {
    vocabulary: &'v Vocabulary,
}

impl Checker<'_> {
    /// A node that is true or false; `holds` says which of it is wanted.
    fn condition(&self, node: &IdedExpr, holds: bool) -> Result<Expr, Fault> {
        match &node.expr {
            Node::Literal(LiteralValue::Boolean(flag)) => Ok(Expr::Always(*flag.inner() == holds)),
            Node::Select(select) if select.test => {
                let name = self.path(&select.operand).map(|operand| format!("{operand}.{}", select.field));
                self.fact(node, name).map(|fact| atom(Test::Present(fact), holds))
            }
            Node::Call(call) => self.call(node, call, holds),
            Node::Comprehension(_) => {
                fault(node, "`exists`, `all`, `map` and `filter` are not read here: compare with `in`")
            }
            _ => self.flag(node, holds),
        }
    }

    fn call(&self, node: &IdedExpr, call: &CallExpr, holds: bool) -> Result<Expr, Fault> {
        let (name, args) = (call.func_name.as_str(), call.args.as_slice());
        match (name, &call.target, args) {
            (op::LOGICAL_NOT, None, [arg]) => self.condition(arg, !holds),
            (op::LOGICAL_AND | op::LOGICAL_OR, None, args) => {
                let parts = args.iter().map(|arg| self.condition(arg, holds)).collect::<Result<Vec<_>, _>>()?;
                Ok(if (name == op::LOGICAL_AND) == holds { Expr::all(parts) } else { Expr::any(parts) })
            }
            (op::CONDITIONAL, None, [condition, then, otherwise]) => {
                let then = Expr::all([self.condition(condition, true)?, self.condition(then, holds)?]);
                let otherwise = Expr::all([self.condition(condition, false)?, self.condition(otherwise, holds)?]);
                Ok(Expr::any([then, otherwise]))
            }
            (op::EQUALS | op::NOT_EQUALS, None, [left, right]) => {
                let equal = (name == op::EQUALS) == holds;
                let (test, equal) = self.equal(node, left, right).map(|test| (test, equal))?;
                decided(node, Atom::new(test, equal))
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, None, [left, right]) => {
                let relation = match name {
                    op::LESS => Relation::Less,
                    op::LESS_EQUALS => Relation::AtMost,
                    op::GREATER => Relation::Greater,
                    _ => Relation::AtLeast,
                };
                self.ordered(node, relation, left, right, holds)
            }
            (op::IN, None, [item, list]) => self.within(node, item, list, holds),
            ("startsWith" | "endsWith" | "contains", Some(text), [part]) => {
                let test = match name {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    _ => TextTest::Contains,
                };
                let (text, part) = (self.text(text)?, self.text(part)?);
                decided(node, Atom::new(Test::Text(test, text, part), holds))
            }
            ("matches", _, _) => {
                fault(node, "`matches` is not read here: use `startsWith`, `endsWith`, `contains` or `in`")
            }
            _ => self.flag(node, holds),
        }
    }

    /// A value that is true or false by itself.
    fn flag(&self, node: &IdedExpr, holds: bool) -> Result<Expr, Fault> {
        match self.term(node)? {
            (term, FactKind::Flag) => Ok(atom(Test::OneOf(term, vec![FactValue::Flag(true)]), holds)),
            (_, kind) => fault(node, format!("expected a condition, which is true or false; this is {kind}")),
        }
    }

    fn equal(&self, node: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Result<Test, Fault> {
        let ((one, one_kind), (other, other_kind)) = (self.term(left)?, self.term(right)?);
        check_same(node, &one_kind, &other_kind)?;
        match (one, other) {
            (term, Term::Literal(value)) | (Term::Literal(value), term) => {
                check_literal(
                    node,
                    if matches!(one_kind, FactKind::OneOf(_)) { &one_kind } else { &other_kind },
                    &value,
                )?;
                Ok(Test::one_of(term, vec![value]))
            }
            (one, other) => Ok(Test::Compare(Relation::Equal, one, other)),
        }
    }

    fn ordered(
        &self,
        node: &IdedExpr,
        relation: Relation,
        left: &IdedExpr,
        right: &IdedExpr,
        holds: bool,
    ) -> Result<Expr, Fault> {
        let ((one, kind), (other, other_kind)) = (self.term(left)?, self.term(right)?);
        check_same(node, &kind, &other_kind)?;
        if !kind.is_ordered() {
            return fault(node, format!("`<` and `>` compare numbers, classes, money and times: this is {kind}"));
        }
        // Where a relation does not hold its opposite does, so nothing needs to be negated.
        let relation = if holds { relation } else { relation.opposite().unwrap_or(relation) };
        decided(node, Atom::new(Test::Compare(relation, one, other), true))
    }

    fn within(&self, node: &IdedExpr, item: &IdedExpr, list: &IdedExpr, holds: bool) -> Result<Expr, Fault> {
        let (term, kind) = self.term(item)?;
        let Node::List(listed) = &list.expr else {
            let (list, list_kind) = self.term(list)?;
            return match (kind.is_text(), list_kind) {
                (true, FactKind::Texts) => decided(node, Atom::new(Test::Within(term, list), holds)),
                (_, list_kind) => {
                    fault(node, format!("`in` looks for {kind} in a list of the same: this is {list_kind}"))
                }
            };
        };
        let mut values = Vec::new();
        for element in &listed.elements {
            let (Term::Literal(value), of) = self.term(element)? else {
                return fault(element, "a list has literals only");
            };
            check_same(element, &kind, &of)?;
            check_literal(element, &kind, &value)?;
            values.push(value);
        }
        if values.is_empty() {
            return fault(list, "an empty list: expected at least one value");
        }
        decided(node, Atom::new(Test::one_of(term, values), holds))
    }

    fn text(&self, node: &IdedExpr) -> Result<Term, Fault> {
        match self.term(node)? {
            (term, kind) if kind.is_text() => Ok(term),
            (_, kind) => fault(node, format!("expected text, this is {kind}")),
        }
    }

    /// A node with a value, and of which kind.
    fn term(&self, node: &IdedExpr) -> Result<(Term, FactKind), Fault> {
        match &node.expr {
            Node::Literal(literal) => value_of(node, literal),
            Node::Ident(name) if name == "now" => Ok((Term::Now, FactKind::Time)),
            Node::Call(call) if call.func_name != op::INDEX => self.function(node, call),
            _ => {
                let fact = self.fact(node, self.path(node))?;
                let kind = fact.declaration().kind.clone();
                Ok((Term::Fact(fact), kind))
            }
        }
    }

    fn function(&self, node: &IdedExpr, call: &CallExpr) -> Result<(Term, FactKind), Fault> {
        let (name, args) = (call.func_name.as_str(), call.args.as_slice());
        let literal_kind = match name {
            "label" => Some(FactKind::Class),
            "money" => Some(FactKind::Money),
            "timestamp" => Some(FactKind::Time),
            _ => None,
        };
        match (literal_kind, &call.target, args) {
            (Some(kind), None, [arg]) => match &arg.expr {
                Node::Literal(LiteralValue::String(text)) => {
                    let value = literal_of(&kind, text.inner()).or_else(|why| {
                        fault(arg, why.unwrap_or_else(|| format!("`{}` is not {kind}", text.inner())))
                    })?;
                    Ok((Term::Literal(value), kind))
                }
                _ => fault(arg, format!("`{name}` takes a text in quotes: `{name}('…')`")),
            },
            (None, Some(target), []) if TimePart::from_method(name).is_some() => match self.term(target)? {
                (term, FactKind::Time) => match TimePart::from_method(name) {
                    Some(part) => Ok((Term::Part(part, Box::new(term)), FactKind::Number)),
                    None => fault(node, format!("unknown function `{name}`")),
                },
                (_, kind) => fault(target, format!("`{name}` is of a time, this is {kind}")),
            },
            (None, Some(of), []) if name == "size" => self.size(of),
            (None, None, [of]) if name == "size" => self.size(of),
            (None, None, [left, right]) if arithmetic(name).is_some() => match arithmetic(name) {
                Some(operation) => self.arithmetic(node, operation, left, right),
                None => fault(node, format!("unknown function `{name}`")),
            },
            (None, None, [of]) if name == op::NEGATE => {
                let zero = Term::Literal(FactValue::Number(0));
                match self.term(of)? {
                    (term, FactKind::Number) => {
                        let negated = Term::Arithmetic(Arithmetic::Subtract, Box::new(zero), Box::new(term));
                        Ok((negated, FactKind::Number))
                    }
                    (_, kind) => fault(of, format!("`-` is of a number, this is {kind}")),
                }
            }
            _ if is_condition(name) => fault(node, "a condition stands where a value is expected"),
            _ => fault(
                node,
                format!(
                    "unknown function `{name}`: expected one of contains, endsWith, has, label, money, size, startsWith, timestamp"
                ),
            ),
        }
    }

    fn size(&self, of: &IdedExpr) -> Result<(Term, FactKind), Fault> {
        match self.term(of)? {
            (term, kind) if kind.is_text() || kind == FactKind::Texts => {
                Ok((Term::Size(Box::new(term)), FactKind::Number))
            }
            (_, kind) => fault(of, format!("`size` is of texts and lists, this is {kind}")),
        }
    }

    fn arithmetic(
        &self,
        node: &IdedExpr,
        operation: Arithmetic,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<(Term, FactKind), Fault> {
        let ((left, left_kind), (right, right_kind)) = (self.term(left)?, self.term(right)?);
        let kind = match (&left_kind, &right_kind, operation) {
            (FactKind::Number, FactKind::Number, _) => FactKind::Number,
            (FactKind::Money, FactKind::Money, Arithmetic::Add | Arithmetic::Subtract)
            | (FactKind::Money, FactKind::Number, Arithmetic::Multiply)
            | (FactKind::Number, FactKind::Money, Arithmetic::Multiply) => FactKind::Money,
            _ => return fault(node, format!("there is no such sum of {left_kind} and {right_kind}")),
        };
        Ok((Term::Arithmetic(operation, Box::new(left), Box::new(right)), kind))
    }

    /// The fact of a name that was spelled.
    fn fact(&self, node: &IdedExpr, name: Option<String>) -> Result<FactName, Fault> {
        match name {
            Some(name) => self.vocabulary.find(&name).or_else(|message| fault(node, message)),
            None => fault(node, "expected a fact, a literal or a function"),
        }
    }

    /// The name that a node spells: `a.b.c`, or `labels['a-b']`.
    fn path(&self, node: &IdedExpr) -> Option<String> {
        match &node.expr {
            Node::Ident(name) => Some(name.clone()),
            Node::Select(select) if !select.test => Some(format!("{}.{}", self.path(&select.operand)?, select.field)),
            Node::Call(call) if call.func_name == op::INDEX => match call.args.as_slice() {
                [of, IdedExpr { expr: Node::Literal(LiteralValue::String(key)), .. }] => {
                    Some(format!("{}.{}", self.path(of)?, key.inner()))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn atom(test: Test, holds: bool) -> Expr {
    Expr::Atom(Atom::new(test, holds))
}

/// The atom, or what it comes to when it speaks of literals only.
fn decided(node: &IdedExpr, atom: Atom) -> Result<Expr, Fault> {
    if !atom.is_constant() {
        return Ok(Expr::Atom(atom));
    }
    match atom.judge(View::new(&Facts::new(), Timestamp::EPOCH)) {
        Truth::True => Ok(Expr::Always(true)),
        Truth::False => Ok(Expr::Always(false)),
        Truth::Unknown => fault(node, "it cannot be computed"),
    }
}

fn value_of(node: &IdedExpr, literal: &LiteralValue) -> Result<(Term, FactKind), Fault> {
    let (value, kind) = match literal {
        LiteralValue::Boolean(flag) => (FactValue::Flag(*flag.inner()), FactKind::Flag),
        LiteralValue::Int(number) => (FactValue::Number(*number.inner()), FactKind::Number),
        LiteralValue::UInt(number) => match i64::try_from(*number.inner()) {
            Ok(number) => (FactValue::Number(number), FactKind::Number),
            Err(_) => return fault(node, format!("`{}` is too large a number", number.inner())),
        },
        LiteralValue::String(text) => (FactValue::Text(text.inner().into()), FactKind::Text),
        LiteralValue::Double(_) => {
            return fault(node, "fractions are not read here: amounts are whole numbers or money");
        }
        LiteralValue::Bytes(_) => return fault(node, "bytes are not read here: write a text"),
        LiteralValue::Null => return fault(node, "`null` is not read here: ask `has(…)`"),
    };
    Ok((Term::Literal(value), kind))
}

/// Values of two kinds are never compared.
fn check_same(node: &IdedExpr, one: &FactKind, other: &FactKind) -> Result<(), Fault> {
    if one == other && *one != FactKind::Texts || one.is_text() && other.is_text() {
        return Ok(());
    }
    let hint =
        [(one, other), (other, one)].into_iter().find(|(_, text)| text.is_text()).and_then(|(kind, _)| match kind {
            FactKind::Class => Some("; write the class as `label('…')`"),
            FactKind::Money => Some("; write the amount as `money('…')`"),
            FactKind::Time => Some("; write the time as `timestamp('…')`"),
            _ => None,
        });
    fault(node, format!("{one} cannot be compared with {other}{}", hint.unwrap_or_default()))
}

/// A text that a fact never is can only be a mistake.
fn check_literal(node: &IdedExpr, kind: &FactKind, value: &FactValue) -> Result<(), Fault> {
    match (kind, value) {
        (FactKind::OneOf(values), FactValue::Text(text)) if !values.contains(text) => {
            fault(node, format!("`{text}` is no value of it: expected {kind}"))
        }
        _ => Ok(()),
    }
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        op::ADD => Arithmetic::Add,
        op::SUBSTRACT => Arithmetic::Subtract,
        op::MULTIPLY => Arithmetic::Multiply,
        op::DIVIDE => Arithmetic::Divide,
        op::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}

fn is_condition(name: &str) -> bool {
    let conditions = [
        op::LOGICAL_AND,
        op::LOGICAL_OR,
        op::LOGICAL_NOT,
        op::CONDITIONAL,
        op::EQUALS,
        op::NOT_EQUALS,
        op::LESS,
        op::LESS_EQUALS,
        op::GREATER,
        op::GREATER_EQUALS,
        op::IN,
    ];
    conditions.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Expr, CelError> {
        let mut vocabulary = Vocabulary::builtin().clone();
        for (name, kind) in [("tags", FactKind::Texts), ("due", FactKind::Time)] {
            vocabulary.declare(crate::fact::Declaration::new(name, kind, "")).unwrap();
        }
        read(&vocabulary, text)
    }

    fn show(text: &str) -> String {
        match read_all(text) {
            Ok(expr) => expr.to_string(),
            Err(CelError { place: Some((line, column)), message }) => format!("{line}:{column}: {message}"),
            Err(CelError { place: None, message }) => message,
        }
    }

    #[test]
    fn conditions_are_read_as_atoms() {
        for (text, expected) in [
            ("cost > money('500 USD')", "`cost` > 500.00 USD"),
            ("!(cost > money('500 USD'))", "`cost` <= 500.00 USD"),
            ("label('internal') <= dataset.class", "internal <= `dataset.class`"),
            ("!(model.visibility == 'public')", "`model.visibility` is not public"),
            ("model.name in ['b', 'a', 'b']", "`model.name` is one of a, b"),
            ("!(tool.writes) || has(agent.id)", "`tool.writes` is not true or there is a `agent.id`"),
            ("!has(agent.id)", "there is no `agent.id`"),
            ("!(cost > money('5 USD') && priority < 3)", "`cost` <= 5.00 USD or `priority` >= 3"),
            (
                "has(agent.id) ? tool.writes : true",
                "(there is a `agent.id` and `tool.writes` is true) or there is no `agent.id`",
            ),
            ("labels['a-b'] == labels.team", "`labels.a-b` is `labels.team`"),
            ("model.name.startsWith('llama-')", "`model.name` begins with llama-"),
            ("!model.name.contains('x')", "`model.name` does not contain x"),
            ("model.name.endsWith('-7b')", "`model.name` ends with -7b"),
            ("tags.size() > 1", "size(`tags`) > 1"),
            ("priority % 2 == 1", "(`priority` % 2) is 1"),
            ("'eu' in tags && size(tags) < 3", "eu is in `tags` and size(`tags`) < 3"),
            ("now >= timestamp('2026-12-01T00:00:00Z')", "`now` >= 2026-12-01T00:00:00Z"),
            ("now.getDayOfWeek() in [0, 6] || due < now", "`now`.getDayOfWeek() is one of 0, 6 or `due` < `now`"),
            ("cost * 2 - money('1 USD') < money('9 USD')", "((`cost` * 2) - 1.00 USD) < 9.00 USD"),
            ("-priority == 3", "(0 - `priority`) is 3"),
            ("1 + 1 == 2 && priority == 1", "`priority` is 1"),
            ("size('abc') > 3 || priority == 1", "`priority` is 1"),
            ("true", "true"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn conditions_are_judged_on_what_is_known() {
        let money = |text: &str| FactValue::Money(text.parse().unwrap());
        let facts = Facts::from([
            ("cost".into(), money("5 USD")),
            ("priority".into(), 7.into()),
            ("model.name".into(), "llama-7b".into()),
            ("tags".into(), vec!["eu".to_owned(), "gdpr".to_owned()].into()),
            ("due".into(), FactValue::Time("2026-11-24T04:38:00Z".parse().unwrap())),
        ]);
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("cost * 2 - money('1 USD') == money('9 USD')", Truth::True),
            ("2 * cost + money('1 USD') == money('11 USD')", Truth::True),
            ("cost + money('1 USD') > money('6 USD')", Truth::False),
            ("cost + money('1 EUR') > money('1 USD')", Truth::Unknown),
            ("cost * 9223372036854775807 > money('1 USD')", Truth::Unknown),
            ("priority / 2 == 3 && priority % 4 == 3 && -priority == -7", Truth::True),
            ("size(tags) == 2 && size(model.name) == 8", Truth::True),
            ("'eu' in tags && !('us' in tags)", Truth::True),
            ("model.name.startsWith('llama') && model.name.endsWith('7b') && model.name.contains('-')", Truth::True),
            ("model.name.startsWith('7b') || model.name.endsWith('llama') || model.name.contains('gpt')", Truth::False),
            ("due.getFullYear() == 2026 && due.getMonth() == 10 && due.getDate() == 24", Truth::True),
            ("due.getDayOfMonth() == 23 && due.getDayOfWeek() == 2", Truth::True),
            ("due.getHours() == 4 && due.getMinutes() == 38 && now < due", Truth::True),
            ("labels.team != 'a' || priority == 8", Truth::Unknown),
        ] {
            assert_eq!(read_all(text).unwrap().judge(View::new(&facts, at)), expected, "{text}");
        }
    }

    #[test]
    fn the_size_is_how_many_values_are_looked_at() {
        for (text, size) in [
            ("has(agent.id)", 1),
            ("priority == 1 || priority == 2", 4),
            ("priority in [1, 2, 3, 3]", 4),
            ("size(tags) < 3", 3),
            ("cost * 2 - money('1 USD') < money('9 USD')", 6),
        ] {
            assert_eq!(read_all(text).unwrap().size(), size, "{text}");
        }
        let most = vec!["priority==1"; SIZE_LIMIT / 2].join("||");
        assert_eq!(read_all(&most).unwrap().size(), SIZE_LIMIT);
        let repeated = format!("priority in [{}]", ["1"; 1_000].join(","));
        assert_eq!(show(&repeated), "`priority` is 1", "what is repeated counts once");
        let longest = format!("{:LIMIT_BYTES$}", "tool.writes");
        assert_eq!(show(&longest), "`tool.writes` is true");
    }

    #[test]
    fn facts_are_in_order_each_once() {
        let expr = read_all("priority > 1 && cost > money('1 USD') && (priority < 9 || due > now)").unwrap();
        assert_eq!(expr.facts().into_iter().map(FactName::as_str).collect::<Vec<_>>(), ["cost", "due", "priority"]);
    }

    #[test]
    fn places_are_counted_from_one() {
        assert_eq!([(1, 1), (0, 1), (1, 0), (-1, 1)].map(place_of), [Some((1, 1)), None, None, None]);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "1:1: it is no expression: mismatched input `the end` expecting expression"),
            ("cost >", "1:7: it is no expression: mismatched input `the end` expecting expression"),
            ("cots > money('5 USD')", "1:1: unknown fact `cots`: expected one of agent.id, asset.class, "),
            (
                "cost > money('5 USD') &&\n  dataset.clas == 'x'",
                "2:10: unknown fact `dataset.clas`: did you mean `dataset.class`?",
            ),
            ("cost > 5", "1:6: an amount of money such as `500 USD` cannot be compared with a whole number"),
            (
                "cost > '5 USD'",
                "1:6: an amount of money such as `500 USD` cannot be compared with text; write the amount as `money('…')`",
            ),
            (
                "dataset.class == 'restricted'",
                "1:15: a data class (public, internal, confidential or restricted) cannot be compared with text; write the class as `label('…')`",
            ),
            (
                "dataset.class > label('secret')",
                "1:23: `secret` is not a data class: expected public, internal, confidential or restricted",
            ),
            ("model.visibility == 'publick'", "1:18: `publick` is no value of it: expected one of private, public"),
            (
                "model.visibility in ['public', 'open']",
                "1:32: `open` is no value of it: expected one of private, public",
            ),
            ("model.name > 'a'", "1:12: `<` and `>` compare numbers, classes, money and times: this is text"),
            ("cost", "1:1: expected a condition, which is true or false; this is an amount of money such as `500 USD`"),
            ("priority && true", "1:1: expected a condition, which is true or false; this is a whole number"),
            ("priority + model.name == 3", "1:10: there is no such sum of a whole number and text"),
            ("(priority == 1) == true", "1:11: a condition stands where a value is expected"),
            ("priority > 1.5", "1:12: fractions are not read here: amounts are whole numbers or money"),
            ("labels.x == null", "1:13: `null` is not read here: ask `has(…)`"),
            (
                "model.name.matches('a+')",
                "1:19: `matches` is not read here: use `startsWith`, `endsWith`, `contains` or `in`",
            ),
            (
                "tags.exists(t, t == 'a')",
                "1:12: `exists`, `all`, `map` and `filter` are not read here: compare with `in`",
            ),
            ("model.name in []", "1:15: an empty list: expected at least one value"),
            ("model.name in [labels.x]", "1:22: a list has literals only"),
            ("priority in tags", "1:10: `in` looks for a whole number in a list of the same: this is a list of texts"),
            ("tags == tags", "1:6: a list of texts cannot be compared with a list of texts"),
            (
                "upper(model.name) == 'A'",
                "1:6: unknown function `upper`: expected one of contains, endsWith, has, label, money, size, startsWith, timestamp",
            ),
            ("money(labels.x) > money('5 USD')", "1:13: `money` takes a text in quotes: `money('…')`"),
            ("timestamp('soon') < now", "1:11: `soon` is not a time such as `2026-11-23T00:00:00Z`"),
            ("priority.getHours() == 1", "1:1: `getHours` is of a time, this is a whole number"),
            ("priority.getAge() == 1", "1:16: unknown function `getAge`"),
            ("model.name.upper() == 'A'", "1:17: unknown function `upper`"),
            ("priority.contains('1')", "1:1: expected text, this is a whole number"),
            ("size(priority) == 1", "1:6: `size` is of texts and lists, this is a whole number"),
            (
                "due > '2026'",
                "1:5: a time such as `2026-11-23T00:00:00Z` cannot be compared with text; write the time as `timestamp('…')`",
            ),
            ("has(agent.id) == 'x'", "1:4: expected a fact, a literal or a function"),
            ("f(labels, 'x').y == 'a'", "1:15: expected a fact, a literal or a function"),
            ("1 / 0 == 1", "1:7: it cannot be computed"),
            ("18446744073709551615u == 1u", "1:1: `18446744073709551615` is too large a number"),
        ] {
            let found = show(text);
            assert!(found.starts_with(expected), "{text}\n found {found}\n expected {expected}");
        }
        assert_eq!(show(&"x".repeat(5_000)), "the expression has 5000 bytes, at most 4096 are read");
        for (open, close) in
            [("!(", ")"), ("a[", "]"), ("a.b(", ")"), ("[", "]"), ("{1: ", "}"), ("-(", ")"), ("x ? y : ", "")]
        {
            let times = 2_000 / open.len();
            let deep = show(&format!("{}tool.writes{}", open.repeat(times), close.repeat(times)));
            assert!(deep.contains("recursion limit") || deep.contains("nests more than 64 deep"), "{open}: {deep}");
        }
        for (before, chain, after) in
            [("", "a.", ""), ("", "1 + ", ""), ("", "a in ", ""), ("{1: ", "a.", "}"), ("{", "a.", ": 1}")]
        {
            let deep = show(&format!("{before}{}tool.writes{after}", chain.repeat(3_900 / chain.len())));
            assert!(deep.contains("nests more than 64 deep"), "{before}{chain}: {deep}");
        }
        for (harmless, close) in [("(", ")"), ("!!", ""), ("--", "")] {
            let text = format!("{}tool.writes{}", harmless.repeat(1_000), close.repeat(1_000));
            assert_eq!(show(&text), "`tool.writes` is true", "{harmless}");
        }
        let wide = vec!["priority==1"; 300].join("||");
        assert_eq!(show(&wide), "600 values to look at: at most 512 in one document");
    }

    /// Places are looked up in what the other parser says of the same text: both number the nodes alike.
    #[test]
    fn both_parsers_agree_on_nodes() {
        for text in ["a.b == 'x' && !(c in [1, 2]) || has(d.e) ? f(g) : -h > 1", "a || b || c && d"] {
            let (slow, _) = Parser::new().parse_with_source_info(text).unwrap();
            assert_eq!(PrattParser::new().parse(text).unwrap(), slow, "{text}");
        }
    }
}
