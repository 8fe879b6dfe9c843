//! A volume is there and cannot be attached or mounted.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Object, Pod, Volume, Workload};
use jiff::Timestamp;

use super::rollback::roll_back;
use super::wording::wording;
use super::{Area, Mechanism, config_missing};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// A volume that another node holds, a driver that is not on the node, a share that does not answer or refuses, a file
/// system that does not open.
#[derive(Clone, Copy, Debug)]
pub(super) struct VolumeMountFailed;

impl Mechanism for VolumeMountFailed {
    fn id(&self) -> &'static str {
        "volume_mount_failed"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["volume_multi_attach"]
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut failed: BTreeMap<(EntityRef, Why), Vec<(&Pod, &Event)>> = BTreeMap::new();
        let waiting = facts.pods().filter(|pod| {
            !pod.is_finished()
                && !pod.is_ready()
                && pod.all_statuses().all(|status| status.state.running.is_none())
        });
        for pod in waiting {
            if let Some(event) = telling(facts, pod) {
                failed
                    .entry((facts.workload_of(pod), Why::of(&event.message)))
                    .or_default()
                    .push((pod, event));
            }
        }
        failed
            .into_iter()
            .filter_map(|((workload, why), pods)| candidate(facts, &workload, why, &pods))
            .collect()
    }
}

/// The newest event about a pod that says why a volume cannot be used; the kubelet's summary where that is all there is.
fn telling<'a>(facts: &Facts<'a>, pod: &Pod) -> Option<&'a Event> {
    let entity = pod.entity();
    let about_volume = |event: &Event| {
        event.is_warning()
            && matches!(
                event.reason.as_str(),
                "FailedAttachVolume" | "FailedMount" | "FailedMapVolume"
            )
            && !event.message.contains("configmap \"")
            && !event.message.contains("secret \"")
            && !event.message.contains(config_missing::NO_SUCH_KEY)
    };
    facts
        .event(&entity, |event| about_volume(event) && !is_summary(event))
        .or_else(|| {
            facts.event(&entity, |event| {
                about_volume(event) && is_summary(event) && names_storage(pod, &event.message)
            })
        })
}

/// The sentence that follows any failed mount says nothing of its own.
fn is_summary(event: &Event) -> bool {
    event.message.starts_with("Unable to attach or mount volumes")
        || event.message.ends_with("timed out waiting for the condition")
}

/// Whether one of the volumes that a summary lists as unmounted stands on storage outside the cluster's own objects.
fn names_storage(pod: &Pod, message: &str) -> bool {
    let listed = message
        .split_once("unmounted volumes=[")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(names, _)| names);
    listed.is_some_and(|names| {
        names.split([' ', ',']).any(|name| {
            pod.spec
                .volumes
                .iter()
                .any(|volume| volume.name == name && stands_on_storage(volume))
        })
    })
}

fn stands_on_storage(volume: &Volume) -> bool {
    volume.persistent_volume_claim.is_some()
        || volume.csi.is_some()
        || volume.ephemeral.is_some()
        || volume.nfs.is_some()
        || volume.host_path.is_some()
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    why: Why,
    pods: &[(&Pod, &Event)],
) -> Option<Candidate> {
    let (pod, event) = pods.first()?;
    let since: Option<Timestamp> = pods.iter().filter_map(|(_, event)| event.first_seen()).min();
    let witnesses = pods.iter().map(|(pod, event)| {
        let statement = format!("waits for a volume: {}", clip(&event.message, 200));
        (*pod, event.first_seen(), statement)
    });
    let seen = witness::of_pods(facts, witnesses, |event| {
        event.is_warning()
            && matches!(
                event.reason.as_str(),
                "FailedAttachVolume" | "FailedMount" | "FailedMapVolume"
            )
    });
    let holder = (why == Why::Held).then(|| holder(facts, pod)).flatten();
    let held = holder
        .map(|holder| format!(" ({} on {} has it)", holder.entity(), holder.spec.node_name))
        .unwrap_or_default();
    let mut candidate = Candidate::new(
        why.mechanism(),
        workload.clone(),
        format!(
            "a volume of {workload} cannot be used: {}{held}: {}",
            why.words(),
            clip(&event.message, 200)
        ),
    )
    .aspect(why.words())
    .clue(
        "kubelet cannot use the volume",
        if why == Why::Unknown { 3.0 } else { 4.0 },
        seen,
    )
    .since(since)
    .hurting(pods.iter().map(|(pod, _)| pod.entity()))
    .derived(why.derived());
    if let Some(holder) = holder {
        let statement = format!("uses the same claim on {}", holder.spec.node_name);
        candidate = candidate.clue(
            "another pod holds it",
            0.7,
            vec![facts.object(holder, None, statement)],
        );
        let lost = facts
            .node(&holder.spec.node_name)
            .is_some_and(|node| !node.is_ready());
        // A node that is gone keeps its volumes: then that is what went wrong.
        candidate = candidate.derived(if lost { 0.9 } else { 0.1 });
    }
    if why == Why::NoDriver
        && let Some(agent) = driver(facts, &event.message)
    {
        let statement = format!("{} of its pods are ready", agent.ready());
        candidate.entity = agent.entity();
        candidate.cause = format!(
            "{}, whose driver mounts the volumes of {workload}, does not run on {}: {}",
            agent.entity(),
            pod.spec.node_name,
            clip(&event.message, 200)
        );
        candidate = candidate
            .clue(
                "its driver is down",
                0.8,
                vec![facts.object(agent, None, statement)],
            )
            .hurting([workload.clone()]);
    }
    let paths = [
        "volume",
        "nodeSelector",
        "affinity",
        "strategy",
        "replicas",
        "fsGroup",
        "securityContext",
    ];
    if let Some(change) = facts.rollout_before(workload, since, &paths) {
        candidate = candidate
            .clue("since a rollout", 0.8, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
        let back = roll_back(
            facts,
            workload,
            change,
            "The revision before could use its volumes",
        );
        candidate.advice.extend(back);
    }
    Some(candidate.advise(why.advice(workload)))
}

/// A pod on another node that uses one of this pod's claims.
fn holder<'a>(facts: &Facts<'a>, pod: &Pod) -> Option<&'a Pod> {
    let claims = |pod: &Pod| -> Vec<String> {
        let named = pod
            .spec
            .volumes
            .iter()
            .filter_map(|volume| volume.persistent_volume_claim.as_ref());
        named.map(|volume| volume.claim_name.clone()).collect()
    };
    let wanted = claims(pod);
    facts.pods().find(|other| {
        other.metadata.ns() == pod.metadata.ns()
            && other.metadata.name != pod.metadata.name
            && !other.spec.node_name.is_empty()
            && other.spec.node_name != pod.spec.node_name
            && !other.is_finished()
            && claims(other).iter().any(|claim| wanted.contains(claim))
    })
}

