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
