use std::collections::BTreeSet;

use claw_core::access::{Access, Need, WriteRule};
use serde::Deserialize;

use super::*;
use crate::cluster::fake::{Fake, context};
use crate::tools;

/// The role as the specification prints it.
const SPECIFIED: &str = include_str!("specified.yaml");

#[derive(Deserialize)]
struct Role {
    rules: Vec<PolicyRule>,
}

/// Every single right that rules grant.
fn rights(rules: &[PolicyRule]) -> BTreeSet<(String, String, String)> {
    let mut rights = BTreeSet::new();
    for rule in rules {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    rights.insert((group.clone(), resource.clone(), verb.clone()));
                }
            }
        }
    }
    rights
}

fn of(tools: &[std::sync::Arc<dyn claw_core::tool::ErasedTool>]) -> Vec<PolicyRule> {
    let access: Vec<Access> = tools.iter().map(|tool| tool.spec().access).collect();
    rules(&access)
}

#[test]
fn the_basic_tools_need_exactly_the_role_of_the_specification() {
    let cluster = Fake::default().cluster();
    let generated = of(&tools::basic(&cluster));
    let specified: Role = serde_saphyr::from_str(SPECIFIED).unwrap();
    assert_eq!(rights(&generated), rights(&specified.rules));
    assert_eq!(
        generated.len(),
        specified.rules.len(),
        "and no more rules than it has: {generated:#?}"
    );
}

#[test]
fn all_tools_together_only_read_and_never_see_secrets() {
    let cluster = Fake::default().cluster();
    let generated = rights(&of(&tools::all(&cluster)));
    for (group, resource, verb) in &generated {
        assert!(
            ["get", "list", "watch"].contains(&verb.as_str()),
            "{verb} on {resource}.{group}"
        );
        assert_ne!(resource, "secrets");
    }
    let basic = rights(&of(&tools::basic(&cluster)));
    assert!(generated.is_superset(&basic));
    assert!(generated.contains(&("batch".into(), "jobs".into(), "list".into())));
}

/// The account that reads must not be able to perform what it proposes.
#[test]
fn tools_that_propose_add_nothing_to_the_roles_for_reading() {
    let cluster = Fake::default().cluster();
    let proposers = tools::propose::all(&cluster);
    let basic: Vec<Access> = tools::basic(&cluster)
        .iter()
        .map(|tool| tool.spec().access)
        .collect();
    let mut within = basic.clone();
    within.extend(proposers.iter().map(|tool| split(&tool.spec().access, &basic).0));
    assert_eq!(
        rules(&within),
        rules(&basic),
        "the read-only role is that of the specification"
    );
    let everything: Vec<_> = tools::all(&cluster)
        .into_iter()
        .chain(proposers.clone())
        .collect();
    assert_eq!(of(&everything), of(&tools::all(&cluster)));
    let beyond = proposers.iter().map(|tool| split(&tool.spec().access, &basic).1);
    let beyond = rights(&rules(&beyond.collect::<Vec<_>>()));
    assert_eq!(
        beyond,
        BTreeSet::from([
            ("argoproj.io".into(), "applications".into(), "list".into()),
            ("batch".into(), "cronjobs".into(), "get".into()),
        ])
    );
    let writes: BTreeSet<String> = proposers
        .iter()
        .flat_map(|tool| tool.spec().access.writes)
        .flat_map(|rule| {
            let WriteRule {
                group,
                resource,
                verbs,
                ..
            } = rule;
            verbs
                .into_iter()
                .map(move |verb| format!("{verb} {resource}.{group}"))
        })
        .collect();
    assert_eq!(
        writes.into_iter().collect::<Vec<_>>(),
        [
            "create pods/eviction.",
            "patch cronjobs.batch",
            "patch daemonsets.apps",
            "patch deployments.apps",
            "patch horizontalpodautoscalers.autoscaling",
            "patch nodes.",
            "patch replicasets.apps",
            "patch statefulsets.apps",
        ]
    );
}

#[test]
fn the_manifests_are_what_the_api_server_takes() {
    let manifests = Manifests::read_only("claw", of(&tools::basic(&Fake::default().cluster())));
    let yaml = manifests.to_yaml().unwrap();
    insta::assert_snapshot!("manifests", yaml);
    let role: Role =
        serde_saphyr::from_str(&yaml.split("---").nth(1).unwrap().replace("kind:", "x-kind:")).unwrap();
    assert_eq!(role.rules, manifests.rules);
}

