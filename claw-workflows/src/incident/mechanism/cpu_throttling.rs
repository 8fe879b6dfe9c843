//! Containers are slowed down by their own limit of processor time.

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Event, Object as _, Pod};
use claw_k8s::quantity::Cpu;
use claw_metrics::classify::Measure;
use claw_metrics::signal::{Direction, Signal};
use jiff::SignedDuration;

use super::labels::label_of;
use super::limits::{limit, lowers_cpu};
use super::{Area, Mechanism, brought, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;
use crate::trigger::Alert;
use crate::trigger::severity::Urgency;

/// A signal below this many robust standard deviations shows nothing.
const NOTABLE: f64 = 5.0;
/// Signals that one clue names at most: beyond that, more of the same tells nobody anything.
const MOST_SIGNALS: usize = 20;
/// Below this limit a program that does anything at all is stopped in most periods.
const SMALL: &str = "100m";
/// A share of the time for which a container is held back below this hurts nobody.
const SLOW: f64 = 0.1;

/// A limit of processor time that was lowered or is too low: the scheduler of the kernel holds the container back in every
/// period, it answers late, and its probes run out of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuThrottling;

impl Mechanism for CpuThrottling {
    fn id(&self) -> &'static str {
        "cpu_throttling"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .pods_by_workload()
            .filter_map(|(workload, pods)| candidate(facts, workload, pods))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, workload: &EntityRef, pods: &[&Pod]) -> Option<Candidate> {
    let limited = limited(pods);
    if limited.is_empty() {
        return None;
    }
    let held_back = signals(facts, workload, |signal| {
        signal.measure == Measure::CpuThrottling
            && signal.harmful
            && (signal.classification.unit != claw_metrics::classify::Unit::Ratio || signal.observed >= SLOW)
    });
    let late: Vec<&Event> = pods
        .iter()
        .flat_map(|pod| facts.events_of(&pod.entity()).iter().copied())
        .filter(|event| event.reason == "Unhealthy" && ran_out_of_time(&event.message))
        .filter(|event| {
            event
                .last_seen()
                .is_none_or(|time| time >= facts.case.window.start)
        })
        .collect();
    let slow = signals(facts, workload, |signal| {
        signal.measure == Measure::Latency && signal.harmful && signal.direction == Direction::Up
    });
    let told = late.iter().filter_map(|event| event.first_seen());
    let seen = held_back.iter().chain(&slow).filter_map(|signal| signal.onset);
    let since = told.chain(seen).min();
    let lowering = |container: &str| {
        recent_change::before_trouble(facts, workload, since, |change| {
            lowers_cpu(&change.detail, container)
        })
    };
    let alert = alert(facts, workload, pods);
    let alerted = |container: &str| {
        alert
            .and_then(|alert| alert.label("container"))
            .is_some_and(|named| named == container)
    };
    // The one that a series, the alert or a probe names, or whose limit was lowered; the first where nobody tells.
    let named = |container: &str| {
        let probe = format!("{{{container}}}");
        alerted(container)
            || held_back
                .iter()
                .any(|signal| label_of(signal, "container") == Some(container))
            || held_back.is_empty()
                && late
                    .iter()
                    .any(|event| event.involved_object.field_path.ends_with(&probe))
    };
    let told = |signal: &&Signal| label_of(signal, "container").is_some_and(|name| !name.is_empty());
    let chosen = limited.iter().find(|limited| named(limited.container));
    let (pod, container, limit) = match chosen {
        Some(chosen) => chosen,
        // Whoever is held back is another container, whose limit is not known.
        None if !held_back.is_empty() && held_back.iter().all(told) => return None,
        None => limited
            .iter()
            .find(|limited| lowering(limited.container).is_some())
            .or_else(|| {
                limited
                    .iter()
                    .find(|limited| limited.is_small() && limited.is_probed())
            })
            .or(limited.first())?,
    }
    .parts();
    // An alert that names another container is not about this one.
    let alert = alert.filter(|alert| {
        alert
            .label("container")
            .is_none_or(|named| named.is_empty() || named == container)
    });
    let lowered = lowering(container);
    // Slowness alone has other reasons, and so have probes that run out of time, unless hardly anything is allowed.
    let starved = is_small(limit) && !late.is_empty();
    let changed = lowered.is_some() && !(late.is_empty() && slow.is_empty());
    if held_back.is_empty() && alert.is_none() && !starved && !changed {
        return None;
    }
    let mut candidate = Candidate::new(
        "cpu_throttling",
        workload.clone(),
        format!("container {container} of {workload} is held back by its limit of {limit} processors"),
    )
    .since(since)
    .hurting(pods.iter().map(|pod| pod.entity()))
    .derived(0.2);
    let shown = !held_back.is_empty() || !late.is_empty() || alert.is_some();
    if !held_back.is_empty() {
        candidate = candidate.clue("it is held back", 2.8, evidence(&held_back));
    } else if let Some(alert) = alert {
        // Whoever raised it has seen the series that were not to be had here.
        let statement = format!("is held back, says the alert: {}", clip(words(alert), 160));
        let seen = vec![facts.object(pod, Some(alert.starts_at), statement)];
        candidate = candidate.clue(
            "the alert says that it is held back",
            weight_of(facts, alert),
            seen,
        );
    } else {
        candidate = candidate
            .unseen("for how much of the time it is held back (container_cpu_cfs_throttled_periods_total)");
    }
    if !late.is_empty() {
        let seen = witness::of_events(facts, late);
        candidate = candidate.clue("its probes run out of time", 1.0, seen);
    }
    if !slow.is_empty() {
        candidate = candidate.clue("it answers late", 0.6, evidence(&slow));
    }
    let statement = format!("container {container} may use {limit} processors");
    let (clue, weight) = if is_small(limit) {
        ("its limit is a small part of a processor", 1.8)
    } else {
        ("it has a limit of processor time", 0.2)
    };
    candidate = candidate.clue(clue, weight, vec![facts.object(pod, since, statement)]);
    if let Some(change) = lowered {
        // Without a trace of being held back it is slow after a change, as it may be for many reasons.
        let weight = if shown { 3.2 } else { 1.4 };
        candidate = brought::blame(
            facts,
            candidate,
            change,
            ("rollout lowered the limit", weight),
            "It had the time that it needs before",
        )
        .derived(0.0);
    }
    let surge = signals(facts, workload, |signal| {
        signal.measure == Measure::Traffic && signal.direction == Direction::Up && signal.ratio >= 1.5
    });
    if lowered.is_none() && !surge.is_empty() {
        candidate = candidate
            .clue("it has more work than before", -0.3, evidence(&surge))
            .derived(0.5);
    }
    let namespace = workload.namespace.as_deref().unwrap_or("default");
    Some(
        candidate.advise(
            Advice::new(
                format!(
                    "Raise the processor limit of container {container}, or remove it and keep the request"
                ),
                "It is stopped for the rest of each period when the limit is used up",
            )
            .command(format!(
                "kubectl -n {namespace} set resources {}/{} -c {container} --limits=cpu=AMOUNT",
                workload.kind.to_lowercase(),
                workload.name
            )),
        ),
    )
}

/// A container with a limit of processor time.
struct Limited<'a> {
    pod: &'a Pod,
    container: &'a str,
    limit: String,
}

