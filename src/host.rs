//! What a host plugs in beside providers: programs, in-process functions, and secrets.

use crate::process::redact;
use orp_core::{
    id::{AttemptId, TaskName},
    noun::Progress,
};
use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};
use tokio::sync::watch;

/// What an in-process task finds: its parameters, its folders, and how to say how far it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskContext {
    /// Which attempt it is.
    pub attempt: AttemptId,
    /// The parameters of its action.
    pub parameters: BTreeMap<String, String>,
    /// An existing folder for its outputs.
    pub out: PathBuf,
    /// An existing folder for checkpoints, the same for every attempt.
    pub checkpoints: PathBuf,
    /// The output folders of the tasks it comes after.
    pub inputs: BTreeMap<TaskName, PathBuf>,
    pub(crate) progress: watch::Sender<Progress>,
}

impl TaskContext {
    /// Reports how far it is.
    pub fn report(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }
}

type Work = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Function = Arc<dyn Fn(TaskContext) -> Work + Send + Sync>;

/// Functions a host registered for in-process tasks, by name.
#[derive(Clone, Default)]
pub(crate) struct Functions(BTreeMap<String, Function>);

impl Functions {
    pub(crate) fn add<F, W>(&mut self, name: String, function: F)
    where
        F: Fn(TaskContext) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.0.insert(name, Arc::new(move |context| Box::pin(function(context))));
    }

    pub(crate) fn call(&self, name: &str, context: TaskContext) -> Result<Work, String> {
        let function = self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!("no function `{name}` is registered, expected one of: {}", known.join(", "))
        })?;
        Ok(function(context))
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Programs a host registered, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs(BTreeMap<String, (PathBuf, Vec<String>)>);

impl Programs {
    pub(crate) fn add(&mut self, name: String, path: PathBuf, first_args: Vec<String>) {
        self.0.insert(name, (path, first_args));
    }

    /// The program and arguments to launch: registered names become their path, with the arguments registered first.
    pub(crate) fn resolve(&self, program: &str, args: &[String]) -> (String, Vec<String>) {
        match self.0.get(program) {
            Some((path, first)) => (path.display().to_string(), first.iter().chain(args).cloned().collect()),
            None => (program.to_owned(), args.to_vec()),
        }
    }
}

/// Secrets by name. Tasks get one where their environment says `secret:NAME`; its value never reaches a disk, log, event
/// or error: texts that may hold one go through [`Secrets::redact`].
#[derive(Clone, Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

/// Environment variables by name.
type Environment = BTreeMap<String, String>;

impl Secrets {
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }

    /// Splits an environment into what may be seen and what may not.
    pub(crate) fn split(&self, env: &BTreeMap<String, String>) -> Result<(Environment, Environment), String> {
        let (mut plain, mut secret) = (BTreeMap::new(), BTreeMap::new());
        for (variable, text) in env {
            match text.strip_prefix("secret:") {
                None => plain.insert(variable.clone(), text.clone()),
                Some(name) => {
                    let value = self.0.get(name).ok_or_else(|| format!("no secret `{name}` was given to ORP"))?;
                    secret.insert(variable.clone(), value.clone())
                }
            };
        }
        Ok((plain, secret))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// The text with every secret's value made unreadable.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(text, self.values())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The folders of a run: `runs/<run>/<task>/…` below the host's folder.
#[derive(Debug, Clone)]
pub(crate) struct Folders(pub(crate) PathBuf);

impl Folders {
    fn task(&self, attempt: &AttemptId, task: &TaskName) -> PathBuf {
        self.0.join("runs").join(attempt.run.to_string()).join(safe_name(task))
    }

    pub(crate) fn attempt(&self, attempt: &AttemptId) -> PathBuf {
        self.task(attempt, &attempt.task).join(format!("attempt-{}", attempt.number))
    }

    /// The output folder of a task of the attempt's run.
    pub(crate) fn out(&self, attempt: &AttemptId, task: &TaskName) -> PathBuf {
        self.task(attempt, task).join("out")
    }

    pub(crate) fn checkpoints(&self, attempt: &AttemptId) -> PathBuf {
        self.task(attempt, &attempt.task).join("checkpoints")
    }

    pub(crate) fn make(&self, folder: &Path) -> Result<(), String> {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))
    }
}

/// A task's name as one component of a path.
fn safe_name(task: &TaskName) -> String {
    task.as_str().replace(['/', ':'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_split_off_and_redacted() {
        let mut secrets = Secrets::default();
        secrets.add("hub".into(), "s3cr3t".into());
        let env = BTreeMap::from([("TOKEN".into(), "secret:hub".into()), ("DEPTH".into(), "3".into())]);
        let (plain, secret) = secrets.split(&env).unwrap();
        assert_eq!((plain.len(), secret["TOKEN"].as_str()), (1, "s3cr3t"));
        assert_eq!(secrets.redact("login with s3cr3t failed"), "login with [redacted] failed");
        assert!(!format!("{secrets:?}").contains("s3cr3t"));
        let unknown = BTreeMap::from([("TOKEN".into(), "secret:nothing".into())]);
        assert_eq!(secrets.split(&unknown).unwrap_err(), "no secret `nothing` was given to ORP");
    }
}
