#![allow(clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use claw_k8s::bundle::Bundle;
use serde_json::json;

use super::*;

fn bundle(objects: &[serde_json::Value], log: &str) -> Bundle {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios/healthy-after-a-quiet-night");
    let manifest = Bundle::load(folder).unwrap().manifest;
    let mut bundle = Bundle::new(manifest);
    bundle.objects = objects.to_vec();
    bundle.logs.push(LogFile {
        namespace: "acme-shop".to_owned(),
        pod: "basket-api-6f7b9d8c5b-x2k4q".to_owned(),
        container: "basket".to_owned(),
        previous: false,
        content: Content::text(log.to_owned()),
    });
    bundle
}

fn objects() -> Vec<serde_json::Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": "payment-gateway", "namespace": "acme-shop"}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "basket-api", "namespace": "acme-shop", "uid": "319d3ded-795b-5e34-9740-87b21ed2e332"},
        "spec": {"template": {"spec": {"containers": [{
            "name": "basket", "image": "registry.acme.io:5000/shop/basketservice:2.1.0",
            "env": [{"name": "MAX_POOL_SIZE", "value": "5"},
                    {"name": "BASKET_PAY_URL", "value": "http://paymnet-gateway:8080"}],
        }]}}}}),
    ]
}

fn sanitised(log: &str, keep: &[&str]) -> (String, Sanitised) {
    let keep: BTreeSet<String> = keep.iter().map(|word| (*word).to_owned()).collect();
    let made = sanitise(&bundle(&objects(), log), 1, &keep).unwrap();
    (made.bundle.logs[0].content.read().unwrap().to_string(), made)
}

#[test]
fn a_name_becomes_the_same_other_one_in_each_way_of_writing() {
    let (log, made) = sanitised(
        "BasketApi basket_api BASKET-API basketservice\\nbasket basketball timeout 5",
        &[],
    );
    let name = made.bundle.objects[1]["metadata"]["name"].as_str().unwrap();
    let word = name.strip_suffix("-api").unwrap();
    assert_eq!(word.len(), "basket".len());
    let capital = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    let expected = format!(
        "{capital}Api {word}_api {}-API {word}service\\n{word} basketball timeout 5",
        word.to_uppercase()
    );
    assert_eq!(log, expected);
    assert!(made.replaced.contains("basket-api"));
    let again = sanitised("x", &[]).1;
    assert_eq!(
        again.bundle.objects, made.bundle.objects,
        "the same seed gives the same words"
    );
}

#[test]
fn shapes_and_slips_stay() {
    let (log, made) = sanitised(
        "pod basket-api-6f7b9d8c5b-x2k4q on 10.40.3.7, uid 319d3ded-795b-5e34-9740-87b21ed2e332 at 2026-05-01T10:00:05Z",
        &[],
    );
    let container = &made.bundle.objects[1]["spec"]["template"]["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap();
    assert!(
        image.ends_with("service:2.1.0") && image.contains(":5000/") && !image.contains("acme"),
        "{image}"
    );
    assert_eq!(
        container["env"][0],
        json!({"name": "MAX_POOL_SIZE", "value": "5"})
    );
    let service = made.bundle.objects[0]["metadata"]["name"].as_str().unwrap();
    let called = container["env"][1]["value"].as_str().unwrap();
    let called = called
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix(":8080")
        .unwrap();
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    assert!(
        called != service && sorted(called) == sorted(service),
        "{called} {service}"
    );
    let uid = made.bundle.objects[1]["metadata"]["uid"].as_str().unwrap();
    assert!(log.contains(uid) && !uid.contains("319d3ded"), "{log}");
    assert!(
        log.ends_with("at 2026-05-01T10:00:05Z") && !log.contains("10.40.3.7"),
        "{log}"
    );
    let pod = log.split(' ').nth(1).unwrap();
    let random = |text: &str| {
        text.chars()
            .all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c) || c == '-')
    };
    assert!(random(&pod[pod.len() - 16..]), "{pod}");
    assert_eq!(pod, made.bundle.logs[0].pod);
}

#[test]
fn words_can_be_kept() {
    let (log, made) = sanitised("basket of acme", &["Basket"]);
    assert!(log.starts_with("basket of ") && !log.contains("acme"), "{log}");
    assert!(made.kept.contains("basket-api"));
}

#[test]
fn people_accounts_and_addresses_of_any_kind_are_replaced() {
    let (log, _) = sanitised(
        "mail ann.miller@acme-mail.com 123456789012.dkr.ecr.eu-central-1.amazonaws.com/x \
         arn:aws:iam::123456789012:role/x fd00:10:244::1f 0a:58:0a:f4:01:05 i-0abc123def4567890 at 10:00:05 1779262200000",
        &[],
    );
    for old in [
        "miller",
        "acme",
        "123456789012",
        "fd00:10:244::1f",
        "0a:58:0a",
        "0abc123def",
    ] {
        assert!(!log.contains(old), "{old}: {log}");
    }
    assert!(
        log.contains(".dkr.ecr.eu-central-1.amazonaws.com/x arn:aws:iam::"),
        "{log}"
    );
    assert!(log.ends_with("at 10:00:05 1779262200000"), "{log}");
}

