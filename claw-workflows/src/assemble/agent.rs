//! From sources to a running agent.

use std::fmt;
use std::sync::Arc;

use claw_core::audit::AuditLog;
use claw_core::clock::Clock;
use claw_core::definition::Definition;
use claw_core::fence::Fence;
use claw_core::gate::Gate;
use claw_core::reason::Reasoner;
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::store::{Journal, MemoryJournal};
use claw_core::workflow::Workflow;
use claw_guardrails::engine::{Config, Engine, Mode};
use claw_guardrails::pipeline::{self, Pipeline};

use super::abilities;
use super::error::{AssemblyError, TendError};
use super::sources::Sources;
use crate::deliver::Sink;
use crate::incident::runbook::Runbooks;
use crate::incident::weights::Weights;
use crate::incident::{self, IncidentInvestigation};
use crate::runtime::{Builder, Ended, Runner, RunnerError, Settings};
use crate::trigger::{Filter, GateLookout, Grouping, Incident, Intake};

/// Assembles an [`Agent`].
///
/// Unless said otherwise the journal is in memory, nothing is delivered, and the guardrails have their defaults.
#[must_use = "an assembly does nothing until it is built"]
pub struct Assembly {
    cluster: String,
    sources: Sources,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal>,
    definition: Definition,
    guardrails: Config,
    settings: Settings,
    sinks: Vec<Arc<dyn Sink>>,
    weights: Weights,
    reasoner: Arc<dyn Reasoner>,
    workflows: Vec<AddWorkflow>,
    writes: Option<pipeline::Builder>,
    fence: Option<Arc<dyn Fence>>,
    runbooks: Runbooks,
}

/// Adds a workflow to a runner.
type AddWorkflow = Box<dyn FnOnce(Builder) -> Builder + Send>;

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly")
            .field("cluster", &self.cluster)
            .field("sources", &self.sources)
            .field("guardrails", &self.guardrails)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Assembly {
    /// An agent for the cluster of that name. Every read is recorded in `audit` before its result is used.
    pub fn new(
        cluster: impl Into<String>,
        sources: Sources,
        audit: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            cluster: cluster.into(),
            sources,
            audit,
            clock,
            journal: Arc::new(MemoryJournal::new()),
            definition: Definition::default(),
            guardrails: Config::default(),
            settings: Settings::default(),
            sinks: Vec::new(),
            weights: Weights::default(),
            reasoner: Arc::new(incident::rules()),
            workflows: Vec::new(),
            writes: None,
            fence: None,
            runbooks: Runbooks::default(),
        }
    }

    /// Runs one more workflow.
    pub fn workflow<W: Workflow>(mut self, workflow: W) -> Self {
        self.workflows
            .push(Box::new(|runner: Builder| runner.workflow(workflow)));
        self
    }

    /// Lets workflows have actions done by such a pipeline, as far as the guardrails allow it. Its journal is that of the agent.
    pub fn writes(mut self, writes: pipeline::Builder) -> Self {
        self.writes = Some(writes);
        self
    }

    /// Lets the agent write only while `fence` says that it is the one that may. Without one it is taken to be alone.
    pub fn fence(mut self, fence: Arc<dyn Fence>) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Follows runbooks while it investigates, and names those that fit in reports.
    pub fn runbooks(mut self, runbooks: Runbooks) -> Self {
        self.runbooks = runbooks;
        self
    }

    /// Keeps runs in `journal`.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Honours a definition: the shape of tools, which alerts start a run, how far its calls may go, and what its steps
    /// are for, which is recorded.
    pub fn definition(mut self, definition: Definition) -> Self {
        self.definition = definition;
        self
    }

    /// Replaces the guardrails' settings.
    pub fn guardrails(mut self, config: Config) -> Self {
        self.guardrails = config;
        self
    }

    /// Replaces the runner's settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Ranks causes with other weights.
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Lets `reasoner` choose what to ask while the likeliest causes are close; the rules need none. It decides nothing
    /// else.
    pub fn reasoner(mut self, reasoner: Arc<dyn Reasoner>) -> Self {
        self.reasoner = reasoner;
        self
    }

    /// Hands every report to `sink` as well. Of two sinks with one name the later one stands.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// If two tools have one name, settings make no sense, or a runbook asks for what tools cannot do.
    pub fn build(self) -> Result<Agent, AssemblyError> {
        let tools = self.definition.apply(&self.sources.tools()?)?;
        self.runbooks.check(&tools, &abilities::reads())?;
        let guardrails = match &self.writes {
            // Then it is the workflow that is held to it.
            Some(_) => self.guardrails,
            None => bounded(self.guardrails, &self.definition),
        };
        let mut engine = Engine::new(guardrails, Arc::clone(&self.clock));
        if let Some(fence) = self.fence {
            engine = engine.with_fence(fence);
        }
        let engine = Arc::new(engine);
        let gate = Gate::new(
            Arc::<Engine>::clone(&engine),
            self.audit,
            Arc::clone(&self.clock),
            Redactor::new(),
        );
        let filter = self
            .definition
            .workflows
            .get(IncidentInvestigation::NAME)
            .and_then(|workflow| workflow.trigger.as_ref())
            .map_or_else(Filter::any, Filter::from);
        let writes = self.writes.map(|writes| {
            writes
                .with_journal(Arc::clone(&self.journal))
                .build(Arc::clone(&engine), gate.clone())
        });
        let pipeline = writes.transpose()?;
        let mut runner = Runner::builder(gate.clone(), tools.clone(), Arc::clone(&self.journal))
            .workflow(IncidentInvestigation::with_runbooks(
                self.cluster,
                self.weights,
                self.reasoner,
                Arc::new(self.runbooks),
            ))
            .settings(self.settings);
        if self
            .definition
            .workflows
            .contains_key(IncidentInvestigation::NAME)
        {
            // `max_actions: read_only` is all that a definition can say, and what holds where it says nothing.
            runner = runner.only_reads(IncidentInvestigation::NAME);
        }
        for (step, tools) in step_tools(&self.definition) {
            runner = runner.limit_step(IncidentInvestigation::NAME, step, tools);
        }
        for (step, purpose) in step_purposes(&self.definition) {
            runner = runner.step_purpose(IncidentInvestigation::NAME, step, purpose);
        }
        for sink in self.sinks {
            runner = runner.sink(sink);
        }
        for add in self.workflows {
            runner = add(runner);
        }
        if let Some(pipeline) = &pipeline {
            runner = runner.actuator(Arc::new(pipeline.clone()));
        }
        Ok(Agent {
            runner: runner.build(),
            gate,
            tools,
            engine,
            pipeline,
            clock: self.clock,
            filter,
        })
    }
}

