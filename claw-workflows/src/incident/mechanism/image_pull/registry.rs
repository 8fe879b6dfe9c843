//! A registry that does not answer, whatever is asked for.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;

use super::why::{Why, registry};
use super::{Stuck, stuck};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::waits_since;
use crate::incident::facts::Facts;
use crate::incident::mechanism::{Area, Mechanism};
use crate::incident::witness;

/// A registry that the nodes cannot reach, or that turns them away for asking too often.
#[derive(Clone, Copy, Debug)]
pub(in crate::incident::mechanism) struct RegistryUnavailable;

impl Mechanism for RegistryUnavailable {
    fn id(&self) -> &'static str {
        "registry_unavailable"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let all = stuck(facts);
        let mut by_host: BTreeMap<&str, Vec<&Stuck<'_>>> = BTreeMap::new();
        for stuck in all
            .iter()
            .filter(|stuck| matches!(stuck.why, Why::Unreachable | Why::RateLimited))
            .filter(|stuck| !is_new_host(facts, stuck))
        {
            by_host.entry(registry(&stuck.image)).or_default().push(stuck);
        }
        by_host
            .into_iter()
            .map(|(host, stuck)| candidate(facts, host, &stuck))
            .collect()
    }
}

/// Whether a rollout brought the image, and nobody else runs anything from its host: the name is likelier wrong than the
/// registry down.
pub(super) fn is_new_host(facts: &Facts<'_>, stuck: &Stuck<'_>) -> bool {
    let host = registry(&stuck.image);
    let others = facts.pods().any(|pod| {
        pod.all_containers()
            .any(|container| registry(&container.image) == host && container.image != stuck.image)
    });
    !others
        && facts
            .rollout_before(&stuck.workload, stuck.since, &["image"])
            .is_some()
}

fn candidate(facts: &Facts<'_>, host: &str, stuck: &[&Stuck<'_>]) -> Candidate {
    let workloads: BTreeSet<&EntityRef> = stuck.iter().map(|stuck| &stuck.workload).collect();
    let limited = stuck.iter().all(|stuck| stuck.why == Why::RateLimited);
    let what = if limited {
        "limits the rate of pulls"
    } else {
        "cannot be reached from the nodes"
    };
    let since = stuck.iter().filter_map(|stuck| stuck.since).min();
    let containers = stuck.iter().flat_map(|stuck| {
        stuck.containers.iter().map(|(pod, status)| {
            let statement = format!("waits for image {} of {host}", stuck.image);
            (*pod, waits_since(facts, pod, status), statement)
        })
    });
    let seen = witness::of_pods(facts, containers, |event| {
        event.is_warning() && event.message.contains(host)
    });
    let names: Vec<String> = workloads.iter().take(5).map(ToString::to_string).collect();
    let mut candidate = Candidate::new(
        "registry_unavailable",
        EntityRef::external(host),
        format!(
            "registry {host} {what}: the images of {} do not come",
            names.join(", ")
        ),
    )
    .clue("kubelets get no image from it", 4.0, seen)
    .since(since)
    .hurting(workloads.iter().map(|workload| (*workload).clone()))
    .hurting(
        stuck
            .iter()
            .flat_map(|stuck| &stuck.containers)
            .map(|(pod, _)| claw_k8s::model::Object::entity(*pod)),
    );
    if workloads.len() > 1 {
        candidate = candidate.clue("several workloads wait for it", 1.0, Vec::new());
    }
    let pulled: Vec<_> = facts
        .case
        .objects
        .events
        .iter()
        .filter(|event| event.reason == "Pulled" && event.message.contains("uccessfully pulled"))
        .filter(|event| pulled_from(&event.message) == Some(host) && event.last_seen() >= since)
        .collect();
    if !pulled.is_empty() {
        let seen = witness::of_events(facts, pulled);
        candidate = candidate.clue("it gave out images meanwhile", -2.5, seen);
    }
    candidate.advise(if limited {
        Advice::new(
            format!("Pull through a mirror of {host}, or with a login"),
            "Registries count anonymous pulls by address",
        )
    } else {
        Advice::new(
            format!("Check {host} and the nodes' way to it: name, route, proxy, certificate"),
            "The nodes get no answer, whatever the image is",
        )
        .command(format!(
            "curl -sSI https://{host}/v2/   # on a node whose pods wait, not in a pod"
        ))
    })
}

/// The registry of the image that an event says was pulled. Images of the default registry are named without it.
fn pulled_from(message: &str) -> Option<&str> {
    message.split('"').nth(1).map(registry)
}

#[cfg(test)]
mod tests {
    use super::pulled_from;

    #[test]
    fn an_image_without_a_host_was_pulled_from_the_default_registry() {
        let of = |image: &str| {
            pulled_from(&format!("Successfully pulled image \"{image}\" in 2s")).map(str::to_owned)
        };
        assert_eq!(of("redis:7").as_deref(), Some("docker.io"));
        assert_eq!(
            of("reg.example/docker.io/redis:7").as_deref(),
            Some("reg.example")
        );
        assert_eq!(pulled_from("Container image is present"), None);
    }
}
