//! Verifies an audit log: `cargo run --example audit_verify -- FILE`.
//!
//! Prints what the log holds and every fault with its place; ends with status 1 when it was tampered with, and with 2 when
//! it cannot be read. With `--root ROOT --size N`, a head kept elsewhere, it also shows whether the log was shortened or
//! rewritten; with `--key KEY` (feature `sign`) whether its last checkpoint is signed.
//!
//! Without FILE it shows all of that on a small log of its own: a run is put on record, verified, tampered with in a copy,
//! and a name is erased from it.

use orp_sdk::{
    audit::{AuditError, verify_file},
    policy::audit::{Head, Verifier, export},
    prelude::*,
};
use std::{error::Error, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((file, options)) => verifier(options).and_then(|verifier| Ok(verified(Path::new(file), verifier)?)),
        None => tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(show())),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Prints what a verifier finds; whether nothing was tampered with.
fn verified(file: &Path, verifier: Verifier) -> Result<bool, AuditError> {
    let report = verify_file(file, verifier)?;
    println!("{report}\n");
    Ok(report.is_intact())
}

/// What the options on the command line ask for.
fn verifier(options: &[String]) -> Result<Verifier, Box<dyn Error>> {
    let mut verifier = Verifier::new();
    let (mut root, mut size) = (None, None);
    for option in options.chunks(2) {
        match option {
            [name, value] if name == "--root" => root = Some(value.parse::<Digest>()?),
            [name, value] if name == "--size" => size = Some(value.parse::<u64>()?),
            #[cfg(feature = "sign")]
            [name, value] if name == "--key" => verifier = verifier.with_key(value.parse()?),
            other => {
                return Err(format!("`{}`: expected `--root ROOT --size N` or `--key KEY`", other.join(" ")).into());
            }
        }
    }
    match (root, size) {
        (Some(root), Some(size)) => verifier = verifier.with_head(Head { root, size }),
        (None, None) => {}
        _ => return Err("`--root` and `--size` come together".into()),
    }
    Ok(verifier)
}

const RECIPE: &str = r#"
name: greet
version: 1.0.0
goal: greet
variants: [{name: plain, quality: {floor: 1, ceiling: 1, half: 1, source: assumed}}]
tasks: [{name: greet, work: {fixed: 1s}, run: {in_process: {function: greet}}}]
"#;

/// A log from a run to an erased name.
async fn show() -> Result<bool, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let recipe = Recipe::from_source(&Source::new("greet.yaml", RECIPE))?;
    let builder = Orp::builder().folder(folder.path()).recipes(vec![recipe]);
    let orp = builder.function("greet", |_| async { Ok(()) }).build().await?;
    let intent = Intent::new(Goal::new("greet")).with_requester(Principal::new("ada")?).with_budget("5 USD".parse()?);
    orp.submit(&intent).await?.wait().await?;
    let log = orp.audit().ok_or("a host with a folder has an audit log")?.clone();
    log.checkpoint().await?;

    println!("# A run, as it is on record\n");
    let disclosures = log.disclosures()?;
    for record in log.records()? {
        println!("{}", export::json_line(&record?, &disclosures)?);
    }
    println!("\n# The log, verified\n");
    let intact = verified(log.path(), Verifier::new())?;

    println!("# A copy with one bit changed\n");
    let copy = folder.path().join("copy.log");
    let mut bytes = fs::read(log.path())?;
    let middle = bytes.len() / 2;
    bytes.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
    fs::write(&copy, &bytes)?;
    let caught = !verified(&copy, Verifier::new())?;

    println!("# A copy with the last record cut off, against a head kept elsewhere\n");
    let head = log.head();
    let last = log.records()?.last().ok_or("the log has records")??;
    let mut frame = Vec::new();
    last.encode(&mut frame);
    fs::write(&copy, fs::read(log.path())?.strip_suffix(frame.as_slice()).unwrap_or_default())?;
    let missed = !verified(&copy, Verifier::new().with_head(head))?;

    println!("# `ada` asks to be forgotten\n");
    println!("erased      {} values\n", log.erase_person("ada").await?);
    let forgotten = verified(log.path(), Verifier::new().with_head(head))?;
    let first = log.records()?.next().transpose()?.ok_or("the log has records")?;
    println!("{}", export::json_line(&first, &log.disclosures()?)?);
    orp.shutdown().await;
    Ok(intact && caught && missed && forgotten)
}
