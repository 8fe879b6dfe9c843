//! Input that nobody means well with.

use std::io::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::agent::{INCIDENT, RIGHTSIZING, TOOLS, capabilities, refused, registry};
use crate::definition::{MAX_BYTES, ProblemKind, bind, parse, read};

#[test]
fn empty_files_are_refused() {
    assert_snapshot!(refused(""), @"agent.yaml: the file has no document; write a `tools:` list or a `workflow:`");
    assert_snapshot!(refused("# only a comment\n---\n---\n"), @"agent.yaml: the file has no document; write a `tools:` list or a `workflow:`");
    assert_snapshot!(refused("{}"), @"agent.yaml:1:1: the document is empty; write a `tools:` list or a `workflow:`");
}

#[test]
fn large_files_are_refused_unread() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(INCIDENT.as_bytes()).unwrap();
    for _ in 0..10 {
        file.write_all(&vec![b'#'; MAX_BYTES]).unwrap();
    }
    let error = read(file.path()).unwrap_err();
    assert_eq!(error.problems()[0].kind, ProblemKind::Unreadable);
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
}

#[test]
fn the_largest_file_is_read() {
    let mut text = INCIDENT.to_owned();
    while text.len() + 80 < MAX_BYTES {
        text.push_str("# padding padding padding padding padding padding padding padding padding\n");
    }
    assert_eq!(parse("a.yaml", text.as_bytes()).unwrap().len(), 1);
}

#[test]
fn files_that_are_not_there_are_refused() {
    let error = read(std::path::Path::new("/nowhere/agent.yaml")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/agent.yaml: the file cannot be read"),
        "{error}"
    );
    assert!(read(std::path::Path::new("/")).is_err());
}

#[test]
fn binary_is_refused() {
    let error = parse("a.yaml", b"\x7fELF\x02\x01\xff\xfe").unwrap_err();
    assert_snapshot!(error, @"a.yaml: the file is no UTF-8 text from byte 6 on; save it as UTF-8, or check that it is a definition at all");
    assert_snapshot!(refused("tools:\n  - name: \u{0}\n"), @r"agent.yaml:2:11: unexpected character: `\u{0}'; check indentation, quotes and brackets, here and on the lines before");
    assert!(parse("a.yaml", &[0; 100]).is_err());
}

#[test]
fn documents_that_multiply_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='i').zip('a'..) {
        let copies = vec![format!("*{before}"); 9].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{copies}]\n"));
    }
    assert_snapshot!(refused(&bomb), @"agent.yaml:5:24: the document is too large, too deep, or repeats itself by too many aliases; split it into several files and write repeated values out");
    assert_snapshot!(refused("tools: &t [*t]\n"), @"agent.yaml:1:12: an anchor contains itself; write the value out");
    assert!(
        parse(
            "a.yaml",
            format!("a: &a x\nb: [{}]\n", "*a, ".repeat(5_000)).as_bytes()
        )
        .is_err()
    );
}

#[test]
fn documents_that_are_too_deep_are_refused() {
    for deep in [
        "[".repeat(20_000),
        "{a: ".repeat(20_000),
        "- ".repeat(20_000),
        "? ".repeat(20_000),
    ] {
        assert!(parse("a.yaml", deep.as_bytes()).is_err());
    }
    let closed = format!("tools: {}{}", "[".repeat(200), "]".repeat(200));
    assert_snapshot!(refused(&closed), @"agent.yaml:1:39: the document is too large, too deep, or repeats itself by too many aliases; split it into several files and write repeated values out");
    let nested: String = (0_usize..200)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(parse("a.yaml", nested.as_bytes()).is_err());
}

#[test]
fn many_documents_are_refused() {
    assert!(parse("a.yaml", "---\na: 1\n".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn text_of_the_file_stays_on_its_line() {
    let error = refused("tools:\n  - name: get_pods\n    \"a\\nb\\e[31m\": 1\n").to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(!error.contains('\u{1b}'), "{error}");
    let long = refused(&format!("{}: 1\n", "x".repeat(900))).to_string();
    assert!(long.len() < 400, "{long}");
}

/// Everything that a user of definitions does with text.
fn swallow(text: &[u8]) {
    match parse("a.yaml", text) {
        Ok(documents) => match bind(&documents, &registry(), &capabilities()) {
            Ok(definition) => {
                let _ = definition.describe();
                let _ = serde_json::to_string(&definition).unwrap();
            }
            Err(error) => {
                let _ = error.to_string();
            }
        },
        Err(error) => {
            assert!(!error.problems().is_empty());
            let _ = error.to_string();
        }
    }
}

/// A piece of YAML as definitions are made of.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: [&str; 39] = [
        "tools:",
        "workflow:",
        "name:",
        "- ",
        "  ",
        "\n",
        "\t",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "|",
        ">",
        "\"",
        "'",
        "#",
        "---\n",
        "? ",
        ": ",
        "steps:",
        "schedule:",
        "trigger:",
        "filter:",
        "guardrails:",
        "parameters:",
        "type: integer",
        "default: 5",
        "0 9 * * MON",
        "64Mi",
        "get_pods",
        "~",
        "1e999",
        ".nan",
        "-0x1",
        "%TAG ! x\n",
    ];
    prop_oneof![
        proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        "\\PC{0,6}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        swallow(&bytes);
    }

    #[test]
    fn arbitrary_yaml_never_panics(pieces in proptest::collection::vec(piece(), 0..60)) {
        swallow(pieces.concat().as_bytes());
    }

    #[test]
    fn damaged_documents_never_panic(
        which in 0_usize..3,
        at in any::<proptest::sample::Index>(),
        cut in 0_usize..30,
        put in piece(),
    ) {
        let whole = [TOOLS, INCIDENT, RIGHTSIZING][which];
        let chars: Vec<char> = whole.chars().collect();
        let at = at.index(chars.len());
        let end = (at + cut).min(chars.len());
        let damaged: String = chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        swallow(damaged.as_bytes());
    }

    #[test]
    fn arbitrary_schedules_never_panic(pattern in "[0-9*/,LW#?A-Z -]{0,24}") {
        swallow(format!("workflow: {{name: w, schedule: \"{pattern}\", steps: [{{name: a}}]}}").as_bytes());
    }
}
