//! `get_deployment_history`

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::{History, Stored, edits, histories, scalings, tells_of_scaling};
use super::reading::{Reading, absence, list, wanted};
use super::since::Since;
use crate::cluster::{Cluster, Query, Resource};
use crate::model::{
    ConfigMap, ControllerRevision, HorizontalPodAutoscaler, Object, OwnerReference, Service, Workload,
};

/// Whose history.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetDeploymentHistoryInput {
    /// Kubernetes namespace to query; all namespaces when left out.
    #[serde(default)]
    pub namespace: Option<String>,
    /// One workload by name; all when left out, and then configuration changes too.
    #[serde(default)]
    pub name: Option<String>,
    /// Kind of the workload: `Deployment`, `StatefulSet` or `DaemonSet`; any when left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// Only changes since then: a time (`2026-03-01T10:00:00Z`) or how long ago (`2h`). Revisions are given whole.
    #[serde(default)]
    pub since: Option<Since>,
    /// The changes alone, without the revisions that they are told from.
    #[serde(default)]
    pub brief: bool,
}

/// What was rolled out and changed, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetDeploymentHistoryOutput {
    /// Revisions by workload; none where only changes were asked for.
    pub histories: Vec<History>,
    /// Rollouts, scalings, and edits of configuration, oldest first.
    pub changes: Vec<Change>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Tells what was rolled out and changed.
#[derive(Clone, Debug)]
pub struct GetDeploymentHistory {
    cluster: Cluster,
    controller_revisions: bool,
}

impl GetDeploymentHistory {
    /// The tool over a cluster, for the rights of the role `openclaw-agent-readonly`.
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            controller_revisions: false,
        }
    }

    /// Reads the revisions of StatefulSets and DaemonSets too, for which it needs rights on ControllerRevisions.
    #[must_use]
    pub fn with_controller_revisions(mut self) -> Self {
        self.controller_revisions = true;
        self
    }
}

#[async_trait]
impl Tool for GetDeploymentHistory {
    const NAME: &'static str = "get_deployment_history";
    const EFFECT: Effect = Effect::Read;
    type Input = GetDeploymentHistoryInput;
    type Output = GetDeploymentHistoryOutput;

    fn description(&self) -> &str {
        "List the revisions of workloads with what changed between them, and recent scalings and configuration changes"
    }

    fn access(&self) -> Access {
        let verbs = &["get", "list", "watch"];
        let access = Access::none()
            .uses("apps", "deployments", verbs)
            .uses("apps", "replicasets", verbs)
            .uses("apps", "statefulsets", verbs)
            .uses("apps", "daemonsets", verbs)
            .uses("", "configmaps", verbs)
            .uses("", "services", verbs)
            .uses("", "events", verbs)
            .uses("autoscaling", "horizontalpodautoscalers", verbs)
            .looks_up("", "namespaces", verbs);
        if self.controller_revisions {
            access.uses("apps", "controllerrevisions", verbs)
        } else {
            access
        }
    }

