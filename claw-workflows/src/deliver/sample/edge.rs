//! Reports at the edge of what fits on a page.

use claw_core::evidence::Severity;
use claw_core::report::{Lane, Report, Role, TimelineEntry, Topology, TopologyEdge, TopologyNode, Verdict};

use super::{incident, pod, service};

/// Like [`incident`], with `count` hypotheses and several of them about as likely.
pub(crate) fn ambiguous(count: u32) -> Report {
    let mut report = incident();
    let base = report.hypotheses[0].clone();
    report.verdict = Verdict::Ambiguous;
    report.hypotheses = (1..=count)
        .map(|rank| {
            let mut hypothesis = base.clone();
            hypothesis.rank = rank;
            hypothesis.confidence = 0.34 / f64::from(rank).sqrt();
            hypothesis.cause = format!("Candidate {rank}: {}", base.cause);
            hypothesis
        })
        .collect();
    report
}

/// Names, statements and pictures at the edge of what fits.
pub(crate) fn crowded() -> Report {
    let mut report = incident();
    let long = "a-service-with-a-name-as-long-as-kubernetes-allows-it-to-be-0001".repeat(3);
    report.title = format!(
        "{} is failing with a title that does not want to end, {}",
        "checkout",
        "and goes on, ".repeat(20)
    );
    report.hypotheses[0].entity.name = long.clone();
    report.hypotheses[0].cause = format!(
        "Deployment {long} was changed, {}",
        "and then it went on ".repeat(40)
    );
    report.recommendations[0].command = Some(format!(
        "kubectl -n shop rollout undo deployment/{long} --to-revision=13 --and-an-option={}",
        "x".repeat(300)
    ));
    for index in 0..900_i64 {
        let second = jiff::SignedDuration::from_secs((index * index * 7919) % 6900);
        let lane = [
            Lane::Change,
            Lane::Symptom,
            Lane::Event,
            Lane::Event,
            Lane::Event,
            Lane::Alert,
        ][(index % 6) as usize];
        let severity = if index % 97 == 0 {
            Severity::Critical
        } else {
            Severity::Info
        };
        report.timeline.push(TimelineEntry {
            time: report.window.start + second,
            lane,
            entity: pod(&format!("{long}-{index}")),
            text: format!("entry {index}: something happened that takes a few words to say"),
            severity,
        });
    }
    report.topology = mesh(60);
    report
}

/// A mesh of `count` services in which the last layer holds the cause.
pub(crate) fn mesh(count: usize) -> Topology {
    let name = |index: usize| {
        service(&format!(
            "svc-{index:03}{}",
            if index.is_multiple_of(7) {
                "-with-a-long-name-indeed"
            } else {
                ""
            }
        ))
    };
    let nodes = (0..count)
        .map(|index| TopologyNode {
            entity: name(index),
            role: match index {
                0 => Role::Alerting,
                _ if index + 1 == count => Role::Cause,
                _ if index.is_multiple_of(11) => Role::Affected,
                _ if index.is_multiple_of(13) => Role::Unseen,
                _ => Role::Healthy,
            },
        })
        .collect();
    let mut edges = Vec::new();
    for index in 1..count {
        edges.push((index / 3, index));
        if index.is_multiple_of(5) {
            edges.push((index / 2, index));
        }
    }
    edges.push((0, count - 1));
    let edges = edges
        .into_iter()
        .map(|(from, to)| TopologyEdge {
            from: name(from),
            to: name(to),
            via: "metrics".into(),
        })
        .collect();
    Topology { nodes, edges }
}
