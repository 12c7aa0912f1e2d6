//! Recipes: reusable workflow templates for a kind of goal.
//!
//! A recipe names tasks, what each claims, how much work it is, and how it is carried out; *variants* are different ways
//! to the same goal (full fine-tuning, LoRA, QLoRA) with their own cost and quality. [`Recipe::workflow`] fills the
//! template in for an intent, a variant and a number of tokens.
//!
//! Texts in a recipe may hold `{name}`: a subject of the goal (`{model}`, `{data}`; `{model_name}`, `{data_name}` without
//! the version), the chosen `{tokens}` and `{variant}`, or a parameter. An unknown name is an error when the recipe is loaded, not when it is used.

use super::{
    Action, AssetRef, CheckpointSpec, Claim, ComputeClaim, Intent, Output, Task, Work, Workflow, WorkflowError,
};
use crate::id::{RecipeName, TaskName};
use crate::unit::{Bytes, Span, Tokens};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use thiserror::Error;

/// A reusable workflow template for a kind of goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Recipe {
    /// Its name.
    pub name: RecipeName,
    /// Its version; a plan records it.
    pub version: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// The kind of goal it serves.
    pub goal: String,
    /// Which subjects the goal must name: `model`, `data`.
    #[serde(default)]
    pub needs: Vec<Subject>,
    /// Parameters an intent may set, with their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Ways to the goal; at least one.
    pub variants: Vec<Variant>,
    /// The tasks, in any order.
    pub tasks: Vec<TaskTemplate>,
}

/// A subject a goal may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `goal.model`.
    Model,
    /// `goal.data`.
    Data,
    /// `goal.metric`.
    Metric,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Model => "model",
            Self::Data => "data",
            Self::Metric => "metric",
        })
    }
}

/// One way to the goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// `full`, `lora`, `qlora` …
    pub name: String,
    /// How training with it works out in arithmetic and memory; tasks with `work: train` need it.
    #[serde(default)]
    pub training: Option<Training>,
    /// What quality to expect.
    pub quality: QualityPrior,
}

/// Arithmetic and memory of training one way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Floating-point operations for each parameter and token: 6 when all weights train (forward 2, backward 4; Kaplan et
    /// al. 2020), 4 when the base is frozen (no gradient of its weights).
    pub flops_per_parameter_token: f64,
    /// Bytes on the accelerators for each parameter: 18 for mixed-precision Adam (Rajbhandari et al. 2020: weights 2,
    /// gradients 2, optimiser 12, plus working memory), a little over 2 for LoRA, a little over 0.5 for QLoRA.
    pub bytes_per_parameter: f64,
    /// The share of the peak arithmetic rate that is reached (MFU).
    pub utilisation: f64,
    /// Bytes of a checkpoint for each parameter.
    pub checkpoint_bytes_per_parameter: f64,
}

/// What quality to expect after so many tokens: `floor + (ceiling − floor) · t / (t + half)`, rising and saturating.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QualityPrior {
    /// Before any training.
    pub floor: f64,
    /// In the limit.
    pub ceiling: f64,
    /// Tokens for half of the way.
    pub half: Tokens,
    /// Where these figures come from; `assumed` when from nowhere.
    pub source: String,
}

impl QualityPrior {
    /// The expected quality after `tokens`.
    pub fn at(&self, tokens: Tokens) -> f64 {
        let (t, half) = (tokens.get() as f64, self.half.get() as f64);
        let share = if t + half > 0.0 { t / (t + half) } else { 0.0 };
        self.floor + (self.ceiling - self.floor) * share
    }
}

/// A task of a recipe, before its texts are filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskTemplate {
    /// Its name.
    pub name: TaskName,
    /// Tasks that must be done before.
    #[serde(default)]
    pub after: Vec<TaskName>,
    /// What it needs; at most one claim on compute.
    #[serde(default)]
    pub claims: Vec<ClaimTemplate>,
    /// How much work it is.
    pub work: WorkTemplate,
    /// How it is carried out.
    pub run: Action,
    /// Whether and how it saves its state, so that it can go on after a reclaim.
    #[serde(default)]
    pub checkpoint: Option<CheckpointTimes>,
    /// What it leaves as an asset.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// How often it is tried again after a failure of its own.
    #[serde(default = "TaskTemplate::usual_retries")]
    pub retries: u32,
}

impl TaskTemplate {
    const fn usual_retries() -> u32 {
        2
    }
}