/// The guardrails within the bounds of the definition: it may narrow what the agent is set up for, and never widen it.
fn bounded(guardrails: Config, definition: &Definition) -> Config {
    match definition.workflows.get(IncidentInvestigation::NAME) {
        None => guardrails,
        // `max_actions: read_only` is all that a definition can say, and what holds where it says nothing.
        Some(_) => guardrails.with_mode(Mode::ReadOnly),
    }
}

/// The steps whose tools a definition lists, with those tools.
fn step_tools(definition: &Definition) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    let workflow = definition.workflows.get(IncidentInvestigation::NAME);
    let steps = workflow.into_iter().flat_map(|workflow| &workflow.steps);
    steps
        .filter(|step| !step.tools.is_empty())
        .map(|step| (step.name.as_str(), step.tools.iter().map(|tool| tool.as_str())))
}

/// The steps of which a definition says what they are to do, with its words.
fn step_purposes(definition: &Definition) -> impl Iterator<Item = (&str, &str)> {
    let workflow = definition.workflows.get(IncidentInvestigation::NAME);
    let steps = workflow.into_iter().flat_map(|workflow| &workflow.steps);
    steps.filter_map(|step| Some((step.name.as_str(), step.instruction.as_ref()?.as_str())))
}

/// An agent, ready to investigate. Clones share everything.
#[derive(Clone, Debug)]
pub struct Agent {
    runner: Runner,
    gate: Gate,
    tools: Registry,
    engine: Arc<Engine>,
    pipeline: Option<Pipeline>,
    clock: Arc<dyn Clock>,
    filter: Filter,
}

impl Agent {
    /// The runner: to serve, to watch, to look at runs.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The gate that all reads go through.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The tools.
    pub fn tools(&self) -> &Registry {
        &self.tools
    }

    /// The guardrails, for the emergency stop.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The pipeline, where the agent may have actions done.
    pub fn pipeline(&self) -> Option<&Pipeline> {
        self.pipeline.as_ref()
    }

    /// Looks after actions that wait for people or that a restart left behind, once, and wakes the runs that waited for them.
    /// Does nothing where nothing is written.
    ///
    /// # Errors
    /// If it could not be seen which those are. What goes wrong with one of them is logged, and tried again the next time.
    pub async fn tend(&self) -> Result<(), TendError> {
        let Some(pipeline) = &self.pipeline else {
            return Ok(());
        };
        let tended = pipeline.tend().await?;
        for (intent, error) in &tended.failed {
            tracing::warn!(
                intent,
                error = error as &dyn std::error::Error,
                "an action could not be looked after"
            );
        }
        for approval in &tended.settled {
            self.runner.decided(approval).await?;
            // Only now: of one whose runs could not be woken they are woken the next time.
            pipeline.heard(approval).await?;
        }
        Ok(())
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Investigates one incident and waits for the end: until its report is there and has been handed over.
    ///
    /// # Errors
    /// If journal or audit log fail. Whatever else goes wrong is in the report.
    pub async fn investigate(&self, incident: &Incident) -> Result<Ended, RunnerError> {
        self.runner
            .run::<IncidentInvestigation>(incident.id.clone(), incident)
            .await
    }

    /// The intake for notifications, which lets through the alerts that the definition names.
    pub fn intake(&self) -> Intake {
        Intake::new::<IncidentInvestigation>(
            self.runner.clone(),
            self.filter.clone(),
            Arc::clone(&self.clock),
        )
    }

    /// Groups alerts for an [`intake`](Self::intake) by what the agent sees around them. Intakes that are to keep to one order
    /// share one grouping.
    pub fn grouping(&self) -> Grouping {
        let lookout = GateLookout::new(self.gate.clone(), &self.tools, self.runner.actor());
        Grouping::new(Arc::new(lookout))
    }
}
