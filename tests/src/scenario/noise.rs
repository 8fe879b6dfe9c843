//! Things that are well and have nothing to do with an incident: an investigator must not be moved by them.

use std::collections::BTreeSet;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_k8s::bundle::{Bundle, Content, LogLine, MetricsFile, MetricsFormat};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::dice::Dice;

/// Objects that belong to one application.
const PER_APPLICATION: usize = 7;
/// Samples of one series of an application.
const SAMPLES: i32 = 40;
/// Words that application names are made of.
const WORDS: [&str; 24] = [
    "amber", "birch", "cobalt", "delta", "ember", "fjord", "grove", "heron", "indigo", "juniper", "kestrel",
    "lumen", "maple", "nimbus", "onyx", "pebble", "quartz", "raven", "sable", "topaz", "umber", "violet",
    "willow", "zephyr",
];

/// `bundle` with about `count` more objects, or series and log lines where it holds no objects.
///
/// They make up whole applications that are well: a Deployment with its ReplicaSet and pods, a Service with its
/// endpoints, an event, in namespaces that are there and in new ones. Some were rolled out shortly before the incident, with
/// success. Each application has metrics of its own that do not move where the bundle holds metrics, and log lines where
/// it holds a log store's. Nothing refers to anything that was there before, except pods to their nodes. The same `seed`
/// gives the same noise.
#[must_use]
pub fn with_noise(bundle: &Bundle, seed: u64, count: usize) -> Bundle {
    let mut noisy = bundle.clone();
    let mut dice = Dice::new(seed);
    let namespaces = namespaces(bundle);
    let nodes = ready_nodes(bundle);
    let mut samples = String::new();
    for number in 0..count.div_ceil(PER_APPLICATION) {
        let first = dice.pick(&WORDS).copied().unwrap_or_default();
        let second = dice.pick(&WORDS).copied().unwrap_or_default();
        let namespace = match dice.pick(&namespaces) {
            Some(known) if number % 2 == 0 => known.clone(),
            _ => format!("noise-{}", dice.below(4)),
        };
        let application = Application {
            name: format!("{first}-{second}-{number}"),
            namespace,
            node: dice.pick(&nodes).cloned(),
            rolled: rolled_out(bundle, &mut dice, number),
            made: back(bundle.manifest.window.start, 90 * 24 * 60),
        };
        if !bundle.objects.is_empty() {
            noisy.objects.extend(application.objects(&mut dice));
            if application.rolled >= bundle.manifest.window.start {
                noisy.changes.push(application.change());
            }
        }
        if !bundle.metrics.is_empty() {
            samples.push_str(&application.samples(bundle, &mut dice));
        }
        if !bundle.log_lines.is_empty() {
            noisy.log_lines.extend(application.lines(bundle));
        }
    }
    if !samples.is_empty() {
        samples.push_str("# EOF\n");
        noisy.metrics.push(MetricsFile {
            name: "noise.om".to_owned(),
            format: MetricsFormat::OpenMetrics,
            content: Content::text(samples),
        });
    }
    noisy
        .changes
        .sort_by(|a, b| (a.time, &a.entity, &a.reference).cmp(&(b.time, &b.entity, &b.reference)));
    noisy.log_lines.sort_by_key(|line| line.time);
    noisy
}

/// An application that is well.
struct Application {
    name: String,
    namespace: String,
    node: Option<String>,
    made: Timestamp,
    rolled: Timestamp,
}

impl Application {
    fn entity(&self, kind: &str) -> EntityRef {
        EntityRef::namespaced(kind, &self.namespace, &self.name)
    }

