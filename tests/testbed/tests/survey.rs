//! How far actions reach, as it is told before, and what then really ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failure is a panic

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::action::{Action, Verb, pre_image};
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::entity::EntityRef;
use claw_core::execute::{ExecuteError, Executor as _};
use claw_core::gate::{Gate, Scope};
use claw_core::patch::merged;
use claw_core::redact::Redactor;
use claw_core::survey::{Health, Survey};
use claw_core::tool::{Tool as _, ToolContext};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::access::rules;
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::SurveyTarget;
use claw_testbed::suite::{Account, Namespace, Testbed, wait_until};
use claw_testkit::AllowAll;
use serde_json::{Value, json};

/// For what controllers and simulated kubelets take a moment for.
const SOON: Duration = Duration::from_secs(120);

struct World<'a> {
    testbed: &'a Testbed,
    namespace: String,
    tool: SurveyTarget,
    executor: KubeExecutor,
    gate: Gate,
    _folder: tempfile::TempDir,
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

/// Three pods behind a Service, with a budget and an autoscaler that cannot measure them.
fn objects(namespace: &str) -> String {
    let object = |api: &str, kind: &str, more: Value| {
        let named = json!({ "apiVersion": api, "kind": kind, "metadata": { "name": "cart", "namespace": namespace } });
        merged(&named, &more)
    };
    let labels = json!({ "app": "cart" });
    let pod = json!({ "terminationGracePeriodSeconds": 1, "containers": [{ "name": "main", "image": "registry.invalid/cart:1" }] });
    let template = json!({ "metadata": { "labels": labels }, "spec": pod });
    let selector = json!({ "matchLabels": labels });
    let metric = json!({ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } });
    let scaled = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "cart" });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        object("apps/v1", "Deployment", json!({ "spec": { "replicas": 3, "selector": selector, "template": template } })),
        object("v1", "Service", json!({ "spec": { "selector": labels, "ports": [{ "port": 80 }] } })),
        object("policy/v1", "PodDisruptionBudget", json!({ "spec": { "maxUnavailable": 1, "selector": selector } })),
        object("autoscaling/v2", "HorizontalPodAutoscaler", json!({ "spec": { "scaleTargetRef": scaled,
            "minReplicas": 1, "maxReplicas": 9, "metrics": [metric] } })),
    ]})
    .to_string()
}