#[test]
fn what_tools_see_beyond_the_read_only_role_is_a_role_of_its_own() {
    let cluster = Fake::default().cluster();
    let access = |tools: Vec<std::sync::Arc<dyn claw_core::tool::ErasedTool>>| -> Vec<(String, Access)> {
        tools
            .iter()
            .map(|tool| (tool.name().to_owned(), tool.spec().access))
            .collect()
    };
    let (seed, all) = (access(tools::basic(&cluster)), access(tools::all(&cluster)));
    let seed: Vec<&Access> = seed.iter().map(|(_, access)| access).collect();
    let parts = all
        .iter()
        .map(|(name, access)| (name, split(access, seed.iter().copied())));
    let (mut within, mut extensions) = (Vec::new(), Vec::new());
    for (name, (inside, beyond)) in parts {
        within.push(inside);
        extensions.push(Extension {
            tool: name.clone(),
            rules: rules([&beyond]),
        });
    }
    let manifests = Manifests::read_only("claw", rules(&within)).with_extensions(extensions);
    // The first role is that of the specification, unchanged; together the two grant what all tools need.
    assert_eq!(manifests.rules, rules(seed.iter().copied()));
    let yaml = manifests.to_yaml().unwrap();
    let documents: Vec<serde_json::Value> = yaml
        .split("---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect();
    let names: Vec<_> = documents
        .iter()
        .map(|document| {
            let text = |pointer: &str| document.pointer(pointer).and_then(|it| it.as_str()).unwrap_or("");
            (
                text("/kind").to_owned(),
                text("/metadata/name").to_owned(),
                text("/roleRef/name").to_owned(),
            )
        })
        .collect();
    let name = |kind: &str, name: &str, role: &str| (kind.to_owned(), name.to_owned(), role.to_owned());
    assert_eq!(
        names,
        [
            name("ServiceAccount", "openclaw-agent", ""),
            name("ClusterRole", "openclaw-agent-readonly", ""),
            name(
                "ClusterRoleBinding",
                "openclaw-agent-readonly",
                "openclaw-agent-readonly"
            ),
            name("ClusterRole", "openclaw-agent-extended", ""),
            name(
                "ClusterRoleBinding",
                "openclaw-agent-extended",
                "openclaw-agent-extended"
            ),
        ]
    );
    let granted = |at: usize| {
        let rules: Vec<PolicyRule> = serde_json::from_value(documents[at]["rules"].clone()).unwrap();
        rights(&rules)
    };
    assert!(granted(1).is_disjoint(&granted(3)));
    let needed = rights(&rules(all.iter().map(|(_, access)| access)));
    assert_eq!(
        granted(1).union(&granted(3)).cloned().collect::<BTreeSet<_>>(),
        needed
    );
    let comments: Vec<&str> = yaml
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|comment| !comment.contains(' '))
        .collect();
    assert_eq!(
        comments,
        manifests
            .extensions
            .iter()
            .map(|it| it.tool.as_str())
            .collect::<Vec<_>>()
    );
    assert!(comments.contains(&"get_dependencies") && !comments.contains(&"get_pods"));
}

#[tokio::test]
async fn preflight_says_which_tool_loses_what() {
    let fake = Fake::default()
        .serve("apps", &["v1"])
        .serve("metrics.k8s.io", &["v1beta1"])
        .deny("events")
        .deny("pods/log");
    let asked = fake.asked();
    let cluster = fake.cluster();
    let tools = tools::basic(&cluster);
    let specs: Vec<_> = tools.iter().map(|tool| tool.spec()).collect();
    let needs = specs.iter().map(|spec| (spec.name.as_str(), &spec.access));
    let result = preflight(&cluster, &context(), needs, Some("shop")).await;
    let losses: Vec<_> = result
        .losses
        .iter()
        .map(|loss| (loss.tool.as_str(), loss.meaning.as_str(), loss.need))
        .collect();
    assert_eq!(
        losses,
        [
            (
                "describe_events",
                "describe_events does not work without events",
                Need::Required
            ),
            (
                "get_deployment_history",
                "get_deployment_history works, and does not see events",
                Need::Optional
            ),
            (
                "get_nodes",
                "get_nodes works, and does not see events",
                Need::Optional
            ),
            (
                "get_pod_logs",
                "get_pod_logs does not work without pods/log",
                Need::Required
            ),
            (
                "get_pods",
                "get_pods works, and does not see events",
                Need::Optional
            ),
        ]
    );
    let asked = asked.lock().unwrap();
    let reviews = asked.iter().filter(|what| what.starts_with("can")).count();
    let unique: BTreeSet<_> = asked.iter().filter(|what| what.starts_with("can")).collect();
    assert_eq!(
        (reviews, unique.len()),
        (result.asked, result.asked),
        "each right once"
    );
    assert!(
        !asked.iter().any(|what| what.contains("autoscaling")),
        "nothing is lost with what is not served"
    );
}

