//! What somebody may do: asked for, and tried.

use std::time::Duration;

use claw_testbed::suite::{Account, Namespace, Testbed, wait_until};
use claw_testkit::api::User;
use serde_json::{Value, json};

use super::pair::Pair;
use super::step::{JSON, config_map, step};

/// Until rights take effect.
const SOON: Duration = Duration::from_secs(30);

const ALLOWED: &[&str] = &["/status/allowed"];

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// The rights of an account, of all kinds of rules.
fn rules() -> Value {
    json!([
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["a"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["deployments/*"], "verbs": ["get"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    ])
}

/// Name of the step, and what is asked about.
fn questions(ns: &str) -> Vec<(&'static str, Value)> {
    let about = |verb: &str, group: &str, resource: &str| json!({"namespace": ns, "verb": verb, "group": group, "resource": resource});
    let with = |mut about: Value, field: &str, value: &str| {
        about[field] = json!(value);
        about
    };
    let pods = || about("list", "", "pods");
    vec![
        ("may list", pods()),
        ("may not delete", about("delete", "", "pods")),
        ("may not watch", about("watch", "", "pods")),
        ("may not do it elsewhere", with(pods(), "namespace", "elsewhere")),
        ("may not do it everywhere", with(pods(), "namespace", "")),
        (
            "may not do it to what is like it",
            about("list", "", "podtemplates"),
        ),
        ("may not do it in another group", about("list", "batch", "pods")),
        (
            "may read a subresource",
            with(about("get", "", "pods"), "subresource", "log"),
        ),
        (
            "may not read another",
            with(about("get", "", "pods"), "subresource", "exec"),
        ),
        (
            "may read by name",
            with(about("get", "", "configmaps"), "name", "a"),
        ),
        (
            "may not read another name",
            with(about("get", "", "configmaps"), "name", "b"),
        ),
        ("may not read any name", about("get", "", "configmaps")),
        ("may list all of a group", about("list", "apps", "statefulsets")),
        (
            "may read any subresource",
            with(about("get", "apps", "deployments"), "subresource", "scale"),
        ),
        ("may not read what it is of", about("get", "apps", "deployments")),
        (
            "may do anything to jobs",
            about("deletecollection", "batch", "jobs"),
        ),
        (
            "may not do anything to cron jobs",
            about("get", "batch", "cronjobs"),
        ),
        ("may not do anything", about("*", "*", "*")),
        ("a resource that is none", about("get", "example.com", "widgets")),
        (
            "may read the namespace",
            with(about("get", "", "namespaces"), "name", ns),
        ),
    ]
}

/// Asks about everything, and about what cannot be asked about.
async fn asked(pair: &mut Pair, ns: &str, compare: &'static [&'static str]) {
    let resources = questions(ns)
        .into_iter()
        .map(|(name, about)| (name, json!({"resourceAttributes": about})));
    let path = |verb: &str, path: &str| json!({"nonResourceAttributes": {"verb": verb, "path": path}});
    let both = json!({"resourceAttributes": {"verb": "get", "resource": "pods"},
        "nonResourceAttributes": {"verb": "get", "path": "/metrics"}});
    let paths = [
        ("may read what is below a path", path("get", "/apis/apps/v1")),
        ("may not read metrics", path("get", "/metrics")),
        ("may not write the version", path("post", "/version")),
        ("ask about nothing", json!({})),
        ("ask about both", both),
    ];
    // Two roles allow it, and which is told is left to chance.
    let version = ("may read the version", path("get", "/version"), ALLOWED);
    let all = resources.chain(paths).map(|(name, spec)| (name, spec, compare));
    for (name, spec, compare) in all.chain([version]) {
        let review =
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
        pair.same(step(name, "POST", REVIEWS, compare).body(JSON, review))
            .await;
    }
}

/// The same account with the same rights in both servers.
async fn account(testbed: &Testbed, namespace: &Namespace, pair: &Pair) -> Account {
    let ns = namespace.name();
    let account = Account::create_inside(testbed, namespace, "reader", &rules())
        .await
        .unwrap();
    let role = format!("{ns}-reader");
    let group = "/apis/rbac.authorization.k8s.io/v1";
    pair.take_over(&format!("{group}/clusterroles/{role}")).await;
    pair.take_over(&format!("{group}/namespaces/{ns}/rolebindings/{role}"))
        .await;
    let user = User::service_account(ns, "reader");
    pair.cluster().allow_token(account.token(), user);
    let api = account.api(testbed).await.unwrap();
    wait_until(SOON, "the account's rights", async || {
        let status = api.status(&format!("/api/v1/namespaces/{ns}/pods")).await?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(status.to_string())
        })
    })
    .await
    .unwrap();
    account
}

