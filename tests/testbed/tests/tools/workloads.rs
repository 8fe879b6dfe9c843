//! `get_workloads`

use std::time::Duration;

use claw_k8s::tools::GetWorkloadsOutput;
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::AgentUnderTest;

const LATER: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn workloads_of_every_kind_are_given_with_what_scales_them() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("workloads").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let object = |api: &str, kind: &str, spec: Value| {
        let metadata = json!({ "name": "cart", "namespace": namespace.name() });
        json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec })
    };
    let template = |label: &str, image: &str| {
        json!({
            "metadata": { "labels": { "app": label } },
            "spec": { "schedulerName": "nobody", "containers": [{
                "name": "main", "image": format!("registry.invalid/cart:{image}"),
                "env": [{ "name": "API_TOKEN", "value": "hunter2" }],
            }] },
        })
    };
    let selected = |label: &str, image: &str| json!({ "selector": { "matchLabels": { "app": label } }, "template": template(label, image) });
    let job = || {
        let mut template = template("job", "1");
        template["spec"]["restartPolicy"] = json!("Never");
        json!({ "template": template })
    };
    let scaler = json!({
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "cart" },
        "minReplicas": 1, "maxReplicas": 5,
    });
    let cron = json!({ "schedule": "0 3 * * *", "suspend": true, "jobTemplate": { "spec": job() } });
    let objects = [
        object("apps/v1", "Deployment", selected("deployment", "1")),
        object("apps/v1", "StatefulSet", selected("stateful", "1")),
        object("apps/v1", "DaemonSet", selected("daemon", "1")),
        object("batch/v1", "Job", job()),
        object("batch/v1", "CronJob", cron),
        object("autoscaling/v2", "HorizontalPodAutoscaler", scaler),
    ];
    let listed = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    testbed.apply(&listed.to_string()).await.unwrap();
    let next = object("apps/v1", "Deployment", selected("deployment", "2"));
    let kinds = |answer: &GetWorkloadsOutput| -> Vec<String> {
        let kinds = answer.workloads.iter().map(|one| one.kind.clone());
        kinds.collect()
    };
    // One ReplicaSet while there is one revision, and while the old one still has its pod, two.
    let mut expected = vec![
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "ReplicaSet",
        "StatefulSet",
    ];
    let asked = json!({ "namespace": namespace.name() });
    for (rolled_out, sets) in [(false, 1), (true, 2)] {
        if rolled_out {
            testbed.apply(&next.to_string()).await.unwrap();
        }
        expected.retain(|kind| *kind != "ReplicaSet");
        let at = expected.iter().position(|kind| *kind == "StatefulSet").unwrap();
        expected.splice(at..at, std::iter::repeat_n("ReplicaSet", sets));
        let answer: GetWorkloadsOutput = wait_until(LATER, &format!("{sets} ReplicaSets"), async || {
            let answer: GetWorkloadsOutput = agent.ask("get_workloads", asked.clone()).await;
            let seen = kinds(&answer);
            Ok(if seen == expected {
                Ok(answer)
            } else {
                Err(format!("{seen:?}"))
            })
        })
        .await
        .unwrap();
        assert!(answer.gaps.is_empty(), "{:?}", answer.gaps);
        assert_eq!(answer.autoscalers[0].spec.max_replicas, 5);
        let deployment = answer.workloads.iter().find(|one| one.kind == "Deployment");
        let deployment = deployment.unwrap();
        assert_eq!((deployment.desired(), deployment.available()), (Some(1), 0));
        assert!(!serde_json::to_string(&answer).unwrap().contains("hunter2"));
    }
    // Without pods a ReplicaSet only keeps an old revision.
    let inside = format!("--namespace={}", namespace.name());
    let scaled = ["scale", "deployment/cart", "--replicas=0", &inside];
    testbed.kubectl().run(&scaled).await.unwrap();
    wait_until(LATER, "no ReplicaSet", async || {
        let answer: GetWorkloadsOutput = agent.ask("get_workloads", asked.clone()).await;
        let seen = kinds(&answer);
        Ok(if seen.contains(&"ReplicaSet".to_owned()) {
            Err(format!("{seen:?}"))
        } else {
            Ok(())
        })
    })
    .await
    .unwrap();
}
