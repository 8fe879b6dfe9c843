//! Looks at a cluster besides the tools of the agent: which version, which API groups, which rights. They go through the
//! gate like every read, so that the audit log has them.

use std::sync::Arc;
use std::time::Duration;

use claw_core::access::Access;
use claw_core::gate::Scope;
use claw_core::tool::{Effect, ErasedTool, Tool, ToolContext, ToolError};
use claw_k8s::access::{Preflight, preflight};
use claw_k8s::cluster::{Cluster, ClusterError};
use claw_workflows::assemble::Agent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Nothing is asked in particular.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The version that the API server gives itself.
#[derive(Debug)]
pub(crate) struct ServerVersion(pub(crate) Cluster);

/// What the server says of itself. That it does not answer is an answer too.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Version {
    /// `None` where the server shows it to nobody, or does not answer.
    pub(crate) version: Option<String>,
    /// Why there is no answer, in one line.
    pub(crate) unreachable: Option<String>,
}

#[async_trait::async_trait]
impl Tool for ServerVersion {
    const NAME: &'static str = "server_version";
    const EFFECT: Effect = Effect::Read;
    type Input = Nothing;
    type Output = Version;

    fn description(&self) -> &str {
        "Ask the API server for its version"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, cx: &ToolContext, _: Nothing) -> Result<Version, ToolError> {
        Ok(match self.0.version(cx).await {
            Ok(version) => Version {
                version: Some(version.git_version),
                unreachable: None,
            },
            // Some servers show their version to nobody; what matters is read later.
            Err(ClusterError::Denied { .. }) => Version::default(),
            Err(error) => Version {
                version: None,
                unreachable: Some(Failure::from(error).to_string()),
            },
        })
    }
}

/// The API groups that are served. The cluster keeps them for a while, so that who asks next asks no server.
#[derive(Debug)]
pub(crate) struct ApiGroups(pub(crate) Cluster);

#[async_trait::async_trait]
impl Tool for ApiGroups {
    const NAME: &'static str = "api_groups";
    const EFFECT: Effect = Effect::Read;
    type Input = Nothing;
    type Output = Vec<String>;

    fn description(&self) -> &str {
        "List the API groups that the cluster serves"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, cx: &ToolContext, _: Nothing) -> Result<Vec<String>, ToolError> {
        let discovery = self.0.discovery(cx).await?;
        Ok(discovery.groups().map(|(name, _)| name.to_owned()).collect())
    }
}

/// Which rights of the agent's tools are missing.
#[derive(Debug)]
pub(crate) struct OwnRights {
    pub(crate) cluster: Cluster,
    /// The tools by name, with the rights that they need.
    pub(crate) needs: Vec<(String, Access)>,
}

#[async_trait::async_trait]
impl Tool for OwnRights {
    const NAME: &'static str = "own_rights";
    const EFFECT: Effect = Effect::Read;
    type Input = Nothing;
    type Output = Preflight;

    fn description(&self) -> &str {
        "Ask which rights the agent lacks (SelfSubjectAccessReview)"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, cx: &ToolContext, _: Nothing) -> Result<Preflight, ToolError> {
        let needs = self.needs.iter().map(|(name, access)| (name.as_str(), access));
        Ok(preflight(&self.cluster, cx, needs, None).await)
    }
}

/// Looks on behalf of `run`, by way of the agent's gate.
pub(crate) async fn look<T: Tool<Input = Nothing>>(
    agent: &Agent,
    tool: T,
    run: &str,
    cancel: CancellationToken,
    why: &str,
) -> Result<T::Output, Failure> {
    let scope = Scope {
        run: run.to_owned(),
        step: Some("connect".to_owned()),
        actor: "claw-agent".to_owned(),
        deadline: agent.clock().deadline(PATIENCE),
        cancel,
    };
    let tool: Arc<dyn ErasedTool> = Arc::new(tool);
    let answer = agent.gate().observe::<T>(&scope, &tool, Nothing {}, why).await;
    Ok(answer?)
}
