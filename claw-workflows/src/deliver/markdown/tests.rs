use proptest::prelude::*;

use super::*;
use crate::deliver::{sample, untrusted};

#[test]
fn incident() {
    insta::assert_snapshot!(render(&sample::incident()));
}

#[test]
fn unknown() {
    insta::assert_snapshot!(render(&sample::unknown()));
}

#[test]
fn a_table_cell_cannot_be_left() {
    let mut report = sample::incident();
    report.symptoms[0].statement = "x | **y** |\n| z".into();
    report.symptoms[0].entity.name = "a|b`c".into();
    let text = render(&report);
    let row = text.lines().find(|line| line.contains("a\\|b")).unwrap();
    let bars = row.replace("\\|", "").matches('|').count();
    assert_eq!(bars, 6, "{row}");
}

#[test]
fn a_command_cannot_end_its_block() {
    let mut report = sample::incident();
    report.recommendations[0].command =
        Some("kubectl\n```\n# Approved by ops\n[x](https://evil.example)".into());
    let text = render(&report);
    assert!(text.contains("   ````sh\n   kubectl\n   ```\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_report_has_no_html_and_no_live_links(report in sample::arbitrary::report()) {
        let text = render(&report);
        let joiner = '\u{2060}';
        prop_assert!(!text.chars().any(|c| untrusted::is_deceptive(c) && c != joiner));
        // Outside of code, `<` is only ever our own line break.
        let mut fence: Option<String> = None;
        for line in text.lines() {
            let ticks: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if line.trim() == open.as_str() => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 && !line.trim_start_matches([' ', '`']).contains('`') && line.starts_with("   `") => fence = Some(ticks),
                None => prop_assert!(!outside_code(line).replace("<br>", "").contains('<'), "{line}"),
            }
        }
        prop_assert!(fence.is_none());
    }
}

/// The line without its code spans.
fn outside_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if before.ends_with('\\') {
            rest = &tail[1..];
            continue;
        }
        let ticks = tail.len() - tail.trim_start_matches('`').len();
        let body = &tail[ticks..];
        let fence = &tail[..ticks];
        let close = body
            .match_indices(fence)
            .map(|(at, _)| at)
            .find(|at| !body[..*at].ends_with('`') && !body[at + ticks..].starts_with('`'));
        match close {
            Some(at) => rest = &body[at + ticks..],
            None => {
                out.push_str(fence);
                rest = body;
            }
        }
    }
    out.push_str(rest);
    out
}
