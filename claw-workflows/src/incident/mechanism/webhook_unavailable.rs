//! An admission webhook does not answer, and nothing that it is asked about can be made.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, WebhookConfiguration};
use jiff::Timestamp;

use super::creation_refused::refusals;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// The service behind a webhook is down, gone or not trusted. What makes it so is a cause of its own; this one says who
/// suffers for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WebhookUnavailable;

impl Mechanism for WebhookUnavailable {
    fn id(&self) -> &'static str {
        "webhook_unavailable"
    }

    fn area(&self) -> Area {
        Area::Scheduling
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut by: BTreeMap<EntityRef, Vec<Refused>> = BTreeMap::new();
        for (workload, refusal) in refusals(facts) {
            let message = refusal.message();
            if let Some(failure) = Failure::of(facts, message) {
                by.entry(failure.entity.clone()).or_default().push(Refused {
                    workload,
                    seen: refusal.evidence(facts),
                    since: refusal.since(),
                    failure,
                });
            }
        }
        by.into_iter()
            .filter_map(|(entity, refused)| candidate(facts, &entity, &refused))
            .collect()
    }
}

struct Refused {
    workload: EntityRef,
    seen: Vec<Evidence>,
    since: Option<Timestamp>,
    failure: Failure,
}

/// Webhooks that fail, each with the service behind it and the workloads that are refused for it.
pub(in crate::incident) fn failing(facts: &Facts<'_>) -> Vec<(EntityRef, EntityRef)> {
    refusals(facts)
        .into_iter()
        .filter_map(|(workload, refusal)| Some((Failure::of(facts, refusal.message())?.service?, workload)))
        .collect()
}

/// What is said of a webhook that does not answer.
struct Failure {
    webhook: String,
    /// The service that it calls.
    service: Option<EntityRef>,
    /// What is behind that service, as far as it is known.
    entity: EntityRef,
    how: String,
}

impl Failure {
    /// `failed calling webhook "w": failed to call webhook: Post "https://svc.ns.svc:443/path?timeout=10s": dial tcp …`
    fn of(facts: &Facts<'_>, message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("failed calling webhook")?;
        let webhook = rest.split('"').nth(1)?.to_owned();
        let configured = configuration(facts, &webhook);
        let service = host(rest)
            .and_then(in_cluster)
            .or_else(|| configured.and_then(|configuration| behind(configuration, &webhook)));
        let entity = match (&service, configured, host(rest)) {
            (Some(service), _, _) => behind_service(facts, service),
            (None, _, Some(host)) => EntityRef::external(host),
            (None, Some(configuration), None) => configuration.entity(),
            (None, None, None) => return None,
        };
        let how = rest.rsplit_once("\": ").map_or(rest, |(_, how)| how);
        Some(Self {
            webhook,
            service,
            entity,
            how: clip(how, 160),
        })
    }
}

/// What answers for a Service: of one without pods, the only workload whose pods it would select.
fn behind_service(facts: &Facts<'_>, service: &EntityRef) -> EntityRef {
    let unit = facts.unit_of(service);
    let namespace = service.namespace.as_deref().unwrap_or_default();
    let Some(object) = facts
        .service(namespace, &service.name)
        .filter(|_| unit == *service)
    else {
        return unit;
    };
    let mut meant = facts.top_workloads().filter(|workload| {
        workload.metadata.ns() == namespace && object.selects(&workload.template().metadata.labels)
    });
    match (meant.next(), meant.next()) {
        (Some(workload), None) => workload.entity(),
        _ => unit,
    }
}

/// Who configures a webhook.
fn configuration<'a>(facts: &Facts<'a>, webhook: &str) -> Option<&'a WebhookConfiguration> {
    let mut configurations = facts.case.objects.webhooks.iter();
    configurations.find(|configuration| configuration.webhooks.iter().any(|known| known.name == webhook))
}

fn host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("https://")?;
    rest.split(['/', ':', '?', '"'])
        .next()
        .filter(|host| !host.is_empty())
}

fn in_cluster(host: &str) -> Option<EntityRef> {
    let mut parts = host.split('.');
    let (name, namespace, mark) = (parts.next()?, parts.next()?, parts.next()?);
    (mark == "svc").then(|| EntityRef::namespaced("Service", namespace, name))
}

fn behind(configuration: &WebhookConfiguration, webhook: &str) -> Option<EntityRef> {
    let hook = configuration
        .webhooks
        .iter()
        .find(|known| known.name == webhook)?;
    let service = hook.client_config.service.as_ref()?;
    Some(EntityRef::namespaced(
        "Service",
        &service.namespace,
        &service.name,
    ))
}