    fn objects(&self, dice: &mut Dice) -> Vec<Value> {
        let Self {
            name,
            namespace,
            made,
            rolled,
            ..
        } = self;
        let node = self.node.as_deref().unwrap_or("noise-node");
        let hash = dice.hash(9);
        let set = format!("{name}-{hash}");
        let labels = json!({"app": name});
        let hashed = json!({"app": name, "pod-template-hash": hash});
        let spec = json!({"containers": [{
            "name": "app", "image": format!("registry.example/{name}:1.{}", dice.below(40)),
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        }]});
        let template = json!({"metadata": {"labels": labels}, "spec": spec});
        let owned = |kind: &str, owner: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": format!("{namespace}-{owner}"), "controller": true}]);
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "lastTransitionTime": rolled, "lastUpdateTime": rolled});
        let mut objects = vec![
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "creationTimestamp": made, "generation": 2,
                    "labels": labels, "annotations": {"deployment.kubernetes.io/revision": "2"}},
                "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
                "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                    "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")]},
            }),
            json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": {"name": set, "namespace": namespace, "uid": format!("{namespace}-{set}"), "creationTimestamp": rolled, "labels": hashed,
                    "annotations": {"deployment.kubernetes.io/revision": "2"}, "ownerReferences": owned("Deployment", name)},
                "spec": {"replicas": 2, "selector": {"matchLabels": hashed}, "template": {"metadata": {"labels": hashed}, "spec": spec}},
                "status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2},
            }),
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}-svc"), "creationTimestamp": made},
                "spec": {"clusterIP": dice.address(), "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]},
            }),
        ];
        let mut endpoints = Vec::new();
        for _ in 0..2 {
            let pod = format!("{set}-{}", dice.hash(5));
            let address = dice.address();
            let ready = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": rolled});
            let mut spec = spec.clone();
            if let Some(fields) = spec.as_object_mut() {
                fields.insert("nodeName".to_owned(), node.into());
            }
            endpoints.push(json!({
                "addresses": [address], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": node,
                "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace},
            }));
            objects.push(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": pod, "namespace": namespace, "uid": format!("{namespace}-{pod}"), "creationTimestamp": rolled, "labels": hashed, "ownerReferences": owned("ReplicaSet", &set)},
                "spec": spec,
                "status": {"phase": "Running", "podIP": address, "startTime": rolled,
                    "conditions": [ready("PodScheduled"), ready("Initialized"), ready("ContainersReady"), ready("Ready")],
                    "containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": rolled}}, "lastState": {}}]},
            }));
        }
        objects.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("{name}-{}", dice.hash(5)), "namespace": namespace, "creationTimestamp": made, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": endpoints, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }));
        objects.push(json!({
            "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "ScalingReplicaSet",
            "metadata": {"name": format!("{name}.{}", dice.hash(9)), "namespace": namespace, "creationTimestamp": rolled},
            "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name},
            "message": format!("Scaled up replica set {set} from 0 to 2"), "count": 1, "firstTimestamp": rolled, "lastTimestamp": rolled,
            "source": {"component": "deployment-controller"},
        }));
        objects
    }

    fn change(&self) -> Change {
        Change {
            reference: format!("noise-{}", self.name),
            time: self.rolled,
            kind: ChangeKind::Deploy,
            entity: self.entity("Deployment"),
            summary: format!("{} rolled out", self.name),
            detail: vec!["containers[app].image: 1.0 → 1.1".to_owned()],
            author: Some("ci".to_owned()),
        }
    }

    /// Processor time, latency and requests, each about a level of its own.
    fn samples(&self, bundle: &Bundle, dice: &mut Dice) -> String {
        let window = bundle.manifest.window;
        let start = bundle
            .manifest
            .baseline
            .map_or(window.start, |baseline| baseline.start.max(back(window.end, 600)));
        let step = window.end.duration_since(start) / SAMPLES;
        let Self { name, namespace, .. } = self;
        let mut text = String::new();
        for (metric, labels, level) in [
            ("container_cpu_usage_cores", "", 0.02 * dice.level()),
            (
                "service_latency_seconds",
                ",quantile=\"0.95\"",
                0.01 * dice.level(),
            ),
            ("service_requests_per_second", "", 3.0 * dice.level()),
        ] {
            for sample in 0..=SAMPLES {
                let time = start.checked_add(step * sample).unwrap_or(window.end).as_second();
                let value = level * (0.95 + 0.1 * dice.share());
                text.push_str(&format!(
                    "{metric}{{namespace=\"{namespace}\",service=\"{name}\"{labels}}} {value:.5} {time}\n"
                ));
            }
        }
        text
    }

    fn lines(&self, bundle: &Bundle) -> Vec<LogLine> {
        let labels = [
            ("namespace", &self.namespace),
            ("app", &self.name),
            ("container", &self.name),
        ];
        (0..4)
            .map(|number| LogLine {
                time: back(bundle.manifest.window.end, 20 * number),
                labels: labels.map(|(key, value)| (key.to_owned(), value.clone())).into(),
                line: format!("level=info msg=\"handled request\" status=200 ms={}", 7 + number),
            })
            .collect()
    }
}

