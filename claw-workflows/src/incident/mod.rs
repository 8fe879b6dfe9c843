//! Workflow `incident_investigation`: from an alert to a root-cause report with evidence.
//!
//! Five steps, as a runbook would have them: gather context, analyze logs, check dependencies, correlate changes,
//! synthesize. The first four read, each through the gate, and leave what they saw in a [`case::Case`]; a source that
//! fails leaves a gap. The last one asks the [`mechanism`] catalogue for candidates, ranks them ([`rank`]) and writes the
//! report. Nothing is changed in the cluster.

mod callees;
pub mod candidate;
pub mod case;
pub mod complaint;
pub mod conclude;
mod dashboards;
pub mod degradation;
mod deletion;
mod difference;
mod ending;
pub mod facts;
pub mod graph;
pub mod grouping;
mod init;
pub mod logs;
pub mod mechanism;
pub mod memory;
mod meter;
mod metrics;
pub mod offline;
mod probe;
pub mod rank;
mod relay;
pub mod runbook;
mod spread;
pub mod steps;
pub mod subject;
pub mod symptom;
#[cfg(test)]
mod testing;
pub mod units;
pub mod weights;
mod window;
mod witness;
mod words;

use std::sync::Arc;

use claw_core::reason::{Reasoner, RuleReasoner};
use claw_core::report::{Report, Window};
use claw_core::workflow::{RunFailure, Step, Workflow};

use crate::trigger::Incident;
use case::Case;
use runbook::Runbooks;
use weights::Weights;

/// The workflow. See the [module](self) for what it does.
pub struct IncidentInvestigation {
    cluster: String,
    weights: Weights,
    runbooks: Arc<Runbooks>,
    steps: Vec<Box<dyn Step<Case>>>,
}

impl std::fmt::Debug for IncidentInvestigation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncidentInvestigation")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl IncidentInvestigation {
    /// The workflow for a cluster of that name, with the weights of [`Weights::default`] and the rules as reasoner.
    pub fn new(cluster: impl Into<String>) -> Self {
        Self::with(cluster, Weights::default(), Arc::new(rules()))
    }

    /// The workflow with other weights of the ranking, and another reasoner to choose what to ask while the best causes are
    /// close. The ranking stays what it is: a reasoner may have more looked at, and decides nothing.
    pub fn with(cluster: impl Into<String>, weights: Weights, reasoner: Arc<dyn Reasoner>) -> Self {
        Self::with_runbooks(cluster, weights, reasoner, Arc::default())
    }

    /// As [`with`](Self::with), with runbooks to follow, and to name in reports.
    pub fn with_runbooks(
        cluster: impl Into<String>,
        weights: Weights,
        reasoner: Arc<dyn Reasoner>,
        runbooks: Arc<Runbooks>,
    ) -> Self {
        let cluster = cluster.into();
        Self {
            steps: vec![
                Box::new(steps::GatherContext::new(Arc::clone(&runbooks))),
                Box::new(steps::AnalyzeLogs),
                Box::new(steps::CheckDependencies),
                Box::new(steps::CorrelateChanges),
                Box::new(
                    steps::Synthesize::new(cluster.clone(), weights.clone(), reasoner)
                        .with_runbooks(Arc::clone(&runbooks)),
                ),
            ],
            cluster,
            weights,
            runbooks,
        }
    }
}

/// The reasoner of an agent without another one. It goes on asking until the best cause is well ahead: an observation costs
/// seconds, a wrong cause hours.
pub fn rules() -> RuleReasoner {
    RuleReasoner {
        margin: 0.5,
        ..RuleReasoner::default()
    }
}

impl Workflow for IncidentInvestigation {
    const NAME: &'static str = "incident_investigation";
    type Input = Incident;
    type State = Case;

    fn start(&self, incident: Incident) -> Case {
        let at = Window {
            start: incident.received_at,
            end: incident.received_at,
        };
        Case {
            window: at,
            baseline: at,
            began: None,
            subject: Vec::new(),
            namespaces: Default::default(),
            everywhere: true,
            objects: Default::default(),
            listed: Default::default(),
            listed_everywhere: Default::default(),
            logs: Vec::new(),
            logs_asked: Default::default(),
            log_calls: 0,
            logs_left: Default::default(),
            signals: Vec::new(),
            series_read: 0,
            measured: Default::default(),
            memory: Vec::new(),
            series_unread: false,
            placed: Default::default(),
            calls: Vec::new(),
            changes: Vec::new(),
            delivered: Vec::new(),
            gaps: Vec::new(),
            heard: Default::default(),
            silent: Default::default(),
            runbooks: Vec::new(),
            tests: Vec::new(),
            incident,
        }
    }

    fn steps(&self) -> &[Box<dyn Step<Case>>] {
        &self.steps
    }

    /// What was gathered before the run ended still says something: it is weighed, and what was not read is a gap.
    fn on_failure(&self, state: &Case, failure: &RunFailure) -> Report {
        let mut report = conclude::report(state, &self.cluster, &self.weights);
        report.gaps.extend(failure.report(Self::NAME).gaps);
        self.runbooks.name_in(&mut report, state);
        report
    }
}
