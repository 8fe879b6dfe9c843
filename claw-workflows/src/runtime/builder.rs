//! Assembling a runner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use claw_core::actuate::Actuator;
use claw_core::gate::Gate;
use claw_core::registry::Registry;
use claw_core::store::Journal;
use claw_core::workflow::Workflow;
use tokio::sync::{broadcast, watch};

use super::erased::ErasedWorkflow;
use super::runner::{Inner, Runner};
use super::settings::Settings;
use crate::deliver::Sink;

/// How many signs of life a slow watcher may lag behind before it misses some.
const PROGRESS_BACKLOG: usize = 1024;

/// Tools of the steps that may not call all, by the names of workflow and step.
pub(super) type Limits = BTreeMap<(String, String), Registry>;

/// What steps are for, by the names of workflow and step.
pub(super) type Purposes = BTreeMap<(String, String), String>;

/// Assembles a [`Runner`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    gate: Gate,
    tools: Registry,
    journal: Arc<dyn Journal>,
    workflows: BTreeMap<&'static str, Arc<dyn ErasedWorkflow>>,
    sinks: BTreeMap<String, Arc<dyn Sink>>,
    settings: Settings,
    limits: Limits,
    purposes: Purposes,
    actuator: Option<Arc<dyn Actuator>>,
    reading: BTreeSet<String>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("workflows", &self.workflows.keys())
            .field("sinks", &self.sinks.keys())
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(gate: Gate, tools: Registry, journal: Arc<dyn Journal>) -> Self {
        Self {
            gate,
            tools,
            journal,
            workflows: BTreeMap::new(),
            sinks: BTreeMap::new(),
            settings: Settings::default(),
            limits: Limits::new(),
            purposes: Purposes::new(),
            actuator: None,
            reading: BTreeSet::new(),
        }
    }

    /// Adds a workflow. Of two with one name the later one stands.
    pub fn workflow<W: Workflow>(mut self, workflow: W) -> Self {
        self.workflows.insert(W::NAME, Arc::new(workflow));
        self
    }

    /// Lets a step of a workflow call these tools only. A step that is not limited may call all.
    pub fn limit_step<'a>(
        mut self,
        workflow: &str,
        step: &str,
        tools: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let only = self.tools.only(tools);
        self.limits.insert((workflow.to_owned(), step.to_owned()), only);
        self
    }

    /// Says what a step of a workflow is for. It is recorded with what the step does, and is part of the goal that a reasoner
    /// is given. It changes nothing else.
    pub fn step_purpose(mut self, workflow: &str, step: &str, purpose: impl Into<String>) -> Self {
        self.purposes
            .insert((workflow.to_owned(), step.to_owned()), purpose.into());
        self
    }

    /// Adds a sink that every report is handed to. Of two with one name the later one stands.
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sinks.insert(sink.name().to_owned(), Arc::new(sink));
        self
    }

    /// Lets steps have actions done. Without one every action is refused.
    pub fn actuator(mut self, actuator: Arc<dyn Actuator>) -> Self {
        self.actuator = Some(actuator);
        self
    }

    /// Holds a workflow to reading: its steps call tools that read and no others, and every action of theirs is refused.
    pub fn only_reads(mut self, workflow: &str) -> Self {
        self.reading.insert(workflow.to_owned());
        self
    }

    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The runner.
    pub fn build(self) -> Runner {
        Runner(Arc::new(Inner {
            gate: self.gate,
            tools: self.tools,
            journal: self.journal,
            workflows: self.workflows,
            sinks: self.sinks,
            settings: self.settings,
            limits: self.limits,
            purposes: self.purposes,
            actuator: self.actuator,
            reading: self.reading,
            progress: broadcast::Sender::new(PROGRESS_BACKLOG),
            changed: watch::Sender::new(0),
            active: Mutex::new(BTreeMap::new()),
        }))
    }
}
