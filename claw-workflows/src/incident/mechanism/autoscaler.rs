//! An autoscaler cannot do its work, or may do no more.

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_k8s::model::{Condition, HorizontalPodAutoscaler, Object as _};
use claw_metrics::signal::{Direction, Signal};

use super::scaling::target;
use super::wording::wording;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::difference::{is_about, segments};
use crate::incident::facts::{Facts, clip};
use crate::incident::units::{self, Strain};

/// So many times as much work as usual is what an autoscaler is for.
const MORE: f64 = 1.5;

/// An autoscaler whose target is missing, that has no metrics to go by, or that is at its maximum while there is more to do.
///
/// Its candidates carry the id of what is wrong: `hpa_target_missing`, `hpa_requests_missing`, `hpa_metrics_unavailable`,
/// `hpa_ambiguous`, `hpa_at_max`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Autoscaler;

impl Mechanism for Autoscaler {
    fn id(&self) -> &'static str {
        "autoscaler"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "hpa_target_missing",
            "hpa_requests_missing",
            "hpa_metrics_unavailable",
            "hpa_ambiguous",
            "hpa_at_max",
        ]
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let autoscalers = &facts.case.objects.autoscalers;
        autoscalers
            .iter()
            .flat_map(|autoscaler| {
                let cannot = autoscaler
                    .hindrances()
                    .filter_map(|condition| hindered(facts, autoscaler, condition));
                let limited = autoscaler
                    .condition("ScalingLimited")
                    .filter(|condition| condition.is_true() && condition.reason == "TooManyReplicas")
                    .and_then(|condition| at_maximum(facts, autoscaler, condition));
                cannot.chain(limited).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// What keeps an autoscaler from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hindrance {
    TargetMissing,
    RequestsMissing,
    MetricsUnavailable,
    PodsUnready,
    Ambiguous,
}

impl Hindrance {
    fn of(condition: &Condition) -> Option<Self> {
        let has = wording(&condition.message);
        Some(match condition.reason.as_str() {
            // Scaled to zero on purpose, and what passes by itself.
            "ScalingDisabled" | "BackoffBoth" | "BackoffDownscale" | "BackoffUpscale" => return None,
            "FailedGetScale" => Self::TargetMissing,
            "AmbiguousSelector" => Self::Ambiguous,
            _ if has(&["missing request for"]) => Self::RequestsMissing,
            _ if has(&[
                "might be unready",
                "no ready pods",
                "not yet ready",
                "no pods returned",
            ]) =>
            {
                Self::PodsUnready
            }
            _ if condition.reason.starts_with("FailedGet")
                || condition.reason.starts_with("FailedCompute")
                || has(&[
                    "unable to get metric",
                    "unable to fetch metrics",
                    "no metrics returned",
                ]) =>
            {
                Self::MetricsUnavailable
            }
            _ => return None,
        })
    }

    fn id(self) -> &'static str {
        match self {
            Self::TargetMissing => "hpa_target_missing",
            Self::RequestsMissing => "hpa_requests_missing",
            Self::MetricsUnavailable | Self::PodsUnready => "hpa_metrics_unavailable",
            Self::Ambiguous => "hpa_ambiguous",
        }
    }

    fn weight(self) -> f64 {
        match self {
            Self::TargetMissing | Self::RequestsMissing | Self::Ambiguous => 3.2,
            Self::MetricsUnavailable => 2.6,
            Self::PodsUnready => 1.0,
        }
    }

    fn derived(self) -> f64 {
        match self {
            Self::TargetMissing | Self::RequestsMissing | Self::Ambiguous => 0.0,
            // Whoever serves the metrics may be down.
            Self::MetricsUnavailable => 0.4,
            Self::PodsUnready => 0.9,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::TargetMissing => "cannot find what it is to scale",
            Self::RequestsMissing => "goes by shares of requests that the pods do not state",
            Self::MetricsUnavailable => "gets no metrics to go by",
            Self::PodsUnready => "has no ready pods to go by",
            Self::Ambiguous => "shares its pods with another autoscaler",
        }
    }

    fn advice(self, autoscaler: &EntityRef, target: &EntityRef, message: &str) -> Advice {
        let namespace = autoscaler.namespace.as_deref().unwrap_or("default");
        match self {
            Self::TargetMissing => Advice::new(
                format!("Have {autoscaler} name what exists, or make {target}"),
                "It scales nothing until its target exists",
            )
            .command(format!("kubectl -n {namespace} edit hpa/{}", autoscaler.name)),
            Self::RequestsMissing => Advice::new(
                format!("State the request that its message names in every container of {target}"),
                "A share of nothing cannot be computed",
            )
            .command(format!(
                "kubectl -n {namespace} set resources {}/{}{} --requests={}=AMOUNT",
                target.kind.to_lowercase(),
                target.name,
                word_after(message, "in container ")
                    .map_or_else(String::new, |container| format!(" -c {container}")),
                word_after(message, "missing request for ").unwrap_or("RESOURCE"),
            )),
            Self::MetricsUnavailable | Self::PodsUnready => Advice::new(
                "Find out why the metrics API does not answer for these pods",
                "An autoscaler without metrics changes nothing",
            )
            .command(format!(
                "kubectl get apiservices | grep metrics; kubectl -n {namespace} describe hpa/{}",
                autoscaler.name
            )),
            Self::Ambiguous => Advice::new(
                format!("Remove {autoscaler}, or the other one that its message names"),
                "Of several autoscalers of the same pods none does anything",
            ),
        }
    }
}

