use claw_core::report::Report;
use proptest::prelude::*;

use super::*;
use crate::deliver::sample;
use crate::deliver::untrusted;

#[test]
fn replay_has_the_documented_form() {
    insta::assert_snapshot!(Replay::new(&sample::incident()).to_json());
}

#[test]
fn replay_leaves_out_evidence_that_is_not_there() {
    let mut report = sample::incident();
    report.evidence.clear();
    let replay = Replay::new(&report);
    assert!(
        replay
            .hypotheses
            .iter()
            .all(|hypothesis| hypothesis.evidence.is_empty())
    );
}

#[test]
fn text_is_kept_and_shown_by_escapes() {
    let mut report = sample::healthy();
    report.title = "a\u{1b}[2J\u{202e}b\u{9b}\u{e0041}ü\n".into();
    let json = render(&report);
    assert!(
        json.contains(r#""a\u001b[2J\u202eb\u009b\udb40\udc41ü\n""#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_report_is_json_that_deceives_nobody(report in sample::arbitrary::report()) {
        for json in [render(&report), Replay::new(&report).to_json()] {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
            prop_assert!(!json.chars().any(untrusted::is_deceptive));
        }
        let replay = Replay::new(&report);
        prop_assert_eq!(serde_json::from_str::<Replay>(&replay.to_json()).unwrap().to_json(), replay.to_json());
    }
}
