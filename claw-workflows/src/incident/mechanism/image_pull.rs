//! An image cannot be fetched.

mod registry;
mod why;

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{ContainerStatus, Object, Pod};
use jiff::Timestamp;

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::Candidate;
use crate::incident::ending::waits_since;
use crate::incident::facts::Facts;
use crate::incident::witness;
pub(super) use registry::RegistryUnavailable;
use why::Why;

/// A name, tag or digest that the registry does not have, a registry that refuses the login, or a pull policy that forbids
/// fetching. [`RegistryUnavailable`] speaks for a registry that does not answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImagePull;

const WAITING: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

impl Mechanism for ImagePull {
    fn id(&self) -> &'static str {
        "image_pull"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["registry_authentication_failed"]
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        stuck(facts)
            .iter()
            .filter_map(|stuck| candidate(facts, stuck))
            .collect()
    }
}

/// Containers of a workload that wait for the same image.
struct Stuck<'a> {
    workload: EntityRef,
    image: String,
    containers: Vec<(&'a Pod, &'a ContainerStatus)>,
    why: Why,
    since: Option<Timestamp>,
}

/// All containers that wait for an image.
fn stuck<'a>(facts: &Facts<'a>) -> Vec<Stuck<'a>> {
    let mut waiting: BTreeMap<(EntityRef, String), Vec<(&Pod, &ContainerStatus)>> = BTreeMap::new();
    for pod in facts.pods().filter(|pod| !pod.is_finished()) {
        for status in pod.all_statuses() {
            let reason = status
                .state
                .waiting
                .as_ref()
                .map(|waiting| waiting.reason.as_str());
            if reason.is_some_and(|reason| WAITING.contains(&reason)) {
                let image = pod
                    .container(&status.name)
                    .map_or(&status.image, |container| &container.image);
                waiting
                    .entry((facts.workload_of(pod), image.clone()))
                    .or_default()
                    .push((pod, status));
            }
        }
    }
    waiting
        .into_iter()
        .map(|((workload, image), containers)| Stuck {
            why: containers
                .iter()
                .map(|(pod, status)| why(facts, pod, status, &image))
                .find(|why| *why != Why::Unknown)
                .unwrap_or(Why::Unknown),
            since: containers
                .iter()
                .filter_map(|(pod, status)| waits_since(facts, pod, status))
                .min(),
            workload,
            image,
            containers,
        })
        .collect()
}

/// Whether a hypothesis is that images of a workload do not come for want of a login, or perhaps for that.
pub(in crate::incident) fn lacks_login(facts: &Facts<'_>, workload: &EntityRef, mechanism: &str) -> bool {
    let login = |why| matches!(why, Why::Denied | Why::AbsentOrDenied | Why::Expired);
    let mut stuck = stuck(facts).into_iter();
    stuck.any(|stuck| stuck.workload == *workload && stuck.why.mechanism() == mechanism && login(stuck.why))
}

/// Why one container's image does not come. Back-off hides the reason in the state; events keep it for an hour.
fn why(facts: &Facts<'_>, pod: &Pod, status: &ContainerStatus, image: &str) -> Why {
    let Some(waiting) = &status.state.waiting else {
        return Why::Unknown;
    };
    let told = facts
        .events_of(&pod.entity())
        .iter()
        .rev()
        .filter(|event| event.is_warning() && event.message.contains(image))
        .map(|event| event.message.as_str());
    let why = std::iter::once(waiting.message.as_str())
        .chain(told)
        .map(|text| Why::of(&waiting.reason, text))
        .find(|why| *why != Why::Unknown)
        .unwrap_or(Why::Unknown);
    let login = || login_missing(facts, pod).is_some() || known_elsewhere(facts, pod, image);
    if why == Why::AbsentOrDenied && login() {
        Why::Denied
    } else {
        why
    }
}

