//! A container ends by itself, again and again.

mod cause;
mod injected;
mod logged;

use std::collections::BTreeMap;

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Object, Pod, Terminated};
use jiff::Timestamp;

use super::container_start_error::never_ran;
use super::wording::wording;
use super::{Area, Mechanism, brought, probe_kill, rollout_stalled};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::{ending, ends_since};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::{Digest, Pattern};
use crate::incident::meter::without_meter;
use crate::incident::witness;
use cause::Cause;

/// The application fails: by an error of its own, by configuration that it does not accept, by a command that cannot be
/// run. A failing dependency shows the same way; [`super::dependency_unavailable`] speaks for that.
///
/// Its candidates carry the id of what the end points to: `invalid_configuration`, `permission_denied`, `port_in_use`,
/// `schema_mismatch`, and `application_crash` for what is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash;

impl Mechanism for Crash {
    fn id(&self) -> &'static str {
        "application_crash"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "invalid_configuration",
            "permission_denied",
            "port_in_use",
            "schema_mismatch",
        ]
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut crashed: BTreeMap<(EntityRef, String), Vec<Run<'_>>> = BTreeMap::new();
        for pod in facts.pods() {
            for status in pod.all_statuses() {
                if let Some(end) = failed_run(facts, pod, status) {
                    crashed
                        .entry((facts.workload_of(pod), status.name.clone()))
                        .or_default()
                        .push((pod, status, end));
                }
            }
        }
        let crashes: Vec<Candidate> = crashed
            .into_iter()
            .filter_map(|((workload, container), runs)| candidate(facts, &workload, &container, &runs))
            .collect();
        let injected = injected::candidates(facts, &crashes);
        let crashes = crashes.into_iter().chain(injected);
        crashes.chain(logged::candidates(facts)).collect()
    }
}

/// The name of the clue that the log tells why a container ended.
const SAYS_WHY: &str = "log says why";

/// A container's run that ended with an error.
type Run<'a> = (&'a Pod, &'a ContainerStatus, &'a Terminated);

/// The run of a container that ended with an error, unless it was killed for memory or never began; or without one, where it
/// is started again and again.
fn failed_run<'p>(facts: &Facts<'_>, pod: &Pod, status: &'p ContainerStatus) -> Option<&'p Terminated> {
    let loops = backs_off(status);
    ending(facts, pod, status, |end| {
        (end.exit_code != 0 || loops) && end.reason != "OOMKilled" && !never_ran(end)
    })
}

