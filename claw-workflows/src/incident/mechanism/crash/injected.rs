//! Containers that an admission webhook puts into the pods of others.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Object, WebhookConfiguration};
use jiff::Timestamp;

use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::mechanism::recent_change;

use super::SAYS_WHY;

/// Workloads that are named.
const NAMED: usize = 4;

/// One candidate for each injected container that ends with an error in the pods of several workloads: whoever injects it
/// brought that, not what they have changed themselves.
pub(super) fn candidates(facts: &Facts<'_>, crashes: &[Candidate]) -> Vec<Candidate> {
    let mut by_container: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for crash in crashes {
        if facts.is_injected(&crash.entity, &crash.aspect) {
            by_container.entry(&crash.aspect).or_default().push(crash);
        }
    }
    by_container
        .into_iter()
        .filter(|(_, crashes)| crashes.len() > 1)
        .filter_map(|(container, crashes)| candidate(facts, container, &crashes))
        .collect()
}

fn candidate(facts: &Facts<'_>, container: &str, crashes: &[&Candidate]) -> Option<Candidate> {
    let since = crashes.iter().filter_map(|crash| crash.onset).min();
    let injectors = injectors(facts);
    let change = brought(facts, &injectors, since);
    let only = match injectors.as_slice() {
        [only] => Some(only.entity()),
        _ => None,
    };
    let entity = change.map(|change| change.entity.clone()).or(only)?;
    let names: Vec<String> = crashes
        .iter()
        .take(NAMED)
        .map(|crash| crash.entity.to_string())
        .collect();
    let rest = match crashes.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let hurt: BTreeSet<EntityRef> = crashes.iter().flat_map(|crash| crash.seeds()).cloned().collect();
    let ends = crashes
        .iter()
        .filter_map(|crash| crash.clues.iter().find_map(|clue| clue.evidence.first()));
    // What it says as it ends is the same in all.
    let said = crashes
        .iter()
        .flat_map(|crash| crash.clues.iter())
        .find(|clue| clue.name == SAYS_WHY)
        .and_then(|clue| clue.evidence.first());
    let seen: Vec<Evidence> = ends.take(NAMED).chain(said).cloned().collect();
    let title =
        format!("See what {entity} has for container {container}, and take back what was changed there");
    let mut found = Candidate::new(
        crashes.first()?.mechanism,
        entity.clone(),
        format!(
            "container {container}, which is put into the pods of {}{rest}, ends with an error in all of them",
            names.join(", ")
        ),
    )
    .aspect(container)
    .clue("it ends in the pods of several workloads", 3.0, seen)
    .since(since)
    .hurting(hurt)
    .derived(0.0)
    .advise(
        Advice::new(title, "Their templates do not have it: to roll them back changes nothing")
            .command(look_at(&entity)),
    );
    match change {
        Some(change) => {
            found = found
                .clue(
                    "who injects it was changed before",
                    1.5,
                    vec![facts.change_evidence(change)],
                )
                .brought_by(Some(&change.reference));
        }
        None => found = found.unseen(format!("what was changed at who injects container {container}")),
    }
    Some(found)
}

/// The command that shows what was found to be at fault.
fn look_at(entity: &EntityRef) -> String {
    let kind = entity.kind.to_lowercase();
    match &entity.namespace {
        Some(namespace) => format!("kubectl -n {namespace} get {kind}/{} -o yaml", entity.name),
        None => format!("kubectl get {kind}/{} -o yaml", entity.name),
    }
}

/// Webhooks that are asked when pods are made, and may change them.
fn injectors<'a>(facts: &Facts<'a>) -> Vec<&'a WebhookConfiguration> {
    let all = facts.case.objects.webhooks.iter();
    all.filter(|webhooks| webhooks.kind == "MutatingWebhookConfiguration")
        .filter(|webhooks| {
            let mut rules = webhooks.webhooks.iter().flat_map(|webhook| &webhook.rules);
            rules.any(|rule| {
                rule.resources
                    .iter()
                    .any(|resource| matches!(resource.as_str(), "pods" | "*"))
            })
        })
        .collect()
}

