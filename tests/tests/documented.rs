//! What the pages in `docs/` list is what the code has.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failure is a panic

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Where writes are judged: the rules that the table of the pipeline lists.
const JUDGES: [&str; 3] = ["pipeline", "stop", "engine/holds.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Sources below `path`, without tests.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs"))
        .flat_map(|path| sources(&path))
        .collect()
}

fn names(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures_iter(text);
    found.map(|names| names[1].to_owned()).collect()
}

#[test]
fn each_rule_that_refuses_a_write_is_listed() {
    let judges = root().join("claw-guardrails/src");
    let code: String = JUDGES
        .iter()
        .flat_map(|place| sources(&judges.join(place)))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let page = std::fs::read_to_string(root().join("docs/guardrails.md")).unwrap();
    let kinds = "action|approval|budget|dry_run|lease|owner|rights|run|stop|target|walls|writes";
    let used = names(&format!(r#""((?:{kinds})\.[a-z_]+)""#), &code);
    let listed = names(&format!("`((?:{kinds})\\.[a-z_]+)`"), &page);
    assert!(used.len() > 20, "only {used:?} were found");
    let missing: Vec<&String> = used
        .difference(&listed)
        .filter(|rule| !rule.ends_with(".json"))
        .collect();
    assert!(missing.is_empty(), "not in docs/guardrails.md: {missing:?}");
}