fn backs_off(status: &ContainerStatus) -> bool {
    let waiting = status.state.waiting.as_ref();
    waiting.is_some_and(|waiting| waiting.reason == "CrashLoopBackOff")
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    container: &str,
    runs: &[Run<'_>],
) -> Option<Candidate> {
    let (pod, status, end) = runs.first()?;
    let loops = runs
        .iter()
        .any(|(_, status, _)| backs_off(status) || !status.ready);
    let since = runs
        .iter()
        .filter_map(|(pod, status, end)| ends_since(facts, pod, status, end))
        .min();
    let ended = runs.iter().map(|(pod, status, end)| {
        let statement = format!(
            "container {container} ended with exit code {} ({}), {} restarts",
            end.exit_code, end.reason, status.restart_count
        );
        (*pod, ends_since(facts, pod, status, end), statement)
    });
    let seen = witness::of_pods(facts, ended, |event| event.reason == "BackOff");
    let last_words = last_words(facts, runs);
    let cause = Cause::of(end, last_words.map(|(_, pattern)| pattern))?;
    if cause == Cause::Signal && probe_kill::told(facts, pod).is_some() {
        // It is known who ended it, and why: `probe_failing` says that.
        return None;
    }
    let init = pod
        .status
        .init_container_statuses
        .iter()
        .any(|s| s.name == container);
    let who = if init {
        format!("init container {container} of {workload}")
    } else {
        format!("container {container} of {workload}")
    };
    let mut candidate = Candidate::new(
        cause.id(),
        workload.clone(),
        match last_words {
            Some((_, pattern)) => format!(
                "{who} {}: {}",
                cause.words(),
                clip(without_meter(&pattern.sample), 200)
            ),
            None if !end.message.is_empty() => {
                format!("{who} {}: {}", cause.words(), clip(&end.message, 200))
            }
            None => format!("{who} {}, exit code {}", cause.words(), end.exit_code),
        },
    )
    .aspect(container)
    .clue(
        if end.exit_code == 0 {
            "container ends and is started again"
        } else {
            "container ends with an error"
        },
        if loops { 2.0 } else { 0.0 },
        seen,
    )
    .since(since)
    .hurting(runs.iter().map(|(pod, _, _)| pod.entity()))
    .derived(cause.derived());
    match last_words {
        Some((digest, pattern)) => {
            let weight = if pattern.exception.is_some() || pattern.fatal {
                1.2
            } else {
                0.7
            };
            candidate = candidate.clue(SAYS_WHY, weight, vec![facts.log_evidence(digest, pattern)]);
        }
        None if !end.message.is_empty() => {
            let statement = format!("container {container} ended with: {}", clip(&end.message, 200));
            let told = vec![facts.object(*pod, end.finished_at, statement)];
            candidate = candidate.clue("its last words say why", 0.7, told);
        }
        None if heard(facts, runs) => {}
        None => candidate = candidate.unseen(format!("what container {container} logged before it ended")),
    }
    if let Some(evidence) = probe_kill::told(facts, pod) {
        candidate = candidate.clue("the kubelet killed it for a failed probe", -2.0, vec![evidence]);
    } else if probe_kill::ran_out_of_time(pod, status, end) {
        candidate = candidate.clue("its runs last as long as its probe allows", -1.5, Vec::new());
    }
    if facts
        .workload(workload)
        .is_some_and(|known| rollout_stalled::is_given_up(facts, known, pod))
    {
        candidate = candidate.clue("its revision was changed since", -3.0, Vec::new());
    }
    if status.ready && !loops {
        candidate = candidate.clue("it runs by now", -1.5, Vec::new());
    }
    // Where the first end is not known, a change has to be older than the last one at least.
    let until = since.or_else(|| runs.iter().filter_map(|(_, _, end)| end.finished_at).max());
    if facts.is_injected(workload, container) {
        // What the workload changed itself did not bring it.
        return Some(candidate.derived(0.6).advise(remedy(workload, cause, pod)));
    }
    Some(with_change(facts, candidate, cause, pod, until))
}

/// What helps where nothing is to be taken back.
fn remedy(workload: &EntityRef, cause: Cause, pod: &Pod) -> Advice {
    let title = format!("{} in {workload}", cause.remedy());
    Advice::new(title, cause.why()).command(format!(
        "kubectl -n {} logs {} --previous",
        pod.metadata.ns(),
        pod.metadata.name
    ))
}

/// Whether a log of a run that ended was read, whatever it says.
fn heard(facts: &Facts<'_>, runs: &[Run<'_>]) -> bool {
    runs.iter().any(|(pod, status, _)| {
        let mut logs = facts.logs_of(&pod.entity()).iter();
        logs.any(|digest| digest.previous && digest.container == status.name && digest.entries > 0)
    })
}

/// The entry that best says why the container ended, over all its pods.
fn last_words<'a>(facts: &Facts<'a>, runs: &[Run<'_>]) -> Option<(&'a Digest, &'a Pattern)> {
    runs.iter()
        .flat_map(|(pod, status, _)| {
            facts
                .logs_of(&pod.entity())
                .iter()
                .copied()
                .filter(move |digest| digest.container == status.name)
        })
        .flat_map(|digest| digest.patterns.iter().map(move |pattern| (digest, pattern)))
        .max_by_key(|(digest, pattern)| {
            (
                pattern.fatal,
                !points_elsewhere(&pattern.sample),
                pattern.exception.is_some(),
                !pattern.indications.is_empty(),
                digest.previous,
                pattern.last,
            )
        })
}

/// Whether an entry says no more than where to read what happened: "did not exit normally - check the logs at …".
fn points_elsewhere(text: &str) -> bool {
    wording(text)(&[
        "check the log",
        "see the log",
        "did not exit normally",
        "see above",
        "see the error above",
        "see errors above",
    ])
}

