//! The account that `claw-agent access --writes` makes: it has what the tools need, none of what nobody gets, and finds its walls.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::patch::merged;
use claw_core::tool::ToolContext;
use claw_core::walls::Standing;
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::access::denied;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits};
use claw_k8s::tools::propose;
use claw_testbed::suite::{Testbed, wait_until};
use claw_workflows::walls::OuterWalls;
use serde_json::{Value, json};

use super::asked::{Asked, place, send};
use super::broken::found_broken;
use super::scene::{SOON, Scene};

fn kubeconfig(testbed: &Testbed) -> Connection {
    Connection::Kubeconfig {
        files: vec![testbed.kubeconfig().to_owned()],
        context: None,
    }
}

async fn cluster(connection: Connection) -> Cluster {
    Cluster::new(Arc::new(
        KubeCluster::connect(connection, Limits::default()).await.unwrap(),
    ))
}

async fn walls(testbed: &Testbed, scene: &Scene) -> OuterWalls {
    let tools = propose::all(&cluster(kubeconfig(testbed)).await);
    let specs: Vec<_> = tools.iter().map(|tool| tool.spec()).collect();
    let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
    policy.own_namespace = scene.id.clone();
    let tools = specs.iter().map(|spec| (spec.name.as_str(), &spec.access));
    OuterWalls::new(policy, tools)
        .unwrap()
        .within([scene.place("walls-development").name.clone()])
}

pub(crate) async fn apply(testbed: &Testbed, scene: &Scene, objects: &[Value]) {
    let owned = json!({ "metadata": { "ownerReferences": [scene.owner] } });
    let items: Vec<Value> = objects.iter().map(|object| merged(object, &owned)).collect();
    testbed
        .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
        .await
        .unwrap();
}

