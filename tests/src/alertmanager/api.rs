//! The HTTP API, version 2.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alert::{Alert, NEVER};
use super::server::Shared;

/// How long Alertmanager believes in an alert that nobody repeats, in seconds.
const RESOLVE_TIMEOUT: i64 = 5 * 60;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/v2/alerts", get(alerts).post(post_alerts))
        .route("/api/v2/status", get(status))
        .route("/-/ready", get(async || "OK"))
        .route("/-/healthy", get(async || "OK"))
        .with_state(shared)
}

async fn alerts(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let now = shared.clock.now();
    let mut filters = Vec::new();
    for (name, value) in &query {
        match name.as_str() {
            "filter" => match Filter::parse(value) {
                Some(filter) => filters.push(filter),
                None => return bad_request(format!("bad matcher format: {value}")),
            },
            // Nothing is ever silenced or inhibited here, so these are about the active alerts alone.
            "active" if value == "false" => return Json(json!([])).into_response(),
            "receiver" => match Regex::new(&format!("^(?:{value})$")) {
                Ok(regex) if regex.is_match(&shared.route.receiver) => {}
                Ok(_) => return Json(json!([])).into_response(),
                Err(_) => return bad_request(format!("failed to parse receiver param: {value}")),
            },
            _ => {}
        }
    }
    let found: Vec<Value> = shared
        .alerts()
        .values()
        .filter(|alert| !alert.is_resolved(now) && filters.iter().all(|filter| filter.accepts(&alert.labels)))
        .map(|alert| {
            let forgotten_at = now.saturating_add(jiff::SignedDuration::from_secs(RESOLVE_TIMEOUT));
            json!({
                "annotations": alert.annotations,
                "endsAt": alert.ends_at.or(forgotten_at.ok()).map(|end| end.to_string()),
                "fingerprint": alert.fingerprint(),
                "receivers": [{ "name": shared.route.receiver }],
                "startsAt": alert.starts_at.to_string(),
                "status": { "inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active" },
                "updatedAt": now.to_string(),
                "generatorURL": alert.generator_url,
                "labels": alert.labels,
            })
        })
        .collect();
    Json(found).into_response()
}

/// An alert as Prometheus posts it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

async fn post_alerts(State(shared): State<Arc<Shared>>, body: Json<Vec<Posted>>) -> Response {
    let now = shared.clock.now();
    let mut alerts = Vec::new();
    for posted in body.0 {
        if posted.labels.is_empty() {
            return bad_request("at least one label pair required".to_owned());
        }
        let (Ok(starts_at), Ok(ends_at)) =
            (time(posted.starts_at.as_deref()), time(posted.ends_at.as_deref()))
        else {
            return bad_request("a time is not written as RFC 3339".to_owned());
        };
        alerts.push(Alert {
            labels: posted.labels,
            annotations: posted.annotations,
            starts_at: starts_at.or(ends_at).unwrap_or(now),
            ends_at,
            generator_url: posted.generator_url,
        });
    }
    alerts.into_iter().for_each(|alert| shared.put(alert));
    StatusCode::OK.into_response()
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, jiff::Error> {
    text.filter(|text| *text != NEVER && !text.is_empty())
        .map(str::parse)
        .transpose()
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    Json(json!({
        "cluster": { "status": "disabled" },
        "versionInfo": { "version": "0.28.0", "revision": "simulated" },
        "config": { "original": format!("route:\n  receiver: {}\n", shared.route.receiver) },
        "uptime": shared.clock.now().to_string(),
    }))
    .into_response()
}

fn bad_request(message: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(message)).into_response()
}

/// A matcher such as `severity="critical"` or `pod=~"web-.*"`.
#[derive(Debug)]
struct Filter {
    label: String,
    wanted: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Text(String),
    Regex(Regex),
}

impl Filter {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['=', '!'])?;
        let (label, rest) = text.split_at_checked(at)?;
        let (wanted, is_regex, value) = if let Some(value) = rest.strip_prefix("=~") {
            (true, true, value)
        } else if let Some(value) = rest.strip_prefix("!~") {
            (false, true, value)
        } else if let Some(value) = rest.strip_prefix("!=") {
            (false, false, value)
        } else {
            (true, false, rest.strip_prefix('=')?)
        };
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        let test = if is_regex {
            Test::Regex(Regex::new(&format!("^(?:{value})$")).ok()?)
        } else {
            Test::Text(value.to_owned())
        };
        let label = label.trim();
        (!label.is_empty()).then(|| Self {
            label: label.to_owned(),
            wanted,
            test,
        })
    }

    fn accepts(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.label).map(String::as_str).unwrap_or_default();
        let holds = match &self.test {
            Test::Text(text) => text == value,
            Test::Regex(regex) => regex.is_match(value),
        };
        holds == self.wanted
    }
}
