//! What runs something, by the name that custom gives it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use claw_core::entity::EntityRef;

use crate::incident::facts::is_template_hash;

/// How KEDA names the autoscaler that it makes for an object.
const KEDA: &str = "keda-hpa-";

/// What runs a pod: as a Service, which is called like it.
pub(super) fn owner(pod: EntityRef) -> EntityRef {
    let parts: Vec<&str> = pod.name.split('-').collect();
    let kept = match parts.as_slice() {
        [rest @ .., ordinal] if !rest.is_empty() && is_ordinal(ordinal) => rest,
        [rest @ .., hash, own] if !rest.is_empty() && is_random(hash, 6..=10) && is_random(own, 4..=6) => {
            rest
        }
        [rest @ .., own] if !rest.is_empty() && is_random(own, 5..=5) => rest,
        all => all,
    };
    service(&pod, kept)
}

/// Words for what a claim is, which name nothing that uses it.
const OF_STORAGE: [&str; 12] = [
    "data", "storage", "pvc", "volume", "vol", "claim", "disk", "cache", "log", "logs", "backup", "tmp",
];

/// What may use a claim. That of a StatefulSet's pod is called `TEMPLATE-SET-ORDINAL`, with one word for the template by custom;
/// others bear the name of what uses them, and often a word before or after it.
pub(super) fn users(claim: &EntityRef) -> BTreeSet<EntityRef> {
    let parts: Vec<&str> = claim.name.split('-').collect();
    let all = parts.as_slice();
    let named: Vec<&[&str]> = match all {
        [stem @ .., ordinal] if stem.len() > 1 && is_ordinal(ordinal) => stem.get(1..).into_iter().collect(),
        [_, after @ ..] if !after.is_empty() => {
            let before = all.split_last().map(|(_, before)| before);
            [all, after].into_iter().chain(before).collect()
        }
        _ => vec![all],
    };
    let says_nothing = |part: &&str| is_ordinal(part) || OF_STORAGE.contains(part);
    let is_name = |parts: &&[&str]| !parts.iter().all(says_nothing);
    let named = named.into_iter().filter(is_name);
    named.map(|parts| service(claim, parts)).collect()
}

/// The name of what an autoscaler scales.
pub(super) fn scaled(autoscaler: &str) -> &str {
    autoscaler.strip_prefix(KEDA).unwrap_or(autoscaler)
}

/// The address that the cloud's name for a node tells: `ip-10-0-3-7.eu-west-1.compute.internal`.
pub(super) fn address(node: &str) -> Option<String> {
    let host = node.split('.').next().unwrap_or(node);
    let parts: Vec<&str> = host.strip_prefix("ip-")?.split('-').collect();
    let is_address = parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok());
    is_address.then(|| parts.join("."))
}

fn service(like: &EntityRef, parts: &[&str]) -> EntityRef {
    EntityRef {
        kind: "Service".to_owned(),
        namespace: like.namespace.clone(),
        name: parts.join("-"),
    }
}

pub(super) fn is_ordinal(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a part of a pod's name looks as though nobody had chosen it.
fn is_random(part: &str, length: RangeInclusive<usize>) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mixed = part.bytes().all(letters) && part.bytes().any(|byte| byte.is_ascii_digit());
    length.contains(&part.len()) && (mixed || is_template_hash(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_tells_who_may_use_it() {
        let of = |name: &str| -> Vec<String> {
            let users = users(&EntityRef::namespaced("PersistentVolumeClaim", "shop", name));
            users.into_iter().map(|user| user.name).collect()
        };
        assert_eq!(of("data-ledger-0"), ["ledger"]);
        // Another one may be called `store`.
        assert_eq!(of("wal-order-store-12"), ["order-store"]);
        assert_eq!(of("wiki-data"), ["wiki", "wiki-data"]);
        assert_eq!(of("wiki-uploads"), ["uploads", "wiki", "wiki-uploads"]);
        assert_eq!(of("uploads"), ["uploads"]);
        assert_eq!(of("uploads-0"), ["uploads", "uploads-0"]);
    }

    #[test]
    fn a_node_that_is_called_after_its_address_tells_it() {
        assert_eq!(
            address("ip-10-0-3-7.eu-west-1.compute.internal").as_deref(),
            Some("10.0.3.7")
        );
        assert_eq!(address("ip-10-0-3-7").as_deref(), Some("10.0.3.7"));
        for other in [
            "ip-10-0-3-700.internal",
            "ip-10-0-3",
            "worker-10-0-3-7",
            "ip-a-b-c-d",
        ] {
            assert_eq!(address(other), None, "{other}");
        }
    }
}
