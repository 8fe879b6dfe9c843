//! Around a node.

use claw_core::entity::EntityRef;
use serde_json::Value;

use super::workload::is_lost_with_data;
use super::{Look, live};
use crate::cluster::{Query, Resource};
use crate::model::{Object as _, Pod};
use crate::tools::survey_target::plan::Plan;
use crate::tools::survey_target::scene::Scene;

impl Look<'_> {
    /// A node: cordoned it takes no more pods; gone, or with a taint that pushes pods out, it loses those that it has.
    pub(super) async fn node(&mut self) -> Scene {
        let mut scene = self.alone();
        let after = self.after();
        let closes = after.pointer("/spec/unschedulable") == Some(&Value::Bool(true))
            && self.changes("/spec/unschedulable");
        let loses = self.ends() || self.changes("/spec/taints");
        // What pods choose nodes by is looked at when they are placed.
        let other = self.changes("/metadata/labels");
        scene.closed = u32::from(closes || loses || other);
        if !loses {
            return scene;
        }
        let name = self.action.target.name.clone();
        let query = Query::new(Resource::PODS, None).fields(Some(format!("spec.nodeName={name}")));
        scene.pods = self.listed::<Pod>(query).await.map(live);
        scene.plan = Plan::everything();
        scene.objects.extend(scene.pods.iter().flatten().map(made_anew));
        let lost = scene.pods.as_ref().map(|pods| pods.iter().any(is_lost_with_data));
        scene.data = lost;
        self.neighbours(scene).await
    }
}

/// What has to make a pod anew; the pod where nobody does. They lie in all the namespaces that feel the loss.
fn made_anew(pod: &Pod) -> EntityRef {
    match pod.metadata.controller() {
        Some(owner) if owner.kind != "Node" => EntityRef {
            kind: owner.kind.clone(),
            namespace: pod.metadata.namespace.clone(),
            name: owner.name.clone(),
        },
        _ => pod.entity(),
    }
}
