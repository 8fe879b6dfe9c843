use super::super::tests::event;
use super::*;

/// What is told of events like a usual one, each of them changed.
fn told_of(changes: &[&dyn Fn(&mut AuditEvent)]) -> String {
    let events = changes.iter().enumerate().map(|(sequence, change)| {
        let mut event = event("run-1", "get_pods");
        change(&mut event);
        (sequence as u64, event)
    });
    Story {
        run: "run-1".to_owned(),
        events: events.collect(),
        unreadable: 0,
    }
    .to_string()
}

#[test]
fn each_kind_is_told_in_words_of_its_own() {
    let kinds = [
        AuditKind::RunStarted,
        AuditKind::Observe,
        AuditKind::Reason,
        AuditKind::Refuse,
        AuditKind::Intend,
        AuditKind::Vote,
        AuditKind::Permit,
        AuditKind::Outcome,
        AuditKind::Watch,
        AuditKind::Guard,
        AuditKind::Requests,
        AuditKind::Deliver,
        AuditKind::RunFinished,
        AuditKind::Stop,
        AuditKind::Release,
    ];
    let words = |kind: AuditKind, error: Option<&str>| {
        let text = told_of(&[&|event| {
            (event.kind, event.input) = (kind, Value::Null);
            event.error = error.map(str::to_owned);
        }]);
        let line = text.lines().find_map(|line| line.split_once("#0 ")).unwrap();
        line.1.strip_suffix(" get_pods").unwrap().to_owned()
    };
    let mut told: Vec<_> = kinds.into_iter().map(|kind| words(kind, None)).collect();
    told.push(words(AuditKind::Observe, Some("timeout")));
    assert!(!told.contains(&"recorded".to_owned()), "{told:?}");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), kinds.len() + 1, "{told:?}");
}

#[test]
fn what_a_write_was_judged_by_is_left_out_and_what_it_does_is_not() {
    let action = json!({"patch": {"spec": {"replicas": 6}}, "expected": "6 replicas", "uid": "u-1"});
    let wrapped = json!({"intent": "i-1", "action": action, "facts": {"observed_days": 30}});
    for (kind, input) in [
        (AuditKind::Intend, &wrapped),
        (AuditKind::Refuse, &wrapped),
        (AuditKind::Permit, &action),
    ] {
        let text = told_of(&[&|event| (event.kind, event.input) = (kind, input.clone())]);
        let told = r#"expected="6 replicas" "#;
        assert!(text.contains(told) && text.contains("replicas\":6"), "{text}");
        assert_eq!(text.contains("intent=i-1"), kind != AuditKind::Permit, "{text}");
        assert!(!text.contains("u-1") && !text.contains("observed_days"), "{text}");
    }
}

#[test]
fn arguments_are_told_as_words_and_those_that_are_not_set_are_not() {
    let text = told_of(&[&|event| {
        event.input = json!({"namespace": "shop", "query": "up == 0", "limit": 10, "container": null});
    }]);
    assert!(
        text.contains(" get_pods limit=10 namespace=shop query=\"up == 0\"\n"),
        "{text}"
    );
    for (input, told) in [(Value::Null, " get_pods\n"), (json!([1]), " get_pods [1]\n")] {
        let text = told_of(&[&|event| event.input = input.clone()]);
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn what_is_not_said_has_no_line() {
    let text = told_of(&[&|event| {
        event.why.clear();
        (event.observed, event.decided) = (None, None);
    }]);
    for label in ["why:", "saw:", "concluded:", "decided:", "failed:"] {
        assert!(!text.contains(label), "{text}");
    }
    let text = told_of(&[&|event| {
        event.reasoned = Some("it is the disk".to_owned());
        event.error = Some("timeout".to_owned());
    }]);
    for line in ["      concluded: it is the disk\n", "      failed: timeout\n"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_step_is_named_where_it_begins() {
    let later = |event: &mut AuditEvent| event.step = Some("later".to_owned());
    let text = told_of(&[&|_| {}, &|_| {}, &later, &later]);
    assert_eq!(text.matches("\ngather_context\n").count(), 1, "{text}");
    assert_eq!(text.matches("\nlater\n").count(), 1, "{text}");
}

#[test]
fn a_decision_that_most_rest_on_is_told_once() {
    let usual = "decided, unless something else is said: allowed by reads.allowed\n";
    let other = |event: &mut AuditEvent| event.decided = Some("allowed by hand".to_owned());
    let two = told_of(&[&|_| {}, &|_| {}, &other]);
    assert!(!two.contains(usual), "{two}");
    assert_eq!(two.matches("      decided: ").count(), 3, "{two}");
    let three = told_of(&[&|_| {}, &|_| {}, &|_| {}, &other]);
    assert!(three.contains(usual), "{three}");
    assert_eq!(three.matches("      decided: ").count(), 1, "{three}");
    // A refusal says nothing of what observations rest on.
    let refusal = |event: &mut AuditEvent| event.kind = AuditKind::Refuse;
    let refused = told_of(&[&|_| {}, &|_| {}, &refusal]);
    assert!(!refused.contains(usual), "{refused}");
}

#[test]
fn times_are_told_from_the_beginning_on() {
    let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    for (millis, told) in [
        (-5, "0.000 s"),
        (7, "0.007 s"),
        (59_999, "59.999 s"),
        (60_000, "1 min 00 s"),
        (3_725_900, "62 min 05 s"),
    ] {
        let time = start
            .checked_add(jiff::SignedDuration::from_millis(millis))
            .unwrap();
        assert_eq!(later(start, time), told);
    }
}

#[test]
fn long_text_is_cut_and_says_so() {
    let (fits, longer) = ("x".repeat(WIDTH), "x".repeat(WIDTH + 1));
    assert_eq!(plain(&fits), fits);
    assert_eq!(plain(&longer), format!("{fits}…"));
}

#[test]
fn lines_that_could_not_be_read_are_told() {
    let mut story = Story {
        run: "run-1".to_owned(),
        events: vec![(0, event("run-1", "get_pods"))],
        unreadable: 0,
    };
    assert!(!story.to_string().contains("could not be read"));
    for (unreadable, told) in [(1, "1 line of the log"), (2, "2 lines of the log")] {
        story.unreadable = unreadable;
        let text = story.to_string();
        assert!(
            text.contains(told) && text.contains("run `audit verify`"),
            "{text}"
        );
    }
}
