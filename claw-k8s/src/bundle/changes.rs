//! `changes.jsonl`: what somebody or something changed.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use serde_json::{Map, Value};

use super::entity::{CHANGED, Names};
use super::problem::Problems;
use super::{lines, time};

/// Reads the file. Lines without a time or an entity become problems.
pub(super) fn read(
    name: &str,
    text: &str,
    limit: usize,
    names: &Names,
    problems: &mut Problems,
) -> Vec<Change> {
    let mut references = References::default();
    let mut changes: Vec<Change> = Vec::new();
    for (line, map) in lines::values(name, text, limit, problems) {
        match change(&map, names) {
            Ok(change) => changes.push(change),
            Err(reason) => problems.add(name, Some(line), reason),
        }
    }
    changes.sort_by(|a, b| (a.time, &a.entity, &a.reference).cmp(&(b.time, &b.entity, &b.reference)));
    for change in &mut changes {
        change.reference = references.take(&change.reference);
    }
    changes
}

fn change(map: &Map<String, Value>, names: &Names) -> Result<Change, &'static str> {
    let time = lines::first(map, &["time", "timestamp", "at", "ts"])
        .ok_or("has no `time`; left out")
        .and_then(|value| time::parse(value).ok_or("`time` is not a time; left out"))?;
    let entity = lines::first(map, &["entity", "object", "target", "service", "resource"])
        .ok_or("has no `entity`; left out")
        .and_then(|value| {
            names
                .entity(value, CHANGED)
                .ok_or("`entity` names nothing; left out")
        })?;
    let written = lines::text(map, &["kind", "type"]).unwrap_or_default();
    let kind = kind(&written);
    let mut summary = lines::text(map, &["summary", "message", "title", "description"])
        .unwrap_or_else(|| format!("{written} of {entity}").trim().to_owned());
    if kind.is_none() && !written.is_empty() && !summary.contains(&written) {
        summary = format!("{written}: {summary}");
    }
    let kind = kind.unwrap_or(ChangeKind::Config);
    let reference = lines::text(map, &["ref", "reference", "revision", "commit", "sha", "id"])
        .unwrap_or_else(|| derived(kind, &entity.name, time));
    Ok(Change {
        reference,
        time,
        kind,
        summary: one_line(&summary),
        detail: map
            .get("detail")
            .or_else(|| map.get("details"))
            .map(detail)
            .unwrap_or_default(),
        author: lines::text(map, &["author", "user", "actor", "by"]),
        entity,
    })
}

fn kind(text: &str) -> Option<ChangeKind> {
    let lower = text.to_ascii_lowercase().replace(['-', ' '], "_");
    Some(match lower.as_str() {
        "deploy" | "deployment" | "rollout" | "release" | "rollback" | "image" | "restart" => {
            ChangeKind::Deploy
        }
        "config" | "configuration" | "configmap" | "secret" | "policy" | "route" | "quota" => {
            ChangeKind::Config
        }
        "commit" | "git" | "push" | "merge" => ChangeKind::Commit,
        "scale" | "scaling" | "autoscale" | "hpa" | "replicas" => ChangeKind::Scale,
        "flag" | "feature" | "feature_flag" | "experiment" => ChangeKind::Flag,
        "node" | "cordon" | "drain" => ChangeKind::Node,
        "job" | "batch" | "migration" | "cronjob" => ChangeKind::Job,
        _ => return None,
    })
}

/// The difference, one field a line, from text, a list, or an object of fields.
fn detail(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text
            .lines()
            .map(one_line)
            .filter(|line| !line.is_empty())
            .collect(),
        Value::Array(items) => items.iter().flat_map(detail).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(field, value)| match between(value) {
                Some((old, new)) => format!("{field}: {old} → {new}"),
                None => format!("{field}: {}", plain(value)),
            })
            .collect(),
        scalar => vec![plain(scalar)],
    }
}