/// What it may do is what it can.
async fn tried(pair: &mut Pair, ns: &str) {
    const SAID: &[&str] = &["/message", "/details"];
    for (name, method, path) in [
        (
            "list what may be listed",
            "GET",
            format!("/api/v1/namespaces/{ns}/pods"),
        ),
        (
            "list it elsewhere",
            "GET",
            "/api/v1/namespaces/elsewhere/pods".to_owned(),
        ),
        ("list it everywhere", "GET", "/api/v1/pods".to_owned()),
        (
            "watch it",
            "GET",
            format!("/api/v1/namespaces/{ns}/pods?watch=true"),
        ),
        (
            "read one that is not there",
            "GET",
            format!("/api/v1/namespaces/{ns}/pods/zzz"),
        ),
        (
            "delete one",
            "DELETE",
            format!("/api/v1/namespaces/{ns}/pods/zzz"),
        ),
        ("delete all", "DELETE", format!("/api/v1/namespaces/{ns}/pods")),
        (
            "read a log",
            "GET",
            format!("/api/v1/namespaces/{ns}/pods/zzz/log"),
        ),
        (
            "evict",
            "POST",
            format!("/api/v1/namespaces/{ns}/pods/zzz/eviction"),
        ),
        (
            "read a name",
            "GET",
            format!("/api/v1/namespaces/{ns}/configmaps/a"),
        ),
        (
            "read another name",
            "GET",
            format!("/api/v1/namespaces/{ns}/configmaps/b"),
        ),
        ("list secrets", "GET", format!("/api/v1/namespaces/{ns}/secrets")),
        ("read nodes", "GET", "/api/v1/nodes".to_owned()),
        ("read a node", "GET", "/api/v1/nodes/n".to_owned()),
        ("read the namespace", "GET", format!("/api/v1/namespaces/{ns}")),
        (
            "list a group",
            "GET",
            format!("/apis/apps/v1/namespaces/{ns}/statefulsets"),
        ),
        (
            "read a scale",
            "GET",
            format!("/apis/apps/v1/namespaces/{ns}/deployments/zzz/scale"),
        ),
        (
            "read what it is of",
            "GET",
            format!("/apis/apps/v1/namespaces/{ns}/deployments/zzz"),
        ),
        (
            "read roles",
            "GET",
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles"),
        ),
        (
            "read a kind that is none",
            "GET",
            format!("/apis/example.com/v1/namespaces/{ns}/widgets"),
        ),
        ("read metrics of the server", "GET", "/metrics".to_owned()),
        ("read a path that is none", "GET", "/nothing/here".to_owned()),
    ] {
        let step = step(name, method, path, SAID);
        let step = if method == "POST" {
            step.body(
                JSON,
                json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "zzz"}}),
            )
        } else {
            step
        };
        pair.same(step).await;
    }
    for path in ["/api", "/apis", "/version", "/healthz", "/readyz", "/livez"] {
        pair.same(step("read what everybody may", "GET", path, &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_api_servers_allow_the_same() {
    let testbed = crate::testbed().await;
    let namespace = testbed.namespace("allowed").await.unwrap();
    let ns = namespace.name();
    let mut pair = Pair::start(&testbed, ns).await;
    let maps = format!("/api/v1/namespaces/{ns}/configmaps");
    let map = config_map("a", json!({}));
    pair.same(step("create what may be read", "POST", maps, &[]).body(JSON, map))
        .await;
    let account = account(&testbed, &namespace, &pair).await;
    asked(&mut pair, ns, ALLOWED).await;
    let mut trying = pair.with_token(&testbed, account.token()).await;
    asked(&mut trying, ns, &["/status"]).await;
    tried(&mut trying, ns).await;
    let who = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    const WHO: &[&str] = &["/status/userInfo/username", "/status/userInfo/groups"];
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    trying
        .same(step("who asks", "POST", path, WHO).body(JSON, who))
        .await;
    pair.add(trying);
    let mut nobody = pair.with_token(&testbed, "nonsense").await;
    nobody
        .same(step("a token that is none", "GET", "/api/v1/pods", &["/message"]))
        .await;
    pair.add(nobody);
    pair.end("access");
}
