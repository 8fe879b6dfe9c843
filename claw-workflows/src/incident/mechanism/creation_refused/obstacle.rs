//! What refuses to let pods be made.

use claw_core::entity::EntityRef;

use crate::incident::candidate::Advice;
use crate::incident::facts::clip;

/// What refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Quota(String),
    /// A quota that takes only pods which state what it counts, by its name where the message tells it.
    QuotaNeedsRequests(Option<String>),
    LimitRange,
    PodSecurity,
    /// A webhook that says no, with what it says.
    Webhook(String, String),
    /// A webhook that does not answer.
    WebhookDown(String),
    ServiceAccount(String),
    PriorityClass,
    RuntimeClass,
    Terminating,
    Invalid,
    Other,
}

impl Obstacle {
    /// The API server and its admission plugins say it in these words (checked against their sources).
    pub(super) fn of(message: &str) -> Self {
        let quoted = |after: &str| -> Option<String> {
            let rest = message.split_once(after)?.1;
            Some(
                rest.split(['"', ',', ' '])
                    .find(|part| !part.is_empty())?
                    .to_owned(),
            )
        };
        let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if any(&["failed quota", "must specify limits", "must specify requests"]) {
            Self::QuotaNeedsRequests(
                quoted("failed quota:").map(|name| name.trim_end_matches(':').to_owned()),
            )
        } else if let Some(name) = quoted("exceeded quota:") {
            Self::Quota(name)
        } else if any(&["failed calling webhook", "failed to call webhook"]) {
            Self::WebhookDown(quoted("webhook \"").unwrap_or_default())
        } else if let Some((_, said)) = message.split_once("denied the request") {
            let said = said.trim_start_matches([':', ' ']).to_owned();
            Self::Webhook(quoted("webhook \"").unwrap_or_default(), said)
        } else if any(&[
            "violates PodSecurity",
            "unable to validate against any security context constraint",
            "unable to validate against any pod security policy",
            "unable to admit pod",
        ]) {
            Self::PodSecurity
        } else if any(&[
            "serviceaccount \"",
            "error looking up service account",
            "service account ",
        ]) {
            let name = quoted("serviceaccount \"").or_else(|| quoted("service account "));
            let name = name.unwrap_or_default();
            Self::ServiceAccount(
                name.rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches(':')
                    .to_owned(),
            )
        } else if any(&["PriorityClass"]) {
            Self::PriorityClass
        } else if any(&["RuntimeClass"]) {
            Self::RuntimeClass
        } else if any(&["being terminated"]) {
            Self::Terminating
        } else if any(&["maximum ", "minimum "]) && any(&["usage per", "storage per"])
            || any(&["limit to request ratio"])
        {
            Self::LimitRange
        } else if any(&["is invalid:", "Invalid value", "Unsupported value"]) {
            Self::Invalid
        } else {
            Self::Other
        }
    }

    pub(super) fn words(&self, message: &str) -> String {
        match self {
            Self::Quota(name) => format!("quota {name} is used up"),
            Self::QuotaNeedsRequests(name) => {
                let quota = name.as_deref().map_or_else(
                    || "the namespace's quota".to_owned(),
                    |name| format!("quota {name}"),
                );
                format!("{quota} asks for requests and limits that they do not state")
            }
            Self::LimitRange => format!(
                "they are outside the namespace's limit range ({})",
                clip(message, 200)
            ),
            Self::PodSecurity => format!(
                "they violate the namespace's pod security level ({})",
                clip(message, 200)
            ),
            Self::Webhook(name, said) => {
                format!("admission webhook {name} refuses them: {}", clip(said, 200))
            }
            Self::WebhookDown(name) => format!("admission webhook {name} does not answer"),
            Self::ServiceAccount(name) => format!("their service account {name} does not exist"),
            Self::PriorityClass => "their priority class does not exist".to_owned(),
            Self::RuntimeClass => "their runtime class does not exist".to_owned(),
            Self::Terminating => "their namespace is being deleted".to_owned(),
            Self::Invalid => format!("their specification is not valid ({})", clip(message, 200)),
            Self::Other => clip(message, 200),
        }
    }

    /// What does not answer is a cause of its own; see [`super::super::webhook_unavailable`].
    pub(super) fn derived(&self) -> f64 {
        match self {
            Self::WebhookDown(_) => 0.9,
            Self::Terminating => 0.5,
            _ => 0.0,
        }
    }

