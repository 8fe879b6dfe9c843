//! What changes say of numbers of replicas, and of whose.

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::model::HorizontalPodAutoscaler;

use crate::incident::difference::{has_path, segments};
use crate::incident::facts::Facts;

/// Whether a line of a difference, `path: old → new`, is about the number of replicas: what a workload or a chart calls so,
/// and no variable that has the word in its name.
pub(super) fn about_replicas(line: &str) -> bool {
    is_field(line, &["replicas", "replicacount"])
}

/// Whether a workload was given another number of replicas.
pub(super) fn scales(change: &Change) -> bool {
    change.kind == ChangeKind::Scale || change.detail.iter().any(|line| about_replicas(line))
}

/// Whether replicas were taken away, and by no autoscaler: one takes away what is not needed, by its measure. Where an
/// autoscaler is known for `unit`, who is not told may have been that.
pub(super) fn takes_away(facts: &Facts<'_>, unit: &EntityRef, change: &Change) -> bool {
    // Field managers, and what people write of them: `system:serviceaccount:kube-system:horizontal-pod-autoscaler`, `hpa`.
    let automatic = |author: &str| {
        let last = author.rsplit(':').next().unwrap_or(author).to_lowercase();
        let mut words = last.split(|c: char| !c.is_alphanumeric());
        last == "kube-controller-manager"
            || words.any(|word| matches!(word, "autoscaler" | "hpa" | "keda" | "vpa"))
    };
    let fewer = counts(change, about_replicas).is_some_and(|(from, to)| to < from);
    let autoscalers = &facts.case.objects.autoscalers;
    let scaled = || autoscalers.iter().any(|autoscaler| target(autoscaler) == *unit);
    fewer
        && match change.author.as_deref() {
            Some(author) => !automatic(author),
            None => !scaled(),
        }
}

/// Whether a line of a difference is about the most replicas that an autoscaler may have.
pub(super) fn about_maximum(line: &str) -> bool {
    is_field(line, &["maxreplicas", "maxreplicacount"])
}

/// What an autoscaler scales.
pub(super) fn target(autoscaler: &HorizontalPodAutoscaler) -> EntityRef {
    let target = &autoscaler.spec.scale_target_ref;
    EntityRef::namespaced(&target.kind, autoscaler.metadata.ns(), &target.name)
}

/// Whether the path of a line ends with one of these names, or, where the line is mere words, has one of them.
fn is_field(line: &str, names: &[&str]) -> bool {
    let is = |field: &str| {
        let name = field.to_lowercase().replace(['_', '-'], "");
        names.contains(&name.as_str())
    };
    let parts = segments(line);
    if has_path(line) {
        parts
            .last()
            .is_some_and(|(field, key)| key.is_none() && is(field))
    } else {
        parts.iter().any(|(field, _)| is(field))
    }
}

/// The number before and the number after in the lines that `about` accepts. A summary such as "scaled from 2 to 10" speaks
/// of replicas where the change is nothing but a scaling.
pub(super) fn counts(change: &Change, about: impl Fn(&str) -> bool) -> Option<(i64, i64)> {
    let lines = change.detail.iter().filter(|line| about(line));
    let summary =
        Some(&change.summary).filter(|line| change.kind == ChangeKind::Scale || speaks_of_replicas(line));
    lines.chain(summary).find_map(|line| numbers(line))
}

/// Whether a sentence has the word.
fn speaks_of_replicas(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'))
        .any(|word| matches!(word.to_lowercase().as_str(), "replica" | "replicas"))
}

/// The number before and the number after, where a line tells both.
fn numbers(line: &str) -> Option<(i64, i64)> {
    let (old, new) = line
        .split_once('→')
        .or_else(|| line.split_once("->"))
        .or_else(|| line.split_once(" to "))?;
    let number = |text: &str, last: bool| -> Option<i64> {
        let mut parts = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty());
        if last { parts.next_back() } else { parts.next() }?.parse().ok()
    };
    Some((number(old, true)?, number(new, false)?))
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use claw_core::entity::EntityRef;

    use super::super::fixture;
    use super::{about_maximum, about_replicas, counts};

    #[test]
    fn a_number_of_replicas_is_a_field_of_that_name() {
        for (line, replicas, maximum) in [
            ("spec.replicas: 3 → 1", true, false),
            ("replicas: 3 → 1", true, false),
            ("replicaCount: 3 → 1", true, false),
            ("spec.maxReplicas: 10 → 2", false, true),
            ("maxReplicaCount: 10 → 2", false, true),
            (
                "containers[app].env[READ_REPLICA_HOST]: pg-2 → pg-1",
                false,
                false,
            ),
            ("env.READ_REPLICA_HOST: pg-2 → pg-1", false, false),
            ("env[REPLICAS]: 2 → 1", false, false),
            ("data.replicas.conf: 2 → 1", false, false),
            ("replicas 3 → 1", true, false),
        ] {
            assert_eq!(about_replicas(line), replicas, "{line}");
            assert_eq!(about_maximum(line), maximum, "{line}");
        }
    }

    #[test]
    fn a_summary_speaks_of_replicas_in_words() {
        let of = |summary: &str| {
            let cart = EntityRef::namespaced("Deployment", "shop", "cart");
            let mut change = fixture::change("2026-05-01T09:40:00Z", &cart, &[]);
            change.kind = ChangeKind::Deploy;
            change.summary = summary.to_owned();
            counts(&change, about_replicas)
        };
        assert_eq!(of("replicas 4 → 1"), Some((4, 1)));
        assert_eq!(of("READ_REPLICA_HOST pg-2 → pg-1"), None);
    }
}
