//! The table of laws is that of the contracts' documentation: same identifiers, same words.

#![allow(clippy::unwrap_used, reason = "a test")]

use orp_conformance::LawId;
use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn the_table_says_what_the_contracts_say() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../orp-core/src/contract");
    // A packaged copy of this crate stands alone.
    let Ok(files) = fs::read_dir(contracts) else { return };
    let mut stated = BTreeMap::new();
    for file in files {
        for paragraph in paragraphs(&fs::read_to_string(file.unwrap().path()).unwrap()) {
            for law in paragraph.split("**").collect::<Vec<_>>()[1..].chunks(2) {
                stated.insert(law[0].to_owned(), law[1].trim().trim_end_matches('.').to_owned());
            }
        }
    }
    let known: BTreeMap<String, String> = LawId::all().map(|law| (law.to_string(), law.says().to_owned())).collect();
    assert_eq!(known, stated);
}

/// The paragraphs of documentation that state laws, without links.
fn paragraphs(source: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in source.lines() {
        match line.trim().strip_prefix("///").map(str::trim) {
            Some(text) if !text.is_empty() => {
                let paragraph = paragraphs.last_mut().unwrap();
                paragraph.push_str(text);
                paragraph.push(' ');
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.into_iter().filter(|text| text.starts_with("**")).map(|text| without_links(&text)).collect()
}

/// `[text](place)` and `[text]` as `text`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, tail) = after.split_once(']').unwrap();
        plain.push_str(before);
        plain.push_str(inside);
        rest = match tail.strip_prefix('(') {
            Some(place) => place.split_once(')').unwrap().1,
            None => tail,
        };
    }
    plain + rest
}
