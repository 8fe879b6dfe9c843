//! A ConfigMap, Secret, or key that a pod needs to start is not there.

use std::collections::BTreeMap;

use claw_core::change::ChangeKind;
use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};
use jiff::{SignedDuration, Timestamp};

use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::difference::brings_reference;
use crate::incident::ending::waits_since;
use crate::incident::facts::{Facts, clip, names, needs};
use crate::incident::witness;

/// For how long a pod may wait for its volumes without anything being wrong.
const SETTING_UP: SignedDuration = SignedDuration::from_mins(2);

/// Certificates that controllers put into every namespace. Recordings often leave them out.
const PUBLISHED: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];

/// A reference to configuration that does not exist: the container cannot be made, or the volume not mounted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConfigMissing;

impl Mechanism for ConfigMissing {
    fn id(&self) -> &'static str {
        "config_missing"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut missing: BTreeMap<(EntityRef, Missing), Vec<Lack<'_>>> = BTreeMap::new();
        for pod in facts.pods().filter(|pod| !pod.is_finished() && !pod.is_ready()) {
            let told = complaints(facts, pod)
                .into_iter()
                .filter_map(|text| Some((Missing::named_in(&text, pod)?, text)))
                .filter(|(what, _)| !what.is_there(facts, pod.metadata.ns()));
            let mut all: Vec<(Missing, String)> = told.collect();
            let named = !all.is_empty();
            if !named {
                all = absent(facts, pod);
            }
            for (what, text) in all {
                missing
                    .entry((facts.workload_of(pod), what))
                    .or_default()
                    .push(Lack { pod, text, named });
            }
        }
        missing
            .into_iter()
            .filter_map(|((workload, what), pods)| candidate(facts, &workload, &what, &pods))
            .collect()
    }
}

/// A pod that lacks something.
struct Lack<'a> {
    pod: &'a Pod,
    text: String,
    /// Whether the kubelet says so; otherwise the lists of objects do.
    named: bool,
}

/// What the kubelet says about a pod that cannot start. Its events stay for an hour: once its containers could be made, what
/// they tell has been mended, however these fare since.
fn complaints(facts: &Facts<'_>, pod: &Pod) -> Vec<String> {
    let waiting = pod
        .all_statuses()
        .filter_map(|status| status.state.waiting.as_ref());
    let waiting = waiting
        .filter(|waiting| waiting.reason.starts_with("CreateContainer"))
        .map(|waiting| waiting.message.clone());
    let unmade = is_unmade(pod);
    let mounts = facts
        .events_of(&pod.entity())
        .iter()
        .filter(|_| unmade)
        .filter(|event| event.is_warning() && matches!(event.reason.as_str(), "FailedMount" | "Failed"))
        .map(|event| event.message.clone());
    waiting.chain(mounts).collect()
}

/// Whether a container of a pod waits to be made.
fn is_unmade(pod: &Pod) -> bool {
    let mut begun = pod
        .all_statuses()
        .filter(|status| status.state.running.is_some() || status.state.terminated.is_some());
    let none_begun = begun.next().is_none();
    let waits = |reason: &str| {
        reason == "ContainerCreating"
            || reason.starts_with("CreateContainer")
            // Said of all while volumes are mounted, and of the rest while an init container runs.
            || reason == "PodInitializing" && none_begun
    };
    pod.all_statuses().next().is_none()
        || pod.all_statuses().any(|status| {
            let waiting = status.state.waiting.as_ref();
            waiting.is_some_and(|waiting| waits(&waiting.reason))
        })
}

