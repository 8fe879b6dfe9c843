//! Evidence from what the facts hold.

use claw_core::change::Change;
use claw_core::evidence::{Evidence, Source, SourceKind};
use claw_k8s::gitops::Delivered;
use claw_k8s::model::{Event, Object};
use jiff::Timestamp;

use super::{Facts, clip};
use crate::incident::logs::{Digest, Pattern};
use crate::incident::meter::without_meter;

impl Facts<'_> {
    /// Evidence from the state of an object.
    pub fn object<O: Object + serde::Serialize>(
        &self,
        object: &O,
        time: Option<Timestamp>,
        statement: impl Into<String>,
    ) -> Evidence {
        let entity = object.entity();
        let raw = serde_json::to_vec(object).unwrap_or_default();
        let tool = tool_for(&entity.kind);
        let source = Source::object(&entity);
        Evidence::new(entity, time, statement, source, tool, &raw)
    }

    /// Evidence from an event.
    pub fn event_evidence(&self, event: &Event) -> Evidence {
        let raw = serde_json::to_vec(event).unwrap_or_default();
        let times = if event.count() > 1 {
            format!(" ({} times)", event.count())
        } else {
            String::new()
        };
        let statement = format!("{}{times}: {}", event.reason, clip(&event.message, 400));
        let source = Source::new(
            SourceKind::Event,
            format!("{}/{}", event.metadata.ns(), event.metadata.name),
        );
        Evidence::new(
            event.about(),
            event.first_seen(),
            statement,
            source,
            "describe_events",
            &raw,
        )
    }

    /// Evidence from log entries.
    pub fn log_evidence(&self, digest: &Digest, pattern: &Pattern) -> Evidence {
        let times = if pattern.count > 1 {
            format!(" ({} times)", pattern.count)
        } else {
            String::new()
        };
        let run = if digest.previous { ", previous run" } else { "" };
        let statement = format!(
            "{}{run} logged{times}: {}",
            digest.container,
            clip(without_meter(&pattern.sample), 300)
        );
        Evidence::new(
            digest.pod.clone(),
            pattern.first,
            statement,
            Source::new(SourceKind::Log, digest.locator()),
            "get_pod_logs",
            pattern.sample.as_bytes(),
        )
    }

    /// Evidence from what a GitOps controller says of what it keeps.
    pub fn delivery_evidence(
        &self,
        delivered: &Delivered,
        time: Option<Timestamp>,
        statement: impl Into<String>,
    ) -> Evidence {
        let raw = serde_json::to_vec(delivered).unwrap_or_default();
        let source = Source::object(&delivered.entity);
        Evidence::new(
            delivered.entity.clone(),
            time,
            statement,
            source,
            "query_gitops",
            &raw,
        )
    }

    /// Evidence from a change.
    pub fn change_evidence(&self, change: &Change) -> Evidence {
        let author = change
            .author
            .as_ref()
            .map(|who| format!(" by {who}"))
            .unwrap_or_default();
        let detail = if change.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", clip(&change.detail.join("; "), 400))
        };
        Evidence::new(
            change.entity.clone(),
            Some(change.time),
            format!("{}{author}{detail}", change.summary),
            Source::new(SourceKind::Change, change.reference.clone()),
            "get_deployment_history",
            serde_json::to_string(change).unwrap_or_default().as_bytes(),
        )
    }
}

fn tool_for(kind: &str) -> &'static str {
    match kind {
        "Pod" => "get_pods",
        "Node" => "get_nodes",
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => "get_workloads",
        "Event" => "describe_events",
        _ => "get_dependencies",
    }
}