/// The DaemonSet of the driver that a message quotes: `driver name disk.csi.example.com not found in the list of …`.
fn driver<'a>(facts: &Facts<'a>, message: &str) -> Option<&'a Workload> {
    let (_, rest) = message.split_once("driver name ")?;
    let name = rest.split_whitespace().next()?;
    let quotes = |text: &String| text.contains(name);
    facts.top_workloads().find(|workload| {
        workload.kind == "DaemonSet"
            && workload.template().spec.containers.iter().any(|container| {
                let values = container
                    .env
                    .iter()
                    .filter_map(|variable| variable.value.as_ref());
                container
                    .args
                    .iter()
                    .chain(&container.command)
                    .chain(values)
                    .any(quotes)
            })
    })
}

/// Why a volume cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Held,
    NoDriver,
    Denied,
    NoAnswer,
    Damaged,
    Absent,
    NoSpace,
    Unknown,
}

impl Why {
    fn of(text: &str) -> Self {
        let any = wording(text);
        if any(&[
            "multi-attach",
            "already attached to",
            "already used by",
            "is in use",
            "already published",
            "already exclusively attached",
        ]) {
            Self::Held
        } else if any(&[
            "list of registered csi drivers",
            "no csinode",
            "csinode",
            "get volume plugin",
        ]) {
            Self::NoDriver
        } else if any(&[
            "permission denied",
            "access denied",
            "operation not permitted",
            "unauthorized",
            "forbidden",
        ]) {
            Self::Denied
        } else if any(&[
            "connection timed out",
            "no route to host",
            "connection refused",
            "name or service not known",
            "failed to resolve",
            "host is down",
            "network is unreachable",
        ]) {
            Self::NoAnswer
        } else if any(&[
            "wrong fs type",
            "bad superblock",
            "structure needs cleaning",
            "unknown filesystem",
            "fsck found errors",
            "input/output error",
            "bad option",
        ]) {
            Self::Damaged
        } else if any(&[
            "no such file",
            "does not exist",
            "not found",
            "hostpath type check failed",
            "no such device",
        ]) {
            Self::Absent
        } else if any(&["no space left", "disk quota exceeded"]) {
            Self::NoSpace
        } else {
            Self::Unknown
        }
    }

