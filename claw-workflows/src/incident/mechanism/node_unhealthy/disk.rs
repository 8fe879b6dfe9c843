//! A node whose disk fails: reads and writes on it end with errors.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Event, Node, Object, Pod};
use jiff::Timestamp;

use super::drain;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::{Digest, Pattern};

/// Conditions that node-problem-detector sets of a disk or its file system.
const CONDITIONS: [&str; 5] = [
    "ReadonlyFilesystem",
    "FilesystemCorruptionProblem",
    "DiskCorruptionProblem",
    "DiskBadBlock",
    "IOHang",
];
/// Words with which the kernel tells of a disk, in small letters. They stand in events of whatever reads its log.
const KERNEL: [&str; 11] = [
    "i/o error",
    "ext4-fs error",
    "xfs_do_force_shutdown",
    "filesystem shutdown",
    "shutting down filesystem",
    "remounting filesystem read-only",
    "aborted journal",
    "medium error",
    "critical target error",
    "controller is down",
    "btrfs error",
];
/// Drives without a disk in them, which nobody writes to.
const EMPTY: [&str; 2] = ["dev fd0", "dev sr0"];
/// Words with which programs tell that a read or write was refused by the kernel, in small letters.
const PROGRAMS: [&str; 5] = [
    "input/output error",
    "disk i/o error",
    "eio: i/o error",
    "[errno 5]",
    "os error 5)",
];
/// So many workloads make it unlikely that each has trouble of its own.
const SEVERAL: usize = 2;
/// Events and entries that a clue names at most.
const MAX_SHOWN: usize = 4;

fn says(text: &str, words: &[&str]) -> bool {
    let lower = text.to_lowercase();
    words.iter().any(|word| lower.contains(word))
}

/// The node's disk as a cause: where the node tells of it, or several workloads do that have nothing but the node in common.
///
/// `entries` are those of [`entries`], which are looked for once and not for each node.
pub(super) fn candidate(
    facts: &Facts<'_>,
    node: &Node,
    entries: &[(&Digest, &Pattern)],
) -> Option<Candidate> {
    let entity = node.entity();
    let events: Vec<&Event> = told(facts, &entity);
    let condition = node
        .status
        .conditions
        .iter()
        .find(|condition| condition.is_true() && CONDITIONS.contains(&condition.kind.as_str()));
    let on_node = |digest: &Digest| {
        let pod = facts.pod(&digest.pod);
        pod.is_some_and(|pod| pod.spec.node_name == node.metadata.name)
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        entries.iter().copied().partition(|(digest, _)| on_node(digest));
    let writers: BTreeSet<EntityRef> = here
        .iter()
        .map(|(digest, _)| facts.unit_of(&digest.pod))
        .collect();
    let noticed = !events.is_empty() || condition.is_some();
    // Those of one volume may have nothing but that in common.
    let apart: BTreeSet<String> = here.iter().map(|(digest, _)| written_to(facts, digest)).collect();
    if !noticed && (apart.len() < SEVERAL || !elsewhere.is_empty()) {
        return None;
    }
    let since: Option<Timestamp> = condition
        .and_then(|condition| condition.last_transition_time)
        .into_iter()
        .chain(events.iter().filter_map(|event| event.first_seen()))
        .chain(here.iter().filter_map(|(_, pattern)| pattern.first))
        .min();
    let cause = match (condition, events.first()) {
        (Some(condition), _) => format!(
            "the disk of {entity} fails: {} is True: {}",
            condition.kind,
            clip(&condition.message, 160)
        ),
        (None, Some(event)) => format!("the disk of {entity} fails: {}", clip(&event.message, 160)),
        (None, None) => {
            format!(
                "the disk of {entity} may fail: reads and writes of several workloads on it end with errors"
            )
        }
    };
    let mut found = Candidate::new("node_unhealthy", entity.clone(), cause)
        .aspect("disk errors")
        .since(since);
    if noticed {
        let of_condition = condition.map(|condition| {
            let statement = format!("{} is True: {}", condition.kind, clip(&condition.message, 200));
            facts.object(node, since, statement)
        });
        let of_events = events
            .iter()
            .take(MAX_SHOWN)
            .map(|event| facts.event_evidence(event));
        found = found.clue(
            "node tells of its disk",
            3.0,
            of_condition.into_iter().chain(of_events).collect(),
        );
    }
    if !noticed {
        found = found.unseen(format!("what the kernel of {entity} says"));
    }
    let logged: Vec<Evidence> = here
        .iter()
        .take(MAX_SHOWN)
        .map(|(digest, pattern)| facts.log_evidence(digest, pattern))
        .collect();
    found = match writers.len() {
        0 => found,
        1 => found.clue("a workload on it logs such errors", 0.8, logged),
        _ => found.clue("several workloads on it log such errors", 2.2, logged),
    };
    if !elsewhere.is_empty() {
        found = found.clue("workloads of other nodes log them, too", -1.0, Vec::new());
    }
    let down: Vec<&&Pod> = facts
        .pods_on(&node.metadata.name)
        .iter()
        .filter(|pod| !pod.is_finished() && !pod.is_ready())
        .collect();
    if let Some(pod) = down.first() {
        let statement = format!("not ready on this node, one of {}", down.len());
        found = found.clue(
            "pods on it are not ready",
            1.0,
            vec![facts.object(**pod, since, statement)],
        );
    } else if writers.is_empty() {
        found = found.clue("its pods are ready", -1.5, Vec::new());
    }
    let advice = Advice::new(
        format!("Cordon {entity}, move what writes there to another node, and replace the disk"),
        "What is read from and written to it cannot be relied on; see first whether a copy of the data is elsewhere",
    );
    let cordon = format!(
        "kubectl cordon {0}; kubectl describe node {0}",
        node.metadata.name
    );
    Some(
        found
            .hurting(writers)
            .advise(advice.command(cordon))
            .advise(drain(node)),
    )
}

/// Whether the kernel tells of a disk.
fn is_of_disk(message: &str) -> bool {
    says(message, &KERNEL) && !says(message, &EMPTY)
}

/// Warnings about a node in which the kernel tells of a disk, the first one first.
fn told<'a>(facts: &Facts<'a>, node: &EntityRef) -> Vec<&'a Event> {
    let start = facts.case.window.start;
    let recent = |event: &Event| event.last_seen().is_none_or(|time| time >= start);
    let all = facts.events_of(node).iter().copied();
    let mut found: Vec<&Event> = all
        .filter(|event| event.is_warning() && recent(event) && is_of_disk(&event.message))
        .collect();
    found.sort_by_key(|event| event.first_seen());
    found
}

