//! Policy documents: the YAML that people write, read into rules and budgets.
//!
//! Several documents stand in one text, `---` between them; each says `apiVersion`, `kind`, `metadata` and `spec`. They are
//! read one by one, so that each wrong one is reported, with line and column. Unknown fields are errors: a rule whose
//! `where:` is misspelt must not silently apply to everything, nor to nothing.
//!
//! ```yaml
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {id: no-spot-for-restricted, owner: dpo@example.com}
//! spec:
//!   effect: deny                        # deny | allow | require
//!   mode: enforce                       # enforce | warn | shadow
//!   points: [place]                     # where it speaks; all points that know its facts when left out
//!   actions: ["*"]
//!   where: {market: spot}               # equality and membership: the part an index goes by
//!   when: dataset.class >= label('confidential')        # any condition, in CEL
//!   because: "{dataset.name} is {dataset.class}"
//!   remedy: use machines that cannot be reclaimed
//!   controls: [iso27001/a.8.11]
//! ---
//! apiVersion: orp.policy/v1
//! kind: Budget
//! metadata: {id: gpu-month-project}
//! spec:
//!   per: [project.id]                   # one account for each value; one for all when left out
//!   where: {resource.kind: gpu}
//!   window: {calendar: month}           # {calendar: day | week | month | quarter | year} | {rolling: 30d} | total
//!   meter: cost                         # cost | gpu_seconds | tokens | egress_bytes | energy_wh | calls
//!   limit: 20000 USD
//!   overrides: {vision: 60000 USD}
//!   parent: gpu-month-org               # what is held here is held there too
//!   onLimit: {approve: two-of-three}    # deny | suspend | {approve: <flow>}
//!   onOverrun: suspend                  # suspend | extend | record
//!   alerts: [50%, 80%, forecast>100%]
//! ---
//! apiVersion: orp.policy/v1
//! kind: Budget
//! metadata: {id: gpu-month-org}
//! spec: {window: {calendar: month}, limit: 100000 USD}
//! ---
//! apiVersion: orp.policy/v1
//! kind: Rule
//! metadata: {id: large-runs-are-approved}
//! spec:
//!   effect: require
//!   actions: [fine_tune]
//!   when: cost > money('1000 USD')
//!   require:
//!     approve: [two-of-three]           # ApprovalFlows, by id; {flow: …, quorum: 3} asks for more
//!     cap: {cost: 5000 USD}             # at most this
//!     redact: [email, iban]             # taken out first
//!     route: {regions: ["eu-*"]}        # only there; also providers, markets
//!     notify: [dpo@example.com]
//! ---
//! apiVersion: orp.policy/v1
//! kind: Quota
//! metadata: {id: research}
//! spec:
//!   parent: org                         # another Quota; a root has none
//!   nominal: {gpu: 8, cpu: 64}          # its own
//!   borrow: {gpu: 4}                    # at most so much more; unlimited where left out
//!   lend: {gpu: 6}                      # at most so much to others; unlimited where left out
//! ---
//! apiVersion: orp.policy/v1
//! kind: Quota
//! metadata: {id: org}
//! spec: {}
//! ---
//! apiVersion: orp.policy/v1
//! kind: ApprovalFlow
//! metadata: {id: two-of-three}
//! spec: {approvers: [ada, bob, eve], quorum: 2, ttl: 72h}
//! ---
//! apiVersion: orp.policy/v1
//! kind: Exception
//! metadata: {id: pilot}
//! spec:
//!   rules: [no-spot-for-restricted]
//!   where: {project.id: pilot}          # a scope is a must, and so is an end
//!   until: 2027-01-01T00:00:00Z
//!   because: agreed for the pilot
//!   approvedBy: [dpo@example.com]
//! ---
//! apiVersion: orp.policy/v1
//! kind: Guardrail
//! metadata: {id: no-contacts-in-prompts}
//! spec:
//!   where: {project.id: support}        # all requests when left out
//!   applies: [input]                    # input | output | tool_call | dataset | publish
//!   detectors: [{detector: email}, {detector: national_id, countries: [de, fr]}]
//!   action: mask                        # mask | drop | ask | block
//!   limit: 20                           # with more findings than this it is blocked
//! ---
//! apiVersion: orp.policy/v1
//! kind: PolicySet
//! metadata: {id: acme}
//! spec:
//!   include: [rules]                    # files and folders beside this one; read by whoever reads files
//!   facts:                              # facts of the host's own, beside the vocabulary
//!     team.size: {kind: number, meaning: how many people, absence: unset}
//!     team.tier: {kind: {one_of: [gold, silver]}}
//! ```
//!
//! What a `PolicyTest` says of them is in [`testing`](crate::testing).
//!
//! # Conditions
//!
//! `where` maps [facts](crate::fact) to conditions, all of which must hold:
//!
//! ```yaml
//! where:
//!   project.id: vision                          # equal to
//!   goal.kind: [fine_tune, distil]              # one of
//!   dataset.class: {at_least: confidential}     # at_least, at_most, not, any_of, present: all that are given must hold
//!   labels.reviewed: {present: true}
//! ```
//!
//! `when` is an expression of the [Common Expression Language](https://github.com/google/cel-spec) on the same facts; where
//! both are given, both must hold. It is checked in full when it is loaded: names, kinds, and how much there is to judge.
//!
//! | in an expression | on |
//! | --- | --- |
//! | `&&` `\|\|` `!` `?:` `( )` | conditions |
//! | `==` `!=` | two values of one kind |
//! | `<` `<=` `>` `>=` | whole numbers, classes, money, times |
//! | `in` | a value and a list: `region in ['eu-1', 'eu-2']`; a text and a fact that is a list |
//! | `+` `-` `*` `/` `%` | whole numbers; `+` `-` two amounts of money; `*` money and a number |
//! | `.startsWith()` `.endsWith()` `.contains()` `size()` | texts; `size()` lists too |
//! | `has(dataset.class)` | whether there is such a fact |
//! | `label('confidential')` `money('500 USD')` `timestamp('2026-12-24T00:00:00Z')` `now` | literals; when it is asked |
//! | `.getHours()` `.getDayOfWeek()` `.getDate()` `.getMonth()` … | times, by the calendar of UTC |
//!
//! Fractions, maps, regular expressions and comprehensions are refused: nothing here takes longer than what it compares.
//!
//! Values are read by the fact's kind; `at_least` and `at_most` are for kinds with an order: data classes, numbers, times, and
//! money of one currency. A condition that cannot be judged (the fact is missing or of another kind, the currency another) is
//! unknown, and so are the conditions together, unless one of them is false. An unknown `deny` or `require`
//! forbids and names the fact; an unknown `allow` does not allow; an unknown budget applies. But where a fact's *subject* is
//! not there at all (an intent without a data set), conditions on it are false: a rule about data sets has nothing to say.
//! `present` says which is meant, and is never unknown. See [`Absence`](crate::fact::Absence).

