//! What the generated role does not grant.

use std::collections::BTreeSet;

use claw_k8s::access::PolicyRule;
use claw_testbed::suite::{Account, Testbed};
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, whole_role};

/// What Kubernetes lets everybody write: questions about themselves.
const OF_EVERYBODY: [&str; 3] = [
    "create selfsubjectaccessreviews.authorization.k8s.io",
    "create selfsubjectreviews.authentication.k8s.io",
    "create selfsubjectrulesreviews.authorization.k8s.io",
];

/// A kind or a part of one, as the API server lists it.
struct Served {
    group: String,
    base: String,
    name: String,
    namespaced: bool,
    verbs: Vec<String>,
}

/// Everything that the API server serves, in the version that it prefers.
async fn served(testbed: &Testbed) -> Vec<Served> {
    let api = testbed.api();
    let mut places = vec![(String::new(), "/api/v1".to_owned())];
    let groups = api.get("/apis").await.unwrap();
    for group in groups["groups"].as_array().unwrap() {
        let version = group.pointer("/preferredVersion/groupVersion").unwrap();
        let name = group["name"].as_str().unwrap().to_owned();
        places.push((name, format!("/apis/{}", version.as_str().unwrap())));
    }
    let mut found = Vec::new();
    for (group, base) in places {
        // Groups of other tests may have gone.
        if api.status(&base).await.unwrap() == 404 {
            continue;
        }
        let kinds = api.get(&base).await.unwrap();
        for kind in kinds["resources"].as_array().unwrap() {
            let verbs = kind["verbs"].as_array().into_iter().flatten();
            found.push(Served {
                group: group.clone(),
                base: base.clone(),
                name: kind["name"].as_str().unwrap().to_owned(),
                namespaced: kind["namespaced"] == true,
                verbs: verbs.filter_map(Value::as_str).map(str::to_owned).collect(),
            });
        }
    }
    found
}

impl Served {
    /// A verb on it, as people write it.
    fn right(&self, verb: &str) -> String {
        let group = if self.group.is_empty() {
            String::new()
        } else {
            format!(".{}", self.group)
        };
        format!("{verb} {}{group}", self.name)
    }

    /// The request of a verb: method and path. Where it would be allowed, it would find nothing, and change nothing.
    fn request(&self, verb: &str, namespace: &str) -> Option<(&'static str, String)> {
        let (kind, part) = self.name.split_once('/').unwrap_or((&self.name, ""));
        let place = if self.namespaced {
            format!("/namespaces/{namespace}")
        } else {
            String::new()
        };
        let all = format!("{}{place}/{kind}", self.base);
        let mut one = format!("{all}/claw-absent");
        if !part.is_empty() {
            one = format!("{one}/{part}");
        }
        let made = if part.is_empty() { &all } else { &one };
        Some(match verb {
            "get" => ("GET", one),
            "list" => ("GET", format!("{all}?limit=1")),
            "watch" => ("GET", format!("{all}?watch=true&timeoutSeconds=1")),
            "create" => ("POST", format!("{made}?dryRun=All")),
            "update" => ("PUT", format!("{one}?dryRun=All")),
            "patch" => ("PATCH", format!("{one}?dryRun=All")),
            "delete" => ("DELETE", format!("{one}?dryRun=All")),
            "deletecollection" => ("DELETE", format!("{all}?dryRun=All")),
            _ => return None,
        })
    }
}

fn grants(rules: &[PolicyRule], served: &Served, verb: &str) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|one| one == wanted);
    rules.iter().any(|rule| {
        has(&rule.api_groups, &served.group) && has(&rule.resources, &served.name) && has(&rule.verbs, verb)
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn everything_else_is_denied_by_the_api_server() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("denied").await.unwrap();
    let role = whole_role(&testbed).await;
    let (_agent, account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let api = account.api(&testbed).await.unwrap();
    // What an account without any role may do, every account may.
    let bare = Account::create(&testbed, &namespace, "bare", &json!([]))
        .await
        .unwrap();
    let bare = bare.api(&testbed).await.unwrap();
    let (mut denied, mut of_everybody, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let (mut allowed, mut writes) = (0, 0);
    for served in served(&testbed).await {
        for verb in &served.verbs {
            let Some((method, path)) = served.request(verb, namespace.name()) else {
                continue;
            };
            let name = served.right(verb);
            let status = api.status_of(method, &path).await.unwrap();
            if grants(&role, &served, verb) {
                allowed += 1;
                if status == 403 {
                    wrong.push(format!("{name} is granted, and denied"));
                }
            } else if status == 403 {
                writes += usize::from(method != "GET");
                denied.insert(name);
            } else if bare.status_of(method, &path).await.unwrap() == status {
                if method != "GET" && !OF_EVERYBODY.contains(&name.as_str()) {
                    wrong.push(format!("everybody may {name}"));
                }
                of_everybody.insert(name);
            } else {
                wrong.push(format!("{name}: {method} {path} is answered with {status}"));
            }
        }
    }
    for path in ["/metrics", "/logs/", "/debug/pprof/"] {
        assert_eq!(api.status(path).await.unwrap(), 403, "{path}");
    }
    for right in ["get", "list", "watch", "create", "delete"] {
        assert!(denied.contains(&format!("{right} secrets")), "{right} secrets");
    }
    for write in [
        "create pods/exec",
        "create pods/eviction",
        "patch deployments.apps",
    ] {
        assert!(denied.contains(write), "{write}");
    }
    println!(
        "{allowed} rights are granted; {} others are denied, {writes} of them writes; everybody has {of_everybody:?}",
        denied.len()
    );
    assert!(allowed > 50 && writes > 200);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
