//! What the scheduler says keeps a pod from the nodes.

use claw_core::entity::EntityRef;

use crate::incident::candidate::Advice;

/// What keeps pods from nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::incident) enum Obstacle {
    Resource(String),
    Taint(String),
    Selector,
    PodAffinity,
    Spread,
    Cordoned,
    Ports,
    TooManyPods,
    /// Its volumes are at a place where this node is not.
    VolumeElsewhere,
    /// The node can attach no more volumes.
    VolumeLimit,
    /// Another trouble with its volumes: a claim without a volume, a volume in use.
    Volume,
    Other,
}

impl Obstacle {
    /// The parts of `0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint {gpu: true}. preemption: …`,
    /// the most common one first.
    pub(in crate::incident) fn all(message: &str) -> Vec<(Self, u32)> {
        let lower = message.to_lowercase();
        if lower.contains("unbound immediate persistentvolumeclaim")
            || lower.contains("persistentvolumeclaim \"")
        {
            return vec![(Self::Volume, 0)];
        }
        let Some((_, reasons)) = message.split_once("available:") else {
            return Self::elsewhere(&lower);
        };
        let reasons = reasons.split("preemption:").next().unwrap_or(reasons);
        let mut found: Vec<(Self, u32)> = reasons
            .split(", ")
            .filter_map(|part| {
                let part = part.trim().trim_end_matches('.');
                let (count, text) = part.split_once(' ')?;
                let count: u32 = count.parse().ok()?;
                Some((Self::one(text), count))
            })
            .collect();
        found.sort_by_key(|(obstacle, count)| (*obstacle == Self::Other, std::cmp::Reverse(*count)));
        found
    }

    /// What other schedulers and autoscalers say, who count no nodes.
    fn elsewhere(message: &str) -> Vec<(Self, u32)> {
        let one = Self::one(message);
        let short = message
            .split_once("insufficient ")
            .and_then(|(_, rest)| rest.split([',', ';', ' ', '.']).next());
        match (one, short) {
            (_, Some(resource)) => vec![(Self::Resource(resource.to_owned()), 0)],
            (Self::Other, None) => Vec::new(),
            (one, None) => vec![(one, 0)],
        }
    }

    fn one(text: &str) -> Self {
        let lower = text.to_lowercase();
        if let Some(resource) = lower.strip_prefix("insufficient ") {
            Self::Resource(resource.to_owned())
        } else if lower.contains("taint") {
            let taint = text
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'))
                .map_or("", |(taint, _)| taint);
            if taint.contains("unschedulable") {
                Self::Cordoned
            } else {
                Self::Taint(taint.trim().trim_end_matches(':').to_owned())
            }
        } else if lower.contains("unschedulable") {
            Self::Cordoned
        } else if lower.contains("topology spread") {
            Self::Spread
        } else if lower.contains("pod affinity")
            || lower.contains("pod anti-affinity")
            || lower.contains("anti-affinity rules")
        {
            Self::PodAffinity
        } else if lower.contains("volume") {
            // "volume node affinity conflict" speaks of the volume's affinity, not of the pod's.
            if lower.contains("node affinity conflict") || lower.contains("no available volume zone") {
                Self::VolumeElsewhere
            } else if lower.contains("max volume count") {
                Self::VolumeLimit
            } else {
                Self::Volume
            }
        } else if lower.contains("selector") || lower.contains("affinity") {
            Self::Selector
        } else if lower.contains("free ports") {
            Self::Ports
        } else if lower.contains("too many pods") {
            Self::TooManyPods
        } else {
            Self::Other
        }
    }

    pub(super) fn is_volume(&self) -> bool {
        matches!(self, Self::VolumeElsewhere | Self::VolumeLimit | Self::Volume)
    }

    /// Whether it lies with the nodes as they are now rather than with what the pod asks for.
    pub(in crate::incident) fn is_of_nodes(&self) -> bool {
        match self {
            Self::Cordoned | Self::Resource(_) | Self::TooManyPods => true,
            // The taints that the node controller and the kubelet set themselves.
            Self::Taint(taint) => {
                taint.starts_with("node.kubernetes.io/")
                    || taint.starts_with("node.cloudprovider.kubernetes.io/")
            }
            _ => false,
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Resource(resource) => format!("too little {resource}"),
            Self::Taint(taint) if taint.is_empty() => "a taint that it does not tolerate".to_owned(),
            Self::Taint(taint) => format!("taint {taint}, which it does not tolerate,"),
            Self::Selector => "labels that its node selector or affinity does not accept".to_owned(),
            Self::PodAffinity => "pods that its (anti-)affinity does not accept".to_owned(),
            Self::Spread => "a spread that its topology constraint does not accept".to_owned(),
            Self::Cordoned => "cordon".to_owned(),
            Self::Ports => "host ports taken".to_owned(),
            Self::TooManyPods => "too many pods".to_owned(),
            Self::VolumeElsewhere => "a volume that is bound to another place".to_owned(),
            Self::VolumeLimit => "as many volumes attached as it can take".to_owned(),
            Self::Volume => "a volume that cannot be had".to_owned(),
            Self::Other => "another obstacle".to_owned(),
        }
    }