impl Limited<'_> {
    fn parts(&self) -> (&Pod, &str, &str) {
        (self.pod, self.container, &self.limit)
    }

    fn is_small(&self) -> bool {
        is_small(&self.limit)
    }

    fn is_probed(&self) -> bool {
        self.pod.container(self.container).is_some_and(|container| {
            let probes = [
                &container.liveness_probe,
                &container.readiness_probe,
                &container.startup_probe,
            ];
            probes.into_iter().any(Option::is_some)
        })
    }
}

/// Whether a limit is so small a part of a processor that hardly any program answers in time within it.
pub(super) fn is_small(limit: &str) -> bool {
    let size = |text: &str| text.parse::<Cpu>().ok();
    size(limit)
        .zip(size(SMALL))
        .is_some_and(|(limit, small)| limit < small)
}

/// The alert that says of a pod of the workload that it is held back.
fn alert<'a>(facts: &Facts<'a>, workload: &EntityRef, pods: &[&Pod]) -> Option<&'a Alert> {
    let mut alerts = facts.case.incident.alerts.iter();
    alerts.find(|alert| {
        let text = format!("{} {}", alert.name().unwrap_or_default(), words(alert)).to_lowercase();
        let tells = text.contains("throttl") && (text.contains("cpu") || text.contains("processor"));
        let namespace = alert.label("namespace");
        let within = namespace.is_none() || namespace == workload.namespace.as_deref();
        let pod = alert.label("pod");
        tells && within && pod.is_some_and(|name| pods.iter().any(|pod| pod.metadata.name == name))
    })
}