fn candidate(facts: &Facts<'_>, entity: &EntityRef, refused: &[Refused]) -> Option<Candidate> {
    let Failure {
        webhook,
        service,
        how,
        ..
    } = &refused.first()?.failure;
    let names: Vec<String> = refused
        .iter()
        .take(4)
        .map(|refused| refused.workload.to_string())
        .collect();
    let since = refused.iter().filter_map(|refused| refused.since).min();
    let seen = refused
        .iter()
        .flat_map(|refused| refused.seen.iter().take(3).cloned());
    let mut candidate = Candidate::new(
        "webhook_unavailable",
        entity.clone(),
        format!("admission webhook {webhook} of {entity} does not answer ({how}), so that pods of {} cannot be made", names.join(", ")),
    )
    .aspect(webhook.as_str())
    .clue("API server cannot call the webhook", 4.2, seen.collect())
    .since(since)
    .hurting(refused.iter().map(|refused| refused.workload.clone()))
    .derived(0.3);
    if refused.len() > 1 {
        candidate = candidate.clue("several workloads are refused", 0.7, Vec::new());
    }
    let pods = facts.pods_of(entity);
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    let unknown = service.as_ref().is_some_and(|service| {
        let namespace = service.namespace.as_deref().unwrap_or_default();
        facts.case.knows_all("Service", namespace) && facts.service(namespace, &service.name).is_none()
    });
    if unknown {
        candidate = candidate.clue("its Service does not exist", 0.7, Vec::new());
    } else if let Some(workload) = facts.workload(entity).filter(|_| ready == 0) {
        let statement = format!("{} of its pods are ready", workload.ready());
        candidate = candidate.clue(
            "none of its pods is ready",
            0.7,
            vec![facts.object(workload, None, statement)],
        );
    } else if pods.is_empty() {
        candidate = candidate.unseen(format!("the pods behind {entity}"));
    }
    // Its configuration says which objects it is asked about, and what happens where it does not answer.
    let changed = configuration(facts, webhook)
        .map(Object::entity)
        .into_iter()
        .chain([entity.clone()])
        .filter_map(|changed| facts.change_before(&changed, since, |_| true))
        .filter(|change| change.time >= facts.case.window.start)
        .max_by_key(|change| change.time);
    if let Some(change) = changed {
        candidate = candidate
            .clue("changed before", 0.8, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    Some(candidate.advise(
        Advice::new(
            format!("Bring {entity} up; if that takes long, set the failure policy of webhook {webhook} to Ignore"),
            "The API server asks it before it admits a pod",
        )
        .command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::WebhookUnavailable;
    use crate::incident::case::Case;
    use crate::incident::mechanism::creation_refused::CreationRefused;
    use crate::incident::testing::{case, deploy, event, object, of};
    use claw_k8s::model::Object as _;

    #[test]
    fn the_service_behind_a_webhook_is_to_blame_for_those_that_it_refuses() {
        let mut case = case();
        for name in ["cart", "web"] {
            case.objects.workloads.push(object(
                name,
                json!({"kind": "ReplicaSet", "spec": {"replicas": 2}}),
            ));
            let message = "Error creating: Internal error occurred: failed calling webhook \"inject.mesh.example.com\": failed to call webhook: \
                           Post \"https://injector.mesh.svc:443/inject?timeout=10s\": no endpoints available for service \"injector\"";
            event(&mut case, "ReplicaSet", name, "FailedCreate", message, -60);
        }
        let found = of(&WebhookUnavailable, &case);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entity.to_string(), "Service mesh/injector");
        assert!(
            found[0].cause.contains("no endpoints available"),
            "{}",
            found[0].cause
        );
        assert!(
            of(&CreationRefused, &case)
                .iter()
                .all(|refused| refused.derived > 0.5)
        );
        // Since an edit made it the one that is asked.
        assert_eq!(found[0].change, None);
        let configuration = "inject";
        let hooks = json!({"kind": "MutatingWebhookConfiguration", "webhooks": [{"name": "inject.mesh.example.com"}]});
        case.objects.webhooks.push(object(configuration, hooks));
        let entity = case.objects.webhooks[0].entity();
        case.changes.push(deploy(&entity, "fail-closed", -600));
        let found = of(&WebhookUnavailable, &case);
        assert_eq!(found[0].change.as_deref(), Some("fail-closed"));
    }

    #[test]
    fn a_rollout_that_is_refused_leads_to_the_workload_behind_the_webhook() {
        let message = "Internal error occurred: failed calling webhook \"pods.policy.example.com\": failed to call webhook: \
                       Post \"https://policy-hook.shop.svc:443/validate?timeout=10s\": no endpoints available for service \"policy-hook\"";
        let labels = json!({"app": "policy"});
        let mut case = case();
        case.objects.workloads = vec![
            object(
                "policy",
                json!({"kind": "Deployment", "spec": {"replicas": 0, "template": {"metadata": {"labels": labels}}}}),
            ),
            // The pods of the revision before are ready, and none of the new one is made.
            object(
                "billing",
                json!({
                    "kind": "Deployment", "spec": {"replicas": 3},
                    "status": {"replicas": 3, "readyReplicas": 3, "conditions": [
                        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
                        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message},
                    ]},
                }),
            ),
        ];
        case.objects
            .services
            .push(object("policy-hook", json!({"spec": {"selector": labels}})));
        let blamed = |case: &Case| -> Vec<String> {
            let found = of(&WebhookUnavailable, case);
            found.iter().map(|found| found.entity.to_string()).collect()
        };
        assert_eq!(blamed(&case), ["Deployment shop/policy"]);
        // Once the rollout is through, the refusal is over.
        for workload in &mut case.objects.workloads {
            workload.status.updated_replicas = workload.spec.replicas;
        }
        assert!(blamed(&case).is_empty());
    }

    #[test]
    fn a_webhook_that_says_no_is_up() {
        let mut case = case();
        case.objects.workloads.push(object(
            "cart",
            json!({"kind": "ReplicaSet", "spec": {"replicas": 2}}),
        ));
        let message = "Error creating: admission webhook \"policy.example.com\" denied the request: image must be signed";
        event(&mut case, "ReplicaSet", "cart", "FailedCreate", message, -60);
        assert!(of(&WebhookUnavailable, &case).is_empty());
        assert_eq!(of(&CreationRefused, &case).len(), 1);
    }
}
