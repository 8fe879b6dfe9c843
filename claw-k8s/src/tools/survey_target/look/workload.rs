//! Around what makes pods.

use std::collections::BTreeSet;

use claw_core::action::Verb;
use claw_core::entity::EntityRef;
use serde_json::Value;

use super::{Look, live};
use crate::cluster::{ClusterError, Query, Resource};
use crate::model::{HorizontalPodAutoscaler, LabelSelector, Object as _, Pod, Workload};
use crate::tools::survey_target::plan::Plan;
use crate::tools::survey_target::scene::Scene;
use crate::world::{Objects, World};

/// Label by which a Job's pods name it.
const JOB_NAME: &str = "job-name";

impl Look<'_> {
    /// A Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job or CronJob.
    pub(super) async fn workload(&mut self) -> Scene {
        let plan = match self.ends() {
            true => Plan::everything(),
            false => Plan::of_workload(self.action, self.before),
        };
        let target = self.action.target.clone();
        let mut scene = Scene { plan, ..self.alone() };
        if self.ends() || self.changes("/spec") {
            let (objects, pods) = self.family(&target, self.before, !scene.plan.is_nothing()).await;
            scene.objects.extend(objects);
            scene.pods = pods;
        }
        self.lost_claims(&mut scene).await;
        self.neighbours(scene).await
    }

    /// What a workload owns that has pods, and its pods, where they are wanted.
    async fn family(
        &mut self,
        target: &EntityRef,
        workload: &Value,
        with_pods: bool,
    ) -> (BTreeSet<EntityRef>, Option<Vec<Pod>>) {
        let place = target.namespace.as_deref();
        let selector = workload.pointer("/spec/selector").cloned();
        let selector: Option<LabelSelector> = selector.and_then(|it| serde_json::from_value(it).ok());
        let selector = match target.kind.as_str() {
            "CronJob" => Some(JOB_NAME.to_owned()),
            _ => selector.as_ref().and_then(LabelSelector::to_query),
        };
        let selector = selector.as_deref();
        let kind = match target.kind.as_str() {
            "Deployment" => Some((Resource::REPLICA_SETS, selector)),
            "CronJob" => Some((Resource::JOBS, None)),
            _ => None,
        };
        let owned = async {
            let (kind, selector) = kind?;
            let listed = self.list::<Workload>(Query::new(kind.clone(), place).labels(selector));
            Some((kind, listed.await))
        };
        let pods = async {
            let query = Query::new(Resource::PODS, place).labels(selector);
            match with_pods {
                true => Some(self.list::<Pod>(query).await),
                false => None,
            }
        };
        let (owned, pods) = futures::join!(owned, pods);
        let owned = match owned {
            Some((kind, listed)) => self.notes.list(&kind, listed),
            None => Some(Vec::new()),
        };
        let known = owned.is_some();
        let mut owned = owned.unwrap_or_default();
        owned.retain(|one| {
            let controller = one.metadata.controller();
            controller.is_some_and(|owner| owner.kind == target.kind && owner.name == target.name)
        });
        // Old ReplicaSets stay as they are.
        let idle = |one: &Workload| {
            one.kind == "ReplicaSet" && one.desired() == Some(0) && one.status.replicas.unwrap_or(0) == 0
        };
        let objects = owned
            .iter()
            .filter(|one| !idle(one))
            .map(|one| one.entity())
            .collect();
        let Some(pods) = pods else {
            return (objects, Some(Vec::new()));
        };
        let pods = self.notes.list(&Resource::PODS, pods).map(|pods| {
            // Where it is not known what is between the two, whatever is selected counts.
            let pods = if known {
                of_family(target, owned, pods)
            } else {
                pods
            };
            live(pods)
        });
        (objects, pods)
    }

    /// A pod: it alone, whatever makes it anew.
    pub(super) async fn pod(&mut self) -> Scene {
        let mut scene = self.alone();
        let touched = ["/spec", "/metadata/labels", "/metadata/ownerReferences"];
        if !self.ends() && !touched.iter().any(|place| self.changes(place)) {
            return scene;
        }
        scene.plan = Plan::everything();
        match serde_json::from_value::<Pod>(self.before.clone()) {
            Ok(pod) => {
                scene.data = Some(self.ends() && is_lost_with_data(&pod));
                scene.pods = Some(live(vec![pod]));
            }
            Err(_) => {
                self.notes
                    .add(format!("{} is not what the API promises", self.action.target));
                (scene.pods, scene.data) = (None, None);
            }
        }
        self.neighbours(scene).await
    }

    /// An autoscaler: what it scales may be scaled down at once, or when it is quiet.
    pub(super) async fn autoscaler(&mut self) -> Scene {
        let mut scene = self.alone();
        let creates = self.action.verb == Verb::Create;
        if self.ends() || !(creates || self.changes("/spec")) {
            // What it scales stays at its number.
            return scene;
        }
        let read = |value: &Value| serde_json::from_value::<HorizontalPodAutoscaler>(value.clone()).ok();
        let Some(new) = read(&self.after()) else {
            self.notes
                .add(format!("{} is not what the API promises", self.action.target));
            return self.stranger();
        };
        let old = read(self.before).filter(|_| !creates);
        let scaled = &new.spec.scale_target_ref;
        let known = [
            Resource::DEPLOYMENTS,
            Resource::STATEFUL_SETS,
            Resource::REPLICA_SETS,
        ];
        let place = self.action.target.namespace.clone();
        let Some(resource) = known.into_iter().find(|known| known.kind == scaled.kind) else {
            self.notes.add(format!("what {} scales", self.action.target));
            return self.stranger();
        };
        // It was read already, unless the action has it scale something else.
        let same = |known: &&Value| {
            let text = |place: &str| known.pointer(place).and_then(Value::as_str);
            let api_version = resource.api_version();
            (text("/kind"), text("/metadata/name"), text("/apiVersion"))
                == (Some(&*scaled.kind), Some(&*scaled.name), Some(&*api_version))
        };
        let read = match self.scaled.filter(same) {
            Some(known) => Ok(known.clone()),
            None => {
                self.cluster
                    .object(self.cx, &resource, place.as_deref(), &scaled.name)
                    .await
            }
        };
        // One that scales nothing ends nothing.
        let gone = matches!(read, Err(ClusterError::NotFound { .. }));
        let Some(workload) = self.notes.found(read) else {
            scene.plan = Plan::everything();
            scene.pods = gone.then(Vec::new);
            return scene;
        };
        let present = workload
            .pointer("/spec/replicas")
            .and_then(Value::as_i64)
            .unwrap_or(1);
        let plan = scaled_by(old.as_ref(), &new, number(present));
        let target = EntityRef {
            kind: scaled.kind.clone(),
            namespace: place,
            name: scaled.name.clone(),
        };
        scene.objects.insert(target.clone());
        let (objects, pods) = self.family(&target, &workload, !plan.is_nothing()).await;
        scene.objects.extend(objects);
        (scene.plan, scene.pods) = (plan, pods);
        self.neighbours(scene).await
    }
}

