//! `rollback_deployment`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::patch::between;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::proposal::Words;
use super::target::Target;
use super::template::at;
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, Query, Resource, list_all};
use crate::model::{REVISION, Workload};

/// What the controller adds to the template of each ReplicaSet.
const HASH: &str = "pod-template-hash";

/// Which Deployment, and to which revision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackDeploymentInput {
    /// Kind of the workload: `Deployment`, which it also is when left out. StatefulSets and DaemonSets cannot be rolled back
    /// this way.
    #[serde(default)]
    pub kind: Option<String>,
    /// Namespace of the Deployment.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Number of the revision, as `get_deployment_history` shows it; the one before the current one when left out.
    #[serde(default)]
    pub revision: Option<i64>,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to take a Deployment back to an earlier revision.
#[derive(Clone, Debug)]
pub struct RollbackDeployment {
    cluster: Cluster,
}

impl RollbackDeployment {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for RollbackDeployment {
    const NAME: &'static str = "rollback_deployment";
    const EFFECT: Effect = Effect::Propose;
    type Input = RollbackDeploymentInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose to take a Deployment back to an earlier revision of its pod template; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        gitops::asked(Access::none())
            .requires("apps", "deployments", &["get"])
            .requires("apps", "replicasets", &["get", "list"])
            .writes("apps", "deployments", &["patch"])
            .performing(&["configure", "change_resources"])
    }

    async fn call(&self, cx: &ToolContext, input: RollbackDeploymentInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        check_kind(input.kind.as_deref())?;
        let namespace = Some(input.namespace.as_str());
        let target = Target::read(&self.cluster, cx, &Resource::DEPLOYMENTS, namespace, &input.name).await?;
        let entity = &target.entity;
        if target.is_true("/spec/paused") {
            return Err(ToolError::invalid_input(format!(
                "{entity} is paused, so that nothing would be rolled out; have it resumed first"
            )));
        }
        let seen = target.number("/status/observedGeneration");
        if seen < target.number("/metadata/generation") && seen.is_some() {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!(
                    "the last change of {entity} is not rolled out yet, so that its revisions move; try again"
                ),
            ));
        }
        let revisions = self.revisions(cx, &target, &input.namespace).await?;
        let (current, chosen) = choose(&target, &revisions, input.revision)?;
        let mut wanted = self.template(cx, &target, chosen, &input.namespace).await?;
        if let Some(labels) = wanted
            .pointer_mut("/metadata/labels")
            .and_then(Value::as_object_mut)
        {
            labels.remove(HASH);
        }
        let present = target.object.pointer("/spec/template").unwrap_or(&Value::Null);
        let patch = at("/spec/template", between(present, &wanted));
        let words = Words {
            expected: format!(
                "{entity} runs the template of revision {} instead of {current}, and {}",
                chosen.number,
                target.replaced()
            ),
            reason,
            ..Words::default()
        };
        target.propose_patch(&patch, words)
    }
}

fn check_kind(kind: Option<&str>) -> Result<(), ToolError> {
    let Some(kind) = kind else { return Ok(()) };
    let found = Resource::find(kind);
    if found == Some(&Resource::DEPLOYMENTS) {
        return Ok(());
    }
    let sets = [Resource::STATEFUL_SETS, Resource::DAEMON_SETS];
    let remedy = if found.is_some_and(|found| sets.contains(found)) {
        "; see get_deployment_history for what its last revision changed, and propose that with apply_manifest or \
         patch_resources"
    } else {
        ""
    };
    Err(ToolError::invalid_input(format!(
        "only a Deployment can be rolled back to a revision{remedy}"
    )))
}

/// A revision that is kept, and the ReplicaSet that keeps it.
#[derive(Debug)]
struct Kept {
    number: i64,
    set: String,
    uid: String,
}

impl RollbackDeployment {
    /// The revisions that are kept, oldest first.
    async fn revisions(
        &self,
        cx: &ToolContext,
        target: &Target,
        namespace: &str,
    ) -> Result<Vec<Kept>, ToolError> {
        let query = Query::new(Resource::REPLICA_SETS, Some(namespace));
        let listed = list_all::<Workload>(&**self.cluster.reader(), cx, &query).await?;
        if !listed.incomplete.is_empty() {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!(
                    "not all ReplicaSets of {} could be read; try again",
                    target.entity
                ),
            ));
        }
        let is_its_own = |set: &Workload| {
            let owner = set.metadata.controller();
            owner.is_some_and(|owner| owner.uid == target.uid)
        };
        let own = listed.items.iter().filter(|set| is_its_own(set));
        let mut kept: Vec<Kept> = own
            .filter_map(|set| {
                Some(Kept {
                    number: set.revision()?,
                    set: set.metadata.name.clone(),
                    uid: set.metadata.uid.clone(),
                })
            })
            .collect();
        kept.sort_by_key(|one| one.number);
        Ok(kept)
    }

    /// The template of a revision, in full.
    async fn template(
        &self,
        cx: &ToolContext,
        target: &Target,
        kept: &Kept,
        namespace: &str,
    ) -> Result<Value, ToolError> {
        let set = self
            .cluster
            .object(cx, &Resource::REPLICA_SETS, Some(namespace), &kept.set)
            .await?;
        let text = |pointer: &str| set.pointer(pointer).and_then(Value::as_str);
        let number = set
            .pointer("/metadata/annotations")
            .and_then(|annotations| annotations.get(REVISION)?.as_str()?.parse().ok());
        if text("/metadata/uid") != Some(&kept.uid) || number != Some(kept.number) {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!(
                    "the revisions of {} moved while they were read; try again",
                    target.entity
                ),
            ));
        }
        let template = set
            .pointer("/spec/template")
            .filter(|template| template.is_object());
        template.cloned().ok_or_else(|| {
            ToolError::new(
                ToolErrorKind::Internal,
                format!(
                    "revision {} of {} has no template; look at its ReplicaSet",
                    kept.number, target.entity
                ),
            )
        })
    }
}

/// The current revision, and the one that is asked for.
fn choose<'a>(
    target: &Target,
    revisions: &'a [Kept],
    asked: Option<i64>,
) -> Result<(i64, &'a Kept), ToolError> {
    let entity = &target.entity;
    let said = target.annotation(REVISION).and_then(|number| number.parse().ok());
    let current = said.or_else(|| revisions.last().map(|one| one.number));
    let Some(current) = current else {
        return Err(ToolError::invalid_input(format!(
            "{entity} keeps no revision to go back to (see its revisionHistoryLimit); propose the earlier state with \
             apply_manifest"
        )));
    };
    if asked == Some(current) {
        return Err(ToolError::invalid_input(format!(
            "revision {current} of {entity} is the current one: there is nothing to change"
        )));
    }
    let found = match asked {
        Some(number) => revisions.iter().find(|one| one.number == number),
        None => revisions.iter().rev().find(|one| one.number < current),
    };
    found.map(|found| (current, found)).ok_or_else(|| {
        let kept: Vec<String> = revisions.iter().map(|one| one.number.to_string()).collect();
        let asked = asked.map_or("before the current one".to_owned(), |number| number.to_string());
        ToolError::invalid_input(format!(
            "{entity} keeps no revision {asked}; it keeps {}, of which {current} is the current one",
            kept.join(", ")
        ))
    })
}
