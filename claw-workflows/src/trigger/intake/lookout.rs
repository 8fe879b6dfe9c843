//! Looking at what alerts are about, for as long as a notification may wait.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::gate::{Gate, Scope};
use claw_core::registry::Registry;
use claw_core::tool::Tool as _;
use claw_core::workflow::{Progress, RunId, StepContext, StepError};
use claw_k8s::bundle::RecordedTopology;
use claw_k8s::tools::{DescribeEvents, GetDependencies, GetNodes, GetPods, GetWorkloads};
use tokio_util::sync::CancellationToken;

use crate::incident::grouping::{Extent, Surroundings};
use crate::trigger::Alert;

/// The tools that tell what there is, and what calls what. Each is a few lists, which the cluster keeps for a moment: of
/// several notifications one after the other the first reads them, and the run that it opens uses them again. Metrics and logs
/// take longer than a notification may wait.
const TOOLS: [&str; 6] = [
    GetPods::NAME,
    GetWorkloads::NAME,
    GetNodes::NAME,
    DescribeEvents::NAME,
    GetDependencies::NAME,
    RecordedTopology::NAME,
];

/// What was seen around alerts.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was read.
    pub around: Surroundings,
    /// How much of it that is.
    pub extent: Extent,
}

/// Looks at what alerts are about.
#[async_trait]
pub trait Lookout: fmt::Debug + Send + Sync {
    /// What these alerts are about, as far as it can be read within `patience`. `decision` names the decision that it is for,
    /// in the audit log. What takes much longer is dropped in the middle.
    ///
    /// # Errors
    /// If nothing may be used of what was read. What merely could not be read is no error.
    async fn look(&self, decision: &RunId, alerts: &[Alert], patience: Duration) -> Result<Seen, StepError>;
}

/// Looks through the gate, with the tools of an agent.
#[derive(Clone, Debug)]
pub struct GateLookout {
    gate: Gate,
    tools: Registry,
    actor: String,
}

impl GateLookout {
    /// A lookout that reads on behalf of `actor`, and uses those of the tools that tell what there is.
    pub fn new(gate: Gate, tools: &Registry, actor: impl Into<String>) -> Self {
        Self {
            gate,
            tools: tools.only(TOOLS),
            actor: actor.into(),
        }
    }
}

/// Has the guardrails forget the decision, also when nobody waits for it any more.
struct Over<'a>(&'a Gate, &'a RunId);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end_run(&self.1.0);
    }
}

#[async_trait]
impl Lookout for GateLookout {
    async fn look(&self, decision: &RunId, alerts: &[Alert], patience: Duration) -> Result<Seen, StepError> {
        let _over = Over(&self.gate, decision);
        let cancel = CancellationToken::new();
        let _dropped = cancel.clone().drop_guard();
        let scope = Scope {
            run: decision.0.clone(),
            step: Some("group".to_owned()),
            actor: self.actor.clone(),
            deadline: self.gate.clock().deadline(patience),
            cancel,
        };
        let cx = StepContext::new(self.gate.clone(), self.tools.clone(), scope, Progress::none());
        let around = Surroundings::read(&cx, alerts).await?;
        let extent = around.extent(alerts);
        Ok(Seen { around, extent })
    }
}
