//! Tools that propose: they read their target, and answer with a write as data.
//!
//! Nothing here writes, and nothing here holds anything to write with. A [`Proposal`] carries an
//! [`Action`]: the exact merge patch, the version of the object that it was made for, and
//! how to take it back. Whether it is performed is for others to judge, and by whom is for them to say; the rights that it
//! takes are declared in [`Access::writes`](claw_core::access::Access::writes), apart from those of the tool.
//!
//! Every tool of this folder keeps to this: the target is read anew; one that is not there, or is being deleted, is refused,
//! and so is what would change nothing, and what a GitOps controller keeps; verb, kind, namespace and name come from the input,
//! never from what was read.
//!
//! A proposal is shown to people and recorded, without secrets as everything is. A patch without its secrets would be another
//! patch, so that what would have to carry one in clear is refused.
mod adjust_hpa;
mod apply_manifest;
mod back;
mod cordon_node;
mod delete_object;
mod elements;
mod evict_pod;
mod gitops;
mod input;
mod managed;
mod manifest;
mod overlay;
mod patch_resources;
mod proposal;
mod resources;
mod restart_workload;
mod rollback_deployment;
mod scale_workload;
mod structure;
mod target;
mod template;
mod volumes;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use claw_core::action::Action;
use claw_core::tool::ErasedTool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use adjust_hpa::{AdjustHpa, AdjustHpaInput};
pub use apply_manifest::{ApplyManifest, ApplyManifestInput};
pub use cordon_node::{CordonNode, CordonNodeInput};
pub use delete_object::{DeleteObject, DeleteObjectInput};
pub use evict_pod::{EvictPod, EvictPodInput};
pub(super) use gitops::{is_here, lists};
pub use patch_resources::{ContainerResources, PatchResources, PatchResourcesInput};
pub use restart_workload::{RestartWorkload, RestartWorkloadInput};
pub use rollback_deployment::{RollbackDeployment, RollbackDeploymentInput};
pub use scale_workload::{ScaleWorkload, ScaleWorkloadInput};

use crate::cluster::Cluster;

/// A write that a tool proposes, and what to know about it before it is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// The write. Nobody has performed it.
    pub action: Action,
    /// All that it changes, one field a line (`path: old → new`), of texts of several lines one run of lines. Values that look
    /// secret are left out.
    pub diff: Vec<String>,
    /// What speaks against it, or comes with it, one sentence each.
    pub warnings: Vec<String>,
}

/// Every tool that proposes.
pub fn all(cluster: &Cluster) -> Vec<Arc<dyn ErasedTool>> {
    vec![
        Arc::new(ScaleWorkload::new(cluster.clone())),
        Arc::new(AdjustHpa::new(cluster.clone())),
        Arc::new(PatchResources::new(cluster.clone())),
        Arc::new(RollbackDeployment::new(cluster.clone())),
        Arc::new(RestartWorkload::new(cluster.clone())),
        Arc::new(CordonNode::new(cluster.clone())),
        Arc::new(EvictPod::new(cluster.clone())),
        Arc::new(DeleteObject::new(cluster.clone())),
        Arc::new(ApplyManifest::new(cluster.clone())),
    ]
}
