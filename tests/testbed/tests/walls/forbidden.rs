//! What nobody can have the agent do is denied to a stolen token: by the walls, even where somebody has given the account every
//! right there is; and what the agent needs for itself is not.

use claw_guardrails::policy::{Phase, Policy};
use claw_guardrails::walls::Walls;
use claw_testbed::suite::{CustomKind, Namespace, Testbed, wait_until};
use serde_json::json;

use super::asked::{Answer, Asked, place, send};
use super::cases::{Case, approval, unwalled, walled};
use super::scene::{SOON, Scene, accounts};

async fn ask(client: &kube::Client, case: &Case) -> Answer {
    let (_, method, path, body) = case;
    let body = (!body.is_null()).then_some(body);
    send(client, method, path, body, &[]).await
}

/// Has the API server serve requests for approval, and makes one. Returns the path of all of them.
async fn serve_approvals(testbed: &Testbed, own: &Namespace) -> String {
    let kind = CustomKind {
        group: "claw.dev",
        version: "v1",
        plural: "approvals",
        kind: "Approval",
        namespaced: true,
    };
    kind.serve(testbed, own).await.unwrap();
    let admin = testbed.api().client();
    // With a part of its own for how a request stands.
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvals.claw.dev";
    let mut versions = testbed.api().get(definition).await.unwrap()["spec"]["versions"].clone();
    versions[0]["subresources"] = json!({ "status": {} });
    let versions = json!({ "spec": { "versions": versions } });
    let answer = send(&admin, "PATCH", definition, Some(&versions), &[]).await;
    assert_eq!(answer.code, 200, "{answer:?}");
    let approvals = format!("/apis/claw.dev/v1/namespaces/{}/approvals", own.name());
    testbed
        .api()
        .create(&approvals, &approval("asked"))
        .await
        .unwrap();
    let status = format!("{approvals}/asked/status?dryRun=All");
    wait_until(SOON, "the status of approvals", async || {
        let answer = send(&admin, "PATCH", &status, Some(&json!({ "status": {} })), &[]).await;
        Ok(if answer.code == 200 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        })
    })
    .await
    .unwrap();
    approvals
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_stolen_token_with_every_right_comes_no_further_than_the_walls() {
    let testbed = Testbed::for_test().await;
    let scene = Scene::new(&testbed).await;
    let own = &scene.namespaces[0];
    let approvals = serve_approvals(&testbed, own).await;
    let mut policy = Policy::default().with_phase(Phase::Expanded);
    policy.own_namespace = scene.id.clone();
    policy.excluded_namespaces = vec![scene.place("walls-excluded").name.clone()];
    let (accounts, writer, reader) = accounts(&testbed, own, "wide").await;
    let walls = Walls::new(policy, accounts).with_name(format!("{}-wide", scene.id));
    scene.build(&testbed, &walls, &writer).await;
    let (writer, reader) = (
        writer.api(&testbed).await.unwrap().client(),
        reader.api(&testbed).await.unwrap().client(),
    );
    let mut wrong = Vec::new();
    let cases = walled(&scene);
    for case in &cases {
        let answer = ask(&writer, case).await;
        println!("{}: {} {}", case.0, answer.code, answer.message);
        if answer.denied_by().is_none() {
            wrong.push(format!("{}: {answer:?}", case.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Where admission policies are not asked, roles have to hold: that is what the other test is about.
    for case in unwalled(&scene) {
        let answer = ask(&writer, &case).await;
        assert!(
            answer.denied_by().is_none(),
            "{}: a wall sees it: say so in docs/walls.md",
            case.0
        );
    }
    // What the agent does for itself.
    let lease = json!({ "metadata": { "name": "leader" }, "spec": { "holderIdentity": "a" } });
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes": { "verb": "get", "resource": "pods" } } });
    let free = [
        (
            "lease",
            "POST",
            format!("{}?dryRun=All", place("Lease", Some(&scene.id), None).1),
            lease,
        ),
        (
            "request for approval",
            "POST",
            format!("{approvals}?dryRun=All"),
            approval("new"),
        ),
        (
            "how a request stands",
            "PATCH",
            format!("{approvals}/asked/status?dryRun=All"),
            json!({ "status": { "state": "expired" } }),
        ),
        (
            "question about itself",
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            review,
        ),
        (
            "who am I",
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews".to_owned(),
            json!({}),
        ),
    ];
    for case in &free {
        for client in [&writer, &reader] {
            let answer = ask(client, case).await;
            assert!((200..300).contains(&answer.code), "{}: {answer:?}", case.0);
        }
    }
    // The account that reads writes nothing, also what a person could approve; others are not held by these walls.
    let grow = Asked::patch(
        &scene.place("walls-development").objects[&("Deployment", "good".to_owned())],
        json!({ "spec": { "replicas": 5 } }),
    );
    let answer = grow.send(&reader).await;
    assert_eq!(
        answer.denied_by().map(|(_, rule)| rule),
        Some("account.reads"),
        "{answer:?}"
    );
    assert_eq!(grow.send(&writer).await.code, 200);
    let others = testbed.api().client();
    for (_, method, path, body) in cases.iter().filter(|(name, ..)| name.starts_with("write in")) {
        let answer = send(&others, method, path, Some(body), &[]).await;
        assert_eq!(answer.code, 201, "{answer:?}");
    }
    testbed.note(&format!(
        "walls: {} forbidden requests of an account with every right are denied, each by a wall; {} that the agent needs are not",
        cases.len(),
        free.len()
    ));
}