/// A claim of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ClaimTemplate {
    /// A machine.
    Compute(ComputeClaim),
    /// A data set: `{data}`.
    Data(String),
    /// A model: `{model}`.
    Model(String),
    /// Calls of a tool.
    Tool {
        /// Which tool.
        tool: String,
        /// How many calls.
        calls: u64,
    },
    /// Time of someone with a skill.
    Talent {
        /// What they must be able to do.
        skill: String,
        /// How much of their time.
        time: Span,
    },
}

/// How much work a task of a recipe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum WorkTemplate {
    /// So long, wherever it runs.
    Fixed(Span),
    /// Bring what is claimed of data and models to where the task runs; the planner adds the time it takes.
    Stage,
    /// One pass over the data, at so many bytes a second for each core.
    Scan {
        /// What one core gets through in a second.
        per_core_second: Bytes,
    },
    /// Training of `{model}` on the chosen tokens, as the variant says.
    Train,
    /// So much time of the person claimed.
    People(Span),
    /// As many calls as are claimed, at the tool's rate.
    Calls,
}

/// How long saving and restoring take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckpointTimes {
    /// To save once.
    pub save: Span,
    /// To start and load once.
    pub restore: Span,
}

/// Why a recipe is not one, or cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The tasks do not form an acyclic graph.
    #[error("recipe `{recipe}`: {error}")]
    Workflow {
        /// Which recipe.
        recipe: String,
        /// What does not hold.
        error: WorkflowError,
    },
    /// It has no variant or no task.
    #[error("recipe `{recipe}` has no {what}: expected at least one")]
    Empty {
        /// Which recipe.
        recipe: String,
        /// What is missing.
        what: &'static str,
    },
    /// A text has a name in braces that nothing defines.
    #[error("recipe `{recipe}`, task `{task}`: `{{{name}}}` is not defined: expected {expected}")]
    UnknownName {
        /// Which recipe.
        recipe: String,
        /// Which task.
        task: String,
        /// The name.
        name: String,
        /// The names there are.
        expected: String,
    },
    /// Something in a task does not fit.
    #[error("recipe `{recipe}`, task `{task}`: {detail}")]
    Task {
        /// Which recipe.
        recipe: String,
        /// Which task.
        task: String,
        /// What does not fit, and what was expected.
        detail: String,
    },
    /// A variant has a figure that is none.
    #[error("recipe `{recipe}`, variant `{variant}`: {detail}")]
    Variant {
        /// Which recipe.
        recipe: String,
        /// Which variant.
        variant: String,
        /// What does not fit, and what was expected.
        detail: String,
    },
    /// The intent lacks a subject or names an unknown parameter.
    #[error("the intent does not fit recipe `{recipe}`: {detail}")]
    Intent {
        /// Which recipe.
        recipe: String,
        /// What is missing or unknown.
        detail: String,
    },
}

impl Recipe {
    /// A recipe of version 1.0.0 that needs nothing and has no parameters; change the fields that differ.
    pub fn new(name: RecipeName, goal: impl Into<String>, variants: Vec<Variant>, tasks: Vec<TaskTemplate>) -> Self {
        Self {
            name,
            version: "1.0.0".into(),
            description: String::new(),
            goal: goal.into(),
            needs: Vec::new(),
            parameters: BTreeMap::new(),
            variants,
            tasks,
        }
    }

    /// What makes it no recipe: cycles, unknown names, a task with two machines, figures that are none.
    pub fn check(&self) -> Result<(), RecipeError> {
        let recipe = || self.name.to_string();
        if self.variants.is_empty() {
            return Err(RecipeError::Empty { recipe: recipe(), what: "variant" });
        }
        if self.tasks.is_empty() {
            return Err(RecipeError::Empty { recipe: recipe(), what: "task" });
        }
        for variant in &self.variants {
            variant.check().map_err(|detail| RecipeError::Variant {
                recipe: recipe(),
                variant: variant.name.clone(),
                detail,
            })?;
        }
        let known = self.known_names();
        for task in &self.tasks {
            self.check_task(task, &known)?;
        }
        let edges = self.tasks.iter().map(|task| (task.name.clone(), task.after.clone()));
        Workflow::check_graph(edges).map_err(|error| RecipeError::Workflow { recipe: recipe(), error })
    }

