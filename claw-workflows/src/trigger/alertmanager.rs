//! Notifications of Alertmanager: the body of its webhook, version 4.
//!
//! Alertmanager adds fields over time, and other systems send the same form: fields that are not known are passed over,
//! and fields that can be done without may be absent. What is there has to make sense: otherwise the error names the
//! place.

use claw_core::digest::{sha256_of_parts, short};
use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::Alert;
use super::AlertStatus;

/// Versions of the body whose fields mean what they mean in version 4. Grafana sends 1.
const VERSIONS: [&str; 2] = ["4", "1"];

/// Most alerts in one notification.
const MOST_ALERTS: usize = 10_000;

/// One notification: alerts that Alertmanager's routes put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// Identifies the group. The same group has the same key in each notification.
    pub group_key: String,
    /// Name of the receiver in Alertmanager's configuration, where it is sent.
    pub receiver: Option<String>,
    /// The labels that the group has in common by which it was grouped.
    pub group_labels: BTreeMap<String, String>,
    /// Alertmanager's own address, where it is sent.
    pub external_url: Option<String>,
    /// How many alerts of the group were left out because there are too many.
    pub truncated_alerts: u64,
    /// The alerts, firing and resolved.
    pub alerts: Vec<Alert>,
}

/// A body is not a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{place}: {reason}; {remedy}")]
pub struct ParseError {
    /// Where: a path such as `alerts[2].startsAt`, or line and column.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Reads a notification.
///
/// ```
/// let body = br#"{"version":"4","groupKey":"{}:{alertname=\"Down\"}","status":"firing","alerts":[{
///     "status":"firing","labels":{"alertname":"Down","severity":"critical"},
///     "startsAt":"2026-03-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"c0ffee"}]}"#;
/// let webhook = claw_workflows::trigger::alertmanager::parse(body)?;
/// assert_eq!(webhook.alerts[0].name(), Some("Down"));
/// assert_eq!(webhook.alerts[0].ends_at, None);
/// # Ok::<(), claw_workflows::trigger::alertmanager::ParseError>(())
/// ```
pub fn parse(body: &[u8]) -> Result<Webhook, ParseError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| ParseError {
        place: format!("line {}, column {}", error.line(), error.column()),
        reason: "the body is not JSON".to_owned(),
        remedy: "send the body that Alertmanager's webhook_config sends".to_owned(),
    })?;
    let body = Node::root(&value);
    body.object()?;
    let version = body.get("version");
    if let Some(unknown) = version
        .scalar()?
        .filter(|text| !VERSIONS.contains(&text.as_str()))
    {
        return Err(version.error(
            format!("version {unknown} is not known"),
            "send version 4, which every Alertmanager since 0.7 does",
        ));
    }
    let status = body.get("status").status()?;
    let list = body.get("alerts");
    let items = list.array()?;
    if items.len() > MOST_ALERTS {
        return Err(list.error(
            format!("there are {} alerts, and {MOST_ALERTS} are the most", items.len()),
            "set max_alerts in Alertmanager's webhook_config",
        ));
    }
    let alerts = items
        .iter()
        .map(|item| alert(item, status))
        .collect::<Result<Vec<_>, _>>()?;
    let group_labels = body.get("groupLabels").labels()?;
    let group_key = match body.get("groupKey").text()? {
        Some(key) if !key.is_empty() => key,
        _ => derived_key(&group_labels, &alerts),
    };
    Ok(Webhook {
        group_key,
        receiver: body.get("receiver").text()?,
        group_labels,
        external_url: body.get("externalURL").text()?.filter(|url| !url.is_empty()),
        truncated_alerts: body.get("truncatedAlerts").count()?,
        alerts,
    })
}

pub(super) fn alert(node: &Node<'_>, of_group: Option<AlertStatus>) -> Result<Alert, ParseError> {
    node.object()?;
    let labels = node.get("labels").labels()?;
    let ends_at = node.get("endsAt").time()?;
    let status = node.get("status").status()?.or(of_group).unwrap_or_default();
    // Prometheus' own API calls it otherwise.
    let began = node.get("startsAt").time()?.or(node.get("activeAt").time()?);
    let Some(starts_at) = began else {
        return Err(node.get("startsAt").error(
            "the time at which the alert began to fire is missing".to_owned(),
            "send it as RFC 3339, for example 2026-03-01T10:00:00Z",
        ));
    };
    let fingerprint = match node.get("fingerprint").text()? {
        Some(fingerprint) if !fingerprint.is_empty() => fingerprint,
        _ => derived_fingerprint(&labels),
    };
    Ok(Alert {
        fingerprint,
        status,
        annotations: node.get("annotations").labels()?,
        starts_at,
        // While an alert fires, this is when it would be forgotten.
        ends_at: ends_at.filter(|_| status == AlertStatus::Resolved),
        generator_url: node.get("generatorURL").text()?.filter(|url| !url.is_empty()),
        labels,
    })
}