/// What an alert that tells of it weighs. The rule that many clusters have raises one for information from a quarter of the time
/// on, and it goes on for days: that says little of a trouble that began just now.
fn weight_of(facts: &Facts<'_>, alert: &Alert) -> f64 {
    /// So long before the trouble an alert stands for how things are.
    const LONG: SignedDuration = SignedDuration::from_hours(1);
    let alerts = facts.case.incident.alerts.iter();
    let others = alerts.filter(|other| other.fingerprint != alert.fingerprint);
    // An incident begins with the first of its alerts, so that it takes the others to tell.
    let began = others.map(|other| other.starts_at).min().or(facts.case.began);
    let stood = began.is_some_and(|began| began.duration_since(alert.starts_at) > LONG);
    if stood || alert.urgency() == Urgency::Info {
        1.3
    } else {
        2.6
    }
}

/// What an alert says in words.
fn words(alert: &Alert) -> &str {
    let text = |name: &str| alert.annotations.get(name);
    ["description", "message", "summary"]
        .into_iter()
        .find_map(text)
        .map_or(alert.name().unwrap_or_default(), String::as_str)
}

/// The containers of pods that have such a limit, each name once.
fn limited<'a>(pods: &[&'a Pod]) -> Vec<Limited<'a>> {
    let mut found: Vec<Limited<'a>> = Vec::new();
    for pod in pods {
        for container in &pod.spec.containers {
            if let Some(limit) = limit(pod, &container.name, "cpu")
                && found.iter().all(|known| known.container != container.name)
            {
                found.push(Limited {
                    pod,
                    container: &container.name,
                    limit,
                });
            }
        }
    }
    found
}

/// Whether a probe failed because no answer came in time, as it does where the container gets no processor time.
pub(super) fn ran_out_of_time(message: &str) -> bool {
    ["deadline exceeded", "timed out", "Client.Timeout", "i/o timeout"]
        .iter()
        .any(|words| message.contains(words))
        || within_seconds(message)
}

/// `timeout: failed to connect service ":8080" within 5s`, as probes of gRPC say it.
fn within_seconds(message: &str) -> bool {
    message.split("within ").skip(1).any(|rest| {
        let digits = rest
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .count();
        digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with('s'))
    })
}

/// Signals of a workload, of each of its pods.
fn signals<'a>(facts: &Facts<'a>, workload: &EntityRef, test: impl Fn(&Signal) -> bool) -> Vec<&'a Signal> {
    let all = facts.case.signals.iter();
    all.filter(|signal| signal.score >= NOTABLE && signal.peer.is_none() && test(signal))
        .filter(|signal| facts.unit_of(&signal.entity) == *workload)
        .collect()
}

