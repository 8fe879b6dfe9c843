//! Performing actions on a cluster: the only place that writes.
//!
//! [`KubeExecutor`] takes an [`Action`] and the [`Permit`] for it, and sends one request. The API server is told which object, in
//! which version, the action was made for, and refuses where that is no longer so; nothing is sent a second time. What was
//! written carries the [`ActionId`] in an annotation, so that after a crash it can be told whose write stands.
//!
//! | verb | request | precondition |
//! |---|---|---|
//! | [`Patch`](claw_core::action::Verb::Patch) | JSON merge patch | `metadata.uid` and `metadata.resourceVersion` in the patch |
//! | [`Create`](claw_core::action::Verb::Create) | `POST` | the name is free |
//! | [`Delete`](claw_core::action::Verb::Delete) | `DELETE` | `preconditions` with uid and resource version |
//! | [`Evict`](claw_core::action::Verb::Evict) | `POST` to `eviction`, which respects disruption budgets | the same |
//!
//! A dry run is the same request with `dryRun=All`: the server takes it through admission and validation, and stores nothing.

mod request;
mod stable;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::{Action, Verb};
use claw_core::execute::{ACTION_ANNOTATION, ActionId, Effected, ExecuteError, Executor, Standing};
use claw_core::gate::Permit;
use claw_core::tool::ToolContext;
use serde_json::Value;

use crate::cluster::write::WriteRequest;
use crate::cluster::{Cluster, ClusterError, Connection, KubeCluster, Limits, Proxies, Resource, ServerSaid};

pub use stable::stable;

/// Performs actions over the network.
#[derive(Clone)]
pub struct KubeExecutor {
    connection: Arc<KubeCluster>,
    cluster: Cluster,
}

impl fmt::Debug for KubeExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeExecutor")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl KubeExecutor {
    /// Reads the credentials, which should be those of an account for writing, and not those by which agents read. Does not ask
    /// the server anything yet.
    ///
    /// The connection is always one of its own: clients that were made elsewhere may send a request again by themselves when the
    /// server was busy, writes too.
    pub async fn connect(
        connection: Connection,
        proxies: Proxies,
        limits: Limits,
    ) -> Result<Self, ClusterError> {
        let connection = Arc::new(KubeCluster::connect_through(connection, proxies, limits).await?);
        Ok(Self {
            cluster: Cluster::new(connection.clone()),
            connection,
        })
    }

    /// The kind of the action's target, as the server has it.
    async fn resource(&self, cx: &ToolContext, action: &Action) -> Result<Resource, ExecuteError> {
        let (api_version, kind) = (&action.api_version, &action.target.kind);
        let found = self.cluster.kind(cx, api_version, kind).await;
        // Nothing was sent yet, whatever went wrong.
        found
            .map_err(|error| refused(action, error))?
            .ok_or_else(|| malformed(action, format!("the cluster serves no {kind} in {api_version}")))
    }

    async fn send(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: Option<&ActionId>,
    ) -> Result<Effected, ExecuteError> {
        let resource = self.resource(cx, action).await?;
        let request: WriteRequest =
            request::of(action, resource, id).map_err(|reason| malformed(action, reason))?;
        let answer = self
            .connection
            .write_once(cx, &request)
            .await
            .map_err(|error| failure(action, error))?;
        let object = serde_json::from_slice(&answer.bytes).map_err(|error| ExecuteError::Unknown {
            target: action.target.to_string(),
            source: Box::new(error),
        })?;
        Ok(Effected::new(object, answer.audit_id))
    }
}

#[async_trait]
impl Executor for KubeExecutor {
    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Effected, ExecuteError> {
        match self.send(cx, action, None).await {
            // A dry run writes nothing, also when no answer comes.
            Err(ExecuteError::Unknown { target, source }) => Err(ExecuteError::Refused {
                target,
                remedy: "the dry run was not answered; try again when the API server can be reached"
                    .to_owned(),
                source,
            }),
            other => other,
        }
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let id = ActionId::of(&permit.redeem(action, cx.clock.now())?);
        self.send(cx, action, Some(&id)).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        let resource = self.resource(cx, action).await?;
        let target = &action.target;
        let found = self
            .cluster
            .object(cx, &resource, target.namespace.as_deref(), &target.name)
            .await;
        let object = match found {
            Ok(object) => Some(object),
            Err(ClusterError::NotFound { .. }) => None,
            Err(error) => return Err(refused(action, error)),
        };
        Ok(standing(action, id, object.as_ref()))
    }
}