/// The last change before the trouble of a webhook that injects, of the workload that answers for it, or of a ConfigMap or
/// Secret beside that: the template of what is injected is kept in one.
fn brought<'a>(
    facts: &Facts<'a>,
    injectors: &[&WebhookConfiguration],
    since: Option<Timestamp>,
) -> Option<&'a Change> {
    let services: BTreeSet<EntityRef> = injectors
        .iter()
        .flat_map(|injector| &injector.webhooks)
        .filter_map(|webhook| {
            let service = webhook.client_config.service.as_ref()?;
            Some(EntityRef::namespaced(
                "Service",
                &service.namespace,
                &service.name,
            ))
        })
        .collect();
    let answering: BTreeSet<EntityRef> = services.iter().map(|service| facts.unit_of(service)).collect();
    let is_answering = |entity: &EntityRef| {
        // Where its namespace was not read, its workload is called as its Service is, as far as anybody knows.
        let called =
            |service: &EntityRef| service.namespace == entity.namespace && service.name == entity.name;
        answering.contains(entity) || services.iter().any(called)
    };
    let is_beside = |entity: &EntityRef| {
        let kept = matches!(entity.kind.as_str(), "ConfigMap" | "Secret");
        kept && services
            .iter()
            .any(|service| service.namespace == entity.namespace)
    };
    let concerns = |change: &Change| {
        let entity = &change.entity;
        let of_injector = injectors.iter().any(|injector| injector.entity() == *entity);
        let brings = matches!(change.kind, ChangeKind::Config | ChangeKind::Deploy);
        brings && (of_injector || is_answering(entity) || is_beside(entity))
    };
    let concerned: BTreeSet<&EntityRef> = facts
        .case
        .changes
        .iter()
        .filter(|change| concerns(change))
        .map(|change| &change.entity)
        .collect();
    concerned
        .into_iter()
        .filter_map(|entity| recent_change::before_trouble(facts, entity, since, concerns))
        .max_by_key(|change| change.time)
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::Crash;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deploy, deployment, object, of};

    /// Workloads of which a container crashes that none of their templates has.
    fn world(names: &[&str]) -> Case {
        let mut case = case();
        let end = json!({"terminated": {"reason": "Error", "exitCode": 2, "finishedAt": at(-65)}});
        for name in names {
            let status = json!({
                "phase": "Running", "startTime": at(-600),
                "containerStatuses": [{
                    "name": "mesh", "restartCount": 4, "lastState": end,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                }],
            });
            deployment(
                &mut case,
                name,
                json!({"containers": [{"name": "app"}, {"name": "mesh"}], "status": status}),
            );
            for workload in &mut case.objects.workloads {
                let containers = &mut workload.spec.template.spec.containers;
                containers.retain(|container| container.name == "app");
            }
            let own = EntityRef::namespaced("Deployment", "shop", *name);
            case.changes.push(deploy(&own, &format!("{name}-v2"), -300));
        }
        let hooks = json!({
            "kind": "MutatingWebhookConfiguration",
            "webhooks": [{
                "name": "inject.example.com", "rules": [{"resources": ["pods"]}],
                "clientConfig": {"service": {"namespace": "mesh-system", "name": "injector"}},
            }],
        });
        case.objects.webhooks.push(object("inject", hooks));
        case
    }

    fn of_injector(case: &Case) -> Option<Candidate> {
        let found = of(&Crash, case);
        found.into_iter().find(|found| found.entity.kind != "Deployment")
    }

    #[test]
    fn who_injects_is_to_blame_for_what_crashes_in_the_pods_of_several() {
        let mut case = world(&["cart", "web"]);
        let found = of_injector(&case).unwrap();
        assert_eq!(found.entity.kind, "MutatingWebhookConfiguration");
        assert_eq!(found.change, None);
        let template = EntityRef::namespaced("ConfigMap", "mesh-system", "sidecar");
        let mut edit = deploy(&template, "sidecar-v2", -700);
        edit.kind = claw_core::change::ChangeKind::Config;
        case.changes.push(edit);
        let found = of_injector(&case).unwrap();
        assert_eq!(
            (found.entity, found.change.as_deref()),
            (template, Some("sidecar-v2"))
        );
        // What else is rolled out there injects nothing.
        let other = EntityRef::namespaced("Deployment", "mesh-system", "gateway");
        case.changes.push(deploy(&other, "gateway-v9", -650));
        let found = of_injector(&case).unwrap();
        assert_eq!(found.change.as_deref(), Some("sidecar-v2"));
        // A rollout of theirs brought none of it.
        assert!(
            of(&Crash, &case)
                .iter()
                .all(|found| found.change.as_deref() != Some("cart-v2"))
        );
    }

    #[test]
    fn what_crashes_in_one_workload_only_may_be_its_own_trouble() {
        assert!(of_injector(&world(&["cart"])).is_none());
    }
}