    /// The workflow for an intent, one of the variants and a number of tokens.
    ///
    /// `parameters_of_model` are the model's parameters in number, `data` the size of the data set; both zero when the
    /// goal names none.
    pub fn workflow(
        &self,
        intent: &Intent,
        variant: &Variant,
        tokens: Tokens,
        parameters_of_model: u64,
        data: Bytes,
    ) -> Result<Workflow, RecipeError> {
        self.check_intent(intent)?;
        let values = self.values(intent, variant, tokens);
        let fill = |text: &str| fill(text, &values);
        let mut tasks = Vec::with_capacity(self.tasks.len());
        for template in &self.tasks {
            let wrong = |detail: String| RecipeError::Task {
                recipe: self.name.to_string(),
                task: template.name.to_string(),
                detail,
            };
            let asset = |text: &str| fill(text).parse::<AssetRef>().map_err(|error| wrong(error.to_string()));
            let mut claims = Vec::with_capacity(template.claims.len());
            for claim in &template.claims {
                claims.push(match claim {
                    ClaimTemplate::Compute(compute) => Claim::Compute(compute.clone()),
                    ClaimTemplate::Data(text) => Claim::Data(asset(text)?),
                    ClaimTemplate::Model(text) => Claim::Model(asset(text)?),
                    ClaimTemplate::Tool { tool, calls } => Claim::Tool { tool: asset(tool)?, calls: *calls },
                    ClaimTemplate::Talent { skill, time } => Claim::Talent { skill: fill(skill), time: *time },
                });
            }
            let calls = template.claims.iter().find_map(|claim| match claim {
                ClaimTemplate::Tool { calls, .. } => Some(*calls),
                _ => None,
            });
            let work = match (template.work, variant.training) {
                (WorkTemplate::Fixed(span), _) => Work::Fixed(span),
                (WorkTemplate::Stage, _) => Work::Stage,
                (WorkTemplate::Scan { per_core_second }, _) => Work::Scan { bytes: data, per_core_second },
                (WorkTemplate::People(span), _) => Work::People(span),
                (WorkTemplate::Calls, _) => Work::Calls(calls.unwrap_or(0)),
                (WorkTemplate::Train, Some(training)) => {
                    Work::Train { tokens, parameters: parameters_of_model, training }
                }
                (WorkTemplate::Train, None) => {
                    return Err(wrong(format!("`work: train` needs `training` in variant `{}`", variant.name)));
                }
            };
            let checkpoint_bytes = match work {
                Work::Train { parameters, training, .. } => {
                    Bytes::new((parameters as f64 * training.checkpoint_bytes_per_parameter) as u64)
                }
                _ => Bytes::ZERO,
            };
            tasks.push(Task {
                name: template.name.clone(),
                after: template.after.clone(),
                claims,
                work,
                action: template.run.map_texts(&fill),
                checkpoint: template.checkpoint.map(|times| CheckpointSpec { times, size: checkpoint_bytes }),
                outputs: template
                    .outputs
                    .iter()
                    .map(|output| Output { name: fill(&output.name), ..output.clone() })
                    .collect(),
                retries: template.retries,
            });
        }
        Workflow::new(tasks).map_err(|error| RecipeError::Workflow { recipe: self.name.to_string(), error })
    }

