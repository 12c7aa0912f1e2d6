//! The JSON Schema of policy documents, for editors: facts and their values are those of the vocabulary.

use crate::document::Metadata;
use crate::document::approval::ApprovalFlowSpec;
use crate::document::budget::BudgetSpec;
use crate::document::exception::ExceptionSpec;
use crate::document::quota::QuotaDocument;
use crate::document::rule::RuleSpec;
use crate::document::set::PolicySetSpec;
use crate::document::test::PolicyTestSpec;
use crate::fact::{Declaration, FactKind, Vocabulary};
use crate::guardrail::GuardrailSpec;
use crate::testing::Words;
use orp_core::noun::DataClass;
use orp_core::unit::{Money, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The JSON Schema (draft 2020-12) of one policy document.
pub fn schema() -> Schema {
    let mut generator = SchemaGenerator::default();
    let metadata = generator.subschema_for::<Metadata>();
    let specs = [
        ("PolicySet", generator.subschema_for::<PolicySetSpec>()),
        ("Rule", generator.subschema_for::<RuleSpec>()),
        ("Budget", generator.subschema_for::<BudgetSpec>()),
        ("Quota", generator.subschema_for::<QuotaDocument>()),
        ("Guardrail", generator.subschema_for::<GuardrailSpec>()),
        ("ApprovalFlow", generator.subschema_for::<ApprovalFlowSpec>()),
        ("Exception", generator.subschema_for::<ExceptionSpec>()),
        ("PolicyTest", generator.subschema_for::<PolicyTestSpec>()),
    ];
    let documents: Vec<Value> = specs.into_iter().map(|(kind, spec)| document(kind, &metadata, spec)).collect();
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PolicyDocument",
        "description": "One document of an ORP policy set",
        "oneOf": documents,
        "$defs": generator.take_definitions(true),
    })
}

fn document(kind: &str, metadata: &Schema, spec: Schema) -> Value {
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": "orp.policy/v1"},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        },
    })
}

/// Conditions by fact: those of the vocabulary, and those that a set declares.
pub(crate) struct Conditions;

impl JsonSchema for Conditions {
    fn schema_name() -> Cow<'static, str> {
        "Conditions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (mut facts, mut patterns) = (Map::new(), Map::new());
        for declared in Vocabulary::builtin().iter() {
            let condition = condition(declared, generator);
            match declared.name.strip_suffix(".*") {
                Some(prefix) => patterns.insert(format!("^{prefix}\\."), condition),
                None => facts.insert(declared.name.clone(), condition),
            };
        }
        json_schema!({
            "type": "object",
            "description": "Conditions by fact: all must hold",
            "properties": facts,
            "patternProperties": patterns,
            "additionalProperties": {"description": "a fact that the set declares"},
            "minProperties": 1,
        })
    }
}

/// What a test says of a request: `action`, `point`, `at` and facts, those of the vocabulary and those that a set declares.
pub(crate) struct Given;

impl JsonSchema for Given {
    fn schema_name() -> Cow<'static, str> {
        "Given".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (mut facts, mut patterns) = (Map::new(), Map::new());
        for declared in Words::of(Vocabulary::builtin()).requests.iter() {
            let or_none = json!({"anyOf": [value(&declared.kind, generator), {"type": "null"}]});
            let described = json!({"description": declared.meaning, "allOf": [or_none]});
            match declared.name.strip_suffix(".*") {
                Some(prefix) => patterns.insert(format!("^{prefix}\\."), described),
                None => facts.insert(declared.name.clone(), described),
            };
        }
        json_schema!({
            "type": "object",
            "description": "Facts by name, dotted or nested",
            "properties": facts,
            "patternProperties": patterns,
            "additionalProperties": {"description": "facts of a subject, or a fact that the set declares"},
            "minProperties": 1,
        })
    }
}

/// A value of a kind.
fn value(kind: &FactKind, generator: &mut SchemaGenerator) -> Value {
    match kind {
        FactKind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        FactKind::Flag => json!({"type": "boolean"}),
        FactKind::Time => json!(generator.subschema_for::<Timestamp>()),
        FactKind::Text => json!({"type": "string"}),
        FactKind::OneOf(values) => json!({"enum": values}),
        FactKind::Number => json!({"type": "integer"}),
        FactKind::Class => json!(generator.subschema_for::<DataClass>()),
        FactKind::Money => json!(generator.subschema_for::<Money>()),
    }
}

/// A value, a list of values, or a map of tests.
fn condition(declared: &Declaration, generator: &mut SchemaGenerator) -> Value {
    let value = match &declared.kind {
        FactKind::Texts => json!(false),
        FactKind::Text => json!({"type": "string", "pattern": "^[^*]*$"}),
        kind => value(kind, generator),
    };
    let list = json!({"type": "array", "items": value, "minItems": 1});
    let mut tests = Map::from_iter([
        ("any_of".to_owned(), json!({"anyOf": [value, list]})),
        ("not".to_owned(), json!({"anyOf": [value, list]})),
        ("present".to_owned(), json!({"type": "boolean"})),
    ]);
    if declared.kind.is_ordered() {
        tests.insert("at_least".into(), value.clone());
        tests.insert("at_most".into(), value.clone());
    }
    let tests = json!({"type": "object", "properties": tests, "additionalProperties": false, "minProperties": 1});
    json!({"description": declared.meaning, "anyOf": [value, list, tests]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_fact_and_field() {
        let schema = schema().to_value();
        let facts = &schema["$defs"]["Conditions"];
        for declared in Vocabulary::builtin().iter().filter(|declared| !declared.name.ends_with('*')) {
            assert_eq!(facts["properties"][&declared.name]["description"], declared.meaning);
        }
        assert!(facts["patternProperties"]["^labels\\."].is_object());
        assert_eq!(facts["properties"]["model.visibility"]["anyOf"][0], json!({"enum": ["private", "public"]}));
        for (spec, field) in [
            ("RuleSpec", "effect"),
            ("RuleSpec", "where"),
            ("RuleSpec", "when"),
            ("BudgetSpec", "limit"),
            ("ExceptionSpec", "until"),
        ] {
            assert!(schema["$defs"][spec]["properties"][field].is_object(), "{spec} {field}");
            assert_eq!(schema["$defs"][spec]["additionalProperties"], json!(false));
        }
        assert_eq!(schema["oneOf"][1]["properties"]["kind"]["const"], "Rule");
    }
}