    fn mechanism(self) -> &'static str {
        match self {
            Self::Held => "volume_multi_attach",
            _ => "volume_mount_failed",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Held => "it is attached to another node, and its access mode allows one",
            Self::NoDriver => "its driver is not registered on the node",
            Self::Denied => "access to it is denied",
            Self::NoAnswer => "the storage does not answer",
            Self::Damaged => "its file system cannot be opened",
            Self::Absent => "what it refers to does not exist",
            Self::NoSpace => "there is no space left",
            Self::Unknown => "the node reports an error",
        }
    }

    fn derived(self) -> f64 {
        match self {
            Self::NoDriver | Self::NoAnswer | Self::NoSpace => 0.5,
            Self::Unknown => 0.4,
            _ => 0.1,
        }
    }

    fn advice(self, workload: &EntityRef) -> Advice {
        let ns = workload.namespace.as_deref().unwrap_or("default");
        let (title, reason) = match self {
            Self::Held => (
                "Let the old pod go before the new one starts (strategy Recreate), or free the volume from its old node",
                "A ReadWriteOnce volume serves one node at a time",
            ),
            Self::NoDriver => (
                "Bring the storage driver's pod on the node up",
                "The kubelet mounts a volume through the driver on its own node",
            ),
            Self::Denied => (
                "Check fsGroup, export rules and credentials of the volume",
                "The node reaches the storage and is refused",
            ),
            Self::NoAnswer => (
                "Check the storage server and the nodes' way to it",
                "The node asks and gets no answer",
            ),
            Self::Damaged => (
                "Check the volume's file system and its mount options",
                "The node attaches the volume and cannot open what is on it",
            ),
            Self::Absent => (
                "Check the path or volume handle",
                "The node looks for something that is not there",
            ),
            Self::NoSpace => (
                "Free space on the volume or the node",
                "Nothing can be written there",
            ),
            Self::Unknown => (
                "Check the storage driver on the node",
                "The kubelet cannot attach or mount the volume",
            ),
        };
        Advice::new(title, reason).command(format!(
            "kubectl get volumeattachments; kubectl -n {ns} describe pods; kubectl -n {ns} get pvc"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{VolumeMountFailed, Why};
    use crate::incident::candidate::Candidate;
    use crate::incident::case::Case;
    use crate::incident::testing::{case, deployment, event, object, of};

    fn stuck(message: &str) -> Case {
        let mut case = case();
        let volumes = json!([
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "conf", "configMap": {"name": "c"}},
        ]);
        let status = json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]});
        let rest =
            json!({"containers": [{"name": "app"}], "volumes": volumes, "nodeName": "n2", "status": status});
        deployment(&mut case, "wiki", rest);
        event(&mut case, "Pod", "wiki-pod", "FailedMount", message, -60);
        case
    }

    fn found(case: &Case) -> Vec<Candidate> {
        of(&VolumeMountFailed, case)
    }

    #[test]
    fn the_pod_that_holds_the_volume_is_named_and_its_lost_node_explains_it() {
        let mut case = stuck(
            "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another",
        );
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        case.objects.pods.push(object(
            "wiki-old",
            json!({"spec": {"nodeName": "n1", "volumes": volumes}}),
        ));
        let held = found(&case);
        assert_eq!(held[0].mechanism, "volume_multi_attach");
        assert!(
            held[0].cause.contains("Pod shop/wiki-old on n1"),
            "{}",
            held[0].cause
        );
        let down = json!({"metadata": {"namespace": null}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        case.objects.nodes.push(object("n1", down));
        assert!(found(&case)[0].derived > held[0].derived);
    }

    #[test]
    fn the_drivers_own_workload_is_at_fault_where_it_is_known() {
        let mut case = stuck(
            "MountVolume.MountDevice failed for volume \"pvc-1\" : driver name disk.csi.example.com not found in the list of registered CSI drivers",
        );
        assert_eq!(found(&case)[0].entity.kind, "Deployment");
        let containers =
            json!([{"name": "registrar", "args": ["--path=/plugins/disk.csi.example.com/csi.sock"]}]);
        let spec = json!({"template": {"spec": {"containers": containers}}});
        case.objects
            .workloads
            .push(object("disk-node", json!({"kind": "DaemonSet", "spec": spec})));
        assert_eq!(found(&case)[0].entity.name, "disk-node");
    }

    #[test]
    fn a_summary_counts_only_where_it_names_storage() {
        let summary = |names: &str| {
            let text = format!(
                "Unable to attach or mount volumes: unmounted volumes=[{names}], unattached volumes=[], failed to process volumes=[]: timed out waiting for the condition"
            );
            found(&stuck(&text)).len()
        };
        assert_eq!(
            (summary("data"), summary("conf"), summary("conf data")),
            (1, 0, 1)
        );
        assert!(
            found(&stuck(
                "MountVolume.SetUp failed for volume \"conf\" : configmap \"c\" not found"
            ))
            .is_empty()
        );
    }

    #[test]
    fn tells_apart_why_a_volume_cannot_be_used() {
        for (text, why) in [
            (
                "mount failed: exit status 32 mount.nfs: access denied by server while mounting 10.0.0.9:/srv",
                Why::Denied,
            ),
            ("mount.nfs: Connection timed out", Why::NoAnswer),
            (
                "mount: wrong fs type, bad option, bad superblock on /dev/sdf",
                Why::Damaged,
            ),
            (
                "hostPath type check failed: /data is not a directory",
                Why::Absent,
            ),
            (
                "rpc error: code = FailedPrecondition desc = volume is already published on node a",
                Why::Held,
            ),
            ("rpc error: code = Internal desc = boom", Why::Unknown),
        ] {
            assert_eq!(Why::of(text), why, "{text}");
        }
    }
}
