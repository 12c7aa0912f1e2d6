//! Runs the tests of policy sets, and says what no test would notice.
//!
//! ```text
//! cargo run --example policy_test                               every starter set in examples/policies
//! cargo run --example policy_test -- DIR                        the set whose *.yaml files are in DIR and below
//! cargo run --example policy_test -- DIR --mutants              also: which small changes to its rules no test notices
//! cargo run --example policy_test -- DIR --candidate DIR2       the set in DIR2 by the tests in DIR, and what it decides otherwise
//!                                    [--log FILE]               … on the requests of a log, one JSON record a line, instead
//! ```
//!
//! Ends with status 1 when a set is not loaded, a test fails, or a record diverges.

use orp_core::document::Source;
use orp_policy::{PolicySet, Recorded, Simulation, testing};
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    set: Option<PathBuf>,
    candidate: Option<PathBuf>,
    log: Option<PathBuf>,
    mutants: bool,
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut path = || given.next().map(PathBuf::from).ok_or(format!("`{argument}` names no path"));
        match argument.as_str() {
            "--candidate" => arguments.candidate = Some(path()?),
            "--log" => arguments.log = Some(path()?),
            "--mutants" => arguments.mutants = true,
            _ if argument.starts_with('-') || arguments.set.is_some() => {
                return Err(format!(
                    "unexpected `{argument}`: expected [DIR [--mutants] [--candidate DIR [--log FILE]]]"
                )
                .into());
            }
            _ => arguments.set = Some(argument.into()),
        }
    }
    match &arguments {
        Arguments { set: None, candidate: Some(_), .. } => {
            Err("`--candidate` needs the set that it would replace: DIR".into())
        }
        Arguments { candidate: None, log: Some(_), .. } => Err("`--log` needs a `--candidate`".into()),
        _ => Ok(arguments),
    }
}

/// Whether everything came to what was expected.
fn run(arguments: &Arguments) -> Result<bool> {
    let starters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policies"));
    let folders = match &arguments.set {
        Some(folder) => vec![folder.clone()],
        None => entries(starters)?.into_iter().filter(|path| path.is_dir()).collect(),
    };
    let mut is_ok = true;
    for folder in folders {
        let set = load(&folder)?;
        println!("{}", folder.display());
        is_ok &= match &arguments.candidate {
            Some(candidate) => compare(&set, &load(candidate)?, arguments.log.as_deref())?,
            None => test(&set, arguments.mutants),
        };
    }
    Ok(is_ok)
}

fn test(set: &PolicySet, mutants: bool) -> bool {
    let report = set.run_tests();
    show(&report.to_string());
    if mutants {
        show(&set.run_mutants().to_string());
    }
    report.is_ok()
}

/// Judges a candidate by the tests of a set, and says what it decides otherwise: on a log, or on what the tests ask.
fn compare(set: &PolicySet, candidate: &PolicySet, log: Option<&Path>) -> Result<bool> {
    let report = testing::run(candidate, set.tests());
    show(&report.to_string());
    let mut simulation = Simulation::new(candidate);
    match log {
        Some(path) => {
            let name = path.display().to_string();
            let file = fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
            for (number, line) in (1..).zip(BufReader::new(file).lines()) {
                simulation.replay(&Recorded::read(&name, number, &line?)?);
            }
        }
        None => {
            for request in set.tests().iter().flat_map(|test| test.requests()) {
                let decision = set.judge(&request).decision;
                simulation.replay(&Recorded::new(request, decision));
            }
        }
    }
    let simulated = simulation.finish();
    show(&simulated.to_string());
    Ok(report.is_ok() && simulated.divergences == 0)
}

/// The set that the files of a folder make.
fn load(folder: &Path) -> Result<PolicySet> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    if paths.is_empty() {
        return Err(format!("{}: no *.yaml files", folder.display()).into());
    }
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let texts = paths.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let sources: Vec<Source<'_>> = names.iter().zip(&texts).map(|(name, text)| Source::new(name, text)).collect();
    Ok(PolicySet::from_sources(&sources)?)
}

/// The *.yaml files of a folder and those below, sorted. Links are not followed, so this ends.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut entries = read.map(|entry| entry.map(|entry| entry.path())).collect::<std::result::Result<Vec<_>, _>>()?;
    entries.sort();
    Ok(entries)
}

/// Prints a report: what failed in red, what passed in green, where somebody looks.
fn show(report: &str) {
    let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for line in report.lines() {
        let colour = match line.split_whitespace().next() {
            Some("FAILED") => Some("31"),
            Some("ok") => Some("32"),
            _ => None,
        };
        match colour.filter(|_| is_coloured) {
            Some(colour) => println!("\x1b[{colour}m{line}\x1b[0m"),
            None => println!("{line}"),
        }
    }
    println!();
}