/// What a pod that waits to be set up needs and that is known not to exist. Events say so for an hour.
fn absent(facts: &Facts<'_>, pod: &Pod) -> Vec<(Missing, String)> {
    let waits = |reason: &str| matches!(reason, "ContainerCreating" | "CreateContainerConfigError");
    let waiting = pod.all_statuses().any(|status| {
        let waiting = status.state.waiting.as_ref();
        waiting.is_some_and(|waiting| waits(&waiting.reason))
    });
    // A pod that has just been placed waits for a moment, too.
    let new = pod
        .status
        .start_time
        .is_some_and(|start| facts.case.window.end.duration_since(start) < SETTING_UP);
    if !waiting || new {
        return Vec::new();
    }
    let ns = pod.metadata.ns();
    let maps = names(&facts.case.objects.config_maps, ns);
    let secrets = names(&facts.case.objects.secrets, ns);
    needs(&pod.spec)
        .into_iter()
        .filter_map(|(kind, name)| {
            let (kind, there) = match kind.as_str() {
                "ConfigMap" => ("ConfigMap", &maps),
                "Secret" => ("Secret", &secrets),
                _ => return None,
            };
            let published = PUBLISHED.contains(&name.as_str());
            (facts.case.knows_all(kind, ns) && !published && !there.contains(&name)).then(|| {
                let text = format!("needs {kind} {name}, which does not exist");
                let key = None;
                (Missing { kind, name, key }, text)
            })
        })
        .collect()
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    what: &Missing,
    pods: &[Lack<'_>],
) -> Option<Candidate> {
    let since = pods
        .iter()
        .filter_map(|lack| lack.pod.metadata.creation_timestamp)
        .min();
    let stuck = pods.iter().map(|lack| {
        let statement = format!("cannot start: {}", clip(&lack.text, 300));
        (lack.pod, lack.pod.metadata.creation_timestamp, statement)
    });
    let seen = witness::of_pods(facts, stuck, |event| {
        pods.iter().any(|lack| what.is_named_in(&event.message, lack.pod))
    });
    let (clue, weight) = if pods.iter().any(|lack| lack.named) {
        ("kubelet names what is missing", 4.5)
    } else {
        ("waits, and what it needs is not listed", 3.5)
    };
    let namespace = workload.namespace.clone().unwrap_or_default();
    let object = EntityRef::namespaced(what.kind, &namespace, &what.name);
    let mut candidate = Candidate::new(
        "config_missing",
        workload.clone(),
        match &what.key {
            Some(key) => format!("{workload} needs key {key} of {object}, which is not there"),
            None => format!("{workload} needs {object}, which does not exist"),
        },
    )
    .aspect(what.words())
    .clue(clue, weight, seen)
    .since(since)
    .hurting(pods.iter().map(|lack| lack.pod.entity()));
    // Either the reference is new, or what it refers to was taken away.
    let waits = pods.iter().filter_map(|lack| waits(facts, lack.pod)).min();
    let removed = facts.change_before(&object, waits.or(since), |change| {
        change.kind != ChangeKind::Deploy
    });
    let referred = facts.change_before(workload, since, |change| {
        let brings = |line: &String| {
            brings_reference(line, &what.name)
                || what.key.as_deref().is_some_and(|key| brings_reference(line, key))
        };
        change.kind == ChangeKind::Deploy && change.detail.iter().any(brings)
    });
    if let Some(change) = referred {
        candidate = candidate
            .clue(
                "rollout brought the reference",
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(facts, workload, change, "The revision before did not need it");
        candidate.advice.extend(back);
    } else if let Some(change) = removed {
        candidate = candidate
            .clue(
                "what is missing was changed",
                1.0,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    }
    let present = facts
        .case
        .objects
        .config_maps
        .iter()
        .find(|map| what.kind == "ConfigMap" && map.entity() == object);
    if let (Some(map), Some(key)) = (present, &what.key) {
        let keys: Vec<&str> = map
            .data
            .keys()
            .chain(map.binary_data.keys())
            .map(String::as_str)
            .collect();
        if map.has_key(key) {
            candidate = candidate.clue(
                "the key is there by now",
                -1.5,
                vec![facts.object(map, None, format!("has key {key}"))],
            );
        } else {
            let statement = format!("has no key {key}; it has: {}", clip(&keys.join(", "), 200));
            candidate = candidate.clue(
                "the key is not in the ConfigMap",
                0.7,
                vec![facts.object(map, None, statement)],
            );
        }
    }
    let create = match (&what.key, what.kind) {
        (None, "ConfigMap") => format!(
            "kubectl -n {namespace} create configmap {} --from-file=PATH",
            what.name
        ),
        (None, _) => format!(
            "kubectl -n {namespace} create secret generic {} --from-file=PATH",
            what.name
        ),
        (Some(key), _) => format!(
            "kubectl -n {namespace} edit {} {}   # add key {key}",
            what.kind.to_lowercase(),
            what.name
        ),
    };
    Some(
        candidate.advise(
            Advice::new(
                format!("Provide {}", what.words()),
                "The kubelet starts the containers as soon as it is there",
            )
            .command(create),
        ),
    )
}

/// Since when a pod waits: it may have run for long before its container was to be made anew.
fn waits(facts: &Facts<'_>, pod: &Pod) -> Option<Timestamp> {
    let waiting = pod.all_statuses().filter(|status| status.state.waiting.is_some());
    waiting.filter_map(|status| waits_since(facts, pod, status)).min()
}

/// What the kubelet says of a volume whose ConfigMap or Secret lacks a key.
pub(super) const NO_SUCH_KEY: &str = "references non-existent";

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Missing {
    kind: &'static str,
    name: String,
    key: Option<String>,
}

impl Missing {
    /// The kubelet's sentences: `configmap "x" not found`, `secret "x" not found`,
    /// `couldn't find key K in ConfigMap ns/x`, and of volumes, which it names by their name in the pod,
    /// `MountVolume.SetUp failed for volume "v" : references non-existent config key: K`.
    fn named_in(text: &str, pod: &Pod) -> Option<Self> {
        if text.contains(NO_SUCH_KEY) {
            return Self::key_of_volume(text, pod);
        }
        if let Some(rest) = text.split("couldn't find key ").nth(1) {
            let mut words = rest.split_whitespace();
            let key = words.next()?.to_owned();
            let kind = match words.nth(1)? {
                "ConfigMap" => "ConfigMap",
                _ => "Secret",
            };
            let path = words.next()?.trim_end_matches(['.', ',', ':']);
            let name = path.rsplit('/').next()?.to_owned();
            return Some(Self {
                kind,
                name,
                key: Some(key),
            });
        }
        for (marker, kind) in [
            ("configmap \"", "ConfigMap"),
            ("configmaps \"", "ConfigMap"),
            ("secret \"", "Secret"),
            ("secrets \"", "Secret"),
        ] {
            let Some(at) = text.find(marker) else { continue };
            let rest = text.get(at + marker.len()..)?;
            let (name, after) = rest.split_once('"')?;
            if after.trim_start().starts_with("not found") {
                return Some(Self {
                    kind,
                    name: name.rsplit('/').next().unwrap_or(name).to_owned(),
                    key: None,
                });
            }
        }
        None
    }

    /// The key that a volume asks of its ConfigMap or Secret and that is not there.
    fn key_of_volume(text: &str, pod: &Pod) -> Option<Self> {
        let (_, rest) = text.split_once(NO_SUCH_KEY)?;
        let (_, key) = rest.split_once("key:")?;
        let key = key.split_whitespace().next()?.trim_end_matches([',', '.', ';']);
        let (_, rest) = text.split_once("for volume \"")?;
        let (volume, _) = rest.split_once('"')?;
        let volume = pod.spec.volumes.iter().find(|known| known.name == volume)?;
        let sources = volume.projected.iter().flat_map(|projected| &projected.sources);
        let maps = volume
            .config_map
            .iter()
            .chain(sources.clone().filter_map(|source| source.config_map.as_ref()))
            .map(|map| ("ConfigMap", map.name.as_str(), map.items.as_slice()));
        let secrets = volume
            .secret
            .iter()
            .map(|secret| ("Secret", secret.secret_name.as_str(), secret.items.as_slice()));
        let all: Vec<_> = maps
            .chain(secrets)
            .chain(
                sources
                    .filter_map(|source| source.secret.as_ref())
                    .map(|secret| ("Secret", secret.name.as_str(), [].as_slice())),
            )
            .collect();
        // A projected volume has several sources; the one that asks for the key is meant.
        let asks = all
            .iter()
            .find(|(_, _, items)| items.iter().any(|item| item.key == key));
        let (kind, name, _) = asks.or_else(|| all.first())?;
        Some(Self {
            kind,
            name: (*name).to_owned(),
            key: Some(key.to_owned()),
        })
    }

    /// Whether the object is there by now; of its keys other things tell.
    fn is_there(&self, facts: &Facts<'_>, namespace: &str) -> bool {
        let objects = &facts.case.objects;
        let known = match self.kind {
            "ConfigMap" => names(&objects.config_maps, namespace),
            _ => names(&objects.secrets, namespace),
        };
        self.key.is_none() && known.contains(&self.name)
    }

    fn is_named_in(&self, text: &str, pod: &Pod) -> bool {
        Self::named_in(text, pod).as_ref() == Some(self)
    }

    fn words(&self) -> String {
        match &self.key {
            Some(key) => format!("key {key} in {} {}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use claw_core::change::{Change, ChangeKind};
    use claw_core::entity::EntityRef;
    use claw_k8s::model::Pod;
    use serde_json::{Value, json};

    use super::{ConfigMissing, Missing};
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::{at, case, deploy, deployment, event, object, of};

    #[test]
    fn a_key_that_a_volume_asks_for_is_that_of_its_source() {
        let pod: Pod = object(
            "web",
            json!({"spec": {"volumes": [
                {"name": "config", "configMap": {"name": "web-config", "items": [{"key": "app.yaml", "path": "a"}]}},
                {"name": "tls", "secret": {"secretName": "web-tls"}},
                {"name": "all", "projected": {"sources": [
                    {"configMap": {"name": "one", "items": [{"key": "a", "path": "a"}]}},
                    {"configMap": {"name": "two", "items": [{"key": "b", "path": "b"}]}},
                ]}},
            ]}}),
        );
        let of = |volume: &str, rest: &str| {
            let text = format!("MountVolume.SetUp failed for volume \"{volume}\" : {rest}");
            Missing::named_in(&text, &pod).map(|found| found.words())
        };
        let config = "references non-existent config key: app.yaml";
        assert_eq!(
            of("config", config).as_deref(),
            Some("key app.yaml in ConfigMap web-config")
        );
        let secret = "references non-existent secret key: tls.key";
        assert_eq!(
            of("tls", secret).as_deref(),
            Some("key tls.key in Secret web-tls")
        );
        assert_eq!(
            of("all", "references non-existent config key: b").as_deref(),
            Some("key b in ConfigMap two")
        );
        assert_eq!(of("other", config), None);
        assert_eq!(of("config", "references non-existent"), None);
    }

    #[test]
    fn what_is_known_not_to_exist_needs_no_event() {
        let found = |second: i64, name: &str| {
            let mut case = case();
            let volumes = json!([{"name": "config", "configMap": {"name": name}}]);
            let state = json!({"waiting": {"reason": "ContainerCreating"}});
            let status = json!({
                "phase": "Pending", "startTime": crate::incident::testing::at(second),
                "containerStatuses": [{"name": "app", "state": state}],
            });
            let rest = json!({"containers": [{"name": "app"}], "volumes": volumes, "status": status});
            deployment(&mut case, "web", rest);
            case.objects.config_maps.push(object("web-config", json!({})));
            of(&ConfigMissing, &case).len()
        };
        assert_eq!(found(-4000, "web-conf"), 1);
        assert_eq!(found(-4000, "web-config"), 0);
        assert_eq!(found(-4000, "kube-root-ca.crt"), 0);
        assert_eq!(found(1750, "web-conf"), 0);
    }

    /// A pod that lacks Secret `tls` by an event, in this state of its container, after a change.
    fn lacking(state: Value, exists: bool, change: Option<Change>) -> Option<Candidate> {
        let mut case = case();
        let volumes = json!([{"name": "tls", "secret": {"secretName": "tls"}}]);
        let status = json!({
            "phase": "Pending", "startTime": at(-3600),
            "containerStatuses": [{"name": "app", "ready": false, "state": state}],
        });
        deployment(
            &mut case,
            "web",
            json!({"containers": [{"name": "app"}], "volumes": volumes, "status": status}),
        );
        case.objects.pods[0].metadata.creation_timestamp = Some(at(-3600));
        if exists {
            case.objects.secrets.push(object("tls", json!({})));
        }
        let message = "MountVolume.SetUp failed for volume \"tls\" : secret \"tls\" not found";
        event(&mut case, "Pod", "web-pod", "FailedMount", message, -3590);
        case.changes.extend(change);
        of(&ConfigMissing, &case).pop()
    }

    #[test]
    fn what_was_missing_once_is_no_matter_where_all_containers_run() {
        let waits = || json!({"waiting": {"reason": "ContainerCreating"}});
        assert!(lacking(waits(), false, None).is_some());
        // It is there, and nothing waits for it, or will wait for long.
        let runs = json!({"running": {"startedAt": at(-3500)}});
        assert!(lacking(runs, true, None).is_none());
        assert!(lacking(waits(), true, None).is_none());
        let loops = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        assert!(lacking(loops, false, None).is_none());
    }

    #[test]
    fn a_rollout_is_to_blame_where_it_brought_the_reference_and_otherwise_the_removal() {
        let waits = || json!({"waiting": {"reason": "ContainerCreating"}});
        let web = EntityRef::namespaced("Deployment", "shop", "web");
        let brought = |line: &str, second: i64| {
            let mut change = deploy(&web, "r7", second);
            change.detail = vec![line.to_owned()];
            lacking(waits(), false, Some(change)).unwrap().change
        };
        let reference = "volumes[tls].secret.secretName: (none) → tls";
        assert_eq!(brought(reference, -3610).as_deref(), Some("r7"));
        assert_eq!(brought(reference, -900_000), None);
        assert_eq!(brought("containers[tls].image: a → b", -3610), None);
        let removed = |second: i64| {
            let secret = EntityRef::namespaced("Secret", "shop", "tls");
            let mut change = deploy(&secret, "gone", second);
            change.kind = ChangeKind::Config;
            lacking(waits(), false, Some(change)).unwrap().change
        };
        assert_eq!(removed(-4000).as_deref(), Some("gone"));
        assert_eq!(removed(-900_000), None);
    }

    #[test]
    fn a_missing_key_of_a_volume_is_configuration_and_not_storage() {
        let mut case = case();
        let volumes = json!([{"name": "config", "configMap": {"name": "web-config", "items": [{"key": "k", "path": "p"}]}}]);
        let status = json!({"phase": "Pending"});
        deployment(
            &mut case,
            "web",
            json!({"containers": [{"name": "app"}], "volumes": volumes, "status": status}),
        );
        let message =
            "MountVolume.SetUp failed for volume \"config\" : references non-existent config key: k";
        event(&mut case, "Pod", "web-pod", "FailedMount", message, 10);
        let found = of(&ConfigMissing, &case);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .cause
                .contains("needs key k of ConfigMap shop/web-config"),
            "{}",
            found[0].cause
        );
        assert!(of(&super::super::volume_unavailable::VolumeUnavailable, &case).is_empty());
    }

    #[test]
    fn reads_the_kubelets_sentences() {
        let of = |text| Missing::named_in(text, &Pod::default());
        assert_eq!(
            of("configmap \"app-config\" not found"),
            Some(Missing {
                kind: "ConfigMap",
                name: "app-config".into(),
                key: None
            })
        );
        assert_eq!(
            of("MountVolume.SetUp failed for volume \"tls\" : secret \"web-tls\" not found"),
            Some(Missing {
                kind: "Secret",
                name: "web-tls".into(),
                key: None
            })
        );
        assert_eq!(
            of("couldn't find key DB_URL in ConfigMap shop/app-config"),
            Some(Missing {
                kind: "ConfigMap",
                name: "app-config".into(),
                key: Some("DB_URL".into())
            })
        );
        assert_eq!(
            of("couldn't find key password in Secret shop/db"),
            Some(Missing {
                kind: "Secret",
                name: "db".into(),
                key: Some("password".into())
            })
        );
        assert_eq!(of("configmap \"x\" is forbidden"), None);
        assert_eq!(of("couldn't find key"), None);
        assert_eq!(of("secret \""), None);
    }
}
