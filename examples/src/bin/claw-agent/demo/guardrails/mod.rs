//! `claw-agent demo guardrails`: what an agent may change, what people decide, and what nobody can have it do.
//!
//! The API server is simulated; everything between the proposal and its request is the code that runs against real ones.

mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::action::Action;
use claw_core::actuate::{Actuator as _, Settlement, Submitted};
use claw_core::clock::{Clock, SystemClock};
use claw_core::gate::Scope;
use claw_core::tool::ErasedTool;
use claw_guardrails::approval::{Carrier, Group, Verdict, Vote};
use claw_guardrails::audit::{FileAuditLog, show_file, verify_file};
use claw_guardrails::engine::{Config, Mode};
use claw_guardrails::pipeline::{Approvals, Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::tools::SurveyTarget;
use claw_k8s::tools::propose::{self, Proposal};
use claw_testkit::faults::{Fault, Rule};
use claw_workflows::assemble::{Agent, Assembly, Sources};
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::failure::{self, Failure};
use crate::files;
use crate::print::{self, say};
use world::World;

/// The run that the demo belongs to, in the audit log.
const RUN: &str = "demo-guardrails";

/// Who approves in the demo.
const PERSON: &str = "kim";

pub(super) async fn run(directory: &Path) -> Result<u8, Failure> {
    files::make_folder(directory)?;
    let log = directory.join("audit.jsonl");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let world = World::start(directory).await?;
    let audit = Arc::new(FileAuditLog::open(log.clone(), Arc::clone(&clock)).await?);
    let journal = super::fresh_journal(directory).await?;
    let policy = Policy::default().with_phase(Phase::Expanded);
    let people = Group::new("operators").with(Carrier::Terminal, PERSON);
    let mut settings = Settings::default();
    settings.approvals = Approvals::asking(vec![people]);
    let surveyor = Arc::new(SurveyTarget::new(world.reader.clone()));
    let seed = clock.now().to_string();
    let writes = Pipeline::builder(
        Arc::new(world.executor.clone()),
        surveyor,
        Arc::new(journal.clone()),
        seed,
    )
    .with_policy(policy)
    .with_settings(settings);
    let agent = Assembly::new("demo", Sources::new(), Arc::<FileAuditLog>::clone(&audit), clock)
        .journal(Arc::new(journal.clone()))
        .guardrails(Config::default().with_mode(Mode::Live))
        .writes(writes)
        .build()?;
    let pipeline = agent
        .pipeline()
        .cloned()
        .ok_or_else(|| Failure::new("the agent was built without a pipeline", "report this"))?;
    let demo = Demo {
        world,
        agent,
        pipeline,
    };
    let played = demo.play().await;
    let Demo { world, agent, .. } = demo;
    drop(agent);
    drop(world);
    journal.close().await;
    audit.close().await?;
    played?;
    say(
        "\n6. The audit log tells all of it: who wanted what, by which rules it was decided, and what came of it.\n",
    );
    print::out(&show_file(&log, RUN)?.to_string())?;
    let verification = verify_file(&log)?;
    say(&format!("\n{verification}"));
    say(&format!(
        "\nNext:\n  claw-agent audit replay {0}\n  claw-agent policy table\n  docs/guardrails.md",
        log.display()
    ));
    Ok(if verification.is_intact() {
        0
    } else {
        failure::CHECK
    })
}

struct Demo {
    world: World,
    agent: Agent,
    pipeline: Pipeline,
}

impl Demo {
    async fn play(&self) -> Result<(), Failure> {
        say("1. More replicas, within twice as many, in staging: the policy lets the agent do it.\n");
        let action = self.scale("cart", 8, "orders queue up").await?;
        self.told(&action, &self.submit(&action).await?);

        say("\n2. More than twice as many within a day: a person decides, looking at exactly this change.\n");
        let action = self.scale("cart", 12, "orders still queue up").await?;
        let submitted = self.submit(&action).await?;
        self.told(&action, &submitted);
        if let Submitted::Waiting { approval, .. } = &submitted {
            let approved = self.approve(approval).await?;
            self.told(&action, &approved);
        }

        say(
            "\n3. Deleting a namespace: refused by the agent's own policy, before anything is asked of the cluster.\n",
        );
        let namespace = self.deletion_of_the_namespace().await?;
        self.told(&namespace, &self.submit(&namespace).await?);

        say(
            "\n4. The same by somebody who stole the token of the account that writes: refused by the API server.\n",
        );
        say(&format!("   the API server answers {}", self.steal().await?));

        say(
            "\n5. The API server turns three writes away: the circuit opens, and what comes after is not sent.\n",
        );
        for name in ["search", "mail", "ads"] {
            let faults = self.world.server.faults();
            faults.clear();
            // The dry run passes, the write does not.
            let busy = Fault::too_many_requests(Duration::from_secs(1));
            faults.add(
                Rule::new("/apis/apps/v1/**", busy)
                    .method(Method::PATCH)
                    .after(1)
                    .times(1),
            );
            let action = self.scale(name, 5, "a drill").await?;
            self.told(&action, &self.submit(&action).await?);
        }
        self.world.server.faults().clear();
        let action = self.scale("cart", 13, "orders queue up again").await?;
        self.told(&action, &self.submit(&action).await?);
        Ok(())
    }

    /// Has the tool propose it, as a workflow or a model would.
    async fn scale(&self, name: &str, replicas: u32, reason: &str) -> Result<Action, Failure> {
        let input = json!({"kind": "Deployment", "namespace": "shop", "name": name, "replicas": replicas, "reason": reason});
        self.propose("scale_workload", input).await
    }

    async fn deletion_of_the_namespace(&self) -> Result<Action, Failure> {
        let input =
            json!({"api_version": "v1", "kind": "Namespace", "name": "shop", "reason": "nobody needs it"});
        self.propose("delete_object", input).await
    }

    async fn propose(&self, tool: &str, input: Value) -> Result<Action, Failure> {
        let tools = propose::all(&self.world.reader);
        let found = tools.iter().find(|known| known.name() == tool);
        let tool: &Arc<dyn ErasedTool> =
            found.ok_or_else(|| Failure::new(format!("there is no tool {tool}"), "report this"))?;
        let why = "the demo has it proposed";
        let answer = self
            .agent
            .gate()
            .observe_json(&self.scope(), tool, input, why)
            .await?;
        let proposal: Proposal = serde_json::from_value(answer)
            .map_err(|error| Failure::new("the proposal cannot be read", "report this").because(error))?;
        Ok(proposal.action)
    }

    async fn submit(&self, action: &Action) -> Result<Submitted, Failure> {
        Ok(self.pipeline.submit(&self.scope(), "demo", action).await?)
    }

    /// What a person sees, and their yes to exactly that.
    async fn approve(&self, approval: &str) -> Result<Submitted, Failure> {
        let intent = self.pipeline.intent(approval).await?;
        let Some(asked) = &intent.asked else {
            return Err(Failure::new("nobody is asked", "report this"));
        };
        let shown = &asked.shown;
        say(&format!("   {PERSON} is shown: {}", shown.title));
        for line in shown.diff.iter().chain(&shown.reach).chain(&shown.warnings) {
            say(&format!("     {line}"));
        }
        say(&format!("     because {}", shown.reason));
        say(&format!("     asked by {}", shown.rules.join(", ")));
        let digest = shown.digest.clone();
        say(&format!(
            "   and approves {}…\n",
            digest.get(..12).unwrap_or(&digest)
        ));
        let vote = Vote::new(
            PERSON,
            Verdict::Approve,
            digest,
            Carrier::Terminal,
            SystemClock.now(),
        );
        Ok(self.pipeline.vote(approval, vote).await?)
    }

    /// Sends the deletion with the executor's token, past the agent.
    #[allow(clippy::disallowed_methods)] // what a thief does, past the agent
    async fn steal(&self) -> Result<String, Failure> {
        let client = self.world.server.client_with(Some(&self.world.token));
        let client = client.map_err(|error| {
            Failure::new("the API server cannot be reached", "report this").because(error)
        })?;
        let request = http::Request::delete("/api/v1/namespaces/shop").body(Vec::new());
        let request = request
            .map_err(|error| Failure::new("the request cannot be made", "report this").because(error))?;
        match client.request::<Value>(request).await {
            Ok(_) => Err(Failure::check("the API server deleted the namespace")),
            Err(kube::Error::Api(status)) => Ok(format!("{}: {}", status.code, status.message)),
            Err(error) => Ok(error.to_string()),
        }
    }

    fn scope(&self) -> Scope {
        Scope {
            run: RUN.to_owned(),
            step: None,
            actor: "claw-agent".to_owned(),
            deadline: SystemClock.deadline(Duration::from_secs(60)),
            cancel: CancellationToken::new(),
        }
    }

    fn told(&self, action: &Action, submitted: &Submitted) {
        say(&format!(
            "   {:?} {}: {}",
            action.verb, action.target, action.reason
        ));
        let said = match submitted {
            Submitted::Waiting { until, .. } => format!("waits for approval until {until}"),
            Submitted::Settled(Settlement::Applied { id, approved_by, .. }) => {
                let by = match approved_by.is_empty() {
                    true => "by the policy alone".to_owned(),
                    false => format!("approved by {}", approved_by.join(", ")),
                };
                format!("done, {by}; the object carries {}", id.0)
            }
            Submitted::Settled(Settlement::Refused(refusal)) => refusal.to_string(),
            Submitted::Settled(Settlement::Failed { reason }) => format!("not done: {reason}"),
            Submitted::UnderWay { reason, .. } => {
                format!("it is not known yet whether it was done: {reason}")
            }
            other => format!("{other:?}"),
        };
        say(&format!("   → {said}"));
        if let Some(replicas) = self.world.replicas(&action.target.name) {
            say(&format!("   {} has {replicas} replicas", action.target));
        }
    }
}
