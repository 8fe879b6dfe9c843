//! An image cannot be fetched.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Object, Pod};

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::waits_since;
use crate::incident::facts::Facts;
use crate::incident::witness;

/// A name, tag or digest that the registry does not have, a registry that refuses or cannot be reached, or a pull policy
/// that forbids fetching.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImagePull;

const WAITING: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
];

impl Mechanism for ImagePull {
    fn id(&self) -> &'static str {
        "image_pull"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut stuck: BTreeMap<(EntityRef, String), Vec<(&Pod, &ContainerStatus)>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| !pod.is_finished()) {
            for status in pod.all_statuses() {
                if status
                    .state
                    .waiting
                    .as_ref()
                    .is_some_and(|waiting| WAITING.contains(&waiting.reason.as_str()))
                {
                    let image = pod
                        .container(&status.name)
                        .map_or(&status.image, |container| &container.image);
                    stuck
                        .entry((facts.workload_of(pod), image.clone()))
                        .or_default()
                        .push((pod, status));
                }
            }
        }
        stuck
            .into_iter()
            .filter_map(|((workload, image), pods)| candidate(facts, &workload, &image, &pods))
            .collect()
    }
}

fn candidate<'a>(
    facts: &Facts<'_>,
    workload: &EntityRef,
    image: &str,
    stuck: &[(&'a Pod, &ContainerStatus)],
) -> Option<Candidate> {
    let (pod, status) = stuck.first()?;
    let waiting = status.state.waiting.as_ref()?;
    let event = facts.event(&pod.entity(), |event| {
        event.is_warning()
            && (event.message.contains("ull image") || event.reason == "InspectFailed")
            && event.message.contains(image)
    });
    let text = format!("{} {}", waiting.message, event.map_or("", |event| &event.message));
    let why = Why::of(&waiting.reason, &text);
    let since = stuck
        .iter()
        .filter_map(|(pod, status)| waits_since(facts, pod, status))
        .min();
    let waits = |(pod, status): &(&'a Pod, &ContainerStatus)| {
        let reason = status
            .state
            .waiting
            .as_ref()
            .map_or("", |waiting| &waiting.reason);
        let statement = format!("container {} waits with {reason} for image {image}", status.name);
        (*pod, waits_since(facts, pod, status), statement)
    };
    let seen = witness::of_pods(facts, stuck.iter().map(waits), |event| {
        event.is_warning() && event.message.contains(image)
    });
    let change = facts.rollout_before(workload, since, &["image"]);
    let mut candidate = Candidate::new(
        "image_pull",
        workload.clone(),
        format!("image {image} of {workload} cannot be pulled: {}", why.words()),
    )
    .aspect(image)
    .clue("kubelet cannot pull the image", 4.5, seen)
    .since(since)
    .hurting(stuck.iter().map(|(pod, _)| pod.entity()));
    if let Some(change) = change {
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

/// Why the image does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Absent,
    Denied,
    Unreachable,
    Forbidden,
    BadName,
    Platform,
    RateLimited,
    Unknown,
}

impl Why {
    /// The kubelet and the container runtimes say it in these words (containerd and CRI-O, checked against their sources).
    fn of(reason: &str, text: &str) -> Self {
        let text = text.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match reason {
            "ErrImageNeverPull" => Self::Forbidden,
            "InvalidImageName" => Self::BadName,
            "RegistryUnavailable" => Self::Unreachable,
            _ if any(&["toomanyrequests", "rate limit", "429 "]) => Self::RateLimited,
            _ if any(&["no match for platform", "no matching manifest", "exec format"]) => Self::Platform,
            // Registries answer "pull access denied, repository does not exist or may require authorization" for both.
            _ if any(&[
                "unauthorized",
                "authentication required",
                "403 forbidden",
                "401 ",
                "no basic auth",
                "authorization failed",
            ]) && !any(&["not found", "does not exist"]) =>
            {
                Self::Denied
            }
            _ if any(&[
                "not found",
                "manifest unknown",
                "does not exist",
                "name unknown",
                "404 ",
            ]) =>
            {
                Self::Absent
            }
            _ if any(&[
                "no such host",
                "i/o timeout",
                "connection refused",
                "dial tcp",
                "timeout",
                "tls",
                "x509",
                "certificate",
            ]) =>
            {
                Self::Unreachable
            }
            _ if any(&["denied", "unauthorized"]) => Self::Denied,
            _ => Self::Unknown,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Absent => {
                "the registry has no such image (name, tag or digest is wrong, or it needs a login)"
            }
            Self::Denied => "the registry refuses the login",
            Self::Unreachable => "the registry cannot be reached",
            Self::Forbidden => "the pull policy is Never and the node does not have it",
            Self::BadName => "the name is not a valid image reference",
            Self::Platform => "the image has no variant for the node's platform",
            Self::RateLimited => "the registry limits the rate of pulls",
            Self::Unknown => "the kubelet does not say why",
        }
    }

    fn advice(self, workload: &EntityRef, container: &str, image: &str) -> Advice {
        let set = format!(
            "kubectl -n {} set image {}/{} {container}={}:TAG",
            workload.namespace.as_deref().unwrap_or("default"),
            workload.kind.to_lowercase(),
            workload.name,
            repository(image)
        );
        match self {
            Self::Denied => Advice::new(
                format!("Give {workload} an image pull secret that the registry accepts"),
                "The registry knows the image and refuses the credentials",
            ),
            Self::Unreachable => Advice::new(
                "Check the registry and the nodes' way to it",
                "The nodes get no answer, whatever the image is",
            ),
            Self::RateLimited => Advice::new(
                "Pull through a mirror or with a login",
                "Registries count anonymous pulls by address",
            ),
            Self::Platform => Advice::new(
                format!("Build {image} for the nodes' platform"),
                "The manifest list has no entry for it",
            ),
            _ => Advice::new(
                format!("Set an image that exists instead of {image}"),
                "Pods start as soon as the image can be pulled",
            )
            .command(set),
        }
    }
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
    use super::{Why, repository};

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

    #[test]
    fn tells_apart_why_an_image_does_not_come() {
        let absent = "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/nginx:1.99\": not found";
        assert_eq!(Why::of("ErrImagePull", absent), Why::Absent);
        let unclear = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope";
        assert_eq!(Why::of("ErrImagePull", unclear), Why::Absent);
        assert_eq!(
            Why::of(
                "ErrImagePull",
                "unexpected status from HEAD request: 401 Unauthorized"
            ),
            Why::Denied
        );
        assert_eq!(
            Why::of("ErrImagePull", "dial tcp: lookup reg.local: no such host"),
            Why::Unreachable
        );
        assert_eq!(
            Why::of("ErrImagePull", "429 Too Many Requests - toomanyrequests"),
            Why::RateLimited
        );
        assert_eq!(Why::of("ErrImageNeverPull", ""), Why::Forbidden);
        assert_eq!(
            Why::of("ImagePullBackOff", "Back-off pulling image"),
            Why::Unknown
        );
    }
}