/// A login that a pod names and that is not there, with what shows it.
fn login_missing(facts: &Facts<'_>, pod: &Pod) -> Option<(String, Vec<Evidence>)> {
    let ns = pod.metadata.ns();
    let told = facts.event(&pod.entity(), |event| {
        event.reason == "FailedToRetrieveImagePullSecret"
            || event
                .message
                .contains("nable to retrieve some image pull secrets")
    });
    let named = |name: &str| told.is_some_and(|event| event.message.contains(name));
    let exists = |name: &str| {
        let mut secrets = facts.case.objects.secrets.iter();
        secrets.any(|secret| secret.metadata.ns() == ns && secret.metadata.name == name)
    };
    let missing = pod.spec.image_pull_secrets.iter().find(|secret| {
        named(&secret.name) || (facts.case.knows_all("Secret", ns) && !exists(&secret.name))
    })?;
    let statement = format!("names pull secret {}, which cannot be had", missing.name);
    let mut seen = vec![facts.object(pod, pod.metadata.creation_timestamp, statement)];
    seen.extend(told.map(|event| facts.event_evidence(event)));
    Some((missing.name.clone(), seen))
}

/// Whether other pods run an image of the same repository with a login that this pod does not have.
fn known_elsewhere(facts: &Facts<'_>, pod: &Pod, image: &str) -> bool {
    let has = |name: &str| {
        pod.spec
            .image_pull_secrets
            .iter()
            .any(|secret| secret.name == name)
    };
    facts.pods().any(|other| {
        let runs = other.all_statuses().any(|status| {
            let fetched = status.state.running.is_some() || status.state.terminated.is_some();
            let same = other
                .container(&status.name)
                .is_some_and(|container| repository(&container.image) == repository(image));
            fetched && same
        });
        runs && other
            .spec
            .image_pull_secrets
            .iter()
            .any(|secret| !has(&secret.name))
    })
}

