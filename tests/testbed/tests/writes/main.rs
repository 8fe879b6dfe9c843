//! Actions performed on a real API server: with the rights that the tools declare and no more, as the dry run promised, and only
//! on the object that they were made for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failure is a panic

mod manifests;
mod refused;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claw_core::action::{Action, pre_image};
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::execute::{ACTION_ANNOTATION, ActionId, Effected, ExecuteError, Executor as _, Standing};
use claw_core::gate::{Gate, Scope};
use claw_core::patch::merged;
use claw_core::redact::Redactor;
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::access::rules;
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::propose::{self, Proposal};
use claw_testbed::suite::{Account, Namespace, Testbed, audit_events_of, wait_until};
use claw_testkit::AllowAll;
use serde_json::{Value, json};

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(60);

/// An agent that proposes and performs, as an account of its own.
struct Writer {
    account: Account,
    cluster: Cluster,
    executor: KubeExecutor,
    gate: Gate,
    _folder: tempfile::TempDir,
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

/// What the tools that propose read, and what performing their proposals takes. The last two propose writes to whatever kind
/// they are asked for, here to ConfigMaps, pods, Services and Jobs.
async fn declared(testbed: &Testbed) -> Value {
    let reader = KubeCluster::connect(kubeconfig(testbed), Limits::default())
        .await
        .unwrap();
    let tools = propose::all(&Cluster::new(Arc::new(reader)));
    let access: Vec<_> = tools.iter().map(|tool| tool.spec().access).collect();
    let mut all: Vec<Value> = rules(&access).iter().map(|rule| json!(rule)).collect();
    for write in access.iter().flat_map(|access| &access.writes) {
        all.push(json!({ "apiGroups": [write.group], "resources": [write.resource], "verbs": write.verbs }));
    }
    let any = ["get", "watch", "create", "patch", "delete"];
    all.push(json!({ "apiGroups": [""], "resources": ["configmaps", "pods", "services"], "verbs": any }));
    all.push(json!({ "apiGroups": ["batch"], "resources": ["jobs"], "verbs": any }));
    json!(all)
}

fn kubeconfig(testbed: &Testbed) -> Connection {
    Connection::Kubeconfig {
        files: vec![testbed.kubeconfig().to_owned()],
        context: None,
    }
}

impl Writer {
    async fn with(testbed: &Testbed, namespace: &Namespace, rights: &Value) -> Self {
        let account = Account::create(testbed, namespace, "writer", rights)
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token_file: PathBuf = folder.path().join("token");
        std::fs::write(&token_file, account.token()).unwrap();
        let connection = Connection::WithToken {
            server_of: Box::new(kubeconfig(testbed)),
            token_file,
        };
        let reader = KubeCluster::connect(connection.clone(), Limits::default())
            .await
            .unwrap();
        let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
            .await
            .unwrap();
        let gate = Gate::new(
            Arc::new(AllowAll),
            Arc::new(MemoryAuditLog::default()),
            Arc::new(SystemClock),
            Redactor::new(),
        );
        Self {
            account,
            cluster: Cluster::new(Arc::new(reader)),
            executor,
            gate,
            _folder: folder,
        }
    }

    /// What a tool proposes. Rights take a moment to take effect.
    async fn propose(&self, tool: &str, input: &Value) -> Action {
        let tools = propose::all(&self.cluster);
        let found = tools.iter().find(|it| it.name() == tool).unwrap();
        let answer = wait_until(SOON, tool, async || {
            Ok(found
                .call_json(&cx(), input.clone())
                .await
                .map_err(|error| error.to_string()))
        });
        let proposal: Proposal = serde_json::from_value(answer.await.unwrap()).unwrap();
        proposal.action
    }

