//! What holds for all mechanisms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::ids;

/// The sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The word in quotes with which a text begins.
fn quoted(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

/// The ids that a source gives to candidates: where it makes them, and in functions that tell several causes apart.
fn given(source: &str) -> BTreeSet<String> {
    let code = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for lead in ["Candidate::new(", "mechanism = ", "mechanism: "] {
        let parts = code.split(lead).skip(1);
        found.extend(parts.filter_map(quoted).map(str::to_owned));
    }
    for name in ["fn id(", "fn mechanism("] {
        for body in code.split(name).skip(1) {
            let body = body.split("\n    }\n").next().unwrap_or_default();
            let words = body.split('"').skip(1).step_by(2);
            found.extend(words.map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_id_that_a_mechanism_gives_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/incident");
    let known = ids();
    let mut seen = BTreeSet::new();
    for folder in ["mechanism", "degradation"] {
        for path in sources(&root.join(folder)) {
            for id in given(&fs::read_to_string(&path).unwrap()) {
                assert!(
                    known.contains(id.as_str()),
                    "{id} of {} is not listed",
                    path.display()
                );
                seen.insert(id);
            }
        }
    }
    // The scan reads what it is meant to read.
    for id in [
        "memory_leak",
        "database_locked",
        "port_in_use",
        "latency_degradation",
        "cni_unavailable",
    ] {
        assert!(seen.contains(id), "{id} was not found in the sources");
    }
}

#[test]
fn no_id_is_listed_by_two_mechanisms_unless_both_give_it() {
    let mut listed: Vec<&str> = super::catalogue()
        .iter()
        .flat_map(|mechanism| std::iter::once(mechanism.id()).chain(mechanism.more_ids().iter().copied()))
        .collect();
    listed.sort_unstable();
    let twice: BTreeSet<&str> = listed
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    // Series tell a surge as one strain among others; where it comes from is told apart. Of a failure a process may end, or
    // log it and go on.
    assert_eq!(
        twice,
        BTreeSet::from(["permission_denied", "schema_mismatch", "traffic_surge"])
    );
}
