//! Recorded worlds on disk: the interchange format for replay, tests, tickets and demos.
//!
//! A bundle is a folder:
//!
//! ```text
//! bundle.json         what was recorded, where and when: see [`Manifest`]
//! objects/            Kubernetes objects or lists of them, JSON or YAML, under any names
//! logs/<namespace>/<pod>/<container>[.previous].log
//! metrics/            OpenMetrics text (*.om) or answers of Prometheus range queries (*.json)
//! logs.jsonl          {time, labels, line}
//! changes.jsonl       {time, kind, entity, summary, detail, author, ref}
//! topology.jsonl      {from, to, protocol}
//! alert.json          an Alertmanager webhook body
//! expect.json         for scenarios: the right answer
//! text/<verb>-<kind>[-<namespace>[-<name>]].txt    what `kubectl get` and `kubectl describe` printed
//! ```
//!
//! [`Bundle::load`] reads it, and the folders that `kubectl cluster-info dump --output-directory` and
//! `oc adm must-gather` write. Whatever cannot be read becomes a [`Problem`]; the rest is there. The data of Secrets
//! is dropped while reading.
//!
//! No recording holds everything. [`Bundle::recorded_kinds`] tells the kinds of which it holds all objects; of the others,
//! one that is not there may have been in the cluster.
//!
//! ```no_run
//! use claw_k8s::bundle::Bundle;
//!
//! let bundle = Bundle::load("cases/cart-oom")?;
//! println!("{}: {} objects", bundle.manifest.case, bundle.objects.len());
//! for problem in &bundle.problems {
//!     eprintln!("{problem}");
//! }
//! # Ok::<(), claw_k8s::bundle::BundleError>(())
//! ```

mod changes;
mod content;
mod entity;
mod identity;
mod kinds;
mod label;
mod layout;
mod limits;
mod lines;
mod load;
mod logs;
mod manifest;
mod metrics;
mod objects;
mod partial;
mod problem;
mod recorded;
mod remove;
mod scrub;
mod series;
mod text;
mod time;
mod topology;
mod tree;
mod window;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use claw_core::change::Change;
use claw_core::topology::CallEdge;
use serde_json::Value;

pub use content::Content;
pub use identity::Identity;
pub use kinds::RecordedKind;
pub use limits::Limits;
pub use logs::{LogFile, LogLine};
pub use manifest::{Incident, Manifest, VERSION};
pub use metrics::{MetricsFile, MetricsFormat};
pub use problem::{BundleError, Problem};
pub use recorded::{RecordedChanges, RecordedTopology};
pub use write::{BundleWriter, WriteError};

/// A recorded world.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What was recorded, where and when.
    pub manifest: Manifest,
    /// Kubernetes objects, each once, by kind, group, namespace and name. Secrets have no data.
    pub objects: Vec<Value>,
    /// Logs by container.
    pub logs: Vec<LogFile>,
    /// Log lines as a log store returns them, in the order of their times.
    pub log_lines: Vec<LogLine>,
    /// Samples, as text.
    pub metrics: Vec<MetricsFile>,
    /// What was changed, in the order of time.
    pub changes: Vec<Change>,
    /// Who calls whom.
    pub topology: Vec<CallEdge>,
    /// The alert: the body of an Alertmanager webhook.
    pub alert: Option<Value>,
    /// For scenarios: the right answer.
    pub expect: Option<Value>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Bundle {
    /// Reads a folder within the default [`Limits`]. Reads files: call it where blocking is allowed.
    ///
    /// # Errors
    /// If the folder cannot be listed, holds nothing of a bundle, or its `bundle.json` is wrong.
    pub fn load(root: impl AsRef<Path>) -> Result<Self, BundleError> {
        Self::load_within(root, &Limits::default())
    }

    /// Reads a folder within `limits`.
    ///
    /// # Errors
    /// As [`Bundle::load`].
    pub fn load_within(root: impl AsRef<Path>, limits: &Limits) -> Result<Self, BundleError> {
        load::load(root.as_ref(), limits)
    }

    /// A world with nothing in it.
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            manifest: window::derive("", &[], jiff::Timestamp::UNIX_EPOCH),
            objects: Vec::new(),
            logs: Vec::new(),
            log_lines: Vec::new(),
            metrics: Vec::new(),
            changes: Vec::new(),
            topology: Vec::new(),
            alert: None,
            expect: None,
            problems: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.objects.is_empty()
            && self.logs.is_empty()
            && self.log_lines.is_empty()
            && self.metrics.is_empty()
            && self.changes.is_empty()
            && self.topology.is_empty()
            && self.alert.is_none()
    }

    /// The tool that lists the recorded changes.
    pub fn changes_tool(&self) -> RecordedChanges {
        RecordedChanges::new(self.changes.clone())
    }

    /// The tool that lists the recorded call edges.
    pub fn topology_tool(&self) -> RecordedTopology {
        RecordedTopology::new(self.topology.clone())
    }
}
