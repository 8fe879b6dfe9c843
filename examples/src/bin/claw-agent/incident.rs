//! What a person asks, as the input of an investigation.

use std::path::Path;

use claw_core::report::Window;
use claw_workflows::trigger::{Alert, Incident, TimeHints, alertmanager};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::args::SubjectArguments;
use crate::failure::Failure;
use crate::{files, subject};

/// The incident that the arguments describe. `home` is the namespace of entities for which none is given.
pub(crate) fn incident(given: &SubjectArguments, home: &str, now: Timestamp) -> Result<Incident, Failure> {
    let namespace = given.namespace.as_deref().map(subject::namespace).transpose()?;
    let mut incident = match &given.alert {
        Some(path) => {
            let (group, alerts, _) = alerts(path)?;
            Incident::of_alerts(&group, alerts, now)
        }
        None => Incident::of_question(question(given, namespace), TimeHints::default(), now),
    };
    for text in &given.entities {
        incident
            .subject
            .push(subject::parse(text, namespace.unwrap_or(home))?);
    }
    incident.subject.sort();
    incident.subject.dedup();
    incident.namespaces.extend(namespace.map(str::to_owned));
    if let Some(since) = given.since {
        check_since(since, now)?;
        incident.times.began = Some(since);
    }
    Ok(incident)
}

/// Refuses a beginning that lies ahead.
pub(crate) fn check_since(since: Timestamp, now: Timestamp) -> Result<(), Failure> {
    if since <= now {
        return Ok(());
    }
    Err(Failure::arguments(
        format!("--since {since} lies in the future"),
        "give the time at which the trouble began, for example 2026-03-01T10:00:00Z",
    ))
}

/// The firing alerts of a webhook's body with the key of their group, and the body.
pub(crate) fn alerts(path: &Path) -> Result<(String, Vec<Alert>, Value), Failure> {
    let (bytes, body) = files::alert(path)?;
    let webhook = alertmanager::parse(&bytes).map_err(|error| {
        Failure::new(
            format!("{}: {}: {}", path.display(), error.place, error.reason),
            error.remedy,
        )
    })?;
    let firing: Vec<Alert> = webhook.alerts.into_iter().filter(Alert::is_firing).collect();
    if firing.is_empty() {
        return Err(Failure::new(
            format!("{} has no firing alert", path.display()),
            "give a notification of alerts that fire",
        ));
    }
    Ok((webhook.group_key, firing, body))
}

/// The time that is recorded: from some time before the trouble began until now.
pub(crate) fn window(began: Timestamp, now: Timestamp, lookback: SignedDuration) -> Window {
    let start = began.min(now).checked_sub(lookback).unwrap_or(Timestamp::MIN);
    Window { start, end: now }
}

fn question(given: &SubjectArguments, namespace: Option<&str>) -> String {
    if given.whole_cluster {
        return "is anything in the cluster in trouble, and why?".to_owned();
    }
    let what = match given.entities.as_slice() {
        [] => "anything".to_owned(),
        entities => entities.join(", "),
    };
    match namespace {
        Some(namespace) => format!("is {what} in the namespace {namespace} in trouble, and why?"),
        None => format!("is {what} in trouble, and why?"),
    }
}
