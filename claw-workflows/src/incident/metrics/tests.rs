use claw_core::workflow::Workflow as _;

use super::*;
use crate::incident::IncidentInvestigation;
use crate::trigger::{Incident, TimeHints};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A case that is looked at on the evening of 4 March 2026, of trouble since `began`.
fn case(began: &str) -> Case {
    let now = at("2026-03-04T20:00:00Z");
    let times = TimeHints {
        began: Some(at(began)),
        ..TimeHints::default()
    };
    let mut case = IncidentInvestigation::new("shop").start(Incident::of_question("why?", times, now));
    window::settle(&mut case, now);
    case
}

fn shown(case: &Case) -> Vec<(String, String)> {
    spans(case)
        .iter()
        .map(|span| (span.start.to_string(), span.end.to_string()))
        .collect()
}

#[test]
fn metrics_may_take_half_of_the_time_and_of_little_time_more() {
    let shares = [0, 8, 16, 20, 100].map(|left| share(Duration::from_secs(left)).as_secs());
    assert_eq!(shares, [0, 6, 10, 10, 50]);
}

#[test]
fn a_short_time_is_read_whole() {
    assert_eq!(
        shown(&case("2026-03-04T18:00:00Z")),
        [(
            "2026-03-04T16:00:00Z".to_owned(),
            "2026-03-04T20:00:00Z".to_owned()
        )]
    );
}

#[test]
fn of_a_long_time_the_beginning_and_the_end_are_read() {
    let spans = shown(&case("2026-02-28T07:00:00Z"));
    assert_eq!(
        spans,
        [
            (
                "2026-02-28T05:00:00Z".to_owned(),
                "2026-02-28T09:00:00Z".to_owned()
            ),
            (
                "2026-03-04T19:00:00Z".to_owned(),
                "2026-03-04T20:00:00Z".to_owned()
            ),
        ]
    );
}

#[test]
fn a_baseline_far_back_is_read_by_itself() {
    let mut case = case("2026-03-04T18:00:00Z");
    case.baseline = Window {
        start: at("2026-02-25T18:00:00Z"),
        end: at("2026-02-25T19:00:00Z"),
    };
    let spans = shown(&case);
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].0, "2026-02-25T18:00:00Z");
    assert_eq!(spans[1].0, "2026-03-04T16:00:00Z");
}

#[test]
fn series_that_say_nothing_are_a_gap_where_they_are_many() {
    let reasons = |compared: usize, without_past: usize, without_entity: usize| -> Vec<String> {
        let mut case = case("2026-03-04T18:00:00Z");
        let mut seen = Survey::default();
        (seen.compared, seen.without_past, seen.without_entity) = (compared, without_past, without_entity);
        not_compared(&mut case, &seen);
        case.gaps.into_iter().map(|gap| gap.reason).collect()
    };
    assert_eq!(reasons(0, 0, 0), [""; 0]);
    assert_eq!(reasons(100, 5, 5), [""; 0]);
    assert_eq!(
        reasons(0, 3, 0),
        ["3 series have no samples before the trouble, so nothing tells what is usual for them"]
    );
    assert_eq!(
        reasons(2, 0, 1),
        ["1 series names no entity, so nothing could be told from them"]
    );
}

#[test]
fn of_what_is_sampled_rarely_all_that_was_recorded_before_is_read() {
    let mut case = case("2026-03-04T18:00:00Z");
    case.window.start = at("2026-03-01T00:00:00Z");
    case.baseline.start = case.window.start;
    let spans = spans(&case);
    let every = |seconds: i64| {
        let steps = (0..).map(|step| SignedDuration::from_secs(step * seconds));
        let times = steps.map_while(|step| {
            let time = spans[0].start.checked_add(step).unwrap();
            (time <= spans[0].end).then_some((time, 1.0))
        });
        Series::new(claw_metrics::series::Labels::new(), times.collect())
    };
    let (often, rarely) = (every(60), every(300));
    let before = |series: &[&Series]| further_back(&case, &spans, series.iter().copied());
    assert_eq!(before(&[&often]), None);
    assert_eq!(before(&[&often, &rarely]), None, "no more than half of them");
    let read = before(&[&rarely, &rarely, &often]).unwrap();
    assert_eq!(read.start, case.window.start);
    assert!(read.end < spans[0].start);
    // What ended before the trouble tells nothing of how often others are sampled.
    let ended = Series::new(claw_metrics::series::Labels::new(), vec![(spans[0].start, 1.0)]);
    assert_eq!(before(&[&ended]), None);
}

#[test]
fn calls_are_known_from_either_end_and_from_spans() {
    let calls = |all: &[&[(&str, &str)]]| {
        let series: Vec<Series> = all
            .iter()
            .map(|labels| {
                let labels = labels
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                Series::new(labels.collect(), Vec::new())
            })
            .collect();
        let calls = edges(&series).into_iter();
        calls
            .map(|call| format!("{} {}", call.caller.name, call.callee.name))
            .collect::<Vec<_>>()
    };
    let mesh = |reporter| {
        calls(&[&[
            ("source_workload", "front"),
            ("destination_service_name", "cart"),
            ("reporter", reporter),
        ]])
    };
    assert_eq!(mesh("source"), ["front cart"]);
    assert_eq!(mesh("destination"), ["front cart"]);
    let span = |service, kind| {
        [
            ("service_name", service),
            ("span_kind", kind),
            ("span_name", "shop.Cart/Add"),
        ]
    };
    let (client, server) = (
        span("front", "SPAN_KIND_CLIENT"),
        span("cart", "SPAN_KIND_SERVER"),
    );
    assert_eq!(calls(&[&client, &server]), ["front cart"]);
    assert_eq!(calls(&[&client]), [""; 0], "nobody is known to serve it");
}
