//! Claims, volumes and classes of storage.

use super::container::{Amount, Amounts, Resources};
use super::meta::{Condition, Meta, ObjectReference};
use super::selector::LabelSelector;
use super::slim::{objects, slim};
use serde_json::Value;

slim! {
    /// A claim on storage.
    pub struct PersistentVolumeClaim {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: ClaimSpec,
        /// What is.
        pub status: ClaimStatus,
    }

    /// What claims are made from.
    pub struct ClaimTemplate {
        /// Name, labels and annotations.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: ClaimSpec,
    }

    /// What a claim wants.
    pub struct ClaimSpec {
        /// Class; absent takes the default class, empty wants a volume without class.
        pub storage_class_name: Option<String>,
        /// `ReadWriteOnce`, `ReadOnlyMany`, `ReadWriteMany`, `ReadWriteOncePod`.
        pub access_modes: Vec<String>,
        /// Size under `requests.storage`.
        pub resources: Resources,
        /// Volume that it is bound to, or that it asks for.
        pub volume_name: String,
        /// Volumes that it may be bound to.
        pub selector: Option<LabelSelector>,
        /// `Filesystem` where empty, or `Block`.
        pub volume_mode: String,
    }

    /// What a claim is.
    pub struct ClaimStatus {
        /// `Pending`, `Bound` or `Lost`.
        pub phase: String,
        /// Size that it has.
        pub capacity: Amounts,
        /// Modes that it has.
        pub access_modes: Vec<String>,
        /// Conditions, while it is resized.
        pub conditions: Vec<Condition>,
    }

    /// A volume.
    pub struct PersistentVolume {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: VolumeSpec,
        /// What is.
        pub status: VolumeStatus,
    }

    /// What a volume shall be.
    pub struct VolumeSpec {
        /// Size.
        pub capacity: Amounts,
        /// Modes.
        pub access_modes: Vec<String>,
        /// Claim that it is bound to.
        pub claim_ref: Option<ObjectReference>,
        /// Class.
        pub storage_class_name: String,
        /// `Retain` or `Delete`.
        pub persistent_volume_reclaim_policy: String,
        /// `Filesystem` where empty, or `Block`.
        pub volume_mode: String,
        /// Nodes that can use it, as written.
        pub node_affinity: Option<Value>,
        /// Driver.
        pub csi: Option<super::volume::CsiVolume>,
    }

    /// What a volume is.
    pub struct VolumeStatus {
        /// `Available`, `Bound`, `Released` or `Failed`.
        pub phase: String,
        /// Reason of a failure.
        pub reason: String,
        /// Reason for people.
        pub message: String,
    }

    /// A class of storage.
    pub struct StorageClass {
        /// Metadata.
        pub metadata: Meta,
        /// Who makes the volumes.
        pub provisioner: String,
        /// `Immediate` where empty, or `WaitForFirstConsumer`.
        pub volume_binding_mode: String,
        /// `Delete` where empty, or `Retain`.
        pub reclaim_policy: String,
        /// Whether claims can grow.
        pub allow_volume_expansion: Option<bool>,
    }
}

objects! {
    PersistentVolumeClaim => "PersistentVolumeClaim",
    PersistentVolume => "PersistentVolume",
    StorageClass => "StorageClass",
}

impl StorageClass {
    /// Whether claims without a class get this one.
    pub fn is_default(&self) -> bool {
        [
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        ]
        .iter()
        .any(|key| {
            self.metadata
                .annotations
                .get(*key)
                .is_some_and(|value| value == "true")
        })
    }
}

impl ClaimSpec {
    /// Size asked for.
    pub fn size(&self) -> Option<&Amount> {
        self.resources.requests.get("storage")
    }
}
