//! Everything that a run has gathered: the state that its steps hand to each other.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::report::{Gap, Runbook, Test, Window};
use claw_core::tool::Tool as _;
use claw_k8s::gitops::Delivered;
use claw_k8s::world::Objects;
use claw_metrics::classify::Measure;
use claw_metrics::signal::Signal;
use claw_metrics::tools::{ListMetrics, QueryPrometheus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::trigger::Incident;

/// `caller` calls `callee`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    /// Who calls.
    pub caller: EntityRef,
    /// Whom.
    pub callee: EntityRef,
    /// How that is known: `env`, `args`, `probe`, `config`, `mesh`, `metrics`, `topology`.
    pub via: String,
}

/// The state of an investigation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What triggered it.
    pub incident: Incident,
    /// The time that is looked at.
    pub window: Window,
    /// The time to compare with.
    pub baseline: Window,
    /// When the trouble began, as far as that is known before looking.
    pub began: Option<Timestamp>,
    /// The alerting entities.
    pub subject: Vec<EntityRef>,
    /// Namespaces that were read.
    pub namespaces: BTreeSet<String>,
    /// Whether lists are asked for of all namespaces at once rather than of each one.
    pub everywhere: bool,
    /// Objects.
    pub objects: Objects,
    /// Kinds whose absence means something, since they were listed in full: `Secret`, `ConfigMap`, …
    pub listed: BTreeMap<String, BTreeSet<String>>,
    /// Kinds of which the whole cluster is known.
    pub listed_everywhere: BTreeSet<String>,
    /// What containers logged.
    pub logs: Vec<super::logs::Digest>,
    /// Pods whose logs were asked for, whether there were any or not.
    pub logs_asked: BTreeSet<EntityRef>,
    /// Calls that were made for logs of pods.
    #[serde(default)]
    pub log_calls: usize,
    /// Logs that were worth reading and for which there were no calls left.
    #[serde(default)]
    pub logs_left: BTreeSet<String>,
    /// Series that moved.
    pub signals: Vec<Signal>,
    /// Series that were compared with their baseline, whether they moved or not.
    pub series_read: usize,
    /// What series are about which were compared, and what they measure of it, whether they moved or not.
    #[serde(default)]
    pub measured: BTreeSet<(EntityRef, Measure)>,
    /// How containers use their memory, where series tell.
    #[serde(default)]
    pub memory: Vec<super::memory::MemoryUse>,
    /// Whether series were left out or a query for some had no answer: any of them may be the one that moved.
    #[serde(default)]
    pub series_unread: bool,
    /// Nodes that pods ran on, as metrics tell it.
    #[serde(default)]
    pub placed: BTreeSet<(EntityRef, EntityRef)>,
    /// Who calls whom.
    pub calls: Vec<Call>,
    /// What was changed.
    pub changes: Vec<Change>,
    /// What GitOps controllers keep, and whether they manage to.
    #[serde(default)]
    pub delivered: Vec<Delivered>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Tools whose source has answered in this run. It may be slow with one question, but it is there.
    #[serde(default)]
    pub heard: BTreeSet<String>,
    /// Tools whose source did not answer in time. Nothing more is asked of it: the time is better spent on others.
    #[serde(default)]
    pub silent: BTreeSet<String>,
    /// Runbooks for the alerts, and what the calls that they ask for answered.
    #[serde(default)]
    pub runbooks: Vec<Runbook>,
    /// What was asked to tell hypotheses apart.
    pub tests: Vec<Test>,
}

impl Case {
    /// Notes that something could not be seen; each thing once.
    pub fn gap(&mut self, source: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        let gap = Gap {
            source: source.to_owned(),
            reason: reason.into(),
            remedy: remedy.into(),
        };
        self.add_gaps([gap]);
    }

    /// Notes what an answer says that it does not see, once.
    pub(in crate::incident) fn add_gaps(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        for gap in gaps {
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
    }

    /// Whether a source of metrics did not answer in time.
    pub fn metrics_are_silent(&self) -> bool {
        [QueryPrometheus::NAME, ListMetrics::NAME]
            .iter()
            .any(|tool| self.silent.contains(*tool))
    }

    /// What to ask for to read the case's namespaces: one list of all costs less than one for each of several.
    pub fn scopes(&self) -> Vec<Option<String>> {
        if self.everywhere {
            vec![None]
        } else {
            self.namespaces.iter().cloned().map(Some).collect()
        }
    }

    /// Whether any object of the cluster was seen.
    pub fn saw_objects(&self) -> bool {
        let objects = &self.objects;
        !objects.pods.is_empty() || !objects.workloads.is_empty() || !objects.services.is_empty()
    }

    /// Whether anything was seen at all. If not, a case without symptoms says nothing about health.
    pub fn saw_anything(&self) -> bool {
        self.saw_objects() || self.series_read > 0 || self.logs.iter().any(|digest| digest.entries > 0)
    }

    /// Whether it is known that there is no such namespace. All are listed at once, whichever is looked into.
    pub fn lacks_namespace(&self, name: &str) -> bool {
        let all = self.listed_everywhere.contains("Namespace") || self.listed.contains_key("Namespace");
        let mut known = self.objects.namespaces.iter();
        all && known.all(|namespace| namespace.metadata.name != name)
    }

    /// Whether all objects of a kind in a namespace are known, so that one that is not there does not exist.
    pub fn knows_all(&self, kind: &str, namespace: &str) -> bool {
        self.listed_everywhere.contains(kind)
            || self
                .listed
                .get(kind)
                .is_some_and(|namespaces| namespaces.contains(namespace))
    }
}