#[tokio::test]
async fn a_right_that_is_not_used_takes_nothing_essential() {
    let lacking = |denied: &str| {
        let denied = denied.to_owned();
        let mut reader = crate::cluster::MockClusterReader::new();
        reader
            .expect_discover()
            .returning(|_| Ok(crate::cluster::Discovery::default()));
        reader
            .expect_can_i()
            .returning(move |_, question| Ok(question.verb != denied));
        crate::cluster::Cluster::new(std::sync::Arc::new(reader))
    };
    let pods = Access::none().requires("", "pods", &["get", "list", "watch"]);
    let logs = Access::none().requires("", "pods/log", &["get", "list", "watch"]);
    let one = Access::none().looks_up("", "namespaces", &["get", "list", "watch"]);
    for (denied, access, need, meaning) in [
        (
            "get",
            &pods,
            Need::Optional,
            "tool works; it could not look at one of pods alone",
        ),
        ("list", &pods, Need::Required, "tool does not work without pods"),
        (
            "watch",
            &pods,
            Need::Optional,
            "tool works; it could not follow changes of pods",
        ),
        (
            "get",
            &logs,
            Need::Required,
            "tool does not work without pods/log",
        ),
        (
            "list",
            &logs,
            Need::Optional,
            "tool works; it could not follow changes of pods/log",
        ),
        (
            "get",
            &one,
            Need::Optional,
            "tool works, and does not see namespaces",
        ),
        (
            "list",
            &one,
            Need::Optional,
            "tool works; it could not follow changes of namespaces",
        ),
    ] {
        let result = preflight(&lacking(denied), &context(), [("tool", access)], None).await;
        let loss = &result.losses[0];
        assert_eq!((loss.need, loss.meaning.as_str()), (need, meaning), "{denied}");
    }
}

#[tokio::test]
async fn in_one_namespace_only_what_a_role_there_grants_is_asked_for_there() {
    let asked = |access: Access| {
        let mut reader = crate::cluster::MockClusterReader::new();
        reader
            .expect_discover()
            .returning(|_| Ok(crate::cluster::Discovery::default()));
        // A role in `shop`, and no other.
        reader
            .expect_can_i()
            .returning(|_, question| Ok(question.namespace.as_deref() == Some("shop")));
        let cluster = crate::cluster::Cluster::new(std::sync::Arc::new(reader));
        async move {
            let found = preflight(&cluster, &context(), [("tool", &access)], Some("shop")).await;
            found
                .losses
                .into_iter()
                .flat_map(|loss| loss.verbs)
                .collect::<Vec<_>>()
        }
    };
    let verbs = &["get", "list"];
    assert_eq!(asked(Access::none().uses("", "pods", verbs)).await, [""; 0]);
    assert_eq!(
        asked(Access::none().uses("", "pods", verbs).everywhere()).await,
        ["get", "list"]
    );
    assert_eq!(
        asked(Access::none().uses("", "nodes", verbs)).await,
        ["get", "list"]
    );
    // Whether the namespace is there may be asked by whoever has a role in it.
    assert_eq!(
        asked(Access::none().looks_up("", "namespaces", verbs)).await,
        ["list"]
    );
}

#[test]
fn the_account_that_writes_holds_one_lease_and_asks_for_approvals_and_decides_nothing() {
    let role = WriteRole::new("claw", &[]).unwrap();
    assert_eq!(role.objects().len(), 1, "the account alone");
    let role = role.holding("ops", "claw-agent").asking();
    let objects = role.objects();
    let named = |kind: &str, name: &str| {
        let found = objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name}: {objects:#?}"))
    };
    let lease = named("Role", "openclaw-agent-writer-lease");
    assert_eq!(lease["metadata"]["namespace"], "ops");
    assert_eq!(
        lease["rules"][1]["resourceNames"],
        serde_json::json!(["claw-agent"])
    );
    let approvals = named("Role", "openclaw-agent-writer-approvals");
    assert_eq!(approvals["metadata"]["namespace"], "claw");
    let binding = named("RoleBinding", "openclaw-agent-writer-lease");
    assert_eq!(binding["subjects"][0]["namespace"], "claw");
    // Nothing of that is on the list of what it must be denied.
    let granted = role.granted();
    assert_eq!(granted.len(), 4);
    let denied = denied(["claw", "ops"]);
    assert!(
        granted.iter().all(|question| !denied.contains(question)),
        "{granted:#?}"
    );
    let verbs: Vec<&str> = objects
        .iter()
        .flat_map(|object| object["rules"].as_array().into_iter().flatten())
        .flat_map(|rule| rule["verbs"].as_array().unwrap())
        .map(|verb| verb.as_str().unwrap())
        .collect();
    assert!(
        !verbs.iter().any(|verb| ["delete", "update", "*"].contains(verb)),
        "{verbs:?}"
    );
}

#[test]
fn the_stop_is_looked_at_and_not_changed() {
    let objects = stop_role("claw", "openclaw-agent", "claw-stop");
    assert_eq!(
        objects[0]["rules"],
        serde_json::json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["claw-stop"], "verbs": ["get"]}])
    );
    assert_eq!(objects[1]["subjects"][0]["name"], "openclaw-agent");
}
