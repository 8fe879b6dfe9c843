//! What a recording asks to be investigated.

use claw_core::report::Gap;
use claw_k8s::bundle::Bundle;
use claw_workflows::trigger::{Alert, Incident, TimeHints, alertmanager};

/// Asked where a recording has neither an alert nor a question.
const QUESTION: &str = "what is wrong, and why?";

/// The incident of a recording: its alert, or its question. An alert that makes no sense is a gap.
///
/// Its id depends on the recording alone.
pub fn incident(bundle: &Bundle) -> (Incident, Option<Gap>) {
    let manifest = &bundle.manifest;
    let times = TimeHints {
        window: Some(manifest.window),
        baseline: manifest.baseline,
        began: manifest.incident.map(|incident| incident.start),
        ended: manifest.incident.and_then(|incident| incident.end),
    };
    let received = manifest.collected_at;
    let question = || {
        let question = manifest.question.as_deref().unwrap_or(QUESTION);
        Incident {
            namespaces: manifest.namespaces.clone(),
            ..Incident::of_question(question, times, received)
        }
    };
    let Some(body) = &bundle.alert else {
        return (question(), None);
    };
    match alertmanager::parse(body.to_string().as_bytes()) {
        Ok(webhook) => {
            let alerts: Vec<Alert> = webhook.alerts;
            if alerts.is_empty() {
                return (question(), None);
            }
            let incident = Incident::of_alerts(&webhook.group_key, alerts, received);
            let question = manifest.question.clone();
            (
                Incident {
                    times,
                    question,
                    ..incident
                },
                None,
            )
        }
        Err(error) => {
            let gap = Gap {
                source: "bundle".to_owned(),
                reason: format!("alert.json: {}: {}", error.place, error.reason),
                remedy: error.remedy,
            };
            (question(), Some(gap))
        }
    }
}
