//! Both journals keep to the contract, alike, and the file survives what may happen to it.

mod alike;
mod attach;
mod contract;
mod crash;
mod damage;
mod documents;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::evidence::Severity;
use crate::report::{Report, Topology, Verdict, Window};

fn at(seconds: i64) -> Timestamp {
    "2026-03-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn id(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn new_run(name: &str) -> NewRun {
    NewRun {
        id: id(name),
        workflow: "incident".to_owned(),
        input: json!({"of": name}),
        alerts: Vec::new(),
    }
}

fn alert(fingerprint: &str, starts_at: i64) -> AlertKey {
    AlertKey {
        fingerprint: fingerprint.to_owned(),
        starts_at: at(starts_at),
    }
}

/// These periods, as over at that second.
fn ends(alerts: &[AlertKey], seconds: i64) -> Vec<AlertEnd> {
    let end = |alert: &AlertKey| AlertEnd {
        alert: alert.clone(),
        ended_at: at(seconds),
    };
    alerts.iter().map(end).collect()
}

fn result(step: u32, state: serde_json::Value) -> StepResult {
    StepResult {
        step,
        name: format!("step-{step}"),
        state: Snapshot::of(&state).unwrap(),
        wait: None,
    }
}

fn report(case: &str) -> Report {
    Report {
        case: case.to_owned(),
        workflow: "incident".to_owned(),
        cluster: "test".to_owned(),
        title: "a title".to_owned(),
        summary: String::new(),
        verdict: Verdict::Unknown,
        severity: Severity::Info,
        since: None,
        window: Window {
            start: at(0),
            end: at(60),
        },
        subject: Vec::new(),
        hypotheses: Vec::new(),
        symptoms: Vec::new(),
        changes: Vec::new(),
        ruled_out: Vec::new(),
        tests: Vec::new(),
        recommendations: Vec::new(),
        evidence: Vec::new(),
        gaps: Vec::new(),
        groups: Vec::new(),
        timeline: Vec::new(),
        runbooks: Vec::new(),
        dashboards: Vec::new(),
        topology: Topology::default(),
    }
}