    /// Fields by which a rollout may ask for what is refused, or none for any field. `None` where pods are refused whatever
    /// they ask for.
    pub(super) fn paths(&self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::Quota(_) | Self::QuotaNeedsRequests(_) | Self::LimitRange => &["resources", "replicas"],
            Self::PodSecurity => &["securityContext", "host", "capabilities"],
            Self::ServiceAccount(_) => &["serviceAccount"],
            Self::PriorityClass => &["priority"],
            Self::RuntimeClass => &["runtimeClass"],
            Self::Webhook(..) | Self::Invalid | Self::Other => &[],
            Self::WebhookDown(_) | Self::Terminating => return None,
        })
    }

    pub(super) fn advice(&self, workload: &EntityRef) -> Advice {
        let ns = workload.namespace.as_deref().unwrap_or("default");
        let webhooks = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations";
        match self {
            Self::Quota(name) => Advice::new(
                format!("Raise quota {name}, or free some of it"),
                "The namespace may not use more than its quota",
            )
            .command(format!("kubectl -n {ns} describe resourcequota {name}")),
            Self::QuotaNeedsRequests(_) => Advice::new(
                format!("State requests and limits in {workload}, or give the namespace a limit range that fills them in"),
                "A namespace with a compute quota takes only pods that state them",
            )
            .command(format!("kubectl -n {ns} describe resourcequota,limitrange")),
            Self::LimitRange => Advice::new(
                format!("Bring the resources of {workload} within the limit range"),
                "The API server refuses what is outside",
            )
            .command(format!("kubectl -n {ns} describe limitrange")),
            Self::PodSecurity => Advice::new(
                format!("Give {workload} the security context that the namespace asks for"),
                "The namespace enforces a pod security level",
            )
            .command(format!("kubectl get namespace {ns} --show-labels")),
            Self::Webhook(name, _) => Advice::new(
                format!("Bring {workload} in line with the policy of {name}, or make an exception there"),
                "A policy refuses pods like these",
            )
            .command(webhooks),
            Self::WebhookDown(name) => Advice::new(
                format!("Bring the service behind webhook {name} up"),
                "Pods cannot be made while it is down, unless its failure policy is Ignore",
            )
            .command(webhooks),
            Self::ServiceAccount(_) => Advice::new(
                "Create the service account, or name one that exists",
                "Pods cannot be made without it",
            )
            .command(format!("kubectl -n {ns} get serviceaccounts")),
            Self::PriorityClass => Advice::new(
                format!("Create the priority class, or name one that exists in {workload}"),
                "Pods of an unknown priority are not admitted",
            )
            .command("kubectl get priorityclasses"),
            Self::RuntimeClass => Advice::new(
                format!("Create the runtime class, or name one that exists in {workload}"),
                "Pods of an unknown runtime are not admitted",
            )
            .command("kubectl get runtimeclasses"),
            Self::Terminating => Advice::new(
                format!(
                    "Wait until namespace {ns} is gone and make it anew, or find what holds its deletion"
                ),
                "Nothing new can be made in it",
            )
            .command(format!("kubectl get namespace {ns} -o yaml")),
            Self::Invalid | Self::Other => Advice::new(
                format!("Remove what the API server names in {workload}"),
                "Its pods cannot be made until then",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Obstacle;

    #[test]
    fn tells_what_refuses() {
        for (text, obstacle) in [
            (
                "exceeded quota: compute, requested: limits.cpu=2, used: limits.cpu=8, limited: limits.cpu=8",
                Obstacle::Quota("compute".into()),
            ),
            (
                "violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
                Obstacle::PodSecurity,
            ),
            (
                "unable to validate against any security context constraint: [provider \"anyuid\": Forbidden]",
                Obstacle::PodSecurity,
            ),
            (
                "Internal error occurred: failed calling webhook \"inject.mesh.io\": connection refused",
                Obstacle::WebhookDown("inject.mesh.io".into()),
            ),
            (
                "admission webhook \"validate.policy.io\" denied the request: no label owner",
                Obstacle::Webhook("validate.policy.io".into(), "no label owner".into()),
            ),
            (
                "error looking up service account shop/worker: serviceaccount \"worker\" not found",
                Obstacle::ServiceAccount("worker".into()),
            ),
            (
                "failed quota: compute: must specify limits.cpu for: app",
                Obstacle::QuotaNeedsRequests(Some("compute".into())),
            ),
            ("must specify limits.cpu", Obstacle::QuotaNeedsRequests(None)),
            (
                "maximum cpu usage per Container is 2, but limit is 4",
                Obstacle::LimitRange,
            ),
            (
                "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
                Obstacle::LimitRange,
            ),
            (
                "no PriorityClass with name gold was found",
                Obstacle::PriorityClass,
            ),
            (
                "pod rejected: RuntimeClass \"gvisor\" not found",
                Obstacle::RuntimeClass,
            ),
            (
                "unable to create new content in namespace shop because it is being terminated",
                Obstacle::Terminating,
            ),
            ("", Obstacle::Other),
        ] {
            let message = format!("Error creating: pods \"a\" is forbidden: {text}");
            assert_eq!(Obstacle::of(&message), obstacle, "{text}");
        }
    }
}
