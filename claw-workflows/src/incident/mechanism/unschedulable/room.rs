//! Whether any node could take a pod if it were empty.

use claw_core::evidence::Evidence;
use claw_k8s::model::{Node, Object as _, Pod};
use claw_k8s::quantity::Quantity;

use super::Obstacle;
use crate::incident::facts::Facts;

/// Nodes that are named as what there is.
const SHOWN: usize = 5;

/// Why no node can ever take the pods, however much is freed: they ask for more than the largest has, or for a label that
/// none has. `None` where one could, or the nodes are not known.
pub(super) fn none_can(
    facts: &Facts<'_>,
    pods: &[(&Pod, String)],
    obstacle: &Obstacle,
) -> Option<(&'static str, Vec<Evidence>)> {
    let nodes = &facts.case.objects.nodes;
    let (pod, _) = pods.first()?;
    if nodes.is_empty() {
        return None;
    }
    match obstacle {
        Obstacle::Resource(resource) => {
            let wanted = requested(pod, resource)?;
            let largest = nodes
                .iter()
                .filter_map(|node| offered(node, resource))
                .fold(0.0, f64::max);
            (wanted > largest).then(|| {
                let shown = nodes.iter().take(SHOWN).map(|node| {
                    let has = node
                        .status
                        .allocatable
                        .get(resource.as_str())
                        .map_or("none", |amount| amount.as_str());
                    facts.object(node, None, format!("offers {has} of {resource}"))
                });
                ("no node has as much as they ask for", shown.collect())
            })
        }
        Obstacle::Selector => {
            let fits = |node: &Node| {
                let wanted = &pod.spec.node_selector;
                wanted
                    .iter()
                    .all(|(key, value)| node.metadata.labels.get(key) == Some(value))
            };
            (!pod.spec.node_selector.is_empty() && !nodes.iter().any(fits)).then(|| {
                let labels: Vec<String> = pod
                    .spec
                    .node_selector
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                let shown = nodes.iter().take(SHOWN).map(|node| {
                    facts.object(
                        node,
                        None,
                        format!("{} has not all of {}", node.entity(), labels.join(", ")),
                    )
                });
                ("no node has the labels that they select", shown.collect())
            })
        }
        _ => None,
    }
}

/// What a pod's containers ask of a resource; init containers run one at a time before the others.
fn requested(pod: &Pod, resource: &str) -> Option<f64> {
    let of = |container: &claw_k8s::model::Container| {
        let resources = &container.resources;
        let amount = resources
            .requests
            .get(resource)
            .or_else(|| resources.limits.get(resource));
        amount.and_then(|amount| number(amount.as_str())).unwrap_or(0.0)
    };
    let together: f64 = pod.spec.containers.iter().map(of).sum();
    let before = pod.spec.init_containers.iter().map(of).fold(0.0, f64::max);
    let most = together.max(before);
    (most > 0.0).then_some(most)
}

fn offered(node: &Node, resource: &str) -> Option<f64> {
    number(node.status.allocatable.get(resource)?.as_str())
}

fn number(text: &str) -> Option<f64> {
    text.parse::<Quantity>().ok().map(Quantity::as_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Obstacle, none_can};
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    fn why(spec: Value, obstacle: &Obstacle) -> Option<&'static str> {
        let mut case = case();
        for (name, cpu) in [("n1", "3920m"), ("n2", "7910m")] {
            let rest = json!({
                "metadata": {"namespace": null, "labels": {"disk": "hdd"}},
                "status": {"allocatable": {"cpu": cpu, "memory": "15Gi"}},
            });
            case.objects.nodes.push(object(name, rest));
        }
        case.objects.pods.push(object("a", json!({"spec": spec})));
        let facts = Facts::new(&case);
        let pods = [(&case.objects.pods[0], String::new())];
        none_can(&facts, &pods, obstacle).map(|(why, _)| why)
    }

    #[test]
    fn what_no_node_has_is_asked_for_in_vain() {
        let asks = |resource: &str, amount: &str| json!({"containers": [{"name": "a", "resources": {"requests": {resource: amount}}}]});
        let short = |resource: &str| Obstacle::Resource(resource.to_owned());
        assert!(why(asks("cpu", "8"), &short("cpu")).is_some());
        assert!(why(asks("cpu", "6"), &short("cpu")).is_none());
        assert!(why(asks("nvidia.com/gpu", "1"), &short("nvidia.com/gpu")).is_some());
        assert!(why(json!({"nodeSelector": {"disk": "ssd"}}), &Obstacle::Selector).is_some());
        assert!(why(json!({"nodeSelector": {"disk": "hdd"}}), &Obstacle::Selector).is_none());
    }
}