    async fn perform(&self, action: &Action) -> (ActionId, Result<Effected, ExecuteError>) {
        let scope = Scope {
            run: "r".to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: SystemClock.deadline(Duration::from_secs(60)),
            cancel: Default::default(),
        };
        let permit = self.gate.admit(&scope, action).await.unwrap();
        let id = permit.action_id();
        (id, self.executor.perform(&cx(), permit, action).await)
    }
}

/// A Deployment that nobody runs, a pod of its own, an autoscaler, a ConfigMap, and a node without a kubelet.
async fn objects(testbed: &Testbed, namespace: &str) {
    let object = |api: &str, kind: &str, name: &str, more: Value| {
        let named =
            json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": namespace } });
        merged(&named, &more)
    };
    let pod = json!({ "schedulerName": "nobody", "containers": [{ "name": "main", "image": "registry.invalid/cart:1",
        "resources": { "limits": { "memory": "64Mi" } } }] });
    let template = json!({ "metadata": { "labels": { "app": "cart" } }, "spec": pod });
    let spec =
        json!({ "replicas": 1, "selector": { "matchLabels": { "app": "cart" } }, "template": template });
    let scaler = json!({ "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
        "minReplicas": 1, "maxReplicas": 5 });
    let listed = json!({ "apiVersion": "v1", "kind": "List", "items": [
        object("apps/v1", "Deployment", "cart", json!({ "spec": spec })),
        object("autoscaling/v2", "HorizontalPodAutoscaler", "web", json!({ "spec": scaler })),
        object("v1", "ConfigMap", "mode", json!({ "data": { "mode": "a" } })),
        object("v1", "Pod", "alone", json!({ "metadata": { "labels": { "app": "alone" } }, "spec": pod })),
        object("v1", "Node", &format!("{namespace}-node"), json!({ "metadata": { "namespace": null } })),
    ]});
    testbed.apply(&listed.to_string()).await.unwrap();
}

fn path(target: &claw_core::entity::EntityRef) -> String {
    let (group, plural) = match target.kind.as_str() {
        "Deployment" => ("/apis/apps/v1", "deployments"),
        "HorizontalPodAutoscaler" => ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        "ConfigMap" => ("/api/v1", "configmaps"),
        "Pod" => ("/api/v1", "pods"),
        "Service" => ("/api/v1", "services"),
        "Job" => ("/apis/batch/v1", "jobs"),
        _ => return format!("/api/v1/nodes/{}", target.name),
    };
    let namespace = target.namespace.as_deref().unwrap();
    format!("{group}/namespaces/{namespace}/{plural}/{}", target.name)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn proposals_are_performed_as_promised_with_the_rights_that_the_tools_declare() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("writes").await.unwrap();
    let ns = namespace.name();
    objects(&testbed, ns).await;
    let writer = Writer::with(&testbed, &namespace, &declared(&testbed).await).await;
    let cart = |more: Value| {
        let named = json!({ "kind": "Deployment", "namespace": ns, "name": "cart", "reason": "load" });
        merged(&named, &more)
    };
    let manifest = |data: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: new, namespace: {ns}}}, data: {data}}}")
    };
    // Of these the server chooses addresses, ports, labels or names, each time anew.
    let created = |api: &str, kind: &str, spec: Value| {
        let named = json!({ "name": "new", "namespace": ns, "labels": { "app": "new" } });
        json!({ "apiVersion": api, "kind": kind, "metadata": named, "spec": spec }).to_string()
    };
    let pod = json!({ "restartPolicy": "Never", "schedulerName": "nobody",
        "containers": [{ "name": "main", "image": "registry.invalid/new:1" }] });
    let service = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": { "app": "new" },
        "ports": [{ "port": 80 }] });
    let job = json!({ "template": { "spec": pod } });
    let node = format!("{ns}-node");
    let cases = [
        ("scale_workload", cart(json!({ "replicas": 3 }))),
        (
            "patch_resources",
            cart(json!({ "containers": [{ "name": "main", "limits": { "memory": "128Mi" } }] })),
        ),
        ("restart_workload", cart(json!({}))),
        ("rollback_deployment", cart(json!({}))),
        (
            "adjust_hpa",
            json!({ "namespace": ns, "name": "web", "max_replicas": 9, "reason": "load" }),
        ),
        (
            "cordon_node",
            json!({ "name": node, "unschedulable": true, "reason": "disk" }),
        ),
        (
            "cordon_node",
            json!({ "name": node, "unschedulable": false, "reason": "mended" }),
        ),
        (
            "apply_manifest",
            json!({ "manifest": manifest("{mode: a}"), "reason": "mode" }),
        ),
        (
            "apply_manifest",
            json!({ "manifest": manifest("{mode: b}"), "reason": "mode" }),
        ),
        (
            "apply_manifest",
            json!({ "manifest": created("v1", "Service", service), "reason": "new" }),
        ),
        (
            "apply_manifest",
            json!({ "manifest": created("v1", "Pod", pod), "reason": "new" }),
        ),
        (
            "apply_manifest",
            json!({ "manifest": created("batch/v1", "Job", job), "reason": "new" }),
        ),
        (
            "evict_pod",
            json!({ "namespace": ns, "name": "alone", "and_lose_it": true, "reason": "stuck" }),
        ),
        (
            "delete_object",
            json!({ "api_version": "v1", "kind": "ConfigMap", "namespace": ns, "name": "mode", "reason": "unused" }),
        ),
    ];
    let api = testbed.api();
    let mut performed = Vec::new();
    for (tool, input) in &cases {
        // Controllers write to the object as well; what they overtake is proposed anew.
        let (action, id, effected, before) = wait_until(SOON, tool, async || {
            let action = writer.propose(tool, input).await;
            let before = api.get(&path(&action.target)).await.ok();
            let promised = match writer.executor.dry_run(&cx(), &action).await {
                Ok(promised) => promised,
                Err(error @ ExecuteError::Changed { .. }) => return Ok(Err(error.to_string())),
                Err(error) => panic!("{tool}: {error:?}"),
            };
            if before.is_some() {
                let tried = api.get(&path(&action.target)).await;
                assert!(tried.is_ok(), "{tool}: a dry run takes nothing away: {tried:?}");
            }
            let (id, outcome) = writer.perform(&action).await;
            match outcome {
                Ok(effected) => {
                    assert_eq!(effected.outcome, promised.outcome, "{tool}");
                    assert!(
                        promised.unplanned.is_empty() && !promised.diff.is_empty(),
                        "{tool}: {promised:?}"
                    );
                    Ok(Ok((action, id, effected, before)))
                }
                Err(error @ ExecuteError::Changed { .. }) => Ok(Err(error.to_string())),
                Err(error) => panic!("{tool}: {error:?}"),
            }
        })
        .await
        .unwrap();
        let after = api.get(&path(&action.target)).await.ok();
        if let (Some(before), Some(after), Some(_)) = (&before, &after, action.patch.as_object()) {
            assert_ne!(pre_image(before), pre_image(after), "{tool}");
        }
        let carries = |object: &Value| {
            object
                .pointer("/metadata/annotations")?
                .get(ACTION_ANNOTATION)
                .cloned()
        };
        match (*tool, after) {
            ("delete_object", after) => assert!(after.is_none(), "{tool}"),
            ("evict_pod", after) => {
                assert!(after.is_none_or(|pod| pod.pointer("/metadata/deletionTimestamp").is_some()));
            }
            (_, after) => {
                assert_eq!(carries(&after.unwrap()), Some(json!(id)), "{tool}");
                let standing = writer.executor.standing(&cx(), &action, &id).await.unwrap();
                assert_eq!(standing, Standing::Ours, "{tool}");
            }
        }
        performed.push((*tool, effected.audit_id.expect("the server names each request")));
    }
    api.delete(&format!("/api/v1/nodes/{node}")).await.unwrap();
    let Some(events) = audit_events_of(&testbed, &writer.account.user(), "audit ids of writes")
        .await
        .unwrap()
    else {
        return;
    };
    for (tool, id) in &performed {
        let found: Vec<_> = events.iter().filter(|event| event.id == *id).collect();
        let [event] = &found[..] else {
            panic!("{tool}: {found:?}");
        };
        assert!(
            (200..300).contains(&event.code) && event.parameter("dryRun").is_none(),
            "{event:?}"
        );
    }
    let writes = events.iter().filter(|event| {
        let reads = ["get", "list", "watch"].contains(&event.verb.as_str());
        !reads && (200..300).contains(&event.code) && event.parameter("dryRun").is_none()
    });
    // A deletion says in its body that it is tried out, which is not in the log.
    let (tried, unknown): (Vec<_>, Vec<_>) = writes
        .filter(|event| performed.iter().all(|(_, id)| *id != event.id))
        .partition(|event| event.verb == "delete");
    assert!(unknown.is_empty(), "writes that nobody performed: {unknown:?}");
    let deletions = performed.iter().filter(|(tool, _)| *tool == "delete_object");
    assert!(tried.len() >= deletions.count(), "each was tried out: {tried:?}");
    testbed.note(&format!(
        "writes: {} performed, each once in the API server's audit log",
        performed.len()
    ));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_may_not_be_written_is_refused_and_leaves_nothing() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("writes").await.unwrap();
    let ns = namespace.name();
    objects(&testbed, ns).await;
    let rights = declared(&testbed).await;
    let writer = Writer::with(&testbed, &namespace, &rights).await;
    let mode = |data: &str| {
        let manifest = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: mode, namespace: {ns}}}, data: {data}}}"
        );
        json!({ "manifest": manifest, "reason": "mode" })
    };
    // Somebody was first.
    let (first, second) = (
        writer.propose("apply_manifest", &mode("{mode: b}")).await,
        writer.propose("apply_manifest", &mode("{mode: c}")).await,
    );
    writer.perform(&first).await.1.unwrap();
    let (id, outcome) = writer.perform(&second).await;
    assert!(
        matches!(outcome, Err(ExecuteError::Changed { .. })),
        "{outcome:?}"
    );
    let standing = writer.executor.standing(&cx(), &second, &id).await.unwrap();
    assert_eq!(standing, Standing::Overtaken);
    // One that was first, and whose name somebody has replaced since, as the simulated server has it too.
    let third = writer.propose("apply_manifest", &mode("{mode: d}")).await;
    let (id, outcome) = writer.perform(&third).await;
    outcome.unwrap();
    for name in [
        format!("{ACTION_ANNOTATION}=another"),
        format!("{ACTION_ANNOTATION}-"),
    ] {
        let annotate = [
            "annotate",
            "configmap",
            "mode",
            "-n",
            ns,
            "--overwrite",
            name.as_str(),
        ];
        testbed.kubectl().run(&annotate).await.unwrap();
        let standing = writer.executor.standing(&cx(), &third, &id).await.unwrap();
        assert_eq!(standing, Standing::Ours, "{name}");
    }
    let never = ActionId("never".to_owned());
    let standing = writer.executor.standing(&cx(), &third, &never).await.unwrap();
    assert_eq!(standing, Standing::Overtaken);
    // From a version that no API server remembers.
    let mut forgotten = third.clone();
    forgotten.resource_version = Some("1".to_owned());
    let standing = writer.executor.standing(&cx(), &forgotten, &id).await.unwrap();
    assert_eq!(standing, Standing::Unclear);
    // A field that the server does not know: it would be dropped in silence.
    let scale =
        json!({ "kind": "Deployment", "namespace": ns, "name": "cart", "replicas": 3, "reason": "load" });
    let mut mistyped = writer.propose("scale_workload", &scale).await;
    mistyped.patch = json!({ "spec": { "replicsa": 3 } });
    for error in [
        writer.executor.dry_run(&cx(), &mistyped).await.unwrap_err(),
        writer.perform(&mistyped).await.1.unwrap_err(),
    ] {
        assert!(matches!(error, ExecuteError::Refused { .. }), "{error:?}");
    }
    // Another object of the same name.
    let delete = json!({ "api_version": "v1", "kind": "ConfigMap", "namespace": ns, "name": "mode", "reason": "unused" });
    let delete = writer.propose("delete_object", &delete).await;
    let path = format!("/api/v1/namespaces/{ns}/configmaps/mode");
    testbed.api().delete(&path).await.unwrap();
    let anew = json!({ "metadata": { "name": "mode" }, "data": { "mode": "z" } });
    testbed
        .api()
        .create(&format!("/api/v1/namespaces/{ns}/configmaps"), &anew)
        .await
        .unwrap();
    let (id, outcome) = writer.perform(&delete).await;
    assert!(
        matches!(outcome, Err(ExecuteError::Changed { .. })),
        "{outcome:?}"
    );
    assert_eq!(
        writer.executor.standing(&cx(), &delete, &id).await.unwrap(),
        Standing::Gone
    );
    assert_eq!(testbed.api().get(&path).await.unwrap()["data"]["mode"], "z");
    // What the account may read, and not write.
    let readers: Vec<Value> = rights
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| merged(rule, &json!({ "verbs": ["get", "list"] })))
        .collect();
    let elsewhere = testbed.namespace("readers").await.unwrap();
    let reader = Writer::with(&testbed, &elsewhere, &json!(readers)).await;
    let denied = reader.propose("scale_workload", &scale).await;
    let outcome = reader.perform(&denied).await.1;
    let Err(ExecuteError::Refused { remedy, .. }) = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(remedy.contains("grant the right"), "{remedy}");
    let deployment = format!("/apis/apps/v1/namespaces/{ns}/deployments/cart");
    assert_eq!(
        testbed.api().get(&deployment).await.unwrap()["spec"]["replicas"],
        1
    );
    testbed
        .api()
        .delete(&format!("/api/v1/nodes/{ns}-node"))
        .await
        .unwrap();
}