fn between(value: &Value) -> Option<(String, String)> {
    let (old, new) = match value {
        Value::Object(map) => (
            lines::first(map, &["from", "old", "before"]),
            lines::first(map, &["to", "new", "after"]),
        ),
        Value::Array(pair) => match pair.as_slice() {
            [old, new] => (Some(old), Some(new)),
            _ => return None,
        },
        _ => return None,
    };
    if old.is_none() && new.is_none() {
        return None;
    }
    let show = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), plain);
    Some((show(old), show(new)))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        other => other.to_string(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn derived(kind: ChangeKind, name: &str, time: jiff::Timestamp) -> String {
    let kind = match kind {
        ChangeKind::Deploy => "deploy",
        ChangeKind::Config => "config",
        ChangeKind::Commit => "commit",
        ChangeKind::Scale => "scale",
        ChangeKind::Flag => "flag",
        ChangeKind::Node => "node",
        ChangeKind::Job => "job",
        _ => "change",
    };
    format!("{kind}-{name}-{}", time.strftime("%Y%m%dT%H%M%SZ"))
}

/// References, each given out once.
#[derive(Debug, Default)]
struct References {
    taken: BTreeSet<String>,
    next: BTreeMap<String, u64>,
}

impl References {
    fn take(&mut self, wanted: &str) -> String {
        if self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let number = self.next.entry(wanted.to_owned()).or_insert(2);
        loop {
            let reference = format!("{wanted}-{number}");
            *number = number.saturating_add(1);
            if self.taken.insert(reference.clone()) {
                return reference;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Vec<Change>, Vec<String>) {
        let mut problems = Problems::new(50);
        let changes = read("changes.jsonl", text, 100, &Names::default(), &mut problems);
        (
            changes,
            problems.finish().iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn reads_the_documented_form() {
        let (changes, problems) = parse(
            r#"{"time":"2026-03-01T09:00:00Z","kind":"deploy","entity":{"kind":"Deployment","namespace":"shop","name":"cart"},"summary":"revision 14","detail":["image: a → b"],"author":"ci","ref":"r14"}"#,
        );
        assert_eq!(problems, [""; 0]);
        let json = serde_json::to_value(&changes[0]).unwrap();
        assert_eq!(json["ref"], "r14");
        assert_eq!(json["entity"]["name"], "cart");
        assert_eq!(json["detail"], serde_json::json!(["image: a → b"]));
    }

    #[test]
    fn is_tolerant_about_the_rest() {
        let (changes, problems) = parse(concat!(
            "{\"timestamp\":1772355600,\"type\":\"ConfigMap\",\"entity\":\"cart\",\"message\":\"pool\\nsize\",\"detail\":{\"pool.max\":{\"from\":50,\"to\":5},\"x\":\"y\"}}\n",
            "{\"time\":\"2026-03-01T09:00:00Z\",\"kind\":\"migration\",\"entity\":\"cart\"}\n",
            "{\"time\":\"2026-03-01T09:00:00Z\",\"kind\":\"migration\",\"entity\":\"cart\",\"detail\":\"a\\nb\"}\n",
            "\n{\"kind\":\"deploy\"}\n{\"time\":\"soon\",\"entity\":\"x\"}\nnonsense\n[]\n",
        ));
        let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [ChangeKind::Config, ChangeKind::Job, ChangeKind::Job]);
        assert!(
            changes
                .iter()
                .any(|change| change.summary == "migration of Service cart")
        );
        let references: Vec<_> = changes.iter().map(|change| change.reference.as_str()).collect();
        let [config, job] = ["config", "job"].map(|kind| format!("{kind}-cart-20260301T090000Z"));
        assert_eq!(references, [config, job.clone(), format!("{job}-2")]);
        assert!(
            changes
                .iter()
                .any(|c| c.detail == ["pool.max: 50 → 5", "x: y"] && c.summary == "pool size")
        );
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert_eq!(problems[0], "changes.jsonl:5: has no `time`; left out");
    }
}