fn evidence(signals: &[&Signal]) -> Vec<Evidence> {
    let first = signals.iter().take(MOST_SIGNALS);
    first.map(|signal| degradation::evidence(signal)).collect()
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::super::fixture::clue;
    use super::CpuThrottling;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{at, case, deploy, deployment, event, of};

    #[test]
    fn the_container_that_is_held_back_is_the_one_that_the_series_names() {
        let found = |container: &str| {
            let mut case = case();
            let limits = json!({"limits": {"cpu": "100m"}});
            let containers = json!([
                {"name": "istio-proxy", "resources": limits}, {"name": "app", "resources": limits}, {"name": "free"},
            ]);
            deployment(&mut case, "cart", json!({"containers": containers}));
            let labels = [
                ("__name__", "container_cpu_throttled_ratio"),
                ("namespace", "shop"),
                ("pod", "cart-pod"),
                ("container", container),
            ];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let points = (-60..30).map(|minute| {
                let level = if minute < 0 { 0.01 } else { 0.6 };
                (
                    at(60 * minute),
                    level * (1.0 + 0.01 * minute.rem_euclid(5) as f64),
                )
            });
            let series = claw_metrics::series::Series::new(labels.into_iter().collect(), points.collect());
            let incident = claw_core::report::Window {
                start: at(0),
                end: at(1800),
            };
            let signals = claw_metrics::signal::detect(&series, &incident, None, &Default::default());
            case.signals.extend(signals);
            assert_eq!(case.signals.len(), 1);
            of(&CpuThrottling, &case).pop().map(|found| found.cause)
        };
        let app = found("app").unwrap();
        assert!(app.starts_with("container app of"), "{app}");
        let proxy = found("istio-proxy").unwrap();
        assert!(proxy.starts_with("container istio-proxy of"), "{proxy}");
        assert_eq!(found("free"), None);
    }

    #[test]
    fn a_probe_that_waits_for_seconds_in_vain_ran_out_of_time() {
        let within =
            |text: &str| super::ran_out_of_time(&format!("timeout: failed to connect service {text}"));
        assert!(within("\":8080\" within 1s") && within("\":8080\" within 15s") && within("within 2.5s"));
        assert!(!within("within the cluster") && !within("within 5 nodes"));
    }

    fn found(limits: Value, detail: &str, said: Option<&str>) -> Vec<Candidate> {
        let mut case = case();
        let containers = json!([{"name": "app", "resources": {"limits": limits}}]);
        deployment(&mut case, "cart", json!({"containers": containers}));
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let mut change = deploy(&cart, "Deployment/shop/cart@5", -900);
        change.detail = vec![detail.to_owned()];
        case.changes = vec![change];
        if let Some(said) = said {
            event(&mut case, "Pod", "cart-pod", "Unhealthy", said, -600);
        }
        of(&CpuThrottling, &case)
    }

    #[test]
    fn a_lowered_limit_and_probes_without_time_make_a_cause() {
        let lowered = "containers[app].resources.limits.cpu: 1 → 50m";
        let timeout = "Liveness probe failed: Get \"http://10.1.2.3:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        let limits = || json!({"cpu": "50m"});
        let both = found(limits(), lowered, Some(timeout));
        assert_eq!(both[0].change.as_deref(), Some("Deployment/shop/cart@5"));
        assert_eq!(clue(&both[0], "rollout lowered the limit"), Some(3.2));
        // Nobody notices, or nothing was lowered, or there is no limit.
        assert!(found(limits(), lowered, None).is_empty());
        let other = "containers[app].image: a:1 → a:2";
        assert!(found(json!({"cpu": "500m"}), other, Some(timeout)).is_empty());
        assert!(found(json!({}), lowered, Some(timeout)).is_empty());
        let refused = "Liveness probe failed: dial tcp 10.1.2.3:8080: connect: connection refused";
        assert!(found(limits(), lowered, Some(refused)).is_empty());
        // Hardly any time is too little, whoever set it.
        let small = found(json!({"cpu": "10m"}), other, Some(timeout));
        assert_eq!(
            clue(&small[0], "its limit is a small part of a processor"),
            Some(1.8)
        );
        assert!(small[0].cause.contains("its limit of 10m"), "{}", small[0].cause);
        assert!(found(json!({"cpu": "10m"}), other, None).is_empty());
    }

    #[test]
    fn an_alert_for_information_or_of_long_before_the_others_weighs_less() {
        let score = |severity: &str, other: i64| {
            let mut case = case();
            let limits = json!({"limits": {"cpu": "200m"}});
            deployment(
                &mut case,
                "cart",
                json!({"containers": [{"name": "app", "resources": limits}]}),
            );
            for (fingerprint, name, second) in [("f", "CPUThrottlingHigh", 0), ("g", "CartSlow", other)] {
                let alert = json!({
                    "fingerprint": fingerprint, "starts_at": at(second),
                    "labels": {"alertname": name, "namespace": "shop", "pod": "cart-pod", "severity": severity},
                    "annotations": {"description": name},
                });
                case.incident.alerts.push(serde_json::from_value(alert).unwrap());
            }
            of(&CpuThrottling, &case)[0].own_score()
        };
        let told = score("warning", 60);
        assert!(score("Info", 60) < told);
        assert!(score("warning", 7200) < told);
    }

    #[test]
    fn an_alert_that_says_so_tells_which_container_is_held_back() {
        let found = |alertname: &str, pod: &str, container: &str| {
            let mut case = case();
            let limits = json!({"limits": {"cpu": "200m"}});
            let containers =
                json!([{"name": "proxy", "resources": limits}, {"name": "app", "resources": limits}]);
            deployment(&mut case, "cart", json!({"containers": containers}));
            let alert = json!({
                "fingerprint": "f", "starts_at": at(0),
                "labels": {"alertname": alertname, "namespace": "shop", "pod": pod, "container": container},
                "annotations": {"description": "98.9% throttling of CPU in namespace shop"},
            });
            case.incident.alerts.push(serde_json::from_value(alert).unwrap());
            let found = of(&CpuThrottling, &case);
            found.into_iter().map(|found| found.cause).collect::<Vec<_>>()
        };
        let app = found("CPUThrottlingHigh", "cart-pod", "app");
        assert!(app[0].starts_with("container app of"), "{app:?}");
        assert!(found("CPUThrottlingHigh", "mail-pod", "app").is_empty());
        assert!(found("CPUThrottlingHigh", "cart-pod", "sidecar").is_empty());
    }
}
