//! Simulated nodes of different kinds, in three zones.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LABEL, text};
use crate::api::Api;
use crate::error::Error;
use crate::random::Random;
use crate::suite::wait_until;

const SEED: u64 = 11;

/// How large nodes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Size {
    /// Kinds that cost different amounts of money.
    Mixed,
    /// Room for a thousand pods each.
    Large,
}

/// A kind of machine: name, cores, memory in GiB, architecture.
type Kind = (&'static str, u32, u32, &'static str);

const SMALL: Kind = ("m5.xlarge", 4, 16, "amd64");
const OTHERS: [Kind; 6] = [
    ("m5.2xlarge", 8, 32, "amd64"),
    ("m5.4xlarge", 16, 64, "amd64"),
    ("c5.4xlarge", 16, 32, "amd64"),
    ("r5.2xlarge", 8, 64, "amd64"),
    ("r5.4xlarge", 16, 128, "amd64"),
    ("m6g.4xlarge", 16, 64, "arm64"),
];
const LARGE: Kind = ("m5.24xlarge", 96, 384, "amd64");

/// Paths and objects of `count` nodes.
pub fn nodes(count: u32, size: Size) -> Vec<(String, Value)> {
    let mut zones = ["a", "b", "c"].into_iter().cycle();
    // Names of their own, so that large ones come beside ordinary ones that are there already.
    let prefix = match size {
        Size::Mixed => "node",
        Size::Large => "large",
    };
    (0..count)
        .map(|number| (format!("{prefix}-{number:03}"), zones.next().unwrap_or("a")))
        .map(|(name, zone)| ("/api/v1/nodes".to_owned(), node(&name, zone, size)))
        .collect()
}

fn node(name: &str, zone: &str, size: Size) -> Value {
    let mut random = Random::of(SEED, name);
    let (kind, cores, memory, architecture) = match size {
        Size::Mixed => random.choose(SMALL, &OTHERS),
        Size::Large => LARGE,
    };
    let pods = if size == Size::Large { "1000" } else { "110" };
    let room = json!({
        "cpu": cores.to_string(),
        "memory": format!("{memory}Gi"),
        "pods": pods,
        "ephemeral-storage": "100Gi",
    });
    let zone = format!("eu-central-1{zone}");
    let bought = if random.share() < 0.3 { "spot" } else { "on-demand" };
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                LABEL.0: LABEL.1,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture,
                "node.kubernetes.io/instance-type": kind,
                "topology.kubernetes.io/region": "eu-central-1",
                "topology.kubernetes.io/zone": zone,
                "karpenter.sh/capacity-type": bought,
            },
            // All nodes share kwok's port; metrics-server finds out by the path which one it asks.
            "annotations": {
                "metrics.k8s.io/resource-metrics-path": format!("/metrics/nodes/{name}/metrics/resource"),
            },
        },
        "spec": { "providerID": format!("aws:///{zone}/{name}") },
        "status": {
            "capacity": room,
            "allocatable": room,
            "nodeInfo": {
                "architecture": architecture,
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.1.0-31",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.37.2",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "systemUUID": "",
            },
        },
    })
}

/// Returns when all nodes of the fleet are ready, but for those that a fault keeps from it.
pub async fn all_ready(api: &Api) -> Result<(), Error> {
    wait_until(Duration::from_secs(60), "all nodes are ready", async || {
        let nodes = api
            .list("/api/v1/nodes", &format!("{},!stage", super::SELECTOR))
            .await?;
        let waiting = nodes.iter().filter(|node| !is_ready(node)).count();
        Ok(if waiting == 0 {
            Ok(())
        } else {
            Err(format!("{waiting} of {} are not", nodes.len()))
        })
    })
    .await
}

fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let mut ready = conditions
        .into_iter()
        .flatten()
        .filter(|condition| text(condition, "/type") == "Ready");
    ready.any(|condition| text(condition, "/status") == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_the_same_each_time_and_differ_among_themselves() {
        let made = nodes(12, Size::Mixed);
        assert_eq!(made, nodes(12, Size::Mixed));
        assert_eq!(made[..3], nodes(3, Size::Mixed)[..]);
        let kinds: std::collections::BTreeSet<_> = made
            .iter()
            .map(|(_, node)| text(node, "/metadata/labels/node.kubernetes.io~1instance-type"))
            .collect();
        assert!(kinds.len() > 2, "{kinds:?}");
    }
}