pub(crate) mod approval;
pub(crate) mod budget;
pub(crate) mod exception;
pub(crate) mod guardrail;
mod part;
pub(crate) mod quota;
pub(crate) mod raw;
pub(crate) mod rule;
pub(crate) mod set;
pub(crate) mod test;

pub use set::{INCLUDE_LIMIT, includes};

pub(crate) use part::Place;

use crate::approval::ApprovalFlow;
use crate::budget::Budget;
use crate::condition::{Expr, cel, clause};
use crate::error::LoadError;
use crate::exception::Exception;
use crate::fact::Vocabulary;
use crate::guardrail::Detectors;
use crate::rule::Rule;
use crate::set::{DEFAULT_DENY, DOCUMENT_LIMIT};
use crate::testing::{PolicyTest, Words};
use guardrail::ScopedGuardrail;
use orp_core::document::{DocumentError, Source};
use orp_core::id::{Principal, RuleId};
use orp_core::noun::QuotaTree;
use part::Part;
use raw::{Fault, Raw};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// Everything that the documents of a set say, each kind in the order of the ids.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) rules: Vec<Rule>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) flows: Vec<ApprovalFlow>,
    pub(crate) exceptions: Vec<Exception>,
    /// The tree of quotas, of which nothing is taken.
    pub(crate) quotas: QuotaTree,
    pub(crate) guardrails: Vec<ScopedGuardrail>,
    /// What is expected of the others: they say nothing of their own.
    pub(crate) tests: Vec<PolicyTest>,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            vocabulary: Vocabulary::builtin().clone(),
            rules: Vec::new(),
            budgets: Vec::new(),
            flows: Vec::new(),
            exceptions: Vec::new(),
            quotas: QuotaTree::default(),
            guardrails: Vec::new(),
            tests: Vec::new(),
        }
    }
}

