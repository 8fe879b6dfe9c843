//! Whether any of the volumes on offer suits a claim, and if not, what keeps the best of them from it.

use claw_k8s::model::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use claw_k8s::quantity::Quantity;

/// What keeps a volume from a claim, the more easily mended first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mismatch {
    /// Nothing does: it is about to be bound.
    Nothing,
    /// The claim's selector asks for labels that the volume does not have.
    Selector { volume: String },
    /// It is too small.
    Size {
        volume: String,
        has: String,
        wanted: String,
    },
    /// It is not offered in the mode that is asked for.
    AccessMode {
        volume: String,
        has: String,
        wanted: String,
    },
    /// One is a file system, the other a block device.
    VolumeMode { volume: String },
    /// It belonged to a claim that is gone, and is not given to another one.
    Released { volume: String, claim: String },
    /// Another claim has it.
    Taken { volume: String, claim: String },
    /// Its class is another one.
    Class {
        volume: String,
        has: String,
        wanted: String,
    },
}

/// The volume that comes closest to what a claim asks for, by what keeps it from it. `None` where none is of its class.
pub(super) fn closest(
    claim: &PersistentVolumeClaim,
    class: &str,
    volumes: &[PersistentVolume],
) -> Option<Mismatch> {
    volumes
        .iter()
        .filter(|volume| volume.spec.storage_class_name == class)
        .map(|volume| mismatch(claim, class, volume))
        .min()
}

/// What keeps `volume` from `claim`.
pub(super) fn mismatch(claim: &PersistentVolumeClaim, class: &str, volume: &PersistentVolume) -> Mismatch {
    let name = volume.metadata.name.clone();
    if let Some(holder) = volume
        .spec
        .claim_ref
        .as_ref()
        .filter(|holder| !is_of(holder, claim))
    {
        let claim = format!(
            "{}/{}",
            holder.namespace.as_deref().unwrap_or_default(),
            holder.name
        );
        return if volume.status.phase == "Released" {
            Mismatch::Released { volume: name, claim }
        } else {
            Mismatch::Taken { volume: name, claim }
        };
    }
    if volume.spec.storage_class_name != class {
        return Mismatch::Class {
            volume: name,
            has: volume.spec.storage_class_name.clone(),
            wanted: class.to_owned(),
        };
    }
    let block = |mode: &str| mode == "Block";
    if block(&volume.spec.volume_mode) != block(&claim.spec.volume_mode) {
        return Mismatch::VolumeMode { volume: name };
    }
    let modes = &volume.spec.access_modes;
    if let Some(wanted) = claim.spec.access_modes.iter().find(|mode| !modes.contains(mode)) {
        return Mismatch::AccessMode {
            volume: name,
            has: modes.join(", "),
            wanted: wanted.clone(),
        };
    }
    let size = |text: &str| text.parse::<Quantity>().ok().map(Quantity::as_f64);
    let has = volume.spec.capacity.get("storage");
    if let (Some(has), Some(wanted)) = (has, claim.spec.size())
        && let (Some(offered), Some(asked)) = (size(has.as_str()), size(wanted.as_str()))
        && offered < asked
    {
        return Mismatch::Size {
            volume: name,
            has: has.to_string(),
            wanted: wanted.to_string(),
        };
    }
    let selected = claim
        .spec
        .selector
        .as_ref()
        .is_none_or(|selector| selector.matches(&volume.metadata.labels));
    if selected {
        Mismatch::Nothing
    } else {
        Mismatch::Selector { volume: name }
    }
}

/// Whether a volume's reference means this claim. One of the same name and another uid is an earlier one.
fn is_of(holder: &ObjectReference, claim: &PersistentVolumeClaim) -> bool {
    let same = holder.name == claim.metadata.name
        && holder.namespace.as_deref() == claim.metadata.namespace.as_deref();
    let uid = holder.uid.is_empty() || claim.metadata.uid.is_empty() || holder.uid == claim.metadata.uid;
    same && uid
}

impl Mismatch {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Nothing => "a volume that suits it is there and is not bound to it".to_owned(),
            Self::Selector { volume } => format!(
                "volume {volume} would suit it and does not have the labels that its selector asks for"
            ),
            Self::Size { volume, has, wanted } => {
                format!("it asks for {wanted}, and volume {volume} has {has}")
            }
            Self::AccessMode { volume, has, wanted } => {
                format!("it asks for access mode {wanted}, and volume {volume} offers {has}")
            }
            Self::VolumeMode { volume } => {
                format!("it and volume {volume} differ in volume mode (file system or block)")
            }
            Self::Released { volume, claim } => {
                format!("volume {volume} is released and still kept for the former claim {claim}")
            }
            Self::Taken { volume, claim } => format!("volume {volume} is bound to another claim, {claim}"),
            Self::Class { volume, has, wanted } => {
                format!("it is of class \"{wanted}\", and volume {volume} of class \"{has}\"")
            }
        }
    }
}
