//! `regorus`: rules that add their ids to one set. By its interpreter on a compiled policy, and by its virtual machine.

use crate::engine::Engine;
use crate::rules::{Forbids, Request, Rule};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, PolicyModule, Value, compile_policy_with_entrypoint};
use std::cell::RefCell;

const ENTRY: &str = "data.orp.deny";

fn compiled(rules: &[Rule]) -> CompiledPolicy {
    let mut text = "package orp\nimport rego.v1\n".to_owned();
    if rules.is_empty() {
        text += "deny contains \"nothing\" if { false }\n";
    }
    for Rule { id, forbids } in rules {
        text += &match forbids {
            Forbids::Data(label) => format!(
                "deny contains \"{id}\" if {{\n  input.action == \"fine_tune\"\n  input.labels.data == \"{label}\"\n  \
                 input.model.visibility == \"public\"\n}}\n"
            ),
            Forbids::Cost(project, micros) => format!(
                "deny contains \"{id}\" if {{\n  input.project.id == \"{project}\"\n  input.cost >= {micros}\n}}\n"
            ),
        };
    }
    let module = PolicyModule { id: "orp.rego".into(), content: text.into() };
    compile_policy_with_entrypoint(Value::new_object(), &[module], ENTRY.into()).expect("the policy is good")
}

fn ids(answer: &Value) -> Vec<String> {
    answer.as_set().expect("a set").iter().map(|id| id.as_string().expect("an id").to_string()).collect()
}

pub struct Interpreted(CompiledPolicy);

impl Engine for Interpreted {
    type Facts = Value;
    type Answer = Value;

    fn new(rules: &[Rule]) -> Self {
        Self(compiled(rules))
    }

    fn json(request: &Request) -> String {
        request.tree().to_string()
    }

    fn facts(&self, json: &str) -> Value {
        Value::from_json_str(json).expect("an input")
    }

    fn decide(&self, facts: &Value) -> Value {
        self.0.eval_with_input(facts.clone()).expect("an answer")
    }

    fn forbidding(answer: &Value) -> Vec<String> {
        ids(answer)
    }
}

pub struct Machine(RefCell<RegoVM>);

impl Engine for Machine {
    type Facts = Value;
    type Answer = Value;

    fn new(rules: &[Rule]) -> Self {
        let program = Compiler::compile_from_policy(&compiled(rules), &[ENTRY]).expect("the policy compiles");
        let mut machine = RegoVM::new();
        machine.load_program(program);
        machine.set_data(Value::new_object()).expect("no data");
        Self(RefCell::new(machine))
    }

    fn json(request: &Request) -> String {
        request.tree().to_string()
    }

    fn facts(&self, json: &str) -> Value {
        Value::from_json_str(json).expect("an input")
    }

    fn decide(&self, facts: &Value) -> Value {
        let mut machine = self.0.borrow_mut();
        machine.set_input(facts.clone());
        machine.execute().expect("an answer")
    }

    fn forbidding(answer: &Value) -> Vec<String> {
        ids(answer)
    }
}
