//! `cel`: a program for each rule, all on one context; the library of functions is built once and shared.

use crate::engine::Engine;
use crate::rules::{Forbids, Request, Rule};
use cel::{Context, Env, Program, Value, objects::Map};
use std::sync::Arc;

pub struct Cel {
    env: Arc<Env>,
    programs: Vec<(String, Program)>,
}

impl Cel {
    pub fn from_expressions(expressions: impl IntoIterator<Item = (String, String)>) -> Self {
        let compile = |(id, text): (String, String)| (id, Program::compile(&text).expect("the expressions are good"));
        Self { env: Arc::new(Env::stdlib()), programs: expressions.into_iter().map(compile).collect() }
    }
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Number(number) => Value::Int(number.as_i64().expect("a whole number")),
        serde_json::Value::Object(fields) => {
            let map = fields.iter().map(|(name, field)| (name.as_str().into(), value(field))).collect();
            Value::Map(Map { map: Arc::new(map) })
        }
        other => panic!("no such fact: {other}"),
    }
}

impl Engine for Cel {
    type Facts = Context<'static, 'static>;
    type Answer = Vec<String>;

    fn new(rules: &[Rule]) -> Self {
        Self::from_expressions(rules.iter().map(|Rule { id, forbids }| {
            let text = match forbids {
                Forbids::Data(label) => {
                    format!("action == 'fine_tune' && labels.data == '{label}' && model.visibility == 'public'")
                }
                Forbids::Cost(project, micros) => format!("project.id == '{project}' && cost >= {micros}"),
            };
            (id.clone(), text)
        }))
    }

    fn json(request: &Request) -> String {
        request.tree().to_string()
    }

    fn facts(&self, json: &str) -> Context<'static, 'static> {
        let facts: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).expect("a map");
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, fact) in &facts {
            context.add_variable_from_value(name.as_str(), value(fact));
        }
        context
    }

    fn decide(&self, facts: &Context<'static, 'static>) -> Vec<String> {
        let holds = |program: &Program| program.execute(facts).expect("an answer") == Value::Bool(true);
        self.programs.iter().filter(|(_, program)| holds(program)).map(|(id, _)| id.clone()).collect()
    }

    fn forbidding(answer: &Vec<String>) -> Vec<String> {
        let mut ids = answer.clone();
        ids.sort();
        ids
    }
}
