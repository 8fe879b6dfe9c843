//! A Service selects no pods.

use claw_core::change::ChangeKind;
use claw_k8s::model::{Object, Service, Workload};

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::difference::is_about;
use crate::incident::facts::Facts;
use crate::incident::words::distance;

/// The Service's selector fits no pod, although a workload that it was evidently meant for is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelectorMismatch;

impl Mechanism for SelectorMismatch {
    fn id(&self) -> &'static str {
        "selector_mismatch"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .case
            .objects
            .services
            .iter()
            .filter_map(|service| candidate(facts, service))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, service: &Service) -> Option<Candidate> {
    let ns = service.metadata.ns();
    if service.is_external_name() || service.spec.selector.is_empty() {
        return None;
    }
    let selects_something = facts
        .pods()
        .any(|pod| pod.metadata.ns() == ns && service.selects(&pod.metadata.labels))
        || facts.top_workloads().any(|workload| {
            workload.metadata.ns() == ns && service.selects(&workload.template().metadata.labels)
        });
    if selects_something || has_endpoints(facts, service) {
        return None;
    }
    let entity = service.entity();
    let selector = written(&service.spec.selector);
    let meant = meant_for(facts, service);
    // Pods that were not read are no pods that do not exist: only a workload that differs in its labels tells then.
    let seen = pods_seen(facts, ns);
    if !seen && meant.is_none() {
        return None;
    }
    let since = service.metadata.last_edit().and_then(|edit| edit.time);
    let mut candidate = Candidate::new(
        "selector_mismatch",
        entity.clone(),
        match &meant {
            Some((workload, wrong)) => format!(
                "{entity} selects {selector}, which no {} carries; {} {} carries {wrong}",
                if seen { "pod" } else { "known workload" },
                workload.kind,
                workload.metadata.name
            ),
            None => format!("{entity} selects {selector}, which no pod carries"),
        },
    )
    .clue(
        if seen {
            "selector matches no pod"
        } else {
            "selector matches no known workload"
        },
        match (seen, &meant) {
            (true, Some(_)) => 3.5,
            (true, None) => 1.5,
            (false, _) => 1.0,
        },
        vec![facts.object(
            service,
            since,
            if seen {
                format!("selects {selector}; no pod of the namespace carries these labels")
            } else {
                format!("selects {selector}; no known workload of the namespace has these labels")
            },
        )],
    );
    if !seen {
        candidate = candidate.unseen(format!("all pods of the namespace {ns}"));
    }
    if let Some((workload, wrong)) = &meant {
        let statement = format!("its pods carry {wrong}, all other labels of the selector of {entity} fit");
        candidate = candidate.clue(
            "a workload fits but for some labels",
            1.5,
            vec![facts.object(*workload, None, statement)],
        );
        let ready = workload.ready();
        if ready == 0 && workload.desired().unwrap_or(0) > 0 {
            candidate = candidate.clue("its pods are not ready anyway", -1.0, Vec::new());
        }
    }
    let change = recent_change::before_trouble(facts, &entity, None, |_| true).or_else(|| {
        let (workload, _) = meant.as_ref()?;
        recent_change::before_trouble(facts, &workload.entity(), None, |change| {
            change.kind == ChangeKind::Deploy && change.detail.iter().any(|line| is_about(line, "labels"))
        })
    });
    if let Some(change) = change {
        candidate = candidate
            .clue("changed before", 0.5, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    } else {
        candidate = candidate.since(since);
    }
    let fix = meant.as_ref().map(|(workload, _)| {
        let labels: serde_json::Map<String, serde_json::Value> = service
            .spec
            .selector
            .keys()
            .map(|key| {
                // A merge takes away what is null: a label that the pods do not carry at all.
                let right = workload.template().metadata.labels.get(key);
                (
                    key.clone(),
                    right.map_or(serde_json::Value::Null, |right| right.as_str().into()),
                )
            })
            .collect();
        let patch = serde_json::json!({"spec": {"selector": labels}});
        format!(
            "kubectl -n {ns} patch service {} -p '{patch}'",
            service.metadata.name
        )
    });
    let advice = Advice::new(
        format!("Make the selector of {entity} fit the labels of its pods"),
        "The Service has no endpoints until the selector fits, so every call to it fails",
    );
    Some(candidate.advise(match fix {
        Some(command) => advice.command(command),
        None => advice,
    }))
}

/// Whether the pods of a namespace are known, so that one that is not there does not exist. An empty list may be one that
/// was not read or not allowed: it counts where the workloads say that they have no pods.
fn pods_seen(facts: &Facts<'_>, ns: &str) -> bool {
    // The list was cut, refused or failed for some namespace.
    if facts
        .case
        .gaps
        .iter()
        .any(|gap| matches!(gap.source.as_str(), "pods" | "get_pods"))
    {
        return false;
    }
    if facts.case.knows_all("Pod", ns) || facts.pods().any(|pod| pod.metadata.ns() == ns) {
        return true;
    }
    let mut workloads = facts
        .top_workloads()
        .filter(|workload| workload.metadata.ns() == ns)
        .peekable();
    let none = |workload: &Workload| {
        let pods = workload
            .status
            .replicas
            .or(workload.status.current_number_scheduled);
        pods.or_else(|| workload.desired()) == Some(0)
    };
    workloads.peek().is_some() && workloads.all(none)
}

/// Whether the Service has endpoints: the cluster itself found pods for it, then.
fn has_endpoints(facts: &Facts<'_>, service: &Service) -> bool {
    facts.case.objects.endpoint_slices.iter().any(|slice| {
        slice.metadata.ns() == service.metadata.ns()
            && slice.service() == Some(&service.metadata.name)
            && !slice.endpoints.is_empty()
    })
}

/// The workload whose pods carry most of the selector, or whose name is that of the Service; with the labels that
/// differ. There must be exactly one such workload, and it must not be behind another Service of the same selector keys.
fn meant_for<'a>(facts: &Facts<'a>, service: &Service) -> Option<(&'a Workload, String)> {
    let selector = &service.spec.selector;
    let mut best: Vec<(usize, &Workload)> = facts
        .top_workloads()
        .filter(|workload| {
            workload.metadata.ns() == service.metadata.ns()
                && workload.kind != "Job"
                && workload.kind != "CronJob"
        })
        .filter_map(|workload| {
            let labels = &workload.template().metadata.labels;
            let keys = selector.keys().filter(|key| labels.contains_key(*key)).count();
            let fits = selector
                .iter()
                .filter(|(key, value)| labels.get(*key) == Some(value))
                .count();
            let same_name = workload.metadata.name == service.metadata.name;
            let alike = near(&workload.metadata.name, &service.metadata.name)
                || selector
                    .iter()
                    .any(|(key, value)| labels.get(key).is_some_and(|label| near(label, value)));
            // A shared label such as `tier: backend` is no sign of belonging together.
            let score = fits + keys + if same_name { 4 } else { 0 } + if alike { 2 } else { 0 };
            (same_name || alike || (fits > 0 && fits + 1 == selector.len())).then_some((score, workload))
        })
        .collect();
    best.sort_by(|a, b| {
        b.0.cmp(&a.0)
            .then_with(|| a.1.metadata.name.cmp(&b.1.metadata.name))
    });
    let (score, workload) = *best.first()?;
    if best.get(1).is_some_and(|(second, _)| *second == score) {
        return None;
    }
    let labels = &workload.template().metadata.labels;
    let wrong: Vec<String> = selector
        .iter()
        .filter(|(key, value)| labels.get(*key) != Some(value))
        .map(|(key, _)| {
            labels
                .get(key)
                .map_or_else(|| format!("no label {key}"), |label| format!("{key}={label}"))
        })
        .collect();
    Some((workload, wrong.join(", ")))
}