/// An alert is identified by its labels. Not the hash that Alertmanager uses, but as stable.
fn derived_fingerprint(labels: &BTreeMap<String, String>) -> String {
    let parts = labels.iter().flat_map(|(name, value)| [name, value]);
    short(&sha256_of_parts(parts), 16)
}

fn derived_key(labels: &BTreeMap<String, String>, alerts: &[Alert]) -> String {
    if !labels.is_empty() {
        let pairs: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        return format!("{{{}}}", pairs.join(","));
    }
    let mut fingerprints: Vec<_> = alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
    fingerprints.sort_unstable();
    fingerprints.join("+")
}

/// A place in the body, and what is there. `null` counts as absent.
pub(super) struct Node<'a> {
    place: String,
    value: Option<&'a Value>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            place: String::new(),
            value: Some(value),
        }
    }

    pub(super) fn get(&self, key: &str) -> Node<'a> {
        let place = if self.place.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place)
        };
        let value = self
            .value
            .and_then(|value| value.get(key))
            .filter(|value| !value.is_null());
        Node { place, value }
    }

    pub(super) fn is_there(&self) -> bool {
        self.value.is_some()
    }

    fn error(&self, reason: String, remedy: &str) -> ParseError {
        ParseError {
            place: if self.place.is_empty() {
                "body".to_owned()
            } else {
                self.place.clone()
            },
            reason,
            remedy: remedy.to_owned(),
        }
    }

    fn expected(&self, what: &str) -> ParseError {
        let found = match self.value {
            None => "nothing",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a text",
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
        };
        self.error(
            format!("{what} belongs here, and {found} is there"),
            "send the body that Alertmanager's webhook_config sends",
        )
    }

    pub(super) fn object(&self) -> Result<(), ParseError> {
        match self.value {
            Some(Value::Object(_)) => Ok(()),
            _ => Err(self.expected("an object")),
        }
    }

    pub(super) fn array(&self) -> Result<Vec<Node<'a>>, ParseError> {
        let Some(Value::Array(items)) = self.value else {
            return Err(self.expected("a list"));
        };
        let node = |(index, value)| Node {
            place: format!("{}[{index}]", self.place),
            value: Some(value),
        };
        Ok(items.iter().enumerate().map(node).collect())
    }

    pub(super) fn text(&self) -> Result<Option<String>, ParseError> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.expected("a text")),
        }
    }

    /// A text, or what other senders put in the place of one.
    pub(super) fn scalar(&self) -> Result<Option<String>, ParseError> {
        match self.value {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(boolean)) => Ok(Some(boolean.to_string())),
            _ => self.text(),
        }
    }

    fn count(&self) -> Result<u64, ParseError> {
        match self.value {
            None => Ok(0),
            Some(value) => value.as_u64().ok_or_else(|| self.expected("a count")),
        }
    }

    pub(super) fn status(&self) -> Result<Option<AlertStatus>, ParseError> {
        // Alertmanager's API lists the ones that fire, each with whether it is silenced.
        if matches!(self.value, Some(Value::Object(_))) {
            return Ok(Some(AlertStatus::Firing));
        }
        match self.text()?.as_deref() {
            None => Ok(None),
            Some("firing") => Ok(Some(AlertStatus::Firing)),
            Some("resolved") => Ok(Some(AlertStatus::Resolved)),
            Some(_) => Err(self.error("the status is not known".to_owned(), "send firing or resolved")),
        }
    }

    /// A time; `None` also for the year 1, by which Alertmanager says that there is none.
    fn time(&self) -> Result<Option<Timestamp>, ParseError> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        if text.is_empty() || text.starts_with("0001-01-01T") {
            return Ok(None);
        }
        let time = text.parse().map_err(|_| {
            self.error(
                "this is not a time".to_owned(),
                "send it as RFC 3339, for example 2026-03-01T10:00:00Z",
            )
        })?;
        Ok(Some(time))
    }

    fn labels(&self) -> Result<BTreeMap<String, String>, ParseError> {
        let Some(value) = self.value else {
            return Ok(BTreeMap::new());
        };
        let Value::Object(map) = value else {
            return Err(self.expected("an object"));
        };
        let mut labels = BTreeMap::new();
        for name in map.keys() {
            if let Some(text) = self.get(name).scalar()? {
                labels.insert(name.clone(), text);
            }
        }
        Ok(labels)
    }
}

#[cfg(test)]
#[path = "alertmanager_tests.rs"]
mod tests;