/// The word that follows a phrase: `missing request for memory in container app of Pod web-1`.
fn word_after<'m>(message: &'m str, phrase: &str) -> Option<&'m str> {
    message.split_once(phrase)?.1.split_whitespace().next()
}

fn hindered(
    facts: &Facts<'_>,
    autoscaler: &HorizontalPodAutoscaler,
    condition: &Condition,
) -> Option<Candidate> {
    let hindrance = Hindrance::of(condition)?;
    let (entity, target) = (autoscaler.entity(), target(autoscaler));
    let since = condition.last_transition_time;
    let statement = format!(
        "{} is {} ({}): {}",
        condition.kind,
        condition.status,
        condition.reason,
        clip(&condition.message, 240)
    );
    let mut candidate = Candidate::new(
        hindrance.id(),
        entity.clone(),
        format!(
            "{entity} {}: {}",
            hindrance.words(),
            clip(&condition.message, 200)
        ),
    )
    .clue(
        "autoscaler says what it lacks",
        hindrance.weight(),
        vec![facts.object(autoscaler, since, statement)],
    )
    .since(since)
    .hurting([target.clone()])
    .derived(hindrance.derived());
    let edit = recent_change::before_trouble(facts, &entity, since, |_| true);
    if let Some(signal) = more_work(facts, &target) {
        candidate = candidate.clue(
            "there is more work, and no more pods",
            2.5,
            vec![degradation::evidence(signal)],
        );
    }
    // A container that came without requests has no difference in them.
    let container = word_after(&condition.message, "in container ");
    let about = |line: &String| {
        is_about(line, "resources")
            || segments(line)
                .iter()
                .any(|part| container.is_some() && *part == ("containers", container))
    };
    let rollout = facts
        .change_before(&target, since, |change| {
            change.kind == ChangeKind::Deploy && change.detail.iter().any(about)
        })
        .filter(|_| hindrance == Hindrance::RequestsMissing);
    if let Some(change) = rollout.or(edit) {
        candidate = candidate
            .clue("changed before", 0.8, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    let old = since.is_some_and(|since| since < facts.case.window.start);
    if old && candidate.change.is_none() && facts.case.began.is_some() {
        candidate = candidate.clue("it has been so for long", -1.0, Vec::new());
    }
    Some(candidate.advise(hindrance.advice(&entity, &target, &condition.message)))
}

/// That what is to be scaled gets more work than usual.
fn more_work<'a>(facts: &Facts<'a>, target: &EntityRef) -> Option<&'a Signal> {
    let unit = facts.unit_of(target);
    facts.case.signals.iter().find(|signal| {
        signal.peer.is_none()
            && units::strain(signal) == Strain::Traffic
            && signal.direction == Direction::Up
            && signal.ratio >= MORE
            && facts.unit_of(&signal.entity) == unit
    })
}

