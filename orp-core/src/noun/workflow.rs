//! Workflows: acyclic graphs of tasks.

use super::{CheckpointTimes, Claim, ComputeClaim, Pillar, Training};
use crate::id::TaskName;
use crate::unit::{Bytes, Span, Tokens};
use petgraph::{algo::tarjan_scc, graph::DiGraph};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// How much work a task is. How long that takes depends on where it runs: an [`Estimator`](crate::contract::Estimator) says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// So long, wherever it runs.
    Fixed(Span),
    /// Bring what is claimed of data and models to where the task runs.
    Stage,
    /// One pass over so many bytes.
    Scan {
        /// The bytes.
        bytes: Bytes,
        /// What one core gets through in a second.
        per_core_second: Bytes,
    },
    /// Training on so many tokens.
    Train {
        /// The tokens.
        tokens: Tokens,
        /// The model's parameters, in number.
        parameters: u64,
        /// Arithmetic and memory.
        training: Training,
    },
    /// So much time of a person.
    People(Span),
    /// So many calls of a tool.
    Calls(u64),
}

/// How a task is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// An operating-system process on the machine claimed.
    Process {
        /// A program the host registered by this name, or a path.
        program: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
        /// Further environment variables.
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// An asynchronous function the host registered by this name, in the host's own process.
    InProcess {
        /// The name.
        function: String,
        /// Its parameters.
        #[serde(default)]
        parameters: BTreeMap<String, String>,
    },
    /// A request to the person claimed, who answers when it is done.
    Person {
        /// What to do.
        request: String,
    },
}

impl Action {
    /// Every text in it that may hold names in braces.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Process { program, args, env } => {
                [program].into_iter().chain(args).chain(env.values()).map(String::as_str).collect()
            }
            Self::InProcess { function, parameters } => {
                [function].into_iter().chain(parameters.values()).map(String::as_str).collect()
            }
            Self::Person { request } => vec![request],
        }
    }

    /// The same action with every text replaced.
    pub fn map_texts(&self, map: &dyn Fn(&str) -> String) -> Self {
        let all =
            |texts: &BTreeMap<String, String>| texts.iter().map(|(name, text)| (name.clone(), map(text))).collect();
        match self {
            Self::Process { program, args, env } => Self::Process {
                program: map(program),
                args: args.iter().map(|text| map(text)).collect(),
                env: all(env),
            },
            Self::InProcess { function, parameters } => {
                Self::InProcess { function: map(function), parameters: all(parameters) }
            }
            Self::Person { request } => Self::Person { request: map(request) },
        }
    }
}

/// What a task leaves as an asset: a file in its output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The asset's name; its version is the run's.
    pub name: String,
    /// The pillar it belongs to.
    pub pillar: Pillar,
    /// What it is within the pillar: `weights`, `report`.
    pub kind: String,
    /// The file, relative to the task's output folder.
    pub file: String,
}

/// How a task saves its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSpec {
    /// How long saving and restoring take.
    pub times: CheckpointTimes,
    /// How large a checkpoint is.
    pub size: Bytes,
}

/// One task of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// Tasks that must be done before.
    pub after: Vec<TaskName>,
    /// What it needs; at most one claim on compute.
    pub claims: Vec<Claim>,
    /// How much work it is.
    pub work: Work,
    /// How it is carried out.
    pub action: Action,
    /// Whether and how it saves its state.
    pub checkpoint: Option<CheckpointSpec>,
    /// What it leaves as assets.
    pub outputs: Vec<Output>,
    /// How often it is tried again after a failure of its own.
    pub retries: u32,
}

impl Task {
    /// A task of fixed length, carried out so, with no claims; change the fields that differ.
    pub fn new(name: TaskName, work: Work, action: Action) -> Self {
        Self {
            name,
            after: Vec::new(),
            claims: Vec::new(),
            work,
            action,
            checkpoint: None,
            outputs: Vec::new(),
            retries: 2,
        }
    }

    /// Its claim on compute, if it has one.
    pub fn machine(&self) -> Option<&ComputeClaim> {
        self.claims.iter().find_map(|claim| match claim {
            Claim::Compute(compute) => Some(compute),
            _ => None,
        })
    }
}

/// Why tasks do not form a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// Tasks that wait for each other.
    #[error("the tasks {} wait for each other: a workflow must not have a cycle", .0.join(", "))]
    Cycle(Vec<String>),
    /// A task waits for one that does not exist.
    #[error("task `{task}` comes after unknown task `{after}`")]
    UnknownTask {
        /// Which task.
        task: String,
        /// The one it names.
        after: String,
    },
    /// Two tasks have one name.
    #[error("task `{0}` is there twice: names must differ")]
    Duplicate(String),
}

