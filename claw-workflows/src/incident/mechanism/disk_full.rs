//! A file system is full.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Condition, Object as _, Pod};
use claw_metrics::classify::{Measure, Unit};
use claw_metrics::logs::indicators::Indicator;
use claw_metrics::signal::Signal;

use super::databases::Databases;
use super::said::{Said, said};
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Digest;

/// A share of a file system in use above this is as good as full.
const FULL: f64 = 0.93;

/// A volume, or what a container writes to beside its volumes, has no space left.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskFull;

impl Mechanism for DiskFull {
    fn id(&self) -> &'static str {
        "disk_full"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let told = said(facts, |pattern| pattern.indicates(&[Indicator::NoSpace]));
        let mut found: Vec<Candidate> = own(facts, told).iter().map(|said| of_log(facts, said)).collect();
        found.extend(
            facts
                .case
                .signals
                .iter()
                .filter_map(|signal| of_metric(facts, signal)),
        );
        found
    }
}

/// What workloads say of what they write themselves. Who uses a database repeats what it answers; its disk is not theirs.
fn own<'a>(facts: &Facts<'a>, told: Vec<Said<'a>>) -> Vec<Said<'a>> {
    if told.is_empty() {
        return told;
    }
    let databases = Databases::of(facts);
    let mut kept = Vec::new();
    for mut said in told {
        let user = !databases.serves(&said.workload);
        let calls = databases.called_by(&said.workload).next().is_some();
        said.entries.retain(|(digest, pattern)| {
            let mut indications = pattern.indications.iter();
            let named =
                indications.any(|found| found.kind == Indicator::DatabaseTrouble && found.target.is_some());
            let repeated = user && (calls || named) && pattern.indicates(&[Indicator::DatabaseTrouble]);
            !repeated || names_mount(facts, digest, &pattern.sample)
        });
        if !said.entries.is_empty() {
            kept.push(said);
        }
    }
    kept
}

/// Whether a text names a path at which the container that wrote it has something mounted.
fn names_mount(facts: &Facts<'_>, digest: &Digest, text: &str) -> bool {
    let container = facts
        .pod(&digest.pod)
        .and_then(|pod| pod.container(&digest.container));
    container.is_some_and(|container| {
        let mut mounts = container.volume_mounts.iter();
        mounts
            .any(|mount| mount.mount_path.len() > 1 && text.contains(mount.mount_path.trim_end_matches('/')))
    })
}

fn of_log(facts: &Facts<'_>, said: &Said<'_>) -> Candidate {
    let workload = &said.workload;
    let pods: Vec<&Pod> = said.pods().into_iter().filter_map(|pod| facts.pod(pod)).collect();
    let claim = pods.iter().find_map(|pod| claim(pod, said));
    let entity = claim
        .as_ref()
        .map_or_else(|| workload.clone(), |(claim, _)| claim.clone());
    let place = match &claim {
        Some((claim, path)) => format!("{claim}, mounted at {path} in {workload},"),
        None => format!("what {workload} writes to"),
    };
    let mut candidate = Candidate::new(
        "disk_full",
        entity.clone(),
        format!("{place} has no space left: {}", clip(said.sample(), 200)),
    )
    .clue("no space is left, says who writes", 3.2, said.evidence(facts))
    .since(said.since(facts))
    .hurting(said.hurt(facts))
    .hurting([workload.clone()])
    .derived(0.1);
    let ends = said.ends(facts);
    if !ends.is_empty() {
        candidate = candidate.clue("its container ends over it", 0.5, ends);
    }
    let node_is_full = pods
        .iter()
        .filter_map(|pod| facts.node(&pod.spec.node_name))
        .any(|node| node.condition("DiskPressure").is_some_and(Condition::is_true));
    if claim.is_none() && node_is_full {
        candidate = candidate.derived(0.8);
    }
    candidate.advise(free(&entity))
}

