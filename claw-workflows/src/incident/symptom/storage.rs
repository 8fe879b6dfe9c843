//! What is wrong with claims, volumes and classes of storage. Volumes and classes are read where a claim is not bound.

use claw_core::evidence::Severity;
use claw_k8s::model::Object as _;

use super::finding::finding;
use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// The provisioner of classes whose volumes are made by hand.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// Claims that are not bound.
pub(super) fn claims(facts: &Facts<'_>) -> Vec<Symptom> {
    facts
        .case
        .objects
        .claims
        .iter()
        .filter(|claim| claim.status.phase == "Lost" || claim.status.phase == "Pending")
        .filter(|claim| {
            claim.status.phase == "Lost"
                || facts
                    .event(&claim.entity(), |event| {
                        event.is_warning() || event.reason == "FailedBinding"
                    })
                    .is_some()
        })
        .map(|claim| {
            let id = if claim.status.phase == "Lost" {
                "claim.lost"
            } else {
                "claim.not_bound"
            };
            let statement = format!("is {}", claim.status.phase);
            finding(
                facts,
                claim,
                id,
                Severity::Warning,
                claim.metadata.creation_timestamp,
                statement,
            )
        })
        .collect()
}

/// Volumes that nobody can use, and classes that make none.
pub(super) fn supply(facts: &Facts<'_>) -> Vec<Symptom> {
    let objects = &facts.case.objects;
    let mut found = Vec::new();
    for volume in &objects.volumes {
        let words = said(&volume.status.message);
        match volume.status.phase.as_str() {
            "Failed" => found.push(finding(
                facts,
                volume,
                "volume.failed",
                Severity::Warning,
                None,
                format!("failed{words}"),
            )),
            "Released" => {
                let statement = "is released and given to no other claim";
                found.push(finding(
                    facts,
                    volume,
                    "volume.released",
                    Severity::Info,
                    None,
                    statement,
                ));
            }
            _ => {}
        }
    }
    for class in objects
        .storage_classes
        .iter()
        .filter(|class| matches!(class.provisioner.as_str(), "" | BY_HAND))
    {
        let name = &class.metadata.name;
        let waits = objects.claims.iter().any(|claim| {
            claim.status.phase == "Pending" && claim.spec.storage_class_name.as_ref() == Some(name)
        });
        let mut volumes = objects.volumes.iter();
        let left = volumes
            .any(|volume| volume.status.phase == "Available" && volume.spec.storage_class_name == *name);
        if waits && !left {
            let statement = "makes no volumes, none is left, and a claim waits for one";
            found.push(finding(
                facts,
                class,
                "storage_class.no_provisioner",
                Severity::Warning,
                None,
                statement,
            ));
        }
    }
    let defaults: Vec<_> = objects
        .storage_classes
        .iter()
        .filter(|class| class.is_default())
        .collect();
    if defaults.len() > 1 {
        found.extend(defaults.iter().map(|class| {
            let statement = format!("is one of {} default classes", defaults.len());
            finding(
                facts,
                *class,
                "storage_class.several_defaults",
                Severity::Info,
                None,
                statement,
            )
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::supply;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    #[test]
    fn a_class_of_volumes_made_by_hand_is_short_of_them_once_none_is_left() {
        let ids = |provisioner: &str, volume: &str| -> Vec<&'static str> {
            let mut case = case();
            case.objects
                .storage_classes
                .push(object("local", json!({"provisioner": provisioner})));
            case.objects.claims.push(object(
                "data",
                json!({"spec": {"storageClassName": "local"}, "status": {"phase": "Pending"}}),
            ));
            case.objects.volumes.push(object(
                "disk-1",
                json!({"spec": {"storageClassName": "local"}, "status": {"phase": volume}}),
            ));
            supply(&Facts::new(&case))
                .iter()
                .map(|symptom| symptom.id)
                .collect()
        };
        assert_eq!(
            ids("kubernetes.io/no-provisioner", "Bound"),
            ["storage_class.no_provisioner"]
        );
        assert_eq!(ids("kubernetes.io/no-provisioner", "Available"), [""; 0]);
        assert_eq!(ids("ebs.csi.aws.com", "Bound"), [""; 0]);
    }
}
