//! The JSON Schema of policy documents, for editors: facts and their values are those of the vocabulary.

use crate::condition::Conditions;
use crate::document::{BudgetSpec, Metadata, RuleSpec};
use crate::fact::{Declaration, FactKind, VOCABULARY};
use orp_core::noun::DataClass;
use orp_core::unit::Money;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The JSON Schema (draft 2020-12) of one policy document.
pub fn schema() -> Schema {
    let mut generator = SchemaGenerator::default();
    let metadata = generator.subschema_for::<Metadata>();
    let rule = document("Rule", &metadata, generator.subschema_for::<RuleSpec>());
    let budget = document("Budget", &metadata, generator.subschema_for::<BudgetSpec>());
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PolicyDocument",
        "description": "A rule or a budget of an ORP policy set",
        "oneOf": [rule, budget],
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

impl JsonSchema for Conditions {
    fn schema_name() -> Cow<'static, str> {
        "Conditions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (mut facts, mut patterns) = (Map::new(), Map::new());
        for declared in VOCABULARY {
            let condition = condition(declared, generator);
            match declared.name.strip_suffix(".*") {
                Some(prefix) => patterns.insert(format!("^{prefix}\\."), condition),
                None => facts.insert(declared.name.into(), condition),
            };
        }
        json_schema!({
            "type": "object",
            "description": "Conditions by fact: all must hold",
            "properties": facts,
            "patternProperties": patterns,
            "additionalProperties": false,
            "minProperties": 1,
        })
    }
}

/// A value, a list of values, or a map of tests.
fn condition(declared: &Declaration, generator: &mut SchemaGenerator) -> Value {
    let value = match declared.kind {
        FactKind::Text => json!({"type": "string", "pattern": "^[^*]*$"}),
        FactKind::OneOf(values) => json!({"enum": values}),
        FactKind::Number => json!({"type": "integer"}),
        FactKind::Class => json!(generator.subschema_for::<DataClass>()),
        FactKind::Money => json!(generator.subschema_for::<Money>()),
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
        for declared in VOCABULARY.iter().filter(|declared| !declared.name.ends_with('*')) {
            assert_eq!(facts["properties"][declared.name]["description"], declared.meaning);
        }
        assert!(facts["patternProperties"]["^labels\\."].is_object());
        assert_eq!(facts["properties"]["model.visibility"]["anyOf"][0], json!({"enum": ["private", "public"]}));
        for (spec, field) in [("RuleSpec", "effect"), ("RuleSpec", "where"), ("BudgetSpec", "limit")] {
            assert!(schema["$defs"][spec]["properties"][field].is_object(), "{spec} {field}");
            assert_eq!(schema["$defs"][spec]["additionalProperties"], json!(false));
        }
        assert_eq!(schema["oneOf"][0]["properties"]["kind"]["const"], "Rule");
    }
}
