//! Limits of resources, and rollouts that lower them.

use claw_k8s::model::Pod;

/// The limit of a container, as it is written.
pub(super) fn limit(pod: &Pod, container: &str, resource: &str) -> Option<String> {
    let limits = &pod.container(container)?.resources.limits;
    limits.get(resource).map(ToString::to_string)
}

/// Whether a difference (`path: old → new`, one field a line) lowers a limit of memory.
pub(super) fn lowers_memory(detail: &[String]) -> bool {
    lowers(detail, "memory", |text| {
        text.parse::<claw_k8s::quantity::Memory>().ok()
    })
}

/// Whether a difference lowers a limit of processor time, or sets one where there was none.
pub(super) fn lowers_cpu(detail: &[String]) -> bool {
    let set = |line: &String| is_limit(line, "cpu") && line.contains(": (none) →");
    detail.iter().any(set) || lowers(detail, "cpu", |text| text.parse::<claw_k8s::quantity::Cpu>().ok())
}

fn is_limit(line: &str, resource: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(path, _)| path.contains("limits") && path.contains(resource))
}

fn lowers<T: PartialOrd>(detail: &[String], resource: &str, size: impl Fn(&str) -> Option<T>) -> bool {
    detail.iter().filter(|line| is_limit(line, resource)).any(|line| {
        let Some((_, values)) = line.rsplit_once(": ") else {
            return false;
        };
        let Some((old, new)) = values.split_once('→') else {
            return false;
        };
        let size = |text: &str| size(text.trim().trim_matches('"'));
        matches!((size(old), size(new)), (Some(old), Some(new)) if new < old)
    })
}

#[cfg(test)]
mod tests {
    use super::{lowers_cpu, lowers_memory};

    fn line(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn sees_that_a_limit_was_lowered() {
        for (text, memory, cpu) in [
            (
                "containers[app].resources.limits.memory: 1Gi → 256Mi",
                true,
                false,
            ),
            (
                "containers[app].resources.limits.memory: 256Mi → 1Gi",
                false,
                false,
            ),
            ("containers[app].resources.limits.memory: nonsense", false, false),
            ("containers[app].resources.requests.cpu: 1 → 500m", false, false),
            ("containers[app].resources.limits.cpu: 1 → 500m", false, true),
            ("containers[app].resources.limits.cpu: 500m → 2", false, false),
            ("containers[app].resources.limits.cpu: (none) → 100m", false, true),
            ("containers[app].resources.limits.cpu: 2 → (none)", false, false),
        ] {
            assert_eq!(lowers_memory(&line(text)), memory, "{text}");
            assert_eq!(lowers_cpu(&line(text)), cpu, "{text}");
        }
    }
}