/// Looks until it is as it should be: rights and walls take a moment.
pub(crate) async fn until(
    what: &str,
    walls: &OuterWalls,
    as_writer: &Cluster,
    is: impl Fn(&Standing) -> bool,
) -> Standing {
    wait_until(SOON, what, async || {
        let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(30));
        let standing = walls.look(as_writer, &cx).await;
        Ok(if is(&standing) {
            Ok(standing)
        } else {
            Err(format!("{:?} {:?}", standing.faults, standing.gaps))
        })
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_generated_account_does_its_work_and_nothing_that_is_forbidden() {
    let testbed = Testbed::for_test().await;
    let scene = Scene::new(&testbed).await;
    let walls = walls(&testbed, &scene).await;
    apply(&testbed, &scene, &walls.manifests()).await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    let token = testbed.token(&scene.id, "openclaw-agent-writer").await.unwrap();
    std::fs::write(&token_file, &token).unwrap();
    let connection = Connection::WithToken {
        server_of: Box::new(kubeconfig(&testbed)),
        token_file: token_file.clone(),
    };
    let as_writer = cluster(connection).await;
    let standing = until("intact walls", &walls, &as_writer, Standing::is_intact).await;
    testbed.note(&format!(
        "walls: {} rights and walls of the generated account looked at: intact",
        standing.looked_at
    ));

    let client = claw_testbed::api::Api::with_token(testbed.kubeconfig(), &token)
        .await
        .unwrap()
        .client();
    // Its work.
    let here = &scene.place("walls-development").objects;
    for (kind, name, patch) in [
        ("Deployment", "good", json!({ "spec": { "replicas": 8 } })),
        ("Deployment", "plain", json!({ "spec": { "replicas": 1 } })),
        ("StatefulSet", "set", json!({ "spec": { "replicas": 9 } })),
        (
            "HorizontalPodAutoscaler",
            "hpa",
            json!({ "spec": { "maxReplicas": 9 } }),
        ),
    ] {
        let answer = Asked::patch(&here[&(kind, name.to_owned())], patch)
            .send(&client)
            .await;
        assert_eq!(answer.code, 200, "{kind}: {answer:?}");
    }
    // The walls take a moment longer than they are there.
    let label = json!({ "spec": { "template": { "metadata": { "labels": { "a": "b" } } } } });
    let label = Asked::patch(&here[&("Deployment", "good".to_owned())], label);
    wait_until(SOON, "the wall of the phase", async || {
        let answer = label.send(&client).await;
        Ok(match answer.denied_by() {
            Some((_, "phase.cap")) => Ok(()),
            _ => Err(format!("{answer:?}")),
        })
    })
    .await
    .unwrap();
    // Elsewhere it has no rights.
    let elsewhere = &scene.place("walls-staging").objects[&("Deployment", "good".to_owned())];
    let answer = Asked::patch(elsewhere, json!({ "spec": { "replicas": 5 } }))
        .send(&client)
        .await;
    assert_eq!((answer.code, answer.denied_by()), (403, None), "{answer:?}");

    // Each right of the list, by a request.
    let mut requests = 0;
    let questions = denied([
        scene.id.as_str(),
        "kube-system",
        scene.place("walls-development").name.as_str(),
    ]);
    let inside: BTreeSet<&str> = questions
        .iter()
        .filter(|question| question.namespace.is_some())
        .map(|question| question.resource.as_str())
        .collect();
    for question in &questions {
        // Of what is in namespaces, one is named.
        if question.namespace.is_none() && inside.contains(question.resource.as_str()) {
            continue;
        }
        let Some((method, path)) = request(question) else {
            continue;
        };
        let body = (method != "GET").then(|| json!({}));
        let answer = send(&client, method, &path, body.as_ref(), &[]).await;
        assert_eq!(answer.code, 403, "{question:?}: {method} {path}: {answer:?}");
        requests += 1;
    }
    let path = place("Namespace", None, Some("default")).1;
    let answer = send(
        &client,
        "GET",
        &path,
        None,
        &[("impersonate-user", "kubernetes-admin")],
    )
    .await;
    assert_eq!(answer.code, 403, "impersonation: {answer:?}");
    for (_, wall) in [
        ("policy", "validatingadmissionpolicies"),
        ("binding", "validatingadmissionpolicybindings"),
    ] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{wall}/openclaw-wall-places");
        assert_eq!(
            send(&client, "GET", &path, None, &[]).await.code,
            200,
            "it sees its own walls"
        );
        assert_eq!(
            send(&client, "DELETE", &path, Some(&json!({ "dryRun": ["All"] })), &[])
                .await
                .code,
            403
        );
    }
    testbed.note(&format!(
        "walls: {requests} forbidden requests of the generated account are denied"
    ));
    assert!(requests > 100, "{requests}");

    found_broken(&testbed, &scene, &walls, &as_writer, &token_file, folder.path()).await;
}

/// The request that a right would be used by, where it is about something that the API server serves.
fn request(question: &claw_k8s::cluster::AccessQuestion) -> Option<(&'static str, String)> {
    let root = match question.group.as_str() {
        "" => "/api/v1".to_owned(),
        "claw.dev" => return None,
        group => format!("/apis/{group}/v1"),
    };
    let place = question
        .namespace
        .as_ref()
        .map(|name| format!("/namespaces/{name}"))
        .unwrap_or_default();
    let all = format!("{root}{place}/{}", question.resource);
    let part = match question.subresource.as_str() {
        "" => String::new(),
        part => format!("/{part}"),
    };
    let one = format!("{all}/claw-absent{part}");
    let dry = "dryRun=All";
    Some(match question.verb.as_str() {
        "create" if part.is_empty() => ("POST", format!("{all}?{dry}")),
        "create" => ("POST", format!("{one}?{dry}")),
        "get" => ("GET", one),
        "list" => ("GET", format!("{all}?limit=1")),
        "update" => ("PUT", format!("{one}?{dry}")),
        "patch" => ("PATCH", format!("{one}?{dry}")),
        "delete" => ("DELETE", format!("{one}?{dry}")),
        "deletecollection" => ("DELETE", format!("{all}?{dry}")),
        // No method of its own: asked for by reviews alone.
        _ => return None,
    })
}
