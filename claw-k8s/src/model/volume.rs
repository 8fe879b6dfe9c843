//! Volumes of pods, by what they refer to.

use super::container::OptionalReference;
use super::slim::slim;

slim! {
    /// A volume of a pod.
    pub struct Volume {
        /// Name in the pod.
        pub name: String,
        /// A ConfigMap.
        pub config_map: Option<Box<ConfigMapVolume>>,
        /// A Secret.
        pub secret: Option<Box<SecretVolume>>,
        /// A claim.
        pub persistent_volume_claim: Option<Box<ClaimVolume>>,
        /// Scratch space.
        pub empty_dir: Option<Box<EmptyDir>>,
        /// A path of the node.
        pub host_path: Option<Box<HostPath>>,
        /// Several sources under one path.
        pub projected: Option<Box<Projected>>,
        /// A driver's volume that lives as long as the pod.
        pub csi: Option<Box<CsiVolume>>,
        /// A claim that lives as long as the pod, named `<pod>-<volume>`.
        pub ephemeral: Option<Box<EphemeralVolume>>,
        /// A share over NFS.
        pub nfs: Option<Box<Nfs>>,
    }

    /// A ConfigMap as files.
    pub struct ConfigMapVolume {
        /// Its name.
        pub name: String,
        /// Keys that must be there; all that are there where empty.
        pub items: Vec<KeyToPath>,
        /// Whether the pod starts without it.
        pub optional: bool,
    }

    /// A Secret as files.
    pub struct SecretVolume {
        /// Its name.
        pub secret_name: String,
        /// Keys that must be there; all that are there where empty.
        pub items: Vec<KeyToPath>,
        /// Whether the pod starts without it.
        pub optional: bool,
    }

    /// A key as a file.
    pub struct KeyToPath {
        /// The key.
        pub key: String,
        /// The file.
        pub path: String,
    }

    /// A claim.
    pub struct ClaimVolume {
        /// Its name.
        pub claim_name: String,
        /// Whether it can only be read.
        pub read_only: bool,
    }

    /// Scratch space.
    pub struct EmptyDir {
        /// `Memory`, or the node's disk where empty.
        pub medium: String,
        /// Size at which the pod is evicted.
        pub size_limit: Option<super::container::Amount>,
    }

    /// A path of the node.
    pub struct HostPath {
        /// The path.
        pub path: String,
        /// What must be there.
        #[serde(rename = "type")]
        pub kind: String,
    }

    /// Several sources under one path.
    pub struct Projected {
        /// The sources.
        pub sources: Vec<ProjectedSource>,
    }

    /// One of several sources.
    pub struct ProjectedSource {
        /// A ConfigMap.
        pub config_map: Option<Box<ConfigMapVolume>>,
        /// A Secret, by `name`.
        pub secret: Option<OptionalReference>,
    }

    /// A driver's volume.
    pub struct CsiVolume {
        /// The driver.
        pub driver: String,
    }

    /// A claim made for one pod.
    pub struct EphemeralVolume {
        /// What the claim is made from.
        pub volume_claim_template: Option<super::storage::ClaimTemplate>,
    }

    /// A share over NFS.
    pub struct Nfs {
        /// Host.
        pub server: String,
        /// Path there.
        pub path: String,
    }
}