/// A document whose kind and id are known; its spec is read when all that it may refer to is.
struct Headed<'a> {
    part: Part<'a>,
    kind: Kind,
    place: Place,
    id_at: Location,
}

impl Documents {
    /// Reads the documents of all sources, whatever their order: those first that others refer to.
    pub(crate) fn read(sources: &[Source<'_>], detectors: &Detectors) -> Result<Self, LoadError> {
        let (documents, mut errors) = headed(sources);
        let mut read = Self::default();
        for (id, headed) in of_kind(&documents, Kind::PolicySet) {
            errors.extend(read.declare(id, headed));
        }
        for (id, headed) in of_kind(&documents, Kind::ApprovalFlow) {
            match headed.part.approval_flow(id, headed.part.parse_envelope()) {
                Ok(flow) => read.flows.push(flow),
                Err(error) => errors.push(error),
            }
        }
        for (id, headed) in &documents {
            errors.extend(read.add(id, headed).err());
        }
        errors.extend(read.read_quotas(&documents));
        for (id, headed) in of_kind(&documents, Kind::Guardrail) {
            match headed.part.guardrail(id, &read, headed, detectors) {
                Ok(guardrail) => read.guardrails.push(guardrail),
                Err(error) => errors.push(error),
            }
        }
        for (id, message) in budget::wrong_parents(&read.budgets) {
            errors.extend(documents.get(&id).map(|headed| headed.place.error(message)));
        }
        for (id, headed) in of_kind(&documents, Kind::Exception) {
            match headed.part.exception(id, &read, headed.part.parse_envelope()) {
                Ok(exception) => read.exceptions.push(exception),
                Err(error) => errors.push(error),
            }
        }
        let words = Words::of(&read.vocabulary);
        let mut tests = Vec::new();
        for (id, headed) in of_kind(&documents, Kind::PolicyTest) {
            match headed.part.policy_test(id, &read, &documents, &words, headed.part.parse_envelope()) {
                Ok(test) => tests.push(test),
                Err(error) => errors.push(error),
            }
        }
        read.tests = tests;
        // Those of one kind were found together; people read them in the order of the text.
        errors.sort_by_key(|error| {
            let source = sources.iter().position(|source| source.name() == error.source_name);
            (source, error.line, error.column)
        });
        LoadError::check(errors)?;
        Ok(read)
    }

    /// Takes the facts that a `PolicySet` declares into the vocabulary.
    fn declare(&mut self, id: &RuleId, headed: &Headed<'_>) -> Option<DocumentError> {
        let declared = headed.part.policy_set(id, headed.part.parse_envelope());
        declared
            .and_then(|facts| {
                facts.into_iter().try_for_each(|fact| {
                    self.vocabulary
                        .declare(fact.value)
                        .map_err(|message| headed.part.error(Fault::new(fact.referenced, message)))
                })
            })
            .err()
    }

    fn add(&mut self, id: &RuleId, headed: &Headed<'_>) -> Result<(), DocumentError> {
        let part = &headed.part;
        match headed.kind {
            Kind::Rule => self.rules.push(part.rule(id, self, part.parse_envelope())?),
            Kind::Budget => self.budgets.push(part.budget(id, headed.id_at, self, part.parse_envelope())?),
            Kind::PolicySet
            | Kind::ApprovalFlow
            | Kind::Quota
            | Kind::Exception
            | Kind::Guardrail
            | Kind::PolicyTest => {}
        }
        Ok(())
    }

    /// The approval flow of this id.
    fn flow(&self, id: &RuleId) -> Result<&ApprovalFlow, String> {
        self.flows.iter().find(|flow| flow.id() == id).ok_or_else(|| {
            let known: Vec<&str> = self.flows.iter().map(|flow| flow.id().as_str()).collect();
            let known =
                if known.is_empty() { "there is none".into() } else { format!("expected one of {}", known.join(", ")) };
            format!("unknown approval flow `{id}`: {known}")
        })
    }

    /// What a `where` and a `when` say together.
    fn conditions(
        &self,
        part: &Part<'_>,
        given: Option<&Spanned<Raw>>,
        when: Option<&Spanned<String>>,
    ) -> Result<Expr, DocumentError> {
        let clause = given.map(|given| clause::read(&self.vocabulary, given)).transpose();
        let clause = clause.map_err(|fault| part.error(fault))?.unwrap_or_default();
        let Some(when) = when else { return Ok(clause) };
        let expr = cel::read(&self.vocabulary, &when.value).map_err(|error| part.error_in(when, error))?;
        if let Expr::Always(always) = expr {
            let message = format!("it is {always} whatever the facts: expected a condition on facts, or no `when`");
            return Err(part.error(Fault::new(when.referenced, message)));
        }
        Ok(Expr::all([clause, expr]))
    }
}

/// Every document by its id, and what is wrong with headers.
fn headed<'a>(sources: &[Source<'a>]) -> (BTreeMap<RuleId, Headed<'a>>, Vec<DocumentError>) {
    let mut errors = Vec::new();
    let mut documents: BTreeMap<RuleId, Headed<'a>> = BTreeMap::new();
    for source in sources {
        let parts = match Part::all_of(source) {
            Ok(parts) => parts,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (id, headed) = match part.header() {
                Ok(header) => header,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            if let Some(first) = documents.get(&id) {
                let message = format!("the id `{id}` is taken: it is at {} too", first.place);
                errors.push(headed.place.error(message));
            } else if documents.len() == DOCUMENT_LIMIT {
                errors.push(source.error(format!("a set has at most {DOCUMENT_LIMIT} documents")));
                return (documents, errors);
            } else {
                documents.insert(id, headed);
            }
        }
    }
    (documents, errors)
}

fn of_kind<'d, 'a>(
    documents: &'d BTreeMap<RuleId, Headed<'a>>,
    kind: Kind,
) -> impl Iterator<Item = (&'d RuleId, &'d Headed<'a>)> {
    documents.iter().filter(move |(_, headed)| headed.kind == kind)
}

impl<'a> Part<'a> {
    /// What the document says of itself.
    fn header(self) -> Result<(RuleId, Headed<'a>), DocumentError> {
        let header: Header = self.parse_head()?;
        let ApiVersion::V1 = header.api_version;
        let id_at = header.metadata.id.referenced;
        let place = self.place(id_at);
        let id = header.metadata.id.value;
        if id.as_str() == DEFAULT_DENY {
            let message = format!("`{DEFAULT_DENY}` is what speaks when no rule allows: expected another id");
            return Err(place.error(message));
        }
        Ok((id, Headed { part: self, kind: header.kind, place, id_at }))
    }

    /// The whole document.
    fn parse_envelope<S: for<'de> Deserialize<'de>>(&self) -> Result<Envelope<S>, DocumentError> {
        self.parse()
    }
}

/// What says how the rest of a document is to be read.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "apiVersion")]
    api_version: ApiVersion,
    kind: Kind,
    metadata: Metadata,
}

#[derive(Deserialize)]
enum ApiVersion {
    #[serde(rename = "orp.policy/v1")]
    V1,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Kind {
    PolicySet,
    Rule,
    Budget,
    Quota,
    ApprovalFlow,
    Exception,
    Guardrail,
    PolicyTest,
}

/// What every document says of itself.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Unique among all documents of a set.
    #[cfg_attr(feature = "schema", schemars(with = "RuleId"))]
    id: Spanned<RuleId>,
    /// Who answers for it.
    owner: Option<Principal>,
}

/// A whole document whose kind is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<S> {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    metadata: Metadata,
    spec: S,
}

/// Reads a field that may be left out but not left empty: a `where:` whose lines are all commented out is not a rule
/// without conditions.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(feature = "schema")]
pub use crate::schema::schema;