    /// Whether the intent names what the recipe needs, and no parameter it does not know.
    pub fn check_intent(&self, intent: &Intent) -> Result<(), RecipeError> {
        let wrong = |detail: String| RecipeError::Intent { recipe: self.name.to_string(), detail };
        for subject in &self.needs {
            let given = match subject {
                Subject::Model => intent.goal.model.is_some(),
                Subject::Data => intent.goal.data.is_some(),
                Subject::Metric => intent.goal.metric.is_some(),
            };
            if !given {
                return Err(wrong(format!("`goal.{subject}` is missing")));
            }
        }
        for name in intent.parameters.keys() {
            if !self.parameters.contains_key(name) {
                let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
                return Err(wrong(format!(
                    "`parameters.{name}` is unknown, expected {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )));
            }
        }
        Ok(())
    }

    fn known_names(&self) -> Vec<String> {
        let builtin = ["model", "model_name", "data", "data_name", "metric", "tokens", "variant"].map(String::from);
        builtin.into_iter().chain(self.parameters.keys().cloned()).collect()
    }

    fn values(&self, intent: &Intent, variant: &Variant, tokens: Tokens) -> BTreeMap<String, String> {
        let mut values = self.parameters.clone();
        values.extend(intent.parameters.clone());
        let subject = |asset: &Option<AssetRef>| asset.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = |asset: &Option<AssetRef>| asset.as_ref().map(|asset| asset.name().to_owned()).unwrap_or_default();
        values.insert("model".into(), subject(&intent.goal.model));
        values.insert("model_name".into(), name(&intent.goal.model));
        values.insert("data".into(), subject(&intent.goal.data));
        values.insert("data_name".into(), name(&intent.goal.data));
        values.insert("metric".into(), intent.goal.metric.as_ref().map(|m| m.maximise.clone()).unwrap_or_default());
        values.insert("tokens".into(), tokens.get().to_string());
        values.insert("variant".into(), variant.name.clone());
        values
    }

    fn check_task(&self, task: &TaskTemplate, known: &[String]) -> Result<(), RecipeError> {
        let mut texts: Vec<&str> = task.run.texts();
        texts.extend(task.outputs.iter().map(|output| output.name.as_str()));
        for claim in &task.claims {
            match claim {
                ClaimTemplate::Data(text) | ClaimTemplate::Model(text) => texts.push(text),
                ClaimTemplate::Tool { tool, .. } => texts.push(tool),
                ClaimTemplate::Talent { skill, .. } => texts.push(skill),
                ClaimTemplate::Compute(_) => {}
            }
        }
        for name in texts.into_iter().flat_map(names_in) {
            if !known.iter().any(|known| known == name) {
                return Err(RecipeError::UnknownName {
                    recipe: self.name.to_string(),
                    task: task.name.to_string(),
                    name: name.into(),
                    expected: known.join(", "),
                });
            }
        }
        let count = |test: fn(&ClaimTemplate) -> bool| task.claims.iter().filter(|claim| test(claim)).count();
        let machines = count(|claim| matches!(claim, ClaimTemplate::Compute(_)));
        let people = count(|claim| matches!(claim, ClaimTemplate::Talent { .. }));
        let tools = count(|claim| matches!(claim, ClaimTemplate::Tool { .. }));
        let detail = match task.work {
            _ if machines > 1 => "claims more than one machine: expected at most one claim on compute",
            WorkTemplate::People(_) if people == 0 => "`work: people` needs a claim on talent",
            WorkTemplate::Calls if tools == 0 => "`work: calls` needs a claim on a tool",
            WorkTemplate::Train | WorkTemplate::Scan { .. } | WorkTemplate::Stage if machines == 0 => {
                "this work needs a claim on compute"
            }
            WorkTemplate::Scan { per_core_second } if per_core_second == Bytes::ZERO => {
                "`per_core_second` is 0 B: expected more"
            }
            WorkTemplate::Train if self.variants.iter().any(|variant| variant.training.is_none()) => {
                "`work: train` needs `training` in every variant"
            }
            _ => return Ok(()),
        };
        Err(RecipeError::Task { recipe: self.name.to_string(), task: task.name.to_string(), detail: detail.into() })
    }
}

impl Variant {
    fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            if value.is_finite() && value >= low && value <= high {
                Ok(())
            } else {
                Err(format!("`{name}` is {value}, expected a number from {low} to {high}"))
            }
        };
        within("quality.floor", self.quality.floor, 0.0, 1.0)?;
        within("quality.ceiling", self.quality.ceiling, self.quality.floor, 1.0)?;
        if let Some(training) = &self.training {
            within("training.flops_per_parameter_token", training.flops_per_parameter_token, 0.001, 1e6)?;
            within("training.bytes_per_parameter", training.bytes_per_parameter, 0.0, 1e6)?;
            within("training.utilisation", training.utilisation, 1e-6, 1.0)?;
            within("training.checkpoint_bytes_per_parameter", training.checkpoint_bytes_per_parameter, 0.0, 1e6)?;
        }
        Ok(())
    }
}

/// Reads a recipe document and checks it.
#[cfg(feature = "yaml")]
impl Recipe {
    /// The recipe a document declares, or where and why it does not.
    pub fn from_source(source: &crate::document::Source<'_>) -> Result<Self, crate::document::DocumentError> {
        let recipe: Self = source.parse()?;
        recipe.check().map_err(|error| match &error {
            RecipeError::Workflow { error: inner, .. } => source.error_at(&inner.place(), error.to_string()),
            RecipeError::UnknownName { name, .. } => source.error_at(&format!("{{{name}}}"), error.to_string()),
            RecipeError::Task { task, .. } => source.error_at(&format!("name: {task}"), error.to_string()),
            RecipeError::Variant { variant, .. } => source.error_at(&format!("name: {variant}"), error.to_string()),
            RecipeError::Empty { .. } | RecipeError::Intent { .. } => source.error(error.to_string()),
        })?;
        Ok(recipe)
    }
}

/// The names in braces in a text. Braces around anything but a name (JSON), or after a `$` (shell), are text like any other.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| name_at(text, at))
}

