//! A fleet: namespaces of teams, each with deployments, services and disruption budgets.

use std::time::Duration;

use serde_json::{Value, json};

use super::LABEL;
use crate::api::Api;
use crate::error::Error;
use crate::random::Random;
use crate::suite::wait_until;

const SEED: u64 = 7;

/// How long it may take until everything in the namespaces is gone.
const REMOVED: Duration = Duration::from_secs(600);

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// Teams.
    pub namespaces: u32,
    /// Deployments of each team.
    pub deployments: u32,
    /// Replicas of each deployment.
    pub replicas: u32,
}

impl Fleet {
    /// Pods that there will be.
    pub fn pods(&self) -> u64 {
        u64::from(self.namespaces) * u64::from(self.deployments) * u64::from(self.replicas)
    }

    fn teams(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.namespaces).map(|number| format!("team-{number:02}"))
    }

    /// Namespaces, with their paths.
    pub fn namespaces(&self) -> Vec<(String, Value)> {
        let namespace = |name: String| {
            let labels = json!({ LABEL.0: LABEL.1, "team": name });
            let metadata = json!({ "name": name, "labels": labels });
            (
                "/api/v1/namespaces".to_owned(),
                object("v1", "Namespace", &metadata, json!({})),
            )
        };
        self.teams().map(namespace).collect()
    }

    /// What is in the namespaces, with paths.
    pub fn workloads(&self) -> Vec<(String, Value)> {
        let mut objects = Vec::new();
        for team in self.teams() {
            for number in 0..self.deployments {
                workload(&team, number, self.replicas, &mut objects);
            }
        }
        objects
    }
}

fn object(version: &str, kind: &str, metadata: &Value, spec: Value) -> Value {
    json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec })
}

/// A deployment with its service, and for one in five a disruption budget.
///
/// What the pods use is a share of what they ask for, so that some teams waste and others starve.
fn workload(team: &str, number: u32, replicas: u32, objects: &mut Vec<(String, Value)>) {
    let name = format!("svc-{number:03}");
    let mut random = Random::of(SEED, &format!("{team}/{name}"));
    let cores = random.choose(100, &[250, 500, 1000, 2000]);
    let memory = random.choose(128, &[256, 512, 1024, 2048]);
    let mut used = |asked: u32, least: u32| {
        let share = random.choose(0.05, &[0.1, 0.2, 0.35, 0.6, 0.9]);
        least.max((f64::from(asked) * share).round() as u32)
    };
    let usage = json!({
        "kwok.x-k8s.io/usage-cpu": format!("{}m", used(cores, 1)),
        "kwok.x-k8s.io/usage-memory": format!("{}Mi", used(memory, 8)),
    });
    let tier = random.choose("backend", &["frontend", "batch"]);
    let labels = json!({ LABEL.0: LABEL.1, "app": name, "team": team, "tier": tier });
    let metadata = json!({ "name": name, "namespace": team, "labels": labels });
    let selected = json!({ "app": name });
    let container = json!({
        "name": "main",
        "image": format!("registry.invalid/{team}/{name}:1.{number}.0"),
        "ports": [{ "containerPort": 8080 }],
        "resources": {
            "requests": { "cpu": format!("{cores}m"), "memory": format!("{memory}Mi") },
            "limits": { "memory": format!("{memory}Mi") },
        },
    });
    let deployment = json!({
        "replicas": replicas,
        "revisionHistoryLimit": 3,
        "selector": { "matchLabels": selected },
        "template": {
            "metadata": { "labels": labels, "annotations": usage },
            "spec": { "containers": [container] },
        },
    });
    let service = json!({ "selector": selected, "ports": [{ "port": 80, "targetPort": 8080 }] });
    objects.push((
        format!("/apis/apps/v1/namespaces/{team}/deployments"),
        object("apps/v1", "Deployment", &metadata, deployment),
    ));
    objects.push((
        format!("/api/v1/namespaces/{team}/services"),
        object("v1", "Service", &metadata, service),
    ));
    if number.is_multiple_of(5) {
        let budget = json!({ "maxUnavailable": 1, "selector": { "matchLabels": selected } });
        objects.push((
            format!("/apis/policy/v1/namespaces/{team}/poddisruptionbudgets"),
            object("policy/v1", "PodDisruptionBudget", &metadata, budget),
        ));
    }
}

/// Returns when all pods that the fleet's deployments ask for are ready. `progress` hears how many are.
///
/// Deployments that were there before may ask for another number than `fleet`.
pub async fn all_ready(api: &Api, fleet: &Fleet, progress: &dyn Fn(u64)) -> Result<(), Error> {
    let limit = Duration::from_secs(60 + fleet.pods() / 5);
    wait_until(limit, "all pods of the fleet are ready", async || {
        let deployments = api.list("/apis/apps/v1/deployments", super::SELECTOR).await?;
        let sum = |pointer: &str| -> u64 {
            let number = |object: &Value| object.pointer(pointer).and_then(Value::as_u64);
            deployments.iter().filter_map(number).sum()
        };
        let (ready, wanted) = (sum("/status/readyReplicas"), sum("/spec/replicas"));
        progress(ready);
        if ready >= wanted {
            return Ok(Ok(()));
        }
        // The lists are long; asking all the time would slow down what is waited for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Err(format!("{ready} of {wanted}")))
    })
    .await
}

/// Deletes all fleets, and returns when nothing of them is left. Says how many namespaces there were.
pub async fn remove(api: &Api) -> Result<usize, Error> {
    let named = async || -> Result<Vec<String>, Error> {
        let namespaces = api.list("/api/v1/namespaces", super::SELECTOR).await?;
        let names = namespaces
            .iter()
            .map(|namespace| super::text(namespace, "/metadata/name").to_owned());
        Ok(names.collect())
    };
    let found = named().await?;
    for name in &found {
        api.delete(&format!("/api/v1/namespaces/{name}")).await?;
    }
    wait_until(REMOVED, "the fleet is gone", async || {
        let left = named().await?;
        if left.is_empty() {
            return Ok(Ok(()));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Err(format!(
            "{} of {} namespaces are left",
            left.len(),
            found.len()
        )))
    })
    .await?;
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_fleet_begins_with_the_smaller_one() {
        let small = Fleet {
            namespaces: 1,
            deployments: 2,
            replicas: 1,
        };
        let large = Fleet {
            namespaces: 2,
            deployments: 6,
            replicas: 1,
        };
        let (few, many) = (small.workloads(), large.workloads());
        assert_eq!(few[..], many[..few.len()]);
        // Two of each, and budgets for numbers 0 and 5.
        assert_eq!(many.len(), 2 * (6 * 2 + 2));
        assert_eq!(large.pods(), 12);
    }
}