/// One in ten was rolled out within the two hours before the incident, the others long ago.
fn rolled_out(bundle: &Bundle, dice: &mut Dice, number: usize) -> Timestamp {
    let minutes = i64::try_from(dice.below(100)).unwrap_or(0);
    if number.is_multiple_of(10) {
        back(
            bundle
                .manifest
                .incident
                .map_or(bundle.manifest.collected_at, |incident| incident.start),
            5 + minutes,
        )
    } else {
        back(bundle.manifest.window.start, 1440 * (2 + minutes % 60))
    }
}

fn back(time: Timestamp, minutes: i64) -> Timestamp {
    time.checked_sub(SignedDuration::from_mins(minutes))
        .unwrap_or(Timestamp::MIN)
}

fn namespaces(bundle: &Bundle) -> Vec<String> {
    let known: BTreeSet<&str> = bundle
        .objects
        .iter()
        .filter_map(|object| object.pointer("/metadata/namespace")?.as_str())
        .collect();
    known.into_iter().map(str::to_owned).collect()
}

/// Nodes on which pods can be well.
fn ready_nodes(bundle: &Bundle) -> Vec<String> {
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    bundle
        .objects
        .iter()
        .filter(|object| text(object, "/kind").as_deref() == Some("Node"))
        .filter(|node| {
            node.pointer("/status/conditions")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|condition| {
                    text(condition, "/type").as_deref() == Some("Ready")
                        && text(condition, "/status").as_deref() == Some("True")
                })
        })
        .filter_map(|node| text(node, "/metadata/name"))
        .collect()
}

#[cfg(test)]
mod tests {
    use claw_core::report::Window;
    use claw_k8s::bundle::{Identity, Incident, Manifest};

    use super::*;

    fn bundle() -> Bundle {
        let at = |text: &str| text.parse().unwrap();
        let mut bundle = Bundle::new(Manifest {
            version: 1,
            case: "a".to_owned(),
            cluster: "c".to_owned(),
            collected_at: at("2026-03-01T10:00:00Z"),
            window: Window {
                start: at("2026-03-01T08:00:00Z"),
                end: at("2026-03-01T10:00:00Z"),
            },
            incident: Some(Incident {
                start: at("2026-03-01T09:30:00Z"),
                end: None,
            }),
            baseline: None,
            question: None,
            namespaces: Default::default(),
            kinds: None,
            gaps: None,
        });
        let node = |name: &str, ready: &str| json!({"kind": "Node", "metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
        bundle.objects = vec![node("down", "Unknown"), node("up", "True")];
        bundle
    }

    #[test]
    fn the_same_seed_gives_the_same_noise() {
        let (one, two, other) = (
            with_noise(&bundle(), 1, 100),
            with_noise(&bundle(), 1, 100),
            with_noise(&bundle(), 2, 100),
        );
        assert_eq!(one.objects, two.objects);
        assert_eq!(one.changes, two.changes);
        assert_ne!(one.objects, other.objects);
        assert_eq!(one.objects.len(), 2 + 15 * PER_APPLICATION);
        assert!(!one.changes.is_empty());
    }

    #[test]
    fn noise_is_well_and_each_object_is_another() {
        let noisy = with_noise(&bundle(), 7, 300);
        let identities: BTreeSet<Identity> = noisy.objects.iter().filter_map(Identity::of).collect();
        assert_eq!(identities.len(), noisy.objects.len());
        let pods = noisy.objects.iter().filter(|object| object["kind"] == "Pod");
        for pod in pods {
            assert_eq!(pod["spec"]["nodeName"], "up");
            assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
        }
        assert!(noisy.objects.iter().all(|object| object["type"] != "Warning"));
    }

    #[test]
    fn a_world_without_objects_gets_series_and_lines_only() {
        let mut bundle = bundle();
        bundle.objects.clear();
        bundle.metrics.push(MetricsFile {
            name: "m.om".to_owned(),
            format: MetricsFormat::OpenMetrics,
            content: Content::text("# EOF\n"),
        });
        let noisy = with_noise(&bundle, 3, 70);
        assert!(noisy.objects.is_empty());
        let text = noisy.metrics[1].content.read().unwrap();
        let parsed = claw_metrics::openmetrics::parse_text(&text);
        assert_eq!((parsed.series.len(), parsed.bad_lines), (30, 0));
    }
}