/// A claim of which the metrics say that it is full, or fills up.
fn of_metric(facts: &Facts<'_>, signal: &Signal) -> Option<Candidate> {
    let is_claim = signal.entity.kind == "PersistentVolumeClaim";
    if !is_claim || signal.measure != Measure::Disk || !signal.harmful {
        return None;
    }
    let full = match signal.classification.unit {
        Unit::Ratio => signal.observed >= FULL,
        Unit::Percent => signal.observed >= 100.0 * FULL,
        // Of what is left: a share of the size where that is known, otherwise of what there was before.
        _ => {
            let whole = size(facts, &signal.entity).unwrap_or(signal.baseline);
            signal.metric.contains("available") && signal.observed < whole * (1.0 - FULL)
        }
    };
    if !full {
        return None;
    }
    let users = facts.pods().filter(|pod| {
        pod.metadata.namespace == signal.entity.namespace
            && pod
                .spec
                .volumes
                .iter()
                .filter_map(|volume| volume.persistent_volume_claim.as_ref())
                .any(|volume| volume.claim_name == signal.entity.name)
    });
    let hurt: Vec<EntityRef> = users
        .flat_map(|pod| [pod.entity(), facts.workload_of(pod)])
        .collect();
    Some(
        Candidate::new(
            "disk_full",
            signal.entity.clone(),
            format!("{} is full: {}", signal.entity, signal.statement()),
        )
        .clue(
            "almost all of it is used",
            2.2,
            vec![degradation::evidence(signal)],
        )
        .since(signal.onset)
        .hurting(hurt)
        .derived(0.1)
        .advise(free(&signal.entity)),
    )
}

/// The size of a claim's volume in bytes.
fn size(facts: &Facts<'_>, claim: &EntityRef) -> Option<f64> {
    let claims = &facts.case.objects.claims;
    let found = claims.iter().find(|known| known.entity() == *claim)?;
    let memory: claw_k8s::quantity::Memory = found.status.capacity.get("storage")?.as_str().parse().ok()?;
    Some(memory.bytes() as f64)
}

/// The claim that the entries are about, with the path at which it is mounted: the one on whose path a file lies that they
/// name, or else the only one that the container may write to.
fn claim(pod: &Pod, said: &Said<'_>) -> Option<(EntityRef, String)> {
    let (digest, _) = said
        .entries
        .iter()
        .find(|(digest, _)| digest.pod == pod.entity())?;
    let container = pod.container(&digest.container)?;
    let mounts = container
        .volume_mounts
        .iter()
        .filter(|mount| !mount.read_only)
        .filter_map(|mount| {
            let mut volumes = pod.spec.volumes.iter();
            let volume = volumes.find(|volume| volume.name == mount.name)?;
            let claim = volume.persistent_volume_claim.as_ref()?;
            let claim = EntityRef::namespaced("PersistentVolumeClaim", pod.metadata.ns(), &claim.claim_name);
            Some((claim, mount.mount_path.clone()))
        });
    let mounts: Vec<(EntityRef, String)> = mounts.collect();
    let names = |path: &str| {
        said.entries
            .iter()
            .any(|(_, pattern)| lies_under(&pattern.sample, path.trim_end_matches('/')))
    };
    let named = mounts
        .iter()
        .filter(|(_, path)| path.len() > 1 && names(path))
        .max_by_key(|(_, path)| path.len());
    match (named, mounts.as_slice()) {
        (Some(named), _) => Some(named.clone()),
        (None, [only])
            if !said
                .entries
                .iter()
                .any(|(_, pattern)| names_temporary(&pattern.sample)) =>
        {
            Some(only.clone())
        }
        _ => None,
    }
}

/// Whether a text names a path, or one below it: `/data` is neither `/var/data` nor `/database`.
fn lies_under(text: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    text.match_indices(path).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at.saturating_add(path.len())..)
            .and_then(|rest| rest.chars().next());
        before.is_none_or(|before| !part(before)) && after.is_none_or(|after| after == '/' || !part(after))
    })
}

/// Whether a text names a place where programs keep what need not last, which is seldom on a claim.
fn names_temporary(text: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/var/log/", "/dev/shm"]
        .iter()
        .any(|place| text.contains(place))
}

