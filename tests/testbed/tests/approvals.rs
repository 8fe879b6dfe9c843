//! Approvals as objects of a real API server: what it vouches for, and what it refuses, whoever asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)] // a failure is a panic; people send requests by themselves

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::store::MemoryDocuments;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{
    ApprovalError, Board, Carrier, Group, Person, Post as _, PostError, Request, Sample, Shown, State, Terms,
};
use claw_k8s::approval::{Approvals, Wall, definition};
use claw_k8s::cluster::{Connection, Limits, Proxies};
use claw_testbed::suite::{Account, Testbed, wait_until};
use claw_workflows::approval::KubernetesApprovals;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(60);

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20))
}

/// Somebody who sends requests to the API server.
struct Sender(kube::Client);

impl Sender {
    /// Whoever the API server takes for `name`.
    async fn named(testbed: &Testbed, name: &str) -> Self {
        let mut file = Kubeconfig::read_from(testbed.kubeconfig()).unwrap();
        for user in &mut file.auth_infos {
            if let Some(info) = &mut user.auth_info {
                info.impersonate = Some(name.to_owned());
            }
        }
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        Self(kube::Client::try_from(config.unwrap()).unwrap())
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, kube::Error> {
        let content = match method {
            "PATCH" if body.is_array() => "application/json-patch+json",
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content);
        self.0
            .request(request.body(body.to_string().into_bytes()).unwrap())
            .await
    }
}

/// A request as an agent would make it now.
fn request(id: &str) -> (Request, Shown) {
    let group = ["kim", "lee"]
        .into_iter()
        .fold(Group::new("on-call"), |group, name| {
            let account = format!("{name}@example.com");
            group.with_person(Person::new(name).known(Carrier::Kubernetes, account))
        });
    let mut sample = Sample::new(Terms::new(vec![group]), SystemClock.now());
    sample.nonce = id.to_owned();
    let request = sample.request(id).unwrap();
    let shown = sample.shown(&request).unwrap();
    (request, shown)
}

/// What an attacker sends, and whether the API server took it. Whatever it says to a dry run it says to the write.
struct Attacks {
    taken: Vec<String>,
    tried: usize,
}

impl Attacks {
    fn refused(&mut self, name: &str, outcome: Result<Value, kube::Error>) {
        self.tried += 1;
        match outcome {
            Ok(_) => self.taken.push(name.to_owned()),
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_api_server_vouches_for_who_decides() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("approvals").await.unwrap();
    let ns = namespace.name();
    let agent = Account::create_inside(&testbed, &namespace, "agent", &json!([]))
        .await
        .unwrap();
    let every = json!([{"apiGroups": ["claw.dev"], "resources": ["*"], "verbs": ["*"]}]);
    let bot = Account::create_inside(&testbed, &namespace, "bot", &every)
        .await
        .unwrap();
    let wall = Wall::new(ns, [(ns, "agent")]).unwrap();
    let approvers: Vec<Value> = ["kim", "lee", "eve"]
        .map(|name| json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": format!("{name}@example.com")}))
        .into();
    let approvers = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "approvers", "namespace": ns}, "subjects": approvers,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "claw-approver"}});
    testbed.apply(&definition().unwrap()).await.unwrap();
    testbed.apply(&wall.roles().unwrap()).await.unwrap();
    testbed.apply(&approvers.to_string()).await.unwrap();
    let all = format!("/apis/claw.dev/v1/namespaces/{ns}/approvals");
    wait_until(SOON, "approvals are served", async || {
        let status = testbed.api().status(&all).await?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(status.to_string())
        })
    })
    .await
    .unwrap();

    // The agent, with the rights that are shipped and no more.
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, agent.token()).unwrap();
    let connection = Connection::WithToken {
        server_of: Box::new(Connection::Kubeconfig {
            files: vec![testbed.kubeconfig().to_owned()],
            context: None,
        }),
        token_file,
    };
    let approvals = Approvals::connect(connection, Proxies::default(), Limits::default(), wall.clone()).await;
    let post = KubernetesApprovals::new(approvals.unwrap(), Arc::new(MemoryDocuments::new()));
    let (mut asked, shown) = request("req-1");
    let pending = State::Pending;
    // Without the wall nothing is asked: nobody would vouch for the answers.
    let open = wait_until(SOON, "that the wall is missing is seen", async || {
        let outcome = post.show(&cx(), &shown, &pending).await.unwrap_err();
        // Rights take a moment.
        Ok(match outcome {
            PostError::Untrusted { why, .. } => Ok(why),
            other => Err(other.to_string()),
        })
    });
    let open = open.await.unwrap();
    assert!(open.contains("claw-approvals is missing"), "{open}");

    testbed.apply(&wall.policy().unwrap()).await.unwrap();
    post.show(&cx(), &shown, &pending).await.unwrap();
    post.show(&cx(), &shown, &pending).await.unwrap();
    assert_eq!(post.collect(&cx(), &shown).await.unwrap(), []);
    let one = format!("{all}/req-1");
    let live = testbed.api().get(&one).await.unwrap();
    assert_eq!(live["status"]["state"], "pending");
    let [kim, lee, eve] = ["kim@example.com", "lee@example.com", "eve@example.com"];
    let (as_kim, as_lee, as_eve) = (
        Sender::named(&testbed, kim).await,
        Sender::named(&testbed, lee).await,
        Sender::named(&testbed, eve).await,
    );
    let as_bot = Sender(bot.api(&testbed).await.unwrap().client());
    let as_agent = Sender(agent.api(&testbed).await.unwrap().client());
    let as_admin = Sender(testbed.api().client());
    let digest = shown.digest.clone();
    let yes = |name: &str| json!({"decisions": {name: {"verdict": "approve", "digest": digest}}});
    // A policy takes effect a moment after it is stored.
    wait_until(SOON, "the policy takes effect", async || {
        let dry = format!("{one}?dryRun=All");
        let outcome = as_kim.send("PATCH", &dry, &yes(lee)).await;
        Ok(match outcome {
            Err(kube::Error::Api(status)) if status.message.contains("under the name of who has made it") => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        })
    })
    .await
    .unwrap();

    let mut attacks = Attacks {
        taken: Vec::new(),
        tried: 0,
    };
    let mut spec = live["spec"].clone();
    spec["digest"] = json!("0".repeat(64));
    let created = |name: &str, spec: &Value, more: Value| {
        claw_core::patch::merged(
            &json!({"apiVersion": "claw.dev/v1", "kind": "Approval", "metadata": {"name": name}, "spec": spec}),
            &more,
        )
    };
    let named =
        |verdict: &str, digest: &str| json!({"decisions": {kim: {"verdict": verdict, "digest": digest}}});
    for (name, who, method, path, body) in [
        ("in another's name", &as_kim, "PATCH", &one, yes(lee)),
        (
            "in one's own and another's name",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(&yes(kim), &yes(lee)),
        ),
        (
            "one's own name in other case",
            &as_kim,
            "PATCH",
            &one,
            yes("Kim@example.com"),
        ),
        (
            "a look-alike of one's own name",
            &as_kim,
            "PATCH",
            &one,
            yes("k\u{456}m@example.com"),
        ),
        (
            "one's own name and a space",
            &as_kim,
            "PATCH",
            &one,
            yes("kim@example.com "),
        ),
        ("no name", &as_kim, "PATCH", &one, yes("")),
        ("by a service account", &as_bot, "PATCH", &one, yes(&bot.user())),
        (
            "by a service account in a person's name",
            &as_bot,
            "PATCH",
            &one,
            yes(kim),
        ),
        ("by the agent", &as_agent, "PATCH", &one, yes(&agent.user())),
        (
            "by the agent in a person's name",
            &as_agent,
            "PATCH",
            &one,
            yes(kim),
        ),
        (
            "another digest",
            &as_kim,
            "PATCH",
            &one,
            named("approve", &"0".repeat(64)),
        ),
        (
            "no digest",
            &as_kim,
            "PATCH",
            &one,
            json!({"decisions": {kim: {"verdict": "approve"}}}),
        ),
        (
            "a digest in capitals",
            &as_kim,
            "PATCH",
            &one,
            named("approve", &digest.to_uppercase()),
        ),
        ("another verdict", &as_kim, "PATCH", &one, named("yes", &digest)),
        (
            "the spec is edited",
            &as_kim,
            "PATCH",
            &one,
            json!({"spec": {"diff": []}}),
        ),
        (
            "the spec is edited with a decision",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(&yes(kim), &json!({"spec": {"title": "harmless"}})),
        ),
        (
            "the digest is swapped with a decision",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(
                &named("approve", &"0".repeat(64)),
                &json!({"spec": {"digest": "0".repeat(64)}}),
            ),
        ),
        (
            "the spec is edited by the administrator",
            &as_admin,
            "PATCH",
            &one,
            json!({"spec": {"diff": []}}),
        ),
        (
            "the spec is edited by the agent",
            &as_agent,
            "PATCH",
            &one,
            json!({"spec": {"diff": []}}),
        ),
        (
            "the end is put off",
            &as_kim,
            "PATCH",
            &one,
            json!({"spec": {"expires": "2099-01-01T00:00:00Z"}}),
        ),
        (
            "labels come with a decision",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(&yes(kim), &json!({"metadata": {"labels": {"a": "b"}}})),
        ),
        (
            "annotations come with a decision",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(&yes(kim), &json!({"metadata": {"annotations": {"a": "b"}}})),
        ),
        (
            "a finalizer comes with a decision",
            &as_kim,
            "PATCH",
            &one,
            claw_core::patch::merged(&yes(kim), &json!({"metadata": {"finalizers": ["a.b/c"]}})),
        ),
        (
            "nothing is decided",
            &as_kim,
            "PATCH",
            &one,
            json!({"decisions": {}, "metadata": {"labels": {"a": "b"}}}),
        ),
        (
            "the status is written by an approver",
            &as_kim,
            "PATCH",
            &format!("{one}/status"),
            json!({"status": {"state": "used"}}),
        ),
        ("deleted by an approver", &as_kim, "DELETE", &one, Value::Null),
        (
            "asked by an approver",
            &as_kim,
            "POST",
            &all,
            created("req-2", &live["spec"], json!({})),
        ),
        (
            "asked by a service account",
            &as_bot,
            "POST",
            &all,
            created("req-2", &live["spec"], json!({})),
        ),
        (
            "asked by the administrator",
            &as_admin,
            "POST",
            &all,
            created("req-2", &live["spec"], json!({})),
        ),
        (
            "asked and decided at once",
            &as_agent,
            "POST",
            &all,
            created("req-2", &live["spec"], yes(kim)),
        ),
        (
            "asked in another namespace",
            &as_agent,
            "POST",
            &"/apis/claw.dev/v1/namespaces/default/approvals".to_owned(),
            created("req-2", &live["spec"], json!({})),
        ),
        (
            "by somebody without the role",
            &Sender::named(&testbed, "zoe@example.com").await,
            "PATCH",
            &one,
            yes("zoe@example.com"),
        ),
    ] {
        attacks.refused(name, who.send(method, path, &body).await);
    }
    // What is no status is left out by the API server, and says so to nobody.
    let beside = as_agent.send("PATCH", &format!("{one}/status"), &yes(kim)).await;
    assert!(beside.is_err() || beside.unwrap()["decisions"] == Value::Null);
    assert_eq!(testbed.api().get(&one).await.unwrap()["decisions"], Value::Null);

    // A stranger with the role may write, and counts for nothing.
    as_eve.send("PATCH", &one, &yes(eve)).await.unwrap();
    // As docs/approvals.md says it.
    let decision = yes(kim).to_string();
    let patch = [
        "--as",
        kim,
        "--namespace",
        ns,
        "patch",
        "approval",
        "req-1",
        "--type=merge",
        "--patch",
        &decision,
    ];
    testbed.kubectl().run(&patch).await.unwrap();
    let board = Board::new().with(Arc::new(post.clone()));
    let collected = board.collect(&cx(), &shown).await;
    assert!(collected.failed.is_empty(), "{:?}", collected.failed);
    let votes = collected.votes;
    assert_eq!(votes.len(), 2);
    for vote in votes {
        let by = vote.by.clone();
        match asked.vote(vote, SystemClock.now()) {
            Ok(()) => assert_eq!(by, kim),
            Err(error) => assert!(
                by == eve && matches!(error, ApprovalError::NotAsked { .. }),
                "{error}"
            ),
        }
    }

    let at = |name: &str| format!("/decisions/{}", name.replace('~', "~0").replace('/', "~1"));
    for (name, who, body) in [
        (
            "one's own decision is removed",
            &as_kim,
            json!([{"op": "remove", "path": at(kim)}]),
        ),
        (
            "another's decision is removed",
            &as_lee,
            json!([{"op": "remove", "path": at(kim)}]),
        ),
        (
            "all decisions are removed",
            &as_lee,
            json!([{"op": "remove", "path": "/decisions"}]),
        ),
        (
            "another's decision is edited",
            &as_lee,
            json!([{"op": "replace", "path": format!("{}/verdict", at(kim)), "value": "deny"}]),
        ),
        (
            "one's own decision is commented later",
            &as_kim,
            json!([{"op": "add", "path": format!("{}/comment", at(kim)), "value": "x"}]),
        ),
        ("a decision is made a second time", &as_kim, yes(kim)),
        (
            "decisions are replaced by one",
            &as_lee,
            json!([{"op": "replace", "path": "/decisions", "value": yes(lee)["decisions"]}]),
        ),
        (
            "another's is edited beside one's own",
            &as_lee,
            claw_core::patch::merged(&yes(lee), &named("deny", &digest)),
        ),
        (
            "the agent removes a decision",
            &as_agent,
            json!([{"op": "remove", "path": at(kim)}]),
        ),
        (
            "the administrator removes a decision",
            &as_admin,
            json!([{"op": "remove", "path": at(kim)}]),
        ),
    ] {
        attacks.refused(name, who.send("PATCH", &one, &body).await);
    }
    // Second thoughts are the one thing that may follow, once.
    as_kim.send("PATCH", &one, &named("deny", &digest)).await.unwrap();
    attacks.refused(
        "denied, then approved",
        as_kim.send("PATCH", &one, &yes(kim)).await,
    );
    assert!(attacks.taken.is_empty(), "{:?}", attacks.taken);
    let collected = board.collect(&cx(), &shown).await;
    for vote in collected.votes.into_iter().filter(|vote| vote.by == kim) {
        asked.vote(vote, SystemClock.now()).unwrap();
    }
    assert!(matches!(asked.state(SystemClock.now()), State::Denied { .. }));

    // What the API server cannot refuse to an administrator is seen by the agent.
    let (_, second) = request("req-2");
    post.show(&cx(), &second, &pending).await.unwrap();
    let yes_to_second = json!({"decisions": {kim: {"verdict": "approve", "digest": second.digest}}});
    let two = format!("{all}/req-2");
    as_kim.send("PATCH", &two, &yes_to_second).await.unwrap();
    assert_eq!(post.collect(&cx(), &second).await.unwrap().len(), 1);
    let untrusted = async |what: &str| match post.collect(&cx(), &second).await {
        Err(PostError::Untrusted { why, .. }) => why,
        other => panic!("{what}: {other:?}"),
    };
    let binding = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/claw-approvals";
    let policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/claw-approvals";
    as_admin
        .send("PATCH", policy, &json!({"spec": {"failurePolicy": "Ignore"}}))
        .await
        .unwrap();
    untrusted("a policy that was loosened").await;
    as_admin
        .send("PATCH", policy, &json!({"spec": {"failurePolicy": "Fail"}}))
        .await
        .unwrap();
    untrusted("a policy that was loosened and put back").await;
    testbed.api().delete(binding).await.unwrap();
    untrusted("no binding").await;
    testbed.apply(&wall.policy().unwrap()).await.unwrap();
    untrusted("a binding that was made anew").await;
    let (_, third) = request("req-3");
    post.show(&cx(), &third, &pending).await.unwrap();
    let three = format!("{all}/req-3");
    let kept = testbed.api().get(&three).await.unwrap();
    testbed.api().delete(&three).await.unwrap();
    as_agent
        .send("POST", &all, &created("req-3", &kept["spec"], json!({})))
        .await
        .unwrap();
    let yes_to_third = json!({"decisions": {kim: {"verdict": "approve", "digest": third.digest}}});
    wait_until(SOON, "the decision is taken", async || {
        Ok(as_kim
            .send("PATCH", &three, &yes_to_third)
            .await
            .map_err(|error| error.to_string()))
    })
    .await
    .unwrap();
    let anew = post.collect(&cx(), &third).await.unwrap_err();
    assert!(anew.to_string().contains("deleted and made anew"), "{anew}");
    testbed.note(&format!(
        "approvals: {} attacks refused by the API server, 5 that it cannot refuse seen by the agent",
        attacks.tried
    ));
    for path in [
        binding,
        policy,
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/claw-approvals-agent",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/claw-approvals-agent",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/claw-approver",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvals.claw.dev",
    ] {
        testbed.api().delete(path).await.unwrap();
    }
}
