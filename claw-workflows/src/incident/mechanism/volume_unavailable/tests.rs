//! Claims that are not bound, by cause.

use serde_json::{Value, json};

use super::VolumeUnavailable;
use crate::incident::candidate::Candidate;
use crate::incident::case::Case;
use crate::incident::testing::{case, event, object, of};

/// A claim of class `shared` for 20Gi to write from everywhere, with a pod that waits for it, and what else `rest` gives it.
fn world(class: Value, rest: &Value) -> Case {
    let mut case = case();
    for kind in ["StorageClass", "PersistentVolume"] {
        case.listed_everywhere.insert(kind.to_owned());
    }
    let mut spec = json!({
        "storageClassName": class, "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "20Gi"}},
    });
    for (key, value) in rest.as_object().unwrap() {
        spec[key.as_str()] = value.clone();
    }
    case.objects.claims.push(object(
        "media",
        json!({"metadata": {"uid": "new"}, "spec": spec, "status": {"phase": "Pending"}}),
    ));
    let volume = json!({"name": "m", "persistentVolumeClaim": {"claimName": "media"}});
    case.objects.pods.push(object(
        "web",
        json!({"spec": {"volumes": [volume]}, "status": {"phase": "Pending"}}),
    ));
    case
}

fn class(case: &mut Case, name: &str, provisioner: &str) {
    let rest = json!({"metadata": {"namespace": null}, "provisioner": provisioner});
    case.objects.storage_classes.push(object(name, rest));
}

fn volume(case: &mut Case, rest: &Value) {
    let mut spec = json!({
        "storageClassName": "shared", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "50Gi"},
    });
    for (key, value) in rest.as_object().unwrap() {
        spec[key.as_str()] = value.clone();
    }
    let phase = spec["phase"].as_str().unwrap_or("Available").to_owned();
    let rest = json!({"metadata": {"namespace": null}, "spec": spec, "status": {"phase": phase}});
    case.objects.volumes.push(object("pv-1", rest));
}

fn cause(case: &Case) -> String {
    let found: Vec<Candidate> = of(&VolumeUnavailable, case);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].cause.clone()
}

/// The cause where one volume made by hand is on offer that differs from what is asked for in `volume` or `claim`.
fn by_hand(claim: Value, differs: Value) -> String {
    let mut case = world(json!("shared"), &claim);
    class(&mut case, "shared", "kubernetes.io/no-provisioner");
    volume(&mut case, &differs);
    cause(&case)
}

#[test]
fn what_keeps_the_closest_volume_from_a_claim_is_named() {
    let other = json!({"claimRef": {"namespace": "blog", "name": "photos", "uid": "x"}, "phase": "Bound"});
    let former =
        json!({"claimRef": {"namespace": "shop", "name": "media", "uid": "old"}, "phase": "Released"});
    for (claim, volume, words) in [
        (
            json!({}),
            json!({"capacity": {"storage": "10Gi"}}),
            "asks for 20Gi, and volume pv-1 has 10Gi",
        ),
        (
            json!({}),
            json!({"accessModes": ["ReadWriteOnce"]}),
            "asks for access mode ReadWriteMany, and volume pv-1 offers ReadWriteOnce",
        ),
        (
            json!({"selector": {"matchLabels": {"tier": "gold"}}}),
            json!({}),
            "does not have the labels that its selector asks for",
        ),
        (json!({"volumeMode": "Block"}), json!({}), "differ in volume mode"),
        (json!({}), other.clone(), "bound to another claim, blog/photos"),
        (json!({}), former, "still kept for the former claim shop/media"),
        (
            json!({"volumeName": "pv-1"}),
            other,
            "bound to another claim, blog/photos",
        ),
        (
            json!({"volumeName": "pv-9"}),
            json!({}),
            "volume pv-9, which it asks for, does not exist",
        ),
    ] {
        let found = by_hand(claim, volume);
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_class_that_does_not_exist_or_is_not_named_is_told() {
    let mut none = world(json!("fast"), &json!({}));
    class(&mut none, "standard", "disk.csi.example.com");
    assert!(cause(&none).contains("storage class fast does not exist"));
    let mut nameless = world(Value::Null, &json!({}));
    class(&mut nameless, "standard", "disk.csi.example.com");
    assert!(cause(&nameless).contains("none is the default"));
    // Classes could not be listed, and the controller says it.
    let mut unseen = world(json!("fast"), &json!({}));
    unseen.listed_everywhere.clear();
    event(
        &mut unseen,
        "PersistentVolumeClaim",
        "media",
        "ProvisioningFailed",
        "storageclass.storage.k8s.io \"fast\" not found",
        -60,
    );
    assert!(cause(&unseen).contains("storage class fast does not exist"));
}

#[test]
fn a_provisioner_that_is_down_is_the_cause_itself() {
    let mut case = world(json!("shared"), &json!({}));
    class(&mut case, "shared", "nfs.csi.example.com");
    event(
        &mut case,
        "PersistentVolumeClaim",
        "media",
        "ExternalProvisioning",
        "Waiting for a volume to be created either by the external provisioner 'nfs.csi.example.com' or manually by the system administrator.",
        -60,
    );
    assert!(cause(&case).contains("does not answer"));
    let containers = json!([{"name": "csi-provisioner", "args": ["--driver=nfs.csi.example.com"]}]);
    case.objects.workloads.push(object(
        "storage-controller",
        json!({"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": {"containers": containers}}}}),
    ));
    let found = of(&VolumeUnavailable, &case);
    assert_eq!(found[0].entity.name, "storage-controller");
}

#[test]
fn what_a_provisioner_refuses_for_is_told() {
    for (said, words) in [
        (
            "rpc error: code = ResourceExhausted desc = insufficient free space in pool",
            "no room",
        ),
        (
            "googleapi: Error 403: QUOTA_EXCEEDED - Quota 'SSD_TOTAL_GB' exceeded.",
            "quota",
        ),
        (
            "rpc error: code = InvalidArgument desc = Volume capabilities not supported: MULTI_NODE_MULTI_WRITER",
            "access mode",
        ),
        (
            "error generating accessibility requirements: no available topology found",
            "zone",
        ),
        (
            "UnauthorizedOperation: You are not authorized to perform this operation",
            "refuses the provisioner",
        ),
    ] {
        let mut case = world(json!("shared"), &json!({}));
        class(&mut case, "shared", "nfs.csi.example.com");
        let message = format!("failed to provision volume with StorageClass \"shared\": {said}");
        event(
            &mut case,
            "PersistentVolumeClaim",
            "media",
            "ProvisioningFailed",
            &message,
            -60,
        );
        let found = cause(&case);
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_claim_that_waits_for_its_pod_or_that_nobody_uses_is_no_trouble() {
    let mut case = world(json!("shared"), &json!({}));
    class(&mut case, "shared", "nfs.csi.example.com");
    event(
        &mut case,
        "PersistentVolumeClaim",
        "media",
        "WaitForFirstConsumer",
        "waiting for first consumer",
        -60,
    );
    case.objects.events[0].kind = "Normal".to_owned();
    assert!(of(&VolumeUnavailable, &case).is_empty());
    case.objects.events.clear();
    case.objects.pods.clear();
    assert!(of(&VolumeUnavailable, &case).is_empty());
}