/// Whose write stands, by the object as it is.
fn standing(action: &Action, id: &ActionId, object: Option<&Value>) -> Standing {
    let text = |place: &str| {
        object
            .and_then(|object| object.pointer(place))
            .and_then(Value::as_str)
    };
    let same = action.uid.as_deref() == text("/metadata/uid");
    let unmoved = action.resource_version.as_deref() == text("/metadata/resourceVersion");
    let annotations = object.and_then(|object| object.pointer("/metadata/annotations"));
    let ours = annotations.and_then(|annotations| annotations.get(ACTION_ANNOTATION));
    let ours = ours.and_then(Value::as_str) == Some(id.0.as_str());
    match (action.verb, object.is_some()) {
        (Verb::Create, false) => Standing::NotYet,
        (Verb::Create, true) if ours => Standing::Ours,
        (Verb::Create, true) => Standing::Overtaken,
        (_, false) => Standing::Gone,
        (_, true) if !same => Standing::Gone,
        (Verb::Patch, true) if ours => Standing::Ours,
        // One that is on its way out was ended, perhaps by us: nothing tells.
        (Verb::Delete | Verb::Evict, true) if text("/metadata/deletionTimestamp").is_some() => Standing::Gone,
        (_, true) if unmoved => Standing::NotYet,
        _ => Standing::Overtaken,
    }
}

fn malformed(action: &Action, reason: String) -> ExecuteError {
    ExecuteError::Malformed {
        target: action.target.to_string(),
        reason,
    }
}

fn refused(action: &Action, error: ClusterError) -> ExecuteError {
    ExecuteError::Refused {
        target: action.target.to_string(),
        remedy: error.remedy().to_owned(),
        source: Box::new(error),
    }
}

/// What a failed request says about the write. In doubt it may stand.
fn failure(action: &Action, error: ClusterError) -> ExecuteError {
    let target = action.target.to_string();
    match error {
        ClusterError::Conflict { .. } => ExecuteError::Changed {
            target,
            source: Box::new(error),
        },
        // Of a deletion, an eviction or a patch: what it was made for is not there any more.
        ClusterError::NotFound { .. } if action.verb != Verb::Create => ExecuteError::Changed {
            target,
            source: Box::new(error),
        },
        // Others that ask to come back later may have done something before.
        ClusterError::RateLimited { ref source, .. } if !is_turned_away(&**source) => ExecuteError::Unknown {
            target,
            source: Box::new(error),
        },
        ClusterError::RateLimited { .. } if action.verb == Verb::Evict => ExecuteError::Refused {
            target,
            remedy: "a disruption budget keeps the pod, or the server is overloaded; try again later"
                .to_owned(),
            source: Box::new(error),
        },
        ClusterError::BadRequest { .. } => ExecuteError::Refused {
            target,
            remedy: "the server's words tell what it does not accept; propose it anew".to_owned(),
            source: Box::new(error),
        },
        ClusterError::Denied { .. }
        | ClusterError::Unauthorized { .. }
        | ClusterError::NotFound { .. }
        | ClusterError::InvalidName { .. }
        | ClusterError::RateLimited { .. }
        | ClusterError::Config { .. } => refused(action, error),
        // A server that fails, falls silent or answers nonsense may have written before it did; so may one whose secure
        // connection ends in an error.
        _ => ExecuteError::Unknown {
            target,
            source: Box::new(error),
        },
    }
}

/// Whether the server did not begin with the request: 429 is said at the door.
fn is_turned_away(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let said = source.downcast_ref::<ServerSaid>();
    said.is_some_and(|said| said.code == 429)
}
