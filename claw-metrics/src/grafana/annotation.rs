//! One annotation, and the change that it tells of.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use serde::Deserialize;

/// Longest summary in characters.
const SUMMARY: usize = 200;

/// What keys of tags call the kinds of what an annotation is about.
const ABOUT: [(&str, &str); 10] = [
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("cronjob", "CronJob"),
    ("node", "Node"),
    ("service", "Service"),
    ("app", "Service"),
    ("application", "Service"),
    ("component", "Service"),
    ("workload", "Service"),
];

/// Words for kinds of changes, in tags and texts.
const KINDS: [(&str, ChangeKind); 22] = [
    ("deploy", ChangeKind::Deploy),
    ("deployed", ChangeKind::Deploy),
    ("deployment", ChangeKind::Deploy),
    ("deployments", ChangeKind::Deploy),
    ("release", ChangeKind::Deploy),
    ("released", ChangeKind::Deploy),
    ("rollout", ChangeKind::Deploy),
    ("rollback", ChangeKind::Deploy),
    ("upgrade", ChangeKind::Deploy),
    ("config", ChangeKind::Config),
    ("configuration", ChangeKind::Config),
    ("configmap", ChangeKind::Config),
    ("secret", ChangeKind::Config),
    ("settings", ChangeKind::Config),
    ("commit", ChangeKind::Commit),
    ("merge", ChangeKind::Commit),
    ("scale", ChangeKind::Scale),
    ("scaling", ChangeKind::Scale),
    ("flag", ChangeKind::Flag),
    ("feature-flag", ChangeKind::Flag),
    ("drain", ChangeKind::Node),
    ("cordon", ChangeKind::Node),
];

/// Tags that say where something is, and not what it is.
const PLACES: [&str; 12] = [
    "production",
    "prod",
    "staging",
    "stage",
    "dev",
    "test",
    "qa",
    "blue",
    "green",
    "canary",
    "ci",
    "cd",
];

/// As the server answers it. Fields that are not needed are not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotation {
    id: i64,
    /// Milliseconds since 1970.
    time: i64,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    login: Option<String>,
    #[serde(rename = "dashboardUID", default)]
    dashboard_uid: Option<String>,
    /// The rule that wrote it, 0 for none.
    #[serde(default)]
    alert_id: i64,
}

impl Annotation {
    /// The change; `None` of what an alert rule wrote, and of times that are none.
    pub(super) fn change(self) -> Option<Change> {
        if self.alert_id != 0 {
            return None;
        }
        let time = Timestamp::from_millisecond(self.time).ok()?;
        let tags = self.tags.unwrap_or_default();
        let text = plain(self.text.as_deref().unwrap_or_default());
        let entity = about(&tags, self.dashboard_uid);
        let words = tags
            .iter()
            .map(String::as_str)
            .chain(text.split(|c: char| !c.is_alphanumeric() && c != '-'));
        let kind = words
            .map(str::to_lowercase)
            .find_map(|word| KINDS.iter().find(|(known, _)| *known == word))
            .map_or(ChangeKind::Config, |(_, kind)| *kind);
        let summary = match text.is_empty() {
            true => tags.join(", "),
            false => text,
        };
        Some(Change {
            reference: format!("annotation-{}", self.id),
            time,
            kind,
            entity,
            summary: shortened(&summary),
            detail: Vec::new(),
            author: self.login.filter(|login| !login.is_empty()),
        })
    }
}

/// What an annotation is about, by its tags.
fn about(tags: &[String], dashboard: Option<String>) -> EntityRef {
    let pairs = || tags.iter().filter_map(|tag| tag.split_once([':', '=']));
    let value = |key: &str| {
        pairs()
            .find(|(known, value)| known.trim().eq_ignore_ascii_case(key) && !value.trim().is_empty())
            .map(|(_, value)| value.trim().to_owned())
    };
    let named = ABOUT
        .iter()
        .find_map(|(key, kind)| Some((*kind, value(key)?)))
        .or_else(|| Some(("Service", lone(tags)?)));
    match named {
        Some(("Node", name)) => EntityRef::cluster("Node", name),
        Some((kind, name)) => EntityRef {
            kind: kind.to_owned(),
            namespace: value("namespace").or_else(|| value("ns")),
            name,
        },
        None => EntityRef::cluster("Dashboard", dashboard.unwrap_or_else(|| "any".to_owned())),
    }
}

/// The only tag that names neither a kind of change nor a place.
fn lone(tags: &[String]) -> Option<String> {
    let mut others = tags.iter().map(|tag| tag.trim()).filter(|tag| {
        let known = tag.to_lowercase();
        !tag.is_empty()
            && !tag.contains([':', '=', ' '])
            && !KINDS.iter().any(|(kind, _)| *kind == known)
            && !PLACES.contains(&known.as_str())
    });
    let one = others.next()?;
    others.next().is_none().then(|| one.to_owned())
}

/// Text without HTML, in which annotations are often written, in one line.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        match tag.split_once('>') {
            // `<` as in `p99 < 1 s` begins no tag.
            Some((name, after)) if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                plain.push(' ');
                rest = after;
            }
            _ => {
                plain.push('<');
                rest = tag;
            }
        }
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SUMMARY {
        return text.to_owned();
    }
    text.chars().take(SUMMARY).chain(['…']).collect()
}
