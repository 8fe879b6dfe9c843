use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::deliver::{sample, untrusted};

fn at(width: usize) -> Options {
    Options { width, colour: false }
}

#[test]
fn incident() {
    insta::assert_snapshot!(render(&sample::incident(), Options::default()));
}

#[test]
fn incident_narrow() {
    insta::assert_snapshot!(render(&sample::incident(), at(60)));
}

#[test]
fn incident_in_colour() {
    let text = render(
        &sample::incident(),
        Options {
            colour: true,
            ..Options::default()
        },
    );
    insta::assert_snapshot!(text.replace('\u{1b}', "␛"));
}

#[test]
fn unknown_and_healthy() {
    insta::assert_snapshot!("unknown", render(&sample::unknown(), Options::default()));
    insta::assert_snapshot!("healthy", render(&sample::healthy(), Options::default()));
}

#[test]
fn cause_evidence_and_action_are_on_the_first_screen() {
    let text = render(&sample::incident(), Options::default());
    let screen: Vec<_> = text.lines().take(32).collect();
    for part in [
        "memory limit to 128Mi",
        "very likely, 91%",
        "OOMKilled",
        "rollout undo deployment/payments",
    ] {
        assert!(
            screen.iter().any(|line| line.contains(part)),
            "{part} in\n{}",
            screen.join("\n")
        );
    }
}

#[test]
fn a_command_is_on_one_line_however_long_it_is() {
    let report = sample::crowded();
    let command = report.recommendations[0].command.clone().unwrap();
    assert!(render(&report, at(60)).lines().any(|line| line.trim() == command));
}

#[test]
fn long_lists_say_how_much_is_left_out() {
    let text = render(&sample::crowded(), Options::default());
    assert!(text.contains("more are in the HTML and JSON forms"));
    assert!(text.lines().count() < 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_report_is_text_without_escapes(report in sample::arbitrary::report(), width in 0_usize..300) {
        let text = render(&report, at(width));
        prop_assert!(!text.chars().any(untrusted::is_deceptive));
        let commands: Vec<_> = report.recommendations.iter().filter_map(|r| r.command.as_deref()).map(untrusted::neutral).collect();
        for line in text.lines() {
            let verbatim = commands.iter().any(|command| command.lines().any(|part| part.trim() == line.trim()));
            prop_assert!(verbatim || line.width() <= width.clamp(40, 160) + 24, "{line:?}");
        }
    }
}