/// At the maximum, where that is not how it always is.
fn at_maximum(
    facts: &Facts<'_>,
    autoscaler: &HorizontalPodAutoscaler,
    condition: &Condition,
) -> Option<Candidate> {
    let (entity, target) = (autoscaler.entity(), target(autoscaler));
    let maximum = autoscaler.spec.max_replicas;
    let since = condition.last_transition_time;
    let unready = facts
        .workload(&target)
        .is_some_and(|workload| workload.ready() < autoscaler.status.current_replicas);
    if autoscaler.status.current_replicas < maximum {
        return None;
    }
    let lowered =
        recent_change::before_trouble(facts, &entity, since, |change| change.kind == ChangeKind::Scale);
    if lowered.is_none() && more_work(facts, &target).is_none() && fails(facts, &target) {
        // Pods that do not run leave their work to the others, and more of them would not run either.
        return None;
    }
    let statement = format!(
        "runs {} of {maximum} replicas at most: {}",
        autoscaler.status.current_replicas,
        clip(&condition.message, 160)
    );
    let mut candidate = Candidate::new(
        "hpa_at_max",
        entity.clone(),
        format!("{entity} is at its maximum of {maximum} replicas, and {target} has more to do"),
    )
    .clue(
        "autoscaler is at its maximum",
        2.0,
        vec![facts.object(autoscaler, since, statement)],
    )
    .since(since)
    .hurting([target.clone()])
    .derived(if unready { 0.8 } else { 0.5 });
    if since.is_some_and(|since| since < facts.case.window.start) {
        candidate = candidate.clue("it has been there for long", -1.0, Vec::new());
    }
    if let Some(change) = lowered {
        candidate = candidate
            .clue("autoscaler was edited", 1.2, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .derived(0.2);
    }
    let namespace = autoscaler.metadata.ns();
    Some(
        candidate.advise(
            Advice::new(
                format!("Raise the maximum of {entity}, if nodes and dependencies bear it"),
                "It would add pods if it might",
            )
            .command(format!(
                "kubectl -n {namespace} patch hpa {} --type merge -p '{{\"spec\":{{\"maxReplicas\":NUMBER}}}}'",
                autoscaler.metadata.name
            )),
        ),
    )
}

/// Whether most pods of what is scaled do not run, for a reason that their containers tell. One of many may be a victim of the
/// load.
fn fails(facts: &Facts<'_>, target: &EntityRef) -> bool {
    let starting = ["ContainerCreating", "PodInitializing"];
    let pods = facts.pods_of(target);
    let failing = pods.iter().filter(|pod| {
        pod.all_statuses().any(|status| {
            let waits = status.state.waiting.as_ref();
            let waits = waits
                .is_some_and(|state| !state.reason.is_empty() && !starting.contains(&state.reason.as_str()));
            let ended = [&status.state, &status.last_state];
            let ended = ended.iter().any(|state| {
                let end = state.terminated.as_ref();
                end.is_some_and(|end| end.exit_code != 0)
            });
            !status.ready && (waits || ended)
        })
    });
    2 * failing.count() > pods.len()
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::super::fixture::clue;
    use super::Autoscaler;
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deploy, deployment, object, of};

    fn world(condition: Value, current: i64) -> Case {
        let mut case = case();
        case.objects.autoscalers.push(object(
            "cart",
            json!({
                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, "maxReplicas": 10},
                "status": {"currentReplicas": current, "desiredReplicas": current, "conditions": [condition]},
            }),
        ));
        case
    }

    fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(-600)})
    }

    fn ids(found: &[Candidate]) -> Vec<&'static str> {
        found.iter().map(|candidate| candidate.mechanism).collect()
    }

    #[test]
    fn conditions_tell_what_an_autoscaler_lacks() {
        for (kind, reason, message, expected) in [
            (
                "AbleToScale",
                "FailedGetScale",
                "the HPA controller was unable to get the target's current scale: deployments.apps \"kart\" not found",
                Some("hpa_target_missing"),
            ),
            (
                "ScalingActive",
                "FailedGetResourceMetric",
                "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container app of Pod cart-1",
                Some("hpa_requests_missing"),
            ),
            (
                "ScalingActive",
                "FailedGetResourceMetric",
                "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)",
                Some("hpa_metrics_unavailable"),
            ),
            (
                "ScalingActive",
                "FailedGetExternalMetric",
                "the HPA was unable to compute the replica count: unable to get external metric shop/queue_length: no metrics returned from external metrics API",
                Some("hpa_metrics_unavailable"),
            ),
            (
                "ScalingActive",
                "AmbiguousSelector",
                "pods by selector app=cart are controlled by multiple HPAs: [shop/cart shop/cart-2]",
                Some("hpa_ambiguous"),
            ),
            (
                "ScalingActive",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
                None,
            ),
        ] {
            let found = of(&Autoscaler, &world(condition(kind, "False", reason, message), 2));
            assert_eq!(ids(&found), expected.into_iter().collect::<Vec<_>>(), "{message}");
            assert!(of(&Autoscaler, &world(condition(kind, "True", reason, message), 2)).is_empty());
        }
    }

    #[test]
    fn the_request_that_is_missing_is_the_one_to_state() {
        let found = |message: &str, second: i64| {
            let mut case = world(
                condition("ScalingActive", "False", "FailedGetResourceMetric", message),
                2,
            );
            let since = Some(at(second));
            case.objects.autoscalers[0].status.conditions[0].last_transition_time = since;
            of(&Autoscaler, &case).remove(0)
        };
        let message =
            "failed to get memory utilization: missing request for memory in container app of Pod cart-1";
        let fresh = found(message, -600);
        let command = fresh.advice[0].command.clone().unwrap();
        assert!(
            command.ends_with("deployment/cart -c app --requests=memory=AMOUNT"),
            "{command}"
        );
        // For months nobody minded.
        assert_eq!(clue(&fresh, "it has been so for long"), None);
        assert_eq!(
            clue(&found(message, -9_000_000), "it has been so for long"),
            Some(-1.0)
        );
    }

    #[test]
    fn the_maximum_is_a_cause_where_it_was_lowered_and_less_where_it_is_usual() {
        let limited = || {
            condition(
                "ScalingLimited",
                "True",
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            )
        };
        let mut case = world(limited(), 10);
        assert_eq!(ids(&of(&Autoscaler, &case)), ["hpa_at_max"]);
        let autoscaler = EntityRef::namespaced("HorizontalPodAutoscaler", "shop", "cart");
        let mut edit = deploy(&autoscaler, "edit", -900);
        edit.kind = claw_core::change::ChangeKind::Scale;
        case.changes = vec![edit];
        let found = of(&Autoscaler, &case);
        assert_eq!(clue(&found[0], "autoscaler was edited"), Some(1.2));
        case.objects.autoscalers[0].status.conditions[0].last_transition_time = Some(at(-90_000));
        let found = of(&Autoscaler, &case);
        assert_eq!(clue(&found[0], "it has been there for long"), Some(-1.0));
        // On its way there.
        assert!(of(&Autoscaler, &world(limited(), 7)).is_empty());
    }

    #[test]
    fn a_target_that_crashes_needs_no_more_pods() {
        let advised = |state: Value, ready: bool| {
            let mut case = world(
                condition(
                    "ScalingLimited",
                    "True",
                    "TooManyReplicas",
                    "more than the maximum",
                ),
                10,
            );
            let end = json!({"exitCode": 1, "reason": "Error", "finishedAt": at(-60)});
            let status = json!({"phase": "Running", "containerStatuses": [{
                "name": "app", "ready": ready, "restartCount": 4, "state": state, "lastState": {"terminated": end},
            }]});
            deployment(
                &mut case,
                "cart",
                json!({"containers": [{"name": "app"}], "status": status}),
            );
            of(&Autoscaler, &case).len()
        };
        let backs_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let runs = json!({"running": {"startedAt": at(-50)}});
        assert_eq!(advised(backs_off, false), 0);
        assert_eq!(advised(runs.clone(), false), 0);
        // It has ended once and serves.
        assert_eq!(advised(runs, true), 1);
    }
}
