//! Performing actions on a cluster: the only place that writes.
//!
//! [`KubeExecutor`] takes an [`Action`] and the [`Permit`] for it, and sends one request. The API server is told which object, in
//! which version, the action was made for, and refuses where that is no longer so; nothing is sent a second time. What was
//! written carries the [`ActionId`] in an annotation, so that after a crash it can be told whose write stands; where somebody has
//! replaced it, by the first change that the API server still knows of since.
//!
//! | verb | request | precondition |
//! |---|---|---|
//! | [`Patch`](claw_core::action::Verb::Patch) | JSON merge patch | `metadata.uid` and `metadata.resourceVersion` in the patch |
//! | [`Create`](claw_core::action::Verb::Create) | `POST` | the name is free |
//! | [`Delete`](claw_core::action::Verb::Delete) | `DELETE` | `preconditions` with uid and resource version |
//! | [`Evict`](claw_core::action::Verb::Evict) | `POST` to `eviction`, which respects disruption budgets | the same |
//!
//! A dry run is the same request with `dryRun=All`: the server takes it through admission and validation, and stores nothing.
//! What it answers is compared with the object as it was read right before: what would change, what of that nobody asked for, and
//! who else has set it. The digest of the outcome is the same of the write if it did what was rehearsed.

mod failure;
mod outcome;
mod owners;
mod path;
mod rehearsal;
mod request;
mod rights;
mod stable;
mod standing;
mod unplanned;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::{Action, Verb};
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::Permit;
use claw_core::tool::ToolContext;
use serde_json::Value;

use crate::cluster::write::{WriteAnswer, WriteRequest};
use crate::cluster::{Cluster, ClusterError, Connection, KubeCluster, Limits, Proxies, Resource};

use failure::{AnotherObject, OtherVersion, failure, malformed, refused, rehearsed};
use outcome::outcome;
use rehearsal::rehearsal;
use standing::{Found, told, told_by};

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

    /// The request for an action; for a dry run where there is no id. Nothing is sent.
    async fn request(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: Option<&ActionId>,
    ) -> Result<WriteRequest, ExecuteError> {
        let resource = self.resource(cx, action).await?;
        request::of(action, resource, id).map_err(|reason| malformed(action, reason))
    }

    /// Sends a request. The answer is the object that the action is about, or, where that ends, what the server says of it.
    async fn send(
        &self,
        cx: &ToolContext,
        action: &Action,
        request: &WriteRequest,
    ) -> Result<(Value, WriteAnswer), ExecuteError> {
        let answer = self.connection.write_once(cx, request).await;
        let answer = answer.map_err(|error| failure(action, error))?;
        let unknown = |source: Box<dyn std::error::Error + Send + Sync>| ExecuteError::Unknown {
            target: action.target.to_string(),
            source,
        };
        let object = serde_json::from_slice(&answer.bytes).map_err(|error| unknown(Box::new(error)))?;
        if !is_about(action, &object) {
            return Err(unknown(Box::new(AnotherObject)));
        }
        Ok((object, answer))
    }

    /// The object as it is, in the version that the action was made for. `None` where it is to be created.
    async fn before(
        &self,
        cx: &ToolContext,
        action: &Action,
        resource: &Resource,
    ) -> Result<Option<Value>, ExecuteError> {
        if action.verb == Verb::Create {
            return Ok(None);
        }
        let target = &action.target;
        let found = self
            .cluster
            .object(cx, resource, target.namespace.as_deref(), &target.name)
            .await;
        let changed = |source: Box<dyn std::error::Error + Send + Sync>| ExecuteError::Changed {
            target: target.to_string(),
            source,
        };
        let object = match found {
            Ok(object) => object,
            Err(error @ ClusterError::NotFound { .. }) => return Err(changed(Box::new(error))),
            Err(error) => return Err(refused(action, error)),
        };
        let text = |place: &str| object.pointer(place).and_then(Value::as_str);
        let same = text("/metadata/uid") == action.uid.as_deref()
            && text("/metadata/resourceVersion") == action.resource_version.as_deref();
        if same {
            return Ok(Some(object));
        }
        Err(changed(Box::new(OtherVersion {
            wanted: action.resource_version.clone().unwrap_or_default(),
            found: text("/metadata/resourceVersion").unwrap_or_default().to_owned(),
        })))
    }

    /// Whose write stands, by what the API server still has of the object's changes.
    async fn by_history(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
        resource: &Resource,
    ) -> Result<Standing, ExecuteError> {
        let target = &action.target;
        let version = action.resource_version.as_deref().unwrap_or_default();
        let place = target.namespace.as_deref();
        let first = self
            .connection
            .first_change(cx, resource, place, &target.name, version);
        match first.await {
            Ok(event) => Ok(told_by(action, id, &event)),
            Err(
                error @ (ClusterError::Gone { .. }
                | ClusterError::Denied { .. }
                | ClusterError::BadRequest { .. }),
            ) => {
                tracing::warn!(%target, %error, "what became of a write cannot be told by the object's changes");
                Ok(Standing::Unclear)
            }
            Err(error) => Err(refused(action, error)),
        }
    }
}

/// Whether an answer is about the action's target.
fn is_about(action: &Action, answer: &Value) -> bool {
    let text = |place: &str| answer.pointer(place).and_then(Value::as_str);
    match action.verb {
        // What is said of an end is a status, or the object as it goes.
        Verb::Delete | Verb::Evict if text("/kind") == Some("Status") => text("/status") == Some("Success"),
        Verb::Create => text("/metadata/name") == Some(&action.target.name),
        _ => text("/metadata/uid") == action.uid.as_deref(),
    }
}

#[async_trait]
impl Executor for KubeExecutor {
    async fn rights(&self, cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        let request = self.request(cx, action, None).await?;
        let (question, name) = rights::question(&request);
        let review = self.connection.may(cx, &question, name).await;
        let review = review.map_err(|error| refused(action, error))?;
        Ok(rights::rights(action, &question, &review))
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        let request = self.request(cx, action, None).await?;
        let before = self.before(cx, action, &request.resource).await?;
        let (after, answer) = self.send(cx, action, &request).await.map_err(rehearsed)?;
        Ok(rehearsal(action, before.as_ref(), &after, &answer))
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let id = ActionId::of(&permit.redeem(action, cx.clock.now())?);
        let request = self.request(cx, action, Some(&id)).await?;
        let (object, answer) = self.send(cx, action, &request).await?;
        let outcome = outcome(action, &object);
        Ok(Effected::new(object, outcome, answer.audit_id))
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
        match told(action, id, object.as_ref()) {
            Found::Told(standing) => Ok(standing),
            Found::Moved => self.by_history(cx, action, id, &resource).await,
        }
    }
}