    /// Fields of the template that have to do with it.
    pub(super) fn paths(&self) -> &'static [&'static str] {
        match self {
            Self::Resource(_) => &["resources"],
            Self::Taint(_) => &["tolerations"],
            Self::Selector => &["nodeSelector", "affinity"],
            Self::PodAffinity => &["affinity"],
            Self::Spread => &["topologySpreadConstraints"],
            Self::Ports => &["hostPort", "hostNetwork"],
            Self::VolumeElsewhere => &["nodeSelector", "affinity", "volumes"],
            Self::VolumeLimit | Self::Volume => &["volumes"],
            _ => &["resources", "nodeSelector", "affinity", "tolerations"],
        }
    }

    pub(super) fn advice(&self, workload: &EntityRef) -> Advice {
        match self {
            Self::Resource(resource) => Advice::new(
                format!("Ask for less {resource} in {workload}, or add nodes"),
                "The requests of its pods fit on no node",
            )
            .command("kubectl describe nodes | grep -A 8 'Allocated resources'"),
            Self::Taint(taint) => Advice::new(
                format!("Tolerate the taint {taint} in {workload}, or take it off the nodes meant for it"),
                "Pods stay away from tainted nodes",
            )
            .command("kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"),
            Self::Cordoned => Advice::new(
                "Uncordon the nodes when they are ready for work",
                "Cordoned nodes take no new pods",
            )
            .command("kubectl uncordon NODE"),
            Self::Selector => Advice::new(
                format!("Make node selector and affinity of {workload} fit the labels of a node"),
                "No node carries what they ask for",
            )
            .command("kubectl get nodes --show-labels"),
            Self::VolumeElsewhere => Advice::new(
                format!("Give {workload} a node where its volume is, or move the data to a volume elsewhere"),
                "A local or zonal volume can be used only where it is",
            )
            .command("kubectl get pv -o custom-columns=NAME:.metadata.name,CLAIM:.spec.claimRef.name,AFFINITY:.spec.nodeAffinity"),
            Self::VolumeLimit => Advice::new(
                "Add nodes, or spread the pods with volumes over more of them",
                "A node attaches only so many volumes of a driver",
            )
            .command("kubectl get csinodes -o custom-columns=NAME:.metadata.name,LIMIT:.spec.drivers[*].allocatable.count"),
            Self::Volume => Advice::new(
                format!("Look at the volume claims of {workload}"),
                "The scheduler places a pod only where all its volumes can be had",
            )
            .command(format!(
                "kubectl -n {} get pvc",
                workload.namespace.as_deref().unwrap_or("default")
            )),
            _ => Advice::new(
                format!("Loosen the placement rules of {workload}, or add nodes that satisfy them"),
                "No node satisfies all of them",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Obstacle;

    #[test]
    fn reads_the_schedulers_sentence() {
        let text = "0/6 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, \
                    5 Insufficient cpu. preemption: 0/6 nodes are available: 6 No preemption victims found for incoming pod.";
        let found = Obstacle::all(text);
        assert_eq!(found.first(), Some(&(Obstacle::Resource("cpu".into()), 5)));
        assert_eq!(found.len(), 2);
        let text = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
        assert_eq!(Obstacle::all(text), [(Obstacle::Selector, 3)]);
        let text = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: …";
        assert_eq!(Obstacle::all(text), [(Obstacle::Volume, 0)]);
        let text = "0/2 nodes are available: 2 node(s) were unschedulable.";
        assert_eq!(Obstacle::all(text), [(Obstacle::Cordoned, 2)]);
        let text = "0/3 nodes are available: 2 node(s) had volume node affinity conflict, 1 node(s) exceed max volume count.";
        assert_eq!(
            Obstacle::all(text),
            [(Obstacle::VolumeElsewhere, 2), (Obstacle::VolumeLimit, 1)]
        );
        assert!(Obstacle::all("nonsense").is_empty());
        let text = "Failed to schedule pod, incompatible with nodepool \"general\", insufficient cpu; all nodes had taint";
        assert_eq!(Obstacle::all(text), [(Obstacle::Resource("cpu".into()), 0)]);
        let text = "0/4 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 3 Too many pods.";
        assert!(
            Obstacle::all(text)
                .iter()
                .all(|(obstacle, _)| obstacle.is_of_nodes())
        );
    }
}