/// How far an autoscaler with other bounds may scale down what it did not before.
fn scaled_by(old: Option<&HorizontalPodAutoscaler>, new: &HorizontalPodAutoscaler, present: u32) -> Plan {
    let least = |spec: &crate::model::AutoscalerSpec| number(i64::from(spec.min_replicas.unwrap_or(1)));
    let (floor, most) = (least(&new.spec), number(i64::from(new.spec.max_replicas)));
    // Where it goes by something else, it may go to its least.
    let same = old.is_some_and(|old| {
        let (a, b) = (&old.spec, &new.spec);
        (&a.metrics, &a.behavior, &a.scale_target_ref) == (&b.metrics, &b.behavior, &b.scale_target_ref)
    });
    let left = match old {
        Some(old) if same => {
            // Above its former least it went by itself before.
            let further = least(&old.spec).min(present).saturating_sub(floor);
            present.saturating_sub(further)
        }
        _ => floor,
    };
    Plan::down(present, left.min(most))
}

/// Pods that the target owns, itself or through what it owns.
fn of_family(target: &EntityRef, owned: Vec<Workload>, pods: Vec<Pod>) -> Vec<Pod> {
    let objects = Objects {
        workloads: owned,
        pods,
        ..Objects::default()
    };
    let names = World::build(&objects).pods_of(target);
    let mut pods = objects.pods;
    pods.retain(|pod| names.contains(&pod.entity()));
    pods
}

/// Whether something is lost with a pod that nobody makes anew.
pub(super) fn is_lost_with_data(pod: &Pod) -> bool {
    let keeps = pod
        .spec
        .volumes
        .iter()
        .any(|volume| volume.empty_dir.is_some() || volume.ephemeral.is_some());
    keeps && pod.metadata.controller().is_none()
}

fn number(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}
