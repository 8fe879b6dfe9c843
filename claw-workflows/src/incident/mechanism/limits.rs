//! Limits of resources, and rollouts that lower them.

use claw_k8s::model::Pod;

use crate::incident::difference::segments;

/// The limit of a container, as it is written.
pub(super) fn limit(pod: &Pod, container: &str, resource: &str) -> Option<String> {
    let limits = &pod.container(container)?.resources.limits;
    limits.get(resource).map(ToString::to_string)
}

/// Whether a difference (`path: old → new`, one field a line) sets another limit of memory of a container.
pub(super) fn about_memory(detail: &[String], container: &str) -> bool {
    detail.iter().any(|line| is_limit(line, container, "memory"))
}

/// Whether a difference lowers the limit of memory of a container.
pub(super) fn lowers_memory(detail: &[String], container: &str) -> bool {
    lowers(detail, container, "memory", |text| {
        text.parse::<claw_k8s::quantity::Memory>().ok()
    })
}

/// Whether a difference lowers the limit of processor time of a container, or sets one where there was none.
pub(super) fn lowers_cpu(detail: &[String], container: &str) -> bool {
    let set = |line: &String| is_limit(line, container, "cpu") && line.contains(": (none) →");
    detail.iter().any(set)
        || lowers(detail, container, "cpu", |text| {
            text.parse::<claw_k8s::quantity::Cpu>().ok()
        })
}

/// Whether a difference tells of nothing but amounts that grew.
pub(super) fn only_raises(detail: &[String]) -> bool {
    use claw_k8s::quantity::{Cpu, Memory};
    let grew = |line: &String| {
        let values = line
            .rsplit_once(": ")
            .and_then(|(_, values)| values.split_once('→'));
        values.is_some_and(|(old, new)| {
            let (old, new) = (old.trim().trim_matches('"'), new.trim().trim_matches('"'));
            let bytes = old.parse::<Memory>().ok().zip(new.parse::<Memory>().ok());
            let cores = || old.parse::<Cpu>().ok().zip(new.parse::<Cpu>().ok());
            bytes.map_or_else(
                || cores().is_some_and(|(old, new)| new > old),
                |(old, new)| new > old,
            )
        })
    };
    !detail.is_empty() && detail.iter().all(grew)
}

/// Whether a line is about the limit of that resource, of that container as far as the line tells: recorded changes often
/// leave it out, or number it.
fn is_limit(line: &str, container: &str, resource: &str) -> bool {
    const LISTS: [&str; 2] = ["containers", "initContainers"];
    let parts = segments(line);
    let [.., ("limits", None), (last, None)] = parts.as_slice() else {
        return false;
    };
    let mut named = parts
        .iter()
        .zip(parts.iter().skip(1))
        .filter(|((field, _), _)| LISTS.contains(field))
        .map(|((_, key), (next, _))| key.unwrap_or(*next));
    let fits = named.next().is_none_or(|name| {
        name == container || name == "resources" || name.bytes().all(|byte| byte.is_ascii_digit())
    });
    *last == resource && fits
}

fn lowers<T: PartialOrd>(
    detail: &[String],
    container: &str,
    resource: &str,
    size: impl Fn(&str) -> Option<T>,
) -> bool {
    let mut lines = detail.iter().filter(|line| is_limit(line, container, resource));
    lines.any(|line| {
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
            // Another container, or another resource whose name holds the word.
            (
                "containers[istio-proxy].resources.limits.cpu: 2 → 100m",
                false,
                false,
            ),
            (
                "containers[app].resources.limits[x/gpu-memory]: 4 → 2",
                false,
                false,
            ),
            ("containers[app].resources.limits.gpu-memory: 4 → 2", false, false),
            ("containers.app.resources.limits.memory: 1Gi → 1Mi", true, false),
            (
                "spec.template.spec.containers[0].resources.limits.memory: 1Gi → 1Mi",
                true,
                false,
            ),
            ("resources.limits.memory: 1Gi → 1Mi", true, false),
        ] {
            assert_eq!(lowers_memory(&line(text), "app"), memory, "{text}");
            assert_eq!(lowers_cpu(&line(text), "app"), cpu, "{text}");
        }
    }
}