/// What a pod writes to, as far as its specification tells: a claim, or else what is its own.
fn written_to(facts: &Facts<'_>, digest: &Digest) -> String {
    let pod = facts.pod(&digest.pod);
    let claim = pod.and_then(|pod| {
        let mut claims = pod.spec.volumes.iter();
        claims.find_map(|volume| volume.persistent_volume_claim.as_ref())
    });
    claim.map_or_else(
        || facts.unit_of(&digest.pod).to_string(),
        |claim| format!("claim {}", claim.claim_name),
    )
}

/// Entries of logs that tell of reads or writes that the kernel refused.
pub(super) fn entries<'a>(facts: &Facts<'a>) -> Vec<(&'a Digest, &'a Pattern)> {
    let all = facts.case.logs.iter();
    all.flat_map(|digest| digest.patterns.iter().map(move |pattern| (digest, pattern)))
        .filter(|(_, pattern)| says(&pattern.sample, &PROGRAMS) || says(&pattern.rest, &PROGRAMS))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::incident::candidate::Candidate;
    use crate::incident::mechanism::fixture;
    use crate::incident::mechanism::node_unhealthy::NodeUnhealthy;
    use crate::incident::testing::{at, case, deployment, event, object, of};

    const WRITES: &str = "FATAL could not write to /data/a: Input/output error";

    /// `a`, `b` and `c` run on these nodes, and the first ones of them log that they cannot write.
    fn found(nodes: [&str; 3], writers: usize, warning: Option<&str>) -> Vec<Candidate> {
        let mut case = case();
        for name in ["n1", "n2"] {
            let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
            let made = json!({"metadata": {"namespace": null}, "spec": {}, "status": ready});
            case.objects.nodes.push(object(name, made));
        }
        for (index, (name, node)) in ["a", "b", "c"].into_iter().zip(nodes).enumerate() {
            deployment(
                &mut case,
                name,
                json!({"containers": [{"name": "app"}], "nodeName": node}),
            );
            if index < writers {
                fixture::log(&mut case, &format!("{name}-pod"), WRITES);
            }
        }
        if let Some(message) = warning {
            event(&mut case, "Node", "n1", "Ext4Error", message, 0);
            case.objects.events[0].involved_object.namespace = None;
        }
        of(&NodeUnhealthy, &case)
    }

    #[test]
    fn several_workloads_that_cannot_write_have_their_node_in_common() {
        let both = found(["n1", "n1", "n2"], 2, None);
        assert_eq!(both.len(), 1);
        assert_eq!(both[0].entity.name, "n1");
        assert_eq!(both[0].hurts.len(), 2);
        // One alone, or on several nodes: what they write to may be elsewhere.
        assert!(found(["n1", "n1", "n2"], 1, None).is_empty());
        assert!(found(["n1", "n2", "n2"], 2, None).is_empty());
        assert!(found(["n1", "n1", "n2"], 3, None).is_empty());
    }

    #[test]
    fn a_node_tells_of_its_disk() {
        let error = "EXT4-fs error (device dm-0): ext4_journal_check_start: Detected aborted journal";
        let told = found(["n1", "n1", "n2"], 1, Some(error));
        assert_eq!(told[0].onset, Some(at(-300)));
        assert!(told[0].own_score() > 3.0);
        let harmless = found(["n1", "n1", "n2"], 0, Some(error));
        assert!(harmless[0].own_score() < told[0].own_score() - 2.0);
        assert!(
            found(
                ["n1", "n1", "n2"],
                0,
                Some("Node n1 status is now: NodeHasSufficientMemory")
            )
            .is_empty()
        );
        let empty = "Buffer I/O error on dev fd0, logical block 0, async page read";
        assert!(found(["n1", "n1", "n2"], 0, Some(empty)).is_empty());
    }
}
