//! The directions of dependency, and what must be absent, as `ARCHITECTURE.md` states them.

#![allow(clippy::unwrap_used, reason = "a test")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// Which crates of the house each may depend on (`design.md` calls it the table).
const ALLOWED: &[(&str, &[&str])] = &[
    ("orp-core", &[]),
    ("orp-sched", &["orp-core"]),
    ("orp-policy", &["orp-core"]),
    ("orp-cuda", &["orp-core"]),
    ("orp-conformance", &["orp-core"]),
    ("orp-sdk", &["orp-core", "orp-sched", "orp-policy", "orp-cuda"]),
];

/// Crates that do input or output, or run tasks: none of them below the pure crates.
const SHELL_ONLY: &[&str] =
    &["tokio", "redb", "rustix", "tracing", "indicatif", "reqwest", "hyper", "mio", "rand", "getrandom"];
const PURE: &[&str] = &["orp-core", "orp-sched", "orp-policy"];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).exec().unwrap()
}

/// What crosses the table: `from -> to`, for normal and build dependencies.
fn forbidden_edges(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for (from, targets) in edges.iter().filter(|(from, _)| from.starts_with("orp-")) {
        match allowed.get(from.as_str()) {
            None => wrong.push(format!("{from} is not in the table")),
            Some(allowed) => {
                let houses = targets.iter().filter(|to| to.starts_with("orp-") && !allowed.contains(&to.as_str()));
                wrong.extend(houses.map(|to| format!("{from} -> {to}")));
                if PURE.contains(&from.as_str()) {
                    let shell = targets.iter().filter(|to| SHELL_ONLY.contains(&to.as_str()));
                    wrong.extend(shell.map(|to| format!("{from} -> {to}")));
                }
            }
        }
    }
    wrong
}

fn edges(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members = metadata.workspace_packages();
    let named = |package: &cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        (package.name.to_string(), normal.map(|dependency| dependency.name.clone()).collect())
    };
    members.into_iter().map(named).collect()
}

#[test]
fn dependencies_point_one_way() {
    assert_eq!(forbidden_edges(&edges(&metadata())), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_caught() {
    let mut edges = edges(&metadata());
    edges.get_mut("orp-sched").unwrap().insert("orp-policy".into());
    edges.get_mut("orp-core").unwrap().insert("tokio".into());
    edges.insert("orp-new".into(), BTreeSet::new());
    let mut wrong = forbidden_edges(&edges);
    wrong.sort();
    assert_eq!(wrong, ["orp-core -> tokio", "orp-new is not in the table", "orp-sched -> orp-policy"]);
}

/// Nothing that sleeps, reads clocks or does I/O is reachable from the pure crates, however deep, when they are built for
/// themselves: `cargo tree`, because the workspace's own metadata unites the features of all its members.
#[test]
fn the_pure_crates_reach_no_shell() {
    for pure in PURE {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "-p", pure, "-e", "normal", "--prefix", "none", "--all-features"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
        let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(reached.contains("serde"), "the tree is there: {tree}");
        let shell: Vec<&&str> = reached.iter().filter(|name| SHELL_ONLY.contains(name)).collect();
        assert!(shell.is_empty(), "{pure} reaches {shell:?}");
    }
}

/// Only one module of the project may ask the machine for the time or for fresh identifiers.
#[test]
fn only_one_module_reads_the_clock() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut stack: Vec<_> = ["src", "orp-core/src", "orp-sched/src", "orp-policy/src"].map(|dir| root.join(dir)).into();
    while let Some(folder) = stack.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                stack.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let asks = ["Instant::now()", "SystemTime::now()", "Utc::now()", "now_v7()", "new_v4()"];
                let asks =
                    |line: &&str| asks.iter().any(|ask| line.contains(ask)) && !line.contains("tokio::time::Instant");
                if text.lines().any(|line| asks(&line)) {
                    found.push(path.strip_prefix(root).unwrap().display().to_string());
                }
            }
        }
    }
    assert_eq!(found, ["src/time.rs"]);
}
