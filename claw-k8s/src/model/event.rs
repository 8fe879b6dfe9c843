//! Events, of both API groups.

use claw_core::entity::EntityRef;
use jiff::Timestamp;

use super::meta::{Meta, ObjectReference};
use super::slim::{objects, slim};
use crate::cluster::Resource;

slim! {
    /// Something that a component said about an object. Read from `v1` and `events.k8s.io/v1`.
    pub struct Event {
        /// Metadata.
        pub metadata: Meta,
        /// What it is about.
        #[serde(alias = "regarding")]
        pub involved_object: ObjectReference,
        /// A second object that it is about.
        pub related: Option<Box<ObjectReference>>,
        /// `Normal` or `Warning`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Machine-readable reason.
        pub reason: String,
        /// What was said. Written by components, often with text from users in it.
        #[serde(alias = "note")]
        pub message: String,
        /// How often, as written; see [`Event::count`].
        #[serde(rename = "count", alias = "deprecatedCount")]
        pub written_count: Option<i64>,
        /// A run of equal events.
        pub series: Option<EventSeries>,
        /// First time, where the component keeps it; see [`Event::first_seen`].
        #[serde(alias = "deprecatedFirstTimestamp")]
        pub first_timestamp: Option<Timestamp>,
        /// Last time, where the component keeps it; see [`Event::last_seen`].
        #[serde(alias = "deprecatedLastTimestamp")]
        pub last_timestamp: Option<Timestamp>,
        /// First time, in the newer form.
        pub event_time: Option<Timestamp>,
        /// Who said it, in the older form; see [`Event::component`].
        #[serde(alias = "deprecatedSource")]
        pub source: EventSource,
        /// Who said it, in the newer form.
        #[serde(rename = "reportingComponent", alias = "reportingController")]
        pub reporting_controller: String,
        /// What was done.
        pub action: String,
    }

    /// A run of equal events.
    pub struct EventSeries {
        /// How many.
        pub count: i64,
        /// The last one.
        pub last_observed_time: Option<Timestamp>,
    }

    /// Who said it.
    pub struct EventSource {
        /// Component: `kubelet`, `default-scheduler`, …
        pub component: String,
        /// Its node.
        pub host: String,
    }
}

objects! { Event => "Event", }

impl Event {
    /// When it was first said.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.first_timestamp
            .or(self.event_time)
            .or(self.metadata.creation_timestamp)
            .or(self.last_timestamp)
    }

    /// When it was last said.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time);
        [series, self.last_timestamp, self.event_time]
            .into_iter()
            .flatten()
            .max()
            .or(self.first_timestamp)
            .or(self.metadata.creation_timestamp)
    }

    /// How often it was said; at least once.
    pub fn count(&self) -> i64 {
        let series = self.series.as_ref().map_or(0, |series| series.count);
        series.max(self.written_count.unwrap_or(0)).max(1)
    }

    /// Who said it.
    pub fn component(&self) -> &str {
        if self.source.component.is_empty() {
            &self.reporting_controller
        } else {
            &self.source.component
        }
    }

    /// Whether it speaks of trouble.
    pub fn is_warning(&self) -> bool {
        self.kind == "Warning"
    }

    /// What it is about. Where the component left the namespace out, it is the event's own.
    pub fn about(&self) -> EntityRef {
        let object = &self.involved_object;
        let namespace = object.namespace.clone().filter(|ns| !ns.is_empty());
        EntityRef {
            kind: object.kind.clone(),
            namespace: if Resource::is_cluster_scoped(&object.kind) {
                None
            } else {
                namespace.or_else(|| self.metadata.namespace.clone())
            },
            name: object.name.clone(),
        }
    }
}
