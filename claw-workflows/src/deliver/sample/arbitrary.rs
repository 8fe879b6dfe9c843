//! Any report at all, with text as hostile as text can be.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Finding, Hypothesis, Severity, Source, SourceKind, Term};
use claw_core::report::{
    ChangeAssessment, Dashboard, Gap, Group, Lane, Recommendation, Report, Role, RuledOut, Runbook,
    RunbookCall, Test, TimelineEntry, TopologyEdge, TopologyNode, Verdict, Window,
};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

/// Marks text that must not reach an HTML reader's parser as markup.
pub(crate) const MARKER: &str = "<zz9";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9 .-]{0,40}",
        2 => "\\PC{0,60}",
        2 => Just(format!("{MARKER} onload=alert(1)>\"'&`|*_~[x](javascript:y)\n# h\n```\n</script>")),
        1 => Just("\u{1b}[31mred\u{1b}[0m \u{202e}back\u{0}\u{9b}2J\u{feff}".to_owned()),
        1 => Just("<!channel> <@U1> & <https://evil.example|ok> ".repeat(200)),
        1 => "[\u{1f600}-\u{1f640}\u{4e00}-\u{4e40}]{0,4000}",
    ]
}

fn entity() -> impl Strategy<Value = EntityRef> {
    (
        prop_oneof![
            Just("Service".to_owned()),
            Just("ExternalHost".to_owned()),
            text()
        ],
        proptest::option::of(text()),
        text(),
    )
        .prop_map(|(kind, namespace, name)| EntityRef {
            kind,
            namespace,
            name,
        })
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => 1_772_000_000_i64..1_772_020_000,
        1 => Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
    ]
    .prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn severity() -> impl Strategy<Value = Severity> {
    prop_oneof![
        Just(Severity::Info),
        Just(Severity::Warning),
        Just(Severity::Critical)
    ]
}

fn confidence() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..=1.0, 1 => any::<f64>()]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (entity(), proptest::option::of(time()), text(), text()).prop_map(|(entity, time, statement, locator)| {
        let source = Source::new(SourceKind::Log, locator);
        Evidence::new(entity, time, statement, source, "get_pod_logs", b"raw")
    })
}

fn hypothesis() -> impl Strategy<Value = Hypothesis> {
    (
        (any::<u32>(), entity(), text(), text(), confidence()),
        vec((text(), any::<f64>()), 0..20),
        (vec(evidence(), 0..6), vec(text(), 0..4), vec(entity(), 0..4)),
    )
        .prop_map(
            |((rank, entity, cause, mechanism, confidence), terms, (evidence, unseen, explains))| {
                let ids: Vec<_> = evidence.into_iter().map(|evidence| evidence.id).collect();
                let terms = terms
                    .into_iter()
                    .map(|(name, log_odds)| Term {
                        name,
                        log_odds,
                        evidence: ids.clone(),
                    })
                    .collect();
                Hypothesis {
                    rank,
                    entity,
                    cause,
                    mechanism,
                    confidence,
                    terms,
                    evidence: ids.clone(),
                    against: ids,
                    unseen,
                    explains,
                }
            },
        )
}

fn recommendation() -> impl Strategy<Value = Recommendation> {
    (
        any::<u32>(),
        text(),
        text(),
        proptest::option::of(text()),
        any::<bool>(),
        confidence(),
    )
        .prop_map(
            |(rank, title, reason, command, reversible, confidence)| Recommendation {
                rank,
                title,
                reason,
                command,
                reversible,
                confidence,
                action: None,
            },
        )
}

fn entry() -> impl Strategy<Value = TimelineEntry> {
    let lane = prop_oneof![
        Just(Lane::Change),
        Just(Lane::Symptom),
        Just(Lane::Event),
        Just(Lane::Alert)
    ];
    (time(), lane, entity(), text(), severity()).prop_map(|(time, lane, entity, text, severity)| {
        TimelineEntry {
            time,
            lane,
            entity,
            text,
            severity,
        }
    })
}