/// A recording in which a company's name stands wherever owners of clusters put theirs.
fn of_a_company() -> Bundle {
    let mut bundle = bundle(
        &[
            json!({
                "apiVersion": "shop.acme.io/v1", "kind": "AcmePlan",
                "metadata": {
                    "name": "acme-basket", "namespace": "acme-shop", "finalizers": ["acme.io/cleanup"],
                    "ownerReferences": [{"apiVersion": "shop.acme.io/v1", "kind": "AcmeTenant", "name": "acme"}],
                    "managedFields": [{
                        "apiVersion": "shop.acme.io/v1", "manager": "acme-operator", "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:metadata": {"f:labels": {"f:acme.io/team": {}}}, "f:spec": {"f:acmeSize": {}}},
                    }],
                },
                "spec": {"acmeSize": 3, "template": {"acmeBasket": "large"}},
                "status": {"phase": "AcmeReady", "conditions": [{"type": "AcmeSynced", "status": "True", "reason": "AcmeDone"}]},
            }),
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "acmeplans.shop.acme.io"},
                "spec": {
                    "group": "shop.acme.io", "names": {"kind": "AcmePlan", "plural": "acmeplans", "singular": "acmeplan"},
                    "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"acmeSize": {"type": "integer"}}}}}],
                },
            }),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {
                    "name": "basket", "namespace": "acme-shop", "labels": {"acme.io/tier": "gold"},
                    "annotations": {"acme.io/owner": "team-acme"},
                    "managedFields": [{
                        "apiVersion": "apps/v1", "manager": "kubectl",
                        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                            "k:{\"name\":\"basket\"}": {"f:env": {"k:{\"name\":\"ACME_URL\"}": {".": {}}}},
                        }}}}},
                    }],
                },
                "spec": {"template": {"spec": {
                    "readinessGates": [{"conditionType": "acme.io/ready"}],
                    "containers": [{
                        "name": "basket", "image": "registry.acme.io/basket:1",
                        "env": [{"name": "ACME_URL", "value": "https://api.acme.com"}],
                        "resources": {"limits": {"acme.com/gpu": "1", "cpu": "2"}},
                        "readinessProbe": {"httpGet": {"port": 8080}},
                    }],
                }}},
            }),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "acme.io/token",
                "metadata": {"name": "token", "namespace": "acme-shop"},
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"},
                "rules": [{"apiGroups": ["shop.acme.io"], "resources": ["acmeplans"]}],
            }),
            json!({
                "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
                "metadata": {"name": "basket", "namespace": "acme-shop"}, "spec": {"values": {"acmeTier": {"acme": true}}},
            }),
            json!({
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "acme-shop"},
                "reason": "AcmeSyncFailed", "message": "failed to reach acme",
                "involvedObject": {"apiVersion": "shop.acme.io/v1", "kind": "AcmePlan", "name": "acme-basket"},
                "reportingComponent": "acme-operator", "type": "Warning",
            }),
            json!({
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e2", "namespace": "acme-shop"},
                "reason": "FailedMount", "message": "MountVolume.SetUp failed", "type": "Warning",
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "basket-6f7b9d8c5b-x2k4q"},
            }),
        ],
        "acme acme_team=1 ACME-7 acmeBasket http://acme:80 10.1.56.1-10.1.56.254 node-10.40.3.7",
    );
    let kinds = json!([{"api_version": "shop.acme.io/v1", "kind": "AcmePlan", "namespaces": ["acme-shop"]}]);
    bundle.manifest.kinds = Some(serde_json::from_value(kinds).unwrap());
    bundle.alert = Some(json!({
        "status": "firing",
        "alerts": [{"labels": {"alertname": "AcmeSlow", "acme_team": "gold", "namespace": "acme-shop"}, "annotations": {}}],
    }));
    bundle.topology = vec![CallEdge {
        from: EntityRef::namespaced("AcmePlan", "acme-shop", "acme-basket"),
        to: EntityRef::external("api.acme.com:443"),
        protocol: None,
    }];
    bundle.log_lines = vec![LogLine {
        time: bundle.manifest.window.start,
        labels: [("acme_team".to_owned(), "acme".to_owned())].into(),
        line: "hello from acme".to_owned(),
    }];
    bundle
}

#[test]
fn the_name_of_a_company_stays_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let made = sanitise(&of_a_company(), 1, &BTreeSet::new()).unwrap();
    write(&made.bundle, folder.path().join("made")).unwrap();
    let mut left = Vec::new();
    let mut folders = vec![folder.path().join("made")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let all = text.lines().chain([path.to_str().unwrap()]);
            let telling = ["acme", "basket", "10.1.56.", "10.40.3.7"];
            let found = all.filter(|line| telling.iter().any(|word| line.to_lowercase().contains(word)));
            left.extend(found.map(str::to_owned));
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn what_programs_read_stays() {
    let made = sanitise(&of_a_company(), 1, &BTreeSet::new()).unwrap().bundle;
    let kinds: Vec<&str> = made
        .objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds[1..3], ["CustomResourceDefinition", "Deployment"]);
    assert_eq!(made.objects[2]["apiVersion"], "apps/v1");
    let container = &made.objects[2]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["cpu"], "2");
    assert_eq!(container["readinessProbe"]["httpGet"]["port"], 8080);
    assert_eq!(made.objects[5]["apiVersion"], "helm.toolkit.fluxcd.io/v2");
    let event = &made.objects[7];
    assert_eq!(
        (&event["reason"], &event["message"]),
        (&json!("FailedMount"), &json!("MountVolume.SetUp failed"))
    );
    // The plan and what refers to it have one kind and one group.
    let (plan, event) = (&made.objects[0], &made.objects[6]["involvedObject"]);
    assert_eq!(plan["kind"], event["kind"]);
    assert_eq!(plan["apiVersion"], event["apiVersion"]);
    assert_eq!(plan["metadata"]["name"], event["name"]);
    assert_eq!(plan["status"]["conditions"][0]["status"], "True");
}
