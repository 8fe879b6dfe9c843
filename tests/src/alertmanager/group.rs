//! Grouping, and the bodies of notifications.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::alert::{Alert, NEVER};

type Labels = BTreeMap<String, String>;

/// Where alerts go and how they are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the receiver.
    pub receiver: String,
    /// The labels by which alerts are grouped. `...` stands for all labels, none for one group of everything.
    pub group_by: Vec<String>,
    /// Alertmanager's own address, for links.
    pub external_url: String,
    /// Most alerts of one notification; zero for no limit.
    pub max_alerts: usize,
}

impl Route {
    /// A route to `receiver` that groups by the name of the alert.
    pub fn new(receiver: impl Into<String>) -> Self {
        Self {
            receiver: receiver.into(),
            group_by: vec!["alertname".to_owned()],
            external_url: "http://alertmanager.example:9093".to_owned(),
            max_alerts: 0,
        }
    }

    /// Groups by these labels.
    #[must_use]
    pub fn grouped_by<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.group_by = labels.into_iter().map(Into::into).collect();
        self
    }

    fn group_labels(&self, alert: &Alert) -> Labels {
        let all = self.group_by.iter().any(|label| label == "...");
        alert
            .labels
            .iter()
            .filter(|(name, _)| all || self.group_by.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// The bodies of the webhook notifications for these alerts, one for each group, in the order of the groups' labels.
pub fn webhook_bodies(route: &Route, alerts: &[Alert], now: Timestamp) -> Vec<Value> {
    let mut groups: BTreeMap<Labels, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        groups.entry(route.group_labels(alert)).or_default().push(alert);
    }
    groups
        .into_iter()
        .map(|(labels, alerts)| body(route, labels, alerts, now))
        .collect()
}

fn body(route: &Route, group_labels: Labels, mut alerts: Vec<&Alert>, now: Timestamp) -> Value {
    let rank = |alert: &Alert| {
        let get = |name: &str| alert.labels.get(name).cloned().unwrap_or_default();
        (get("job"), get("instance"), alert.labels.clone())
    };
    alerts.sort_by_cached_key(|alert| rank(alert));
    let status = |resolved: bool| if resolved { "resolved" } else { "firing" };
    let all_resolved = alerts.iter().all(|alert| alert.is_resolved(now));
    let shown = if route.max_alerts == 0 {
        alerts.len()
    } else {
        route.max_alerts.min(alerts.len())
    };
    let truncated = alerts.len().saturating_sub(shown);
    alerts.truncate(shown);
    let items: Vec<Value> = alerts
        .iter()
        .map(|alert| {
            let ends_at = alert.ends_at.filter(|_| alert.is_resolved(now));
            json!({
                "status": status(alert.is_resolved(now)),
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at.to_string(),
                "endsAt": ends_at.map_or_else(|| NEVER.to_owned(), |end| end.to_string()),
                "generatorURL": alert.generator_url,
                "fingerprint": alert.fingerprint(),
            })
        })
        .collect();
    json!({
        "receiver": route.receiver,
        "status": status(all_resolved),
        "alerts": items,
        "groupLabels": group_labels,
        "commonLabels": common(alerts.iter().map(|alert| &alert.labels)),
        "commonAnnotations": common(alerts.iter().map(|alert| &alert.annotations)),
        "externalURL": route.external_url,
        "version": "4",
        "groupKey": format!("{{}}:{}", written(&group_labels)),
        "truncatedAlerts": truncated,
    })
}

/// What all sets have in common.
fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Labels {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}

fn written(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