fn free(entity: &EntityRef) -> Advice {
    let namespace = entity.namespace.as_deref().unwrap_or("default");
    if entity.kind == "PersistentVolumeClaim" {
        Advice::new(
            format!("Delete what is not needed from {entity}, or ask for a larger one"),
            "Nothing can be written until there is space; a claim may only be enlarged, if its class allows it",
        )
        .command(format!(
            "kubectl -n {namespace} patch pvc {} -p '{{\"spec\":{{\"resources\":{{\"requests\":{{\"storage\":\"SIZE\"}}}}}}}}'",
            entity.name
        ))
        .irreversible()
    } else {
        Advice::new(
            format!(
                "Find what {entity} writes, and give that a volume of its own or have it deleted in time"
            ),
            "Nothing can be written until there is space",
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{self, log};
    use super::DiskFull;
    use crate::incident::testing::{case, deployment, of};

    fn at_fault(mounts: Value, text: &str) -> Vec<String> {
        let mut case = case();
        deployment(
            &mut case,
            "db",
            json!({
                "containers": [{"name": "app", "volumeMounts": mounts}],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "db-data"}},
                    {"name": "wal", "persistentVolumeClaim": {"claimName": "db-wal"}},
                    {"name": "scratch", "emptyDir": {}},
                ],
            }),
        );
        log(&mut case, "db-pod", text);
        let found = of(&DiskFull, &case);
        found
            .iter()
            .map(|candidate| candidate.entity.to_string())
            .collect()
    }

    #[test]
    fn the_volume_is_the_one_whose_path_is_named() {
        let data = json!({"name": "data", "mountPath": "/var/lib/data"});
        let wal = json!({"name": "wal", "mountPath": "/var/lib/data/wal"});
        let full = "could not write to file \"/var/lib/data/wal/0001\": No space left on device";
        let both = json!([data, wal]);
        assert_eq!(
            at_fault(both.clone(), full),
            ["PersistentVolumeClaim shop/db-wal"]
        );
        assert_eq!(
            at_fault(json!([data]), "write: no space left on device"),
            ["PersistentVolumeClaim shop/db-data"]
        );
        // Which of two it is, nobody says.
        assert_eq!(
            at_fault(both, "write: no space left on device"),
            ["Deployment shop/db"]
        );
        let tmp = "write /tmp/upload-7: no space left on device";
        assert_eq!(at_fault(json!([data]), tmp), ["Deployment shop/db"]);
        assert!(at_fault(json!([data]), "checkpoint complete").is_empty());
        // Parts of other paths are no paths.
        let short = json!([{"name": "data", "mountPath": "/data"}, {"name": "wal", "mountPath": "/wal"}]);
        assert_eq!(
            at_fault(short.clone(), "write /var/database/1: no space left on device"),
            ["Deployment shop/db"]
        );
        assert_eq!(
            at_fault(short, "write '/data/1': no space left on device"),
            ["PersistentVolumeClaim shop/db-data"]
        );
    }

    #[test]
    fn who_repeats_what_its_database_answers_is_not_the_one_whose_disk_is_full() {
        let blamed = |writer: &str, text: &str| {
            let mounts = json!([{"name": "data", "mountPath": "/var/spool/app"}]);
            let mut case = fixture::case(json!({
                "workloads": [
                    fixture::workload("shop", "api", json!([{"name": "app"}])),
                    fixture::workload("shop", "db", json!([{"name": "app", "ports": [{"containerPort": 5432}]}])),
                ],
                "pods": [
                    fixture::pod("shop", "api", json!([{"name": "app", "volumeMounts": mounts}])),
                    fixture::pod("shop", "db", json!([{"name": "app"}])),
                ],
                "services": [fixture::service("shop", "db", json!({"port": 5432}))],
            }));
            fixture::call(&mut case, "api", "db");
            log(&mut case, &format!("{writer}-7d9f8b6c5-x1"), text);
            let found = of(&DiskFull, &case);
            found
                .iter()
                .map(|candidate| candidate.entity.name.clone())
                .collect::<Vec<_>>()
        };
        let answer = "ERROR: could not extend file \"base/16384/1\": No space left on device";
        assert!(blamed("api", answer).is_empty());
        assert_eq!(blamed("db", answer), ["db"]);
        // What it writes itself is its own, whatever else it uses.
        assert_eq!(blamed("api", "write /cache/7: no space left on device"), ["api"]);
        let mounted = "could not write to file /var/spool/app/7: No space left on device";
        assert_eq!(blamed("api", mounted), ["api"]);
    }
}