impl<'a> World<'a> {
    /// Whoever looks has the rights that the tool declares, and no others.
    async fn with(testbed: &'a Testbed, namespace: &Namespace) -> Self {
        let own = Connection::Kubeconfig {
            files: vec![testbed.kubeconfig().to_owned()],
            context: None,
        };
        let executor = KubeExecutor::connect(own.clone(), Proxies::default(), Limits::default())
            .await
            .unwrap();
        let nothing = KubeCluster::connect(own.clone(), Limits::default())
            .await
            .unwrap();
        let access = SurveyTarget::new(Cluster::new(Arc::new(nothing))).access();
        let account = Account::create(testbed, namespace, "looker", &json!(rules([&access])))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, account.token()).unwrap();
        let connection = Connection::WithToken {
            server_of: Box::new(own),
            token_file,
        };
        let reader = KubeCluster::connect(connection, Limits::default()).await.unwrap();
        let gate = Gate::new(
            Arc::new(AllowAll),
            Arc::new(MemoryAuditLog::default()),
            Arc::new(SystemClock),
            Redactor::new(),
        );
        Self {
            testbed,
            namespace: namespace.name().to_owned(),
            tool: SurveyTarget::new(Cluster::new(Arc::new(reader))),
            executor,
            gate,
            _folder: folder,
        }
    }

    /// Pods that are not on their way out, by uid, once they are as many as are wanted, ready, and endpoints.
    async fn settled(&self, wanted: usize) -> BTreeMap<String, String> {
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let slices = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
            self.namespace
        );
        wait_until(SOON, "all pods ready", async || {
            let found = self.testbed.api().list(&pods, "app=cart").await?;
            let ready = |pod: &&Value| {
                let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
                let mut conditions = conditions.into_iter().flatten();
                conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
            };
            let all = found.iter().filter(ready).count();
            let listed = self
                .testbed
                .api()
                .list(&slices, "kubernetes.io/service-name=cart")
                .await?;
            let endpoints = listed
                .iter()
                .filter_map(|slice| slice["endpoints"].as_array())
                .flatten();
            let endpoints = endpoints.filter(|it| it["conditions"]["ready"] == true).count();
            if (found.len(), all, endpoints) != (wanted, wanted, wanted) {
                return Ok(Err(format!(
                    "{} pods, {all} ready, {endpoints} endpoints",
                    found.len()
                )));
            }
            let text =
                |pod: &Value, place: &str| pod.pointer(place).and_then(Value::as_str).unwrap().to_owned();
            let pods = found
                .iter()
                .map(|pod| (text(pod, "/metadata/uid"), text(pod, "/metadata/name")));
            Ok(Ok(pods.collect()))
        })
        .await
        .unwrap()
    }

    async fn action(&self, verb: Verb, api: &str, kind: &str, name: &str, patch: &Value) -> Action {
        let plural = format!("{}s", kind.to_lowercase());
        let root = if api == "v1" {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{api}")
        };
        let path = format!("{root}/namespaces/{}/{plural}/{name}", self.namespace);
        let object = self.testbed.api().get(&path).await.unwrap();
        let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
        Action {
            verb,
            target: EntityRef::namespaced(kind, &self.namespace, name),
            api_version: api.to_owned(),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            pre_image: Some(pre_image(&object)),
            patch: patch.clone(),
            expected: String::new(),
            reversal: None,
            reason: "test".to_owned(),
        }
    }

    /// Looks at an action, and performs it. Rights take a moment, and controllers write as well.
    async fn perform(
        &self,
        name: &str,
        verb: Verb,
        (api, kind): (&str, &str),
        target: &str,
        patch: &Value,
    ) -> Survey {
        wait_until(SOON, name, async || {
            let action = self.action(verb, api, kind, target, patch).await;
            let survey = self.tool.call(&cx(), action.clone()).await.unwrap();
            if !survey.radius.unseen.is_empty() {
                return Ok(Err(format!("{:?}", survey.radius.unseen)));
            }
            let promised = match self.executor.dry_run(&cx(), &action).await {
                Err(error @ ExecuteError::Changed { .. }) => return Ok(Err(error.to_string())),
                other => other.unwrap(),
            };
            let scope = Scope {
                run: "r".to_owned(),
                step: None,
                actor: "claw".to_owned(),
                deadline: SystemClock.deadline(Duration::from_secs(60)),
                cancel: Default::default(),
            };
            let permit = self.gate.admit(&scope, &action).await.unwrap();
            match self.executor.perform(&cx(), permit, &action).await {
                Err(error @ ExecuteError::Changed { .. }) => Ok(Err(error.to_string())),
                effected => {
                    assert_eq!(effected.unwrap().outcome, promised.outcome, "{name}");
                    assert!(promised.unplanned.is_empty(), "{name}: {promised:?}");
                    Ok(Ok(survey))
                }
            }
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_ends_is_what_was_told_before() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("survey").await.unwrap();
    testbed.apply(&objects(namespace.name())).await.unwrap();
    let world = World::with(&testbed, &namespace).await;
    let (deployment, hpa) = (
        ("apps/v1", "Deployment"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
    );
    let annotated = json!({ "spec": { "template": { "metadata": { "annotations": { "a": "b" } } } } });
    let cases = [
        ("restart", Verb::Patch, deployment, annotated, 3, 3),
        (
            "scale down",
            Verb::Patch,
            deployment,
            json!({ "spec": { "replicas": 2 } }),
            2,
            1,
        ),
        (
            "scale up",
            Verb::Patch,
            deployment,
            json!({ "spec": { "replicas": 4 } }),
            4,
            0,
        ),
        (
            "lower bound",
            Verb::Patch,
            hpa,
            json!({ "spec": { "maxReplicas": 3 } }),
            3,
            1,
        ),
        ("evict", Verb::Evict, ("v1", "Pod"), Value::Null, 3, 1),
        ("delete", Verb::Delete, deployment, Value::Null, 0, 3),
    ];
    let mut before = world.settled(3).await;
    let mut told = Vec::new();
    for (name, verb, kind, patch, left, ended) in cases {
        let target = match verb {
            Verb::Evict => before.values().next().unwrap().clone(),
            _ => "cart".to_owned(),
        };
        let survey = world.perform(name, verb, kind, &target, &patch).await;
        let after = wait_until(SOON, name, async || {
            let after = world.settled(left).await;
            let gone = before.keys().filter(|uid| !after.contains_key(*uid)).count();
            Ok(if gone >= ended {
                Ok(after)
            } else {
                Err(format!("{gone} of {ended} ended"))
            })
        });
        let after = after.await.unwrap();
        let gone = before.keys().filter(|uid| !after.contains_key(*uid)).count();
        let radius = &survey.radius;
        assert_eq!(radius.pods, u32::try_from(gone).ok(), "{name}: {radius:?}");
        assert_eq!(gone, ended, "{name}");
        let service = EntityRef::namespaced("Service", namespace.name(), "cart");
        let affected = radius
            .services
            .get(&service)
            .copied()
            .flatten()
            .map(|it| (it.affected, it.ready));
        let all = u32::try_from(before.len()).unwrap();
        let expected = match name {
            // A quarter of three, rounded down, may be missing at a time.
            "restart" | "scale up" => None,
            "delete" => Some((all, all)),
            _ => Some((1, all)),
        };
        assert_eq!(affected, expected, "{name}: {radius:?}");
        assert_eq!(
            radius.disruptions.len(),
            usize::from(gone > 0),
            "{name}: {radius:?}"
        );
        assert_eq!((survey.is_working, survey.kept_by), (Some(false), None), "{name}");
        if kind == deployment {
            assert_eq!(survey.health, Health::Well, "{name}");
        }
        told.push(format!("{name} {gone}"));
        before = after;
    }
    testbed.note(&format!("survey: pods that ended as told: {}", told.join(", ")));
}