    async fn call(
        &self,
        cx: &ToolContext,
        input: GetDeploymentHistoryInput,
    ) -> Result<GetDeploymentHistoryOutput, ToolError> {
        let namespace = wanted(input.namespace.as_deref());
        let name = wanted(input.name.as_deref());
        let kind =
            wanted(input.kind.as_deref()).map(|text| Resource::find(text).map_or(text, |known| &known.kind));
        if let Some(kind) = kind
            && !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
        {
            return Err(ToolError::invalid_input(
                "kind must be Deployment, StatefulSet or DaemonSet",
            ));
        }
        let cluster = &self.cluster;
        let said = Query::new(Resource::EVENTS, namespace);
        let (deployments, sets, stateful, daemons, revisions, configs, services, autoscalers, events) = futures::join!(
            list::<Workload>(cluster, cx, Resource::DEPLOYMENTS, namespace),
            list::<Workload>(cluster, cx, Resource::REPLICA_SETS, namespace),
            list::<Workload>(cluster, cx, Resource::STATEFUL_SETS, namespace),
            list::<Workload>(cluster, cx, Resource::DAEMON_SETS, namespace),
            async {
                if self.controller_revisions {
                    let resource = Resource::CONTROLLER_REVISIONS;
                    Some(list::<ControllerRevision>(cluster, cx, resource, namespace).await)
                } else {
                    None
                }
            },
            list::<ConfigMap>(cluster, cx, Resource::CONFIG_MAPS, namespace),
            list::<Service>(cluster, cx, Resource::SERVICES, namespace),
            list::<HorizontalPodAutoscaler>(cluster, cx, Resource::AUTOSCALERS, namespace),
            // No field selector: events are read by other tools as well, and one list does for all of them.
            cluster.list_where(cx, &said, &tells_of_scaling),
        );
        let mut reading = Reading::default();
        let mut workloads = reading.take(&Resource::DEPLOYMENTS, deployments);
        let sets = reading.take(&Resource::REPLICA_SETS, sets);
        workloads.extend(reading.take(&Resource::STATEFUL_SETS, stateful));
        workloads.extend(reading.take(&Resource::DAEMON_SETS, daemons));
        let revisions = match revisions {
            Some(listed) => reading.take(&Resource::CONTROLLER_REVISIONS, listed),
            None => {
                reading.gap(Gap {
                    source: "revisions of StatefulSets and DaemonSets".to_owned(),
                    reason: "this agent is not set up to read them".to_owned(),
                    remedy: "allow get_deployment_history to read controllerrevisions".to_owned(),
                });
                Vec::new()
            }
        };
        let configs = reading.take(&Resource::CONFIG_MAPS, configs);
        let services = reading.take(&Resource::SERVICES, services);
        let autoscalers = reading.take(&Resource::AUTOSCALERS, autoscalers);
        let events = reading.take(&Resource::EVENTS, events);
        let nothing = workloads.is_empty()
            && sets.is_empty()
            && revisions.is_empty()
            && configs.is_empty()
            && services.is_empty()
            && autoscalers.is_empty();
        let absent = if nothing {
            absence(cluster, cx, namespace).await
        } else {
            None
        };

        let asked = |workload: &&Workload| {
            name.is_none_or(|name| workload.metadata.name == name)
                && kind.is_none_or(|kind| workload.kind == kind)
        };
        let asked: Vec<_> = workloads.iter().filter(asked).collect();
        if asked.is_empty()
            && let Some(name) = name
        {
            // Only a complete look can tell that it is not there.
            let gaps = reading.gaps()?;
            return if gaps.iter().any(|gap| gap.source.ends_with(".apps")) {
                Ok(GetDeploymentHistoryOutput {
                    gaps,
                    ..GetDeploymentHistoryOutput::default()
                })
            } else {
                let why = absent.map(|gap| format!("; {}: {}", gap.source, gap.reason));
                let why = why.unwrap_or_default();
                Err(ToolError::new(
                    ToolErrorKind::NotFound,
                    format!("there is no workload `{name}`{why}"),
                ))
            };
        }
        absent.into_iter().for_each(|gap| reading.gap(gap));
        let (mut histories, mut changes) = histories(asked.iter().copied(), stored(&sets, &revisions));
        changes.extend(scalings(asked.iter().copied(), &sets, &events));
        let mut rollouts: BTreeMap<EntityRef, Vec<Timestamp>> = BTreeMap::new();
        for change in &changes {
            rollouts
                .entry(change.entity.clone())
                .or_default()
                .push(change.time);
        }
        for workload in &asked {
            let rollouts = rollouts.get(&workload.entity()).map_or(&[][..], Vec::as_slice);
            let rest = edits(std::slice::from_ref(*workload), ChangeKind::Config, rollouts);
            changes.extend(rest);
        }
        if name.is_none() {
            changes.extend(edits(&configs, ChangeKind::Config, &[]));
            changes.extend(edits(&services, ChangeKind::Config, &[]));
        }
        let targets: BTreeSet<_> = asked.iter().map(|workload| workload.entity()).collect();
        let scaling_asked: Vec<_> = autoscalers
            .into_iter()
            .filter(|autoscaler| {
                let target = &autoscaler.spec.scale_target_ref;
                let target = EntityRef {
                    kind: target.kind.clone(),
                    namespace: autoscaler.metadata.namespace.clone(),
                    name: target.name.clone(),
                };
                (name.is_none() && kind.is_none()) || targets.contains(&target)
            })
            .collect();
        changes.extend(edits(&scaling_asked, ChangeKind::Scale, &[]));

        if input.brief {
            histories = Vec::new();
        }
        if let Some(since) = input.since {
            let since = since.resolve(cx.clock.now());
            changes.retain(|change| change.time >= since);
        }
        changes.sort_by(|a, b| (a.time, &a.reference).cmp(&(b.time, &b.reference)));
        changes.dedup_by(|a, b| a.reference == b.reference);
        Ok(GetDeploymentHistoryOutput {
            histories,
            changes,
            gaps: reading.gaps()?,
        })
    }
}

/// Stored revisions by the workload that they are of.
fn stored<'a>(
    sets: &'a [Workload],
    revisions: &'a [ControllerRevision],
) -> BTreeMap<EntityRef, Vec<Stored<'a>>> {
    let mut stored: BTreeMap<EntityRef, Vec<Stored<'a>>> = BTreeMap::new();
    let owner_of = |object: &dyn Object, owner: &OwnerReference| EntityRef {
        kind: owner.kind.clone(),
        namespace: object.meta().namespace.clone(),
        name: owner.name.clone(),
    };
    for set in sets {
        if let (Some(owner), Some(revision)) = (set.metadata.controller(), Stored::replica_set(set)) {
            stored.entry(owner_of(set, owner)).or_default().push(revision);
        }
    }
    for revision in revisions {
        if let Some(owner) = revision.metadata.controller() {
            let entity = owner_of(revision, owner);
            stored
                .entry(entity)
                .or_default()
                .push(Stored::controller_revision(revision));
        }
    }
    stored
}