/// The name in the braces that open at `at`.
fn name_at(text: &str, at: usize) -> Option<&str> {
    let (before, rest) = text.split_at(at);
    let (name, _) = rest.strip_prefix('{').filter(|_| !before.ends_with('$'))?.split_once('}')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_name.then_some(name)
}

/// Puts values in the place of names in braces; a name without a value stays as it is.
fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices('{') {
        if let Some((name, value)) = name_at(text, at).and_then(|name| Some((name, values.get(name)?))) {
            filled.push_str(&text[done..at]);
            filled.push_str(value);
            done = at + name.len() + 2;
        }
    }
    filled.push_str(&text[done..]);
    filled
}

#[cfg(all(test, feature = "yaml"))]
mod tests {
    use super::*;
    use crate::document::Source;

    const GOOD: &str = r#"
name: toy
version: 1.0.0
goal: toy
needs: [data]
parameters: {depth: "3"}
variants:
  - name: only
    quality: {floor: 0, ceiling: 1, half: 1 M, source: assumed}
tasks:
  - name: one
    claims: [{compute: {cpu: 1}}, {data: "{data}"}]
    work: {scan: {per_core_second: 50 MB}}
    run: {process: {program: toy, args: ["--depth", "{depth}"]}}
  - name: two
    after: [one]
    work: {fixed: 1m}
    run: {process: {program: toy}}
"#;

    #[test]
    fn a_good_recipe_fills_in() {
        let recipe = Recipe::from_source(&Source::new("toy.yaml", GOOD)).unwrap();
        let intent =
            Intent::new(crate::noun::Goal { data: Some("d@1".parse().unwrap()), ..crate::noun::Goal::new("toy") })
                .with_parameter("depth", 7);
        let workflow = recipe.workflow(&intent, &recipe.variants[0], Tokens::ZERO, 0, Bytes::from_gb(1)).unwrap();
        assert_eq!(workflow.tasks().len(), 2);
        assert_eq!(workflow.tasks()[0].action.texts(), ["toy", "--depth", "7"]);
        assert!(
            recipe.workflow(&intent.with_parameter("x", 1), &recipe.variants[0], Tokens::ZERO, 0, Bytes::ZERO).is_err()
        );
    }

    #[test]
    fn only_names_in_braces_are_filled_in() {
        let values = BTreeMap::from([("steps".to_owned(), "9".to_owned())]);
        for (text, filled) in [
            (r#"{"n":$n,"of":{steps}}"#, r#"{"n":$n,"of":9}"#),
            ("${HOME} ${steps} {steps}{steps}", "${HOME} ${steps} 99"),
            ("{} { steps} {", "{} { steps} {"),
        ] {
            assert_eq!(fill(text, &values), filled);
        }
        assert_eq!(names_in(r#"{"a":{b}} {c} ${D}"#).collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn wrong_recipes_point_at_the_place() {
        for (from, to, line, part) in [
            ("claims: [{compute: {cpu: 1}},", "after: [two]\n    claims: [{compute: {cpu: 1}},", 11, "cycle"),
            ("{depth}\"", "{dpeth}\"", 14, "`{dpeth}` is not defined"),
            ("after: [one]", "after: [nobody]", 16, "unknown task `nobody`"),
            ("name: two", "name: one", 11, "twice"),
            ("{compute: {cpu: 1}}, ", "", 11, "needs a claim on compute"),
            ("ceiling: 1,", "ceiling: 2,", 8, "expected a number from 0 to 1"),
            ("half: 1 M", "half: lots", 9, "not a count of tokens"),
            ("version: 1.0.0", "versoin: 1.0.0", 3, "unknown field `versoin`"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = Recipe::from_source(&Source::new("toy.yaml", &GOOD.replace(from, to))).unwrap_err();
            assert!(error.message.contains(part), "{error}");
            assert_eq!(error.line, Some(line), "{error}");
        }
    }
}
