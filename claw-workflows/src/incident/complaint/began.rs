//! Since when a container ends with what it says.

use claw_k8s::model::{ContainerStatus, Pod, Terminated};
use jiff::{SignedDuration, Timestamp};

use crate::incident::ending::{ending, ends_since};
use crate::incident::facts::Facts;
use crate::incident::logs::{Digest, Pattern};

/// So long before its end a program says why it ends: it may clean up after that.
const LAST: SignedDuration = SignedDuration::from_secs(10);

/// Since when containers end with one of these entries. Of a container that ended several times the logs of the last runs are
/// all that is left: what it ended with, it said before as well. What it merely said on its way it may say for the first time.
pub(super) fn ends(facts: &Facts<'_>, entries: &[(&Digest, &Pattern)]) -> Option<Timestamp> {
    entries
        .iter()
        .filter_map(|(digest, pattern)| {
            let pod = facts.pod(&digest.pod)?;
            let mut statuses = pod.all_statuses();
            let status = statuses.find(|status| status.name == digest.container)?;
            looped(facts, pod, status, |end| is_last(digest, pattern, status, end))
        })
        .min()
}

/// Whether an entry is of the last words of a run that ended.
fn is_last(digest: &Digest, pattern: &Pattern, status: &ContainerStatus, end: &Terminated) -> bool {
    let ended = digest.previous || status.state.running.is_none();
    let at_the_end = pattern.exception.is_some()
        && pattern
            .last
            .zip(end.finished_at)
            .is_some_and(|(said, ended)| ended.duration_since(said).abs() <= LAST);
    ended && (pattern.fatal || at_the_end)
}

/// Since when a container ends with an error, where it did so more than once and `test` accepts its last end. Who is killed for
/// memory says nothing of that.
fn looped(
    facts: &Facts<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    test: impl Fn(&Terminated) -> bool,
) -> Option<Timestamp> {
    if status.restart_count < 2 {
        return None;
    }
    let end = ending(facts, pod, status, |end| {
        end.exit_code != 0 && end.reason != "OOMKilled"
    })?;
    test(end).then(|| ends_since(facts, pod, status, end)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::incident::complaint::complaints;
    use crate::incident::facts::Facts;
    use crate::incident::logs::digest;
    use crate::incident::testing::{at, case, deployment};

    /// Since when `web` complains, whose last run of so many ended a minute ago, and said so itself or before.
    fn since(restarts: i32, line: &str, previous: bool) -> Option<jiff::Timestamp> {
        let mut case = case();
        let end = json!({"exitCode": 1, "startedAt": at(-120), "finishedAt": at(-60)});
        let status = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(-1500)}],
            "containerStatuses": [{
                "name": "app", "restartCount": restarts, "lastState": {"terminated": end},
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            }],
        });
        let spec = json!({"containers": [{"name": "app"}], "status": status});
        deployment(&mut case, "web", spec);
        let pod = claw_core::entity::EntityRef::namespaced("Pod", "shop", "web-pod");
        let raw = format!("{} {line}\n", at(-60));
        let read = digest(
            pod,
            "app".to_owned(),
            previous,
            raw.as_bytes(),
            at(-7200),
            None,
            false,
        );
        case.logs.push(read);
        let facts = Facts::new(&case);
        complaints(&facts)[0].since()
    }

    #[test]
    fn what_a_container_ends_with_it_said_since_it_began_to_end() {
        let fatal = "FATAL dial tcp: lookup db on 10.96.0.10:53: no such host";
        assert_eq!(since(6, fatal, true), Some(at(-1500)));
        assert_eq!(since(6, fatal, false), Some(at(-1500)));
        // It went on after it, or ended only once.
        let warning = "WARN dial tcp: lookup db on 10.96.0.10:53: no such host";
        assert_eq!(since(6, warning, false), Some(at(-60)));
        assert_eq!(since(6, warning, true), Some(at(-60)));
        assert_eq!(since(1, fatal, true), Some(at(-60)));
    }
}