/// Whether two names are evidently meant to be the same: one within the other, or a slip of one or two characters.
pub(super) fn near(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < 3 {
        return a == b;
    }
    long.starts_with(short) || long.ends_with(short) || distance(a, b) <= if short.len() < 6 { 1 } else { 2 }
}

fn written(labels: &std::collections::BTreeMap<String, String>) -> String {
    labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use claw_core::report::Gap;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::{SelectorMismatch, near};
    use crate::incident::case::Case;
    use crate::incident::words::distance;

    /// A Service that selects `app: chekout`, and a Deployment `checkout` with these pods.
    fn case(pods: &[Value]) -> Case {
        let mut service = fixture::service("shop", "checkout", json!({"port": 80}));
        service["spec"]["selector"] = json!({"app": "chekout"});
        fixture::case(json!({
            "services": [service],
            "workloads": [fixture::workload("shop", "checkout", json!([]))],
            "pods": pods,
        }))
    }

    fn weight(case: &Case) -> Option<(f64, bool)> {
        let found = crate::incident::testing::of(&SelectorMismatch, case);
        assert!(found.len() < 2);
        let unseen = found.first().is_some_and(|found| !found.unseen.is_empty());
        found
            .first()
            .and_then(|found| found.clues.first())
            .map(|clue| (clue.log_odds, unseen))
    }

    #[test]
    fn pods_that_were_seen_and_do_not_fit_tell() {
        assert_eq!(
            weight(&case(&[fixture::pod("shop", "checkout", json!([]))])),
            Some((3.5, false))
        );
        assert_eq!(weight(&case(&[fixture::pod("shop", "chekout", json!([]))])), None);
    }

    #[test]
    fn the_command_takes_away_what_the_pods_do_not_carry() {
        let mut case = case(&[fixture::pod("shop", "checkout", json!([]))]);
        for (selector, patch) in [
            (
                json!({"app": "checkout", "tier": "web"}),
                json!({"app": "checkout", "tier": null}),
            ),
            (json!({"app": "chekout"}), json!({"app": "checkout"})),
        ] {
            case.objects.services[0].spec.selector = serde_json::from_value(selector).unwrap();
            let found = crate::incident::testing::of(&SelectorMismatch, &case);
            let command = found[0].advice[0].command.clone().unwrap();
            let expected = json!({"spec": {"selector": patch}});
            assert!(command.ends_with(&format!("-p '{expected}'")), "{command}");
        }
    }

    #[test]
    fn pods_that_were_not_read_may_be_there() {
        // The Deployment has a pod, and none was seen; pods of other namespaces say nothing of this one.
        assert_eq!(weight(&case(&[])), Some((1.0, true)));
        assert_eq!(
            weight(&case(&[fixture::pod("other", "checkout", json!([]))])),
            Some((1.0, true))
        );
        let mut cut = case(&[fixture::pod("shop", "checkout", json!([]))]);
        cut.gaps.push(Gap {
            source: "pods".to_owned(),
            reason: "more than 500".to_owned(),
            remedy: String::new(),
        });
        assert_eq!(weight(&cut), Some((1.0, true)));
        // Without a workload that was meant, nothing is left to say.
        cut.objects.workloads.clear();
        assert_eq!(weight(&cut), None);
    }

    #[test]
    fn workloads_without_pods_make_an_empty_list_true() {
        let mut none = case(&[]);
        for workload in &mut none.objects.workloads {
            workload.status.replicas = Some(0);
        }
        assert_eq!(weight(&none), Some((3.5, false)));
    }

    #[test]
    fn a_service_with_endpoints_has_pods() {
        let mut case = case(&[]);
        case.objects.endpoint_slices = serde_json::from_value(json!([{
            "metadata": {"name": "a", "namespace": "shop", "labels": {"kubernetes.io/service-name": "checkout"}},
            "endpoints": [{"addresses": ["10.1.0.9"]}],
        }]))
        .unwrap();
        assert_eq!(weight(&case), None);
    }

    #[test]
    fn an_edit_counts_only_shortly_before_the_trouble() {
        let with = |time: &str| {
            let mut case = case(&[fixture::pod("shop", "checkout", json!([]))]);
            let entity = EntityRef::namespaced("Service", "shop", "checkout");
            case.changes.push(fixture::change(time, &entity, &[]));
            fixture::clue(
                &crate::incident::testing::of(&SelectorMismatch, &case)[0],
                "changed before",
            )
        };
        assert_eq!(with("2026-05-01T09:59:00Z"), Some(0.5));
        assert_eq!(with("2021-05-01T09:59:00Z"), None);
        assert_eq!(with("2026-05-01T10:15:00Z"), None);
    }

    #[test]
    fn tells_slips_from_other_names() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert!(near("checkout", "chekout"));
        assert!(near("cart", "cart-service"));
        assert!(!near("cart", "card-payments"));
        assert!(!near("web", "api"));
    }
}