fn candidate(facts: &Facts<'_>, stuck: &Stuck<'_>) -> Option<Candidate> {
    let Stuck {
        workload,
        image,
        containers,
        why,
        since,
    } = stuck;
    let (pod, status) = containers.first()?;
    let witnesses = containers.iter().map(|(pod, status)| {
        let waiting = status.state.waiting.as_ref();
        let reason = waiting.map_or("", |waiting| &waiting.reason);
        let statement = format!("container {} waits with {reason} for image {image}", status.name);
        (*pod, waits_since(facts, pod, status), statement)
    });
    let seen = witness::of_pods(facts, witnesses, |event| {
        event.is_warning() && event.message.contains(image.as_str())
    });
    let mut candidate = Candidate::new(
        why.mechanism(),
        workload.clone(),
        format!("image {image} of {workload} cannot be pulled: {}", why.words()),
    )
    .aspect(image.as_str())
    .clue("kubelet cannot pull the image", 4.5, seen)
    .since(*since)
    .hurting(containers.iter().map(|(pod, _)| pod.entity()))
    .derived(if registry::is_new_host(facts, stuck) {
        0.0
    } else {
        why.derived()
    });
    if *why == Why::Denied
        && let Some((secret, seen)) = login_missing(facts, pod)
    {
        candidate
            .cause
            .push_str(&format!(" (pull secret {secret} is missing)"));
        candidate = candidate.clue("its pull secret is missing", 1.0, seen);
    }
    if let Some(change) = facts.rollout_before(workload, *since, &["image"]) {
        candidate = candidate
            .clue(
                "rollout brought the image",
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let reason = "The image before could be pulled, so this restores service at once";
        candidate
            .advice
            .extend(roll_back(facts, workload, change, reason));
    }
    Some(candidate.advise(why.advice(workload, &status.name, image)))
}

/// The name of an image without its tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        // A colon before a slash is that of the registry's port.
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ImagePull, RegistryUnavailable, repository};
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deployment, event, object, of};

    #[test]
    fn the_repository_is_the_name_without_tag_and_digest() {
        for (image, expected) in [
            ("nginx", "nginx"),
            ("nginx:1.99", "nginx"),
            ("reg.local:5000/shop/cart", "reg.local:5000/shop/cart"),
            (
                "reg.local:5000/shop/cart:2@sha256:abc",
                "reg.local:5000/shop/cart",
            ),
        ] {
            assert_eq!(repository(image), expected);
        }
    }

    /// A workload that waits for its image, with what the runtime said.
    fn waits(case: &mut Case, name: &str, image: &str, said: &str) {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\"")}});
        let status = json!({
            "phase": "Pending", "startTime": at(-60),
            "containerStatuses": [{"name": "app", "image": image, "state": waiting}],
        });
        let containers = json!([{"name": "app", "image": image}]);
        deployment(case, name, json!({"containers": containers, "status": status}));
        let message = format!("Failed to pull image \"{image}\": {said}");
        event(case, "Pod", &format!("{name}-pod"), "Failed", &message, -50);
    }

    fn mechanisms(case: &Case) -> Vec<&'static str> {
        let found = of(&ImagePull, case)
            .into_iter()
            .chain(of(&RegistryUnavailable, case));
        found.map(|candidate| candidate.mechanism).collect()
    }

    const HIDDEN: &str = "pull access denied, repository does not exist or may require authorization";

    #[test]
    fn a_missing_pull_secret_tells_a_login_from_a_wrong_name() {
        let told = |secrets: Value| {
            let mut case = case();
            waits(&mut case, "cart", "reg.example/cart:2", HIDDEN);
            case.objects.pods[0].spec.image_pull_secrets =
                serde_json::from_value(json!([{"name": "regcred"}])).unwrap();
            case.objects.secrets = serde_json::from_value(secrets).unwrap();
            mechanisms(&case)
        };
        assert_eq!(told(json!([])), ["registry_authentication_failed"]);
        let there = json!([{"kind": "Secret", "metadata": {"name": "regcred", "namespace": "shop"}}]);
        assert_eq!(told(there), ["image_pull"]);
    }

    #[test]
    fn a_repository_that_others_run_with_a_login_needs_one() {
        let mut case = case();
        waits(&mut case, "cart", "reg.example/cart:2", HIDDEN);
        case.objects.pods.push(object(
            "old",
            json!({
                "spec": {"imagePullSecrets": [{"name": "regcred"}], "containers": [{"name": "a", "image": "reg.example/cart:1"}]},
                "status": {"containerStatuses": [{"name": "a", "state": {"running": {}}}]},
            }),
        ));
        assert_eq!(mechanisms(&case), ["registry_authentication_failed"]);
    }

    #[test]
    fn a_registry_that_several_workloads_wait_for_is_to_blame() {
        let silent = "dial tcp 10.9.0.4:443: i/o timeout";
        let mut case = case();
        waits(&mut case, "cart", "reg.example/cart:2", silent);
        waits(&mut case, "web", "reg.example/web:7", silent);
        let found = of(&RegistryUnavailable, &case);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entity.name, "reg.example");
        assert!(found[0].own_score() > 4.0);
        // It answers others.
        event(
            &mut case,
            "Pod",
            "cart-pod",
            "Pulled",
            "Successfully pulled image \"reg.example/cart:1\" in 2s",
            -10,
        );
        assert!(of(&RegistryUnavailable, &case)[0].own_score() < 3.0);
    }

    #[test]
    fn a_new_host_that_nobody_else_pulls_from_is_a_wrong_name() {
        let mut case = case();
        waits(
            &mut case,
            "cart",
            "rge.example/cart:2",
            "dial tcp: lookup rge.example: no such host",
        );
        let cart = claw_core::entity::EntityRef::namespaced("Deployment", "shop", "cart");
        let mut change = crate::incident::testing::deploy(&cart, "Deployment/shop/cart@2", -90);
        change.detail = vec!["containers.app.image: reg.example/cart:1 → rge.example/cart:2".to_owned()];
        case.changes.push(change);
        assert!(of(&RegistryUnavailable, &case).is_empty());
        assert!(of(&ImagePull, &case)[0].derived < 0.1);
    }
}