impl WorkflowError {
    /// The text a recipe has at the wrong place.
    pub fn place(&self) -> String {
        match self {
            Self::Cycle(tasks) => format!("name: {}", tasks.first().map_or("", String::as_str)),
            Self::UnknownTask { after, .. } => after.clone(),
            Self::Duplicate(task) => format!("name: {task}"),
        }
    }
}

/// An acyclic graph of tasks, in an order in which each comes after those it waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Task>", into = "Vec<Task>")]
pub struct Workflow {
    tasks: Vec<Task>,
}

impl Workflow {
    /// A workflow of these tasks, or why they are none. Tasks keep their order where the graph leaves it open.
    pub fn new(tasks: Vec<Task>) -> Result<Self, WorkflowError> {
        Self::check_graph(tasks.iter().map(|task| (task.name.clone(), task.after.clone())))?;
        let mut ordered: Vec<Task> = Vec::with_capacity(tasks.len());
        let mut placed = BTreeSet::new();
        let mut waiting = tasks;
        // INVARIANT: the graph is acyclic, so each pass places at least one task.
        while !waiting.is_empty() {
            let (ready, rest): (Vec<Task>, Vec<Task>) =
                waiting.into_iter().partition(|task| task.after.iter().all(|after| placed.contains(after)));
            placed.extend(ready.iter().map(|task| task.name.clone()));
            ordered.extend(ready);
            waiting = rest;
        }
        Ok(Self { tasks: ordered })
    }

    /// Whether named tasks with their predecessors form an acyclic graph.
    pub fn check_graph(tasks: impl IntoIterator<Item = (TaskName, Vec<TaskName>)>) -> Result<(), WorkflowError> {
        let tasks: Vec<_> = tasks.into_iter().collect();
        let mut graph = DiGraph::<&TaskName, ()>::new();
        let mut nodes = BTreeMap::new();
        for (name, _) in &tasks {
            if nodes.insert(name, graph.add_node(name)).is_some() {
                return Err(WorkflowError::Duplicate(name.to_string()));
            }
        }
        for (name, after) in &tasks {
            for before in after {
                let from = nodes
                    .get(before)
                    .ok_or_else(|| WorkflowError::UnknownTask { task: name.to_string(), after: before.to_string() })?;
                graph.add_edge(*from, nodes[name], ());
            }
        }
        for component in tarjan_scc(&graph) {
            let looped = component.len() > 1 || component.iter().any(|&node| graph.contains_edge(node, node));
            if looped {
                let mut names: Vec<(usize, String)> =
                    component.iter().map(|&node| (node.index(), graph[node].to_string())).collect();
                names.sort();
                return Err(WorkflowError::Cycle(names.into_iter().map(|(_, name)| name).collect()));
            }
        }
        Ok(())
    }

    /// The tasks, each after those it waits for.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The task of this name.
    pub fn task(&self, name: &TaskName) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == *name)
    }

    /// The tasks that wait for `name`.
    pub fn successors<'a>(&'a self, name: &'a TaskName) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.after.contains(name))
    }
}

impl TryFrom<Vec<Task>> for Workflow {
    type Error = WorkflowError;
    fn try_from(tasks: Vec<Task>) -> Result<Self, WorkflowError> {
        Self::new(tasks)
    }
}

impl From<Workflow> for Vec<Task> {
    fn from(workflow: Workflow) -> Vec<Task> {
        workflow.tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, after: &[&str]) -> Task {
        let name_of = |text: &str| TaskName::new(text).unwrap();
        Task {
            after: after.iter().map(|text| name_of(text)).collect(),
            ..Task::new(name_of(name), Work::Fixed(Span::SECOND), Action::Person { request: "do it".into() })
        }
    }

    #[test]
    fn tasks_come_after_what_they_wait_for() {
        let workflow = Workflow::new(vec![task("c", &["b"]), task("a", &[]), task("b", &["a"])]).unwrap();
        let names: Vec<_> = workflow.tasks().iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn cycles_and_unknown_tasks_are_refused() {
        let cycle = Workflow::new(vec![task("a", &["c"]), task("b", &["a"]), task("c", &["b"]), task("d", &[])]);
        assert_eq!(cycle.unwrap_err(), WorkflowError::Cycle(vec!["a".into(), "b".into(), "c".into()]));
        assert!(matches!(Workflow::new(vec![task("a", &["a"])]), Err(WorkflowError::Cycle(_))));
        assert!(matches!(Workflow::new(vec![task("a", &["z"])]), Err(WorkflowError::UnknownTask { .. })));
        assert!(matches!(Workflow::new(vec![task("a", &[]), task("a", &[])]), Err(WorkflowError::Duplicate(_))));
    }
}