fn change() -> impl Strategy<Value = ChangeAssessment> {
    (
        (text(), time(), entity(), text()),
        (vec(text(), 0..30), proptest::option::of(text())),
        (any::<bool>(), confidence(), text()),
    )
        .prop_map(
            |((reference, time, entity, summary), (detail, author), (blamed, confidence, reason))| {
                ChangeAssessment {
                    change: Change {
                        reference,
                        time,
                        kind: ChangeKind::Config,
                        entity,
                        summary,
                        detail,
                        author,
                    },
                    blamed,
                    confidence,
                    reason,
                }
            },
        )
}

fn finding() -> impl Strategy<Value = Finding> {
    (text(), entity(), severity(), proptest::option::of(time()), text()).prop_map(
        |(id, entity, severity, since, statement)| Finding {
            id,
            entity,
            severity,
            since,
            statement,
            evidence: vec![],
        },
    )
}

/// Any report.
pub(crate) fn report() -> impl Strategy<Value = Report> {
    let verdict = prop_oneof![
        Just(Verdict::Cause),
        Just(Verdict::Ambiguous),
        Just(Verdict::Unknown),
        Just(Verdict::Healthy)
    ];
    let role = prop_oneof![
        Just(Role::Cause),
        Just(Role::Affected),
        Just(Role::Alerting),
        Just(Role::Healthy),
        Just(Role::Unseen)
    ];
    let head = (
        text(),
        text(),
        text(),
        verdict,
        severity(),
        proptest::option::of(time()),
        (time(), time()),
    );
    let body = (
        vec(hypothesis(), 0..5),
        vec(finding(), 0..5),
        vec(recommendation(), 0..5),
        vec(evidence(), 0..5),
        vec(entry(), 0..40),
        vec((text(), text(), entity()), 0..6),
        vec((entity(), role), 0..12),
        vec((0..12_usize, 0..12_usize, text()), 0..30),
        vec(change(), 0..4),
    );
    (head, body).prop_map(
        |((case, title, summary, verdict, severity, since, (start, end)), body)| {
            let (hypotheses, symptoms, recommendations, evidence, timeline, triples, nodes, edges, changes) =
                body;
            let mut report = Report {
                case,
                title,
                summary,
                verdict,
                severity,
                since,
                window: Window { start, end },
                hypotheses,
                symptoms,
                recommendations,
                evidence,
                changes,
                timeline,
                ..super::healthy()
            };
            let ids: Vec<_> = report
                .evidence
                .iter()
                .map(|evidence| evidence.id.clone())
                .collect();
            for hypothesis in &mut report.hypotheses {
                hypothesis.evidence.extend_from_slice(&ids);
            }
            for (a, b, entity) in triples {
                report.gaps.push(Gap {
                    source: a.clone(),
                    reason: b.clone(),
                    remedy: a.clone(),
                });
                report.runbooks.push(Runbook {
                    title: a.clone(),
                    place: b.clone(),
                    because: vec![b.clone()],
                    text: a.clone(),
                    calls: vec![RunbookCall {
                        tool: a.clone(),
                        input: b.clone(),
                        answer: Some(a.clone()),
                    }],
                });
                report.dashboards.push(Dashboard {
                    title: a.clone(),
                    url: b.clone(),
                    because: a.clone(),
                });
                report.tests.push(Test {
                    question: a.clone(),
                    answer: b.clone(),
                });
                report.groups.push(Group {
                    entity: entity.clone(),
                    cause: a.clone(),
                    members: vec![entity.clone()],
                });
                report.ruled_out.push(RuledOut {
                    entity,
                    cause: a,
                    reason: b,
                    evidence: vec![],
                });
            }
            for (from, to, via) in edges {
                if let (Some(from), Some(to)) = (nodes.get(from), nodes.get(to)) {
                    report.topology.edges.push(TopologyEdge {
                        from: from.0.clone(),
                        to: to.0.clone(),
                        via,
                    });
                }
            }
            report.topology.nodes = nodes
                .into_iter()
                .map(|(entity, role)| TopologyNode { entity, role })
                .collect();
            report
        },
    )
}
