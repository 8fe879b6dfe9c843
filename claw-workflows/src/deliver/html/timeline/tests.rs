use claw_core::report::Report;
use proptest::prelude::*;

use super::*;
use crate::deliver::sample;

fn picture(report: &Report) -> Picture {
    let view = View::new(report);
    let since = report.since.map(jiff::Timestamp::as_second);
    Picture::new(
        &view,
        report.window.start.as_second(),
        report.window.end.as_second(),
        since,
    )
    .unwrap()
}

/// Boxes of the labels of a lane.
fn boxes(lane: &Lane) -> Vec<(f64, f64, i32)> {
    lane.marks
        .iter()
        .filter_map(|mark| Some((mark.severity, mark.label.as_ref()?)))
        .map(|(severity, label)| {
            let length = width(&label.text, FONT) * if severity == "critical" { BOLD } else { 1.0 };
            let x = f64::from(label.x);
            if label.anchor == "start" {
                (x, x + length, label.y)
            } else {
                (x - length, x, label.y)
            }
        })
        .collect()
}

fn check(picture: &Picture) {
    for lane in &picture.lanes {
        let boxes = boxes(lane);
        for (index, a) in boxes.iter().enumerate() {
            assert!(a.0 >= LEFT - 5.0 && a.1 <= WIDTH + 1.0, "{a:?} in {}", lane.key);
            assert!(a.2 <= lane.top + lane.height, "{a:?} in {}", lane.key);
            for b in boxes.iter().skip(index + 1) {
                assert!(
                    a.2 != b.2 || a.1 <= b.0 + 1.0 || b.1 <= a.0 + 1.0,
                    "{a:?} and {b:?} in {}",
                    lane.key
                );
            }
        }
        assert!(lane.marks.is_sorted_by(|a, b| a.x <= b.x));
    }
    assert!(picture.lanes.is_sorted_by(|a, b| a.top + a.height <= b.top));
}

#[test]
fn incident_has_all_lanes_and_the_onset() {
    let picture = picture(&sample::incident());
    check(&picture);
    assert_eq!(
        picture.lanes.iter().map(|lane| lane.key).collect::<Vec<_>>(),
        ["change", "symptom", "alert", "event"]
    );
    assert_eq!(picture.onset.as_ref().unwrap().label, "onset 02:13:58");
    let labels: Vec<_> = picture.lanes[0]
        .marks
        .iter()
        .filter_map(|mark| mark.label.as_ref())
        .map(|label| label.text.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "frontend: revision 31 rolled out",
            "payments: revision 14 lowered the memory limit"
        ]
    );
}

#[test]
fn hundreds_of_entries_become_few_marks_that_count_all() {
    let report = sample::crowded();
    let picture = picture(&report);
    check(&picture);
    let marks: usize = picture.lanes.iter().map(|lane| lane.marks.len()).sum();
    let counted: usize = picture
        .lanes
        .iter()
        .flat_map(|lane| &lane.marks)
        .map(|mark| mark.count)
        .sum();
    assert!(marks < 300, "{marks}");
    assert_eq!(counted, report.timeline.len());
}

#[test]
fn a_change_long_before_the_window_is_at_the_edge_with_its_date() {
    let mut report = sample::incident();
    report.timeline[0].time = "2026-02-20T11:05:00Z".parse().unwrap();
    let picture = picture(&report);
    let mark = &picture.lanes[0].marks[0];
    assert_eq!(mark.x, px(LEFT));
    let label = &mark.label.as_ref().unwrap().text;
    assert!(
        label.starts_with("‹ 2026-02-20 11:05 frontend: revision 31 roll"),
        "{label}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn labels_never_overlap(report in sample::arbitrary::report()) {
        prop_assume!(!report.timeline.is_empty());
        check(&picture(&report));
    }
}