/// Adds the change that brought the crash: a rollout, or an edit of configuration that the pod reads.
fn with_change(
    facts: &Facts<'_>,
    candidate: Candidate,
    cause: Cause,
    pod: &Pod,
    since: Option<Timestamp>,
) -> Candidate {
    let remedy = remedy(&candidate.entity, cause, pod);
    let Some(change) = brought::newest(facts, &candidate.entity, Some(&pod.spec), since) else {
        return candidate.advise(remedy);
    };
    let (clue, reason) = if change.kind == ChangeKind::Deploy {
        ("crashes since a rollout", "It did not crash before this rollout")
    } else {
        (
            "crashes since its configuration was edited",
            "It did not crash with the configuration before",
        )
    };
    let mut candidate = brought::blame(facts, candidate, change, (clue, 1.5), reason);
    if candidate.advice.is_empty() {
        candidate.advice.push(remedy);
    }
    if !facts.is_creation(change) {
        // What began with a change of its own is less likely to be brought about by something else.
        candidate.derived *= 0.5;
    }
    candidate
}

/// Indicators of trouble at something else.
pub(super) const DEPENDENCY: &[claw_metrics::logs::indicators::Indicator] = {
    use claw_metrics::logs::indicators::Indicator;
    &[
        Indicator::ConnectionRefused,
        Indicator::ConnectionReset,
        Indicator::Timeout,
        Indicator::UnknownHost,
        Indicator::Unreachable,
        Indicator::CertificateExpired,
        Indicator::TlsFailure,
        Indicator::AuthenticationFailed,
        Indicator::AccessDenied,
        Indicator::RateLimited,
        Indicator::PoolExhausted,
        Indicator::UpstreamError,
        Indicator::DatabaseTrouble,
    ]
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Crash;
    use crate::incident::testing::{at, case, deployment, of};

    fn fires(phase: &str, state: Value, last: Value) -> bool {
        let mut case = case();
        let status = json!({
            "phase": phase,
            "startTime": at(-9_000_000),
            "containerStatuses": [{
                "name": "app", "ready": phase == "Running", "restartCount": 1, "state": state,
                "lastState": {"terminated": last},
            }],
        });
        deployment(
            &mut case,
            "import",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        !of(&Crash, &case).is_empty()
    }

    #[test]
    fn what_was_read_and_says_nothing_is_not_unseen() {
        let mut case = case();
        let end = json!({"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": at(-65)}});
        let status = json!({
            "phase": "Running",
            "startTime": at(-9_000_000),
            "containerStatuses": [{
                "name": "app", "restartCount": 4, "lastState": end,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            }],
        });
        deployment(
            &mut case,
            "import",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        assert_eq!(of(&Crash, &case)[0].unseen.len(), 1);
        let pod = claw_core::entity::EntityRef::namespaced("Pod", "shop", "import-pod");
        let raw = b"INFO reading the feed\n";
        case.logs.push(crate::incident::logs::digest(
            pod,
            "app".to_owned(),
            true,
            raw,
            at(-7200),
            None,
            false,
        ));
        assert!(of(&Crash, &case)[0].unseen.is_empty());
    }

    #[test]
    fn ends_of_long_ago_are_no_crashes_of_today() {
        let end = |second: i64| json!({"reason": "Error", "exitCode": 1, "finishedAt": at(second)});
        let running = json!({"running": {"startedAt": at(-8_000_000)}});
        let old = -8_000_100;
        assert!(!fires("Running", running.clone(), end(old)));
        assert!(fires(
            "Running",
            json!({"running": {"startedAt": at(-60)}}),
            end(-65)
        ));
        // Pods of failed Jobs stay for weeks.
        assert!(!fires("Failed", json!({"terminated": end(old)}), Value::Null));
        assert!(fires("Failed", json!({"terminated": end(-600)}), Value::Null));
        assert!(!fires(
            "Running",
            running,
            json!({"reason": "Completed", "exitCode": 0, "finishedAt": at(-60)})
        ));
    }
}
