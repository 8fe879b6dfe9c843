//! Asking through the API server.

use std::sync::Arc;

use claw_core::tool::ToolContext;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::object::{ApprovalSpec, Decision, Distrust, decisions};
use super::wall::{BINDINGS, POLICIES, Wall, WallError};
use super::{APPROVALS, GROUP, VERSION};
use crate::cluster::write::{WriteRequest, WriteVerb};
use crate::cluster::{Cluster, ClusterError, Connection, KubeCluster, Limits, Proxies, Resource};

/// The approvals of one agent, in its namespace.
#[derive(Clone, Debug)]
pub struct Approvals {
    connection: Arc<KubeCluster>,
    cluster: Cluster,
    wall: Wall,
}

/// By what a request is told from one that was put in its place, and the wall around it from one that was opened meanwhile.
/// Whoever asks keeps it until the request is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApprovalMark {
    /// Uid of the object.
    pub uid: String,
    /// Uids and generations of the policy and its binding.
    pub wall: [String; 2],
}

/// An approval cannot be asked for, or what was decided cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalsError {
    /// The API server did not do it.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Nothing vouches for who decided.
    #[error(transparent)]
    Wall(#[from] WallError),
    /// The object is another one.
    #[error(transparent)]
    Object(#[from] Distrust),
}

impl Approvals {
    /// Reads the credentials, which are those of an account that the wall names. Asks nothing yet.
    ///
    /// # Errors
    /// When the credentials cannot be read.
    pub async fn connect(
        connection: Connection,
        proxies: Proxies,
        limits: Limits,
        wall: Wall,
    ) -> Result<Self, ClusterError> {
        let connection = KubeCluster::connect_through(connection, proxies, limits).await?;
        Ok(Self::with_cluster(Arc::new(connection), wall))
    }

    /// The same over a connection that is there. Its client must not send requests again by itself.
    pub fn with_cluster(connection: Arc<KubeCluster>, wall: Wall) -> Self {
        Self {
            cluster: Cluster::new(Arc::<KubeCluster>::clone(&connection)),
            connection,
            wall,
        }
    }

    /// Asks, if it was not asked yet. Returns what to keep until the request is over.
    ///
    /// # Errors
    /// When the wall does not stand, the object cannot be made, or there is another one of that name.
    pub async fn ask(
        &self,
        cx: &ToolContext,
        name: &str,
        spec: &ApprovalSpec,
    ) -> Result<ApprovalMark, ApprovalsError> {
        let wall = self.wall(cx).await?;
        let body = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": APPROVALS.kind,
            "metadata": {"name": name, "namespace": self.wall.namespace()},
            "spec": spec,
        });
        let object = match self.write(cx, WriteVerb::Create, name, body).await {
            // A request that was asked before a crash, or whose answer was lost.
            Err(ClusterError::Conflict { .. }) => self.object(cx, name).await?,
            outcome => outcome?,
        };
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        let uid = uid.unwrap_or_default().to_owned();
        decisions(&object, name, &uid, spec)?;
        Ok(ApprovalMark { uid, wall })
    }

    /// Says in the status how the request stands, for people to read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn tell(
        &self,
        cx: &ToolContext,
        name: &str,
        state: &str,
        by: Option<&str>,
    ) -> Result<(), ApprovalsError> {
        let body = json!({"status": {"state": state, "by": by}});
        self.write(cx, WriteVerb::PatchStatus, name, body).await?;
        Ok(())
    }

    /// What people have decided.
    ///
    /// # Errors
    /// When the wall does not stand or did not stand all the time since it was asked, or the object is another one: then nothing
    /// that stands in it counts.
    pub async fn decisions(
        &self,
        cx: &ToolContext,
        name: &str,
        spec: &ApprovalSpec,
        mark: &ApprovalMark,
    ) -> Result<Vec<Decision>, ApprovalsError> {
        let object = self.object(cx, name).await?;
        let decided = decisions(&object, name, &mark.uid, spec)?;
        // After the object: a wall that is open now may have been open when it was written.
        if self.wall(cx).await? != mark.wall {
            return Err(ApprovalsError::Wall(WallError::Differs {
                what: "the wall",
                how: "was changed since the request was made".to_owned(),
            }));
        }
        Ok(decided)
    }

    async fn wall(&self, cx: &ToolContext) -> Result<[String; 2], ApprovalsError> {
        let policy = self.wall_part(cx, &POLICIES).await?;
        let binding = self.wall_part(cx, &BINDINGS).await?;
        Ok(self.wall.check(&policy, &binding)?)
    }

    async fn wall_part(&self, cx: &ToolContext, kind: &Resource) -> Result<Value, ClusterError> {
        match self.cluster.object(cx, kind, None, Wall::NAME).await {
            // That it is missing is said by whoever looks at it.
            Err(ClusterError::NotFound { .. }) => Ok(Value::Null),
            outcome => outcome,
        }
    }

    async fn object(&self, cx: &ToolContext, name: &str) -> Result<Value, ClusterError> {
        self.cluster
            .object(cx, &APPROVALS, Some(self.wall.namespace()), name)
            .await
    }

    async fn write(
        &self,
        cx: &ToolContext,
        verb: WriteVerb,
        name: &str,
        body: Value,
    ) -> Result<Value, ClusterError> {
        let request = WriteRequest {
            verb,
            resource: APPROVALS,
            namespace: Some(self.wall.namespace().to_owned()),
            name: name.to_owned(),
            body,
            dry_run: false,
            id: None,
        };
        let answer = self.connection.write_once(cx, &request).await?;
        serde_json::from_slice(&answer.bytes).map_err(|error| ClusterError::Malformed {
            request: format!("write {APPROVALS} {name}"),
            source: error.into(),
        })
    }
}
