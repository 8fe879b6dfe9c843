use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::ManualClock;
use claw_core::definition::MaxActions;
use claw_core::tool::ToolSpec;
use claw_core::walls::FaultKind;
use claw_guardrails::policy::Phase;
use claw_k8s::access::to_yaml;
use claw_k8s::cluster::{
    ClusterError, ClusterReader, Discovery, GetRequest, ListRequest, LogBytes, LogRequest, Resource,
    ServerVersion,
};
use claw_k8s::tools::propose;
use serde_json::json;

use super::*;

/// A cluster with these objects, in which the account that writes asks. Rights are as the roles among them give.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Vec<Value>>>);

impl World {
    fn with(objects: Vec<Value>) -> Self {
        Self(Arc::new(Mutex::new(objects)))
    }

    fn cluster(&self) -> Cluster {
        Cluster::new(Arc::new(self.clone()))
    }

    async fn look(&self, walls: &OuterWalls) -> Standing {
        let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
        walls
            .look(&self.cluster(), &ToolContext::new(clock, Duration::from_secs(30)))
            .await
    }

    fn absent(what: &str) -> ClusterError {
        ClusterError::NotFound {
            request: what.to_owned(),
            source: "absent".into(),
        }
    }
}

/// Whether roles among the objects give a right to the account.
fn gives(objects: &[Value], question: &AccessQuestion) -> bool {
    let has = |rule: &Value, field: &str, wanted: &str| {
        let listed = rule[field].as_array().into_iter().flatten();
        listed.into_iter().any(|one| one == wanted || one == "*")
    };
    let resource = match question.subresource.as_str() {
        "" => question.resource.clone(),
        part => format!("{}/{part}", question.resource),
    };
    let bound = objects.iter().filter(|object| match object["kind"].as_str() {
        Some("ClusterRoleBinding") => true,
        Some("RoleBinding") => object["metadata"]["namespace"].as_str() == question.namespace.as_deref(),
        _ => false,
    });
    let ours = bound.filter(|binding| binding["subjects"][0]["name"] == WriteRole::NAME);
    let roles: Vec<&Value> = ours.map(|binding| &binding["roleRef"]["name"]).collect();
    let rules = objects
        .iter()
        .filter(|object| object["kind"] == "ClusterRole" && roles.contains(&&object["metadata"]["name"]))
        .flat_map(|role| role["rules"].as_array().unwrap());
    let unnamed = rules.filter(|rule| rule.get("resourceNames").is_none());
    let mut fitting = unnamed.filter(|rule| {
        has(rule, "apiGroups", &question.group)
            && has(rule, "resources", &resource)
            && has(rule, "verbs", &question.verb)
    });
    fitting.next().is_some()
}

#[async_trait]
impl ClusterReader for World {
    async fn list_page(&self, _: &ToolContext, _: &ListRequest) -> Result<Vec<u8>, ClusterError> {
        Err(Self::absent("list"))
    }

    async fn get(&self, _: &ToolContext, request: &GetRequest) -> Result<Vec<u8>, ClusterError> {
        let objects = self.0.lock().unwrap();
        let found = objects.iter().find(|object| {
            object["kind"] == *request.resource.kind && object["metadata"]["name"] == *request.name
        });
        found
            .map(|object| object.to_string().into_bytes())
            .ok_or_else(|| Self::absent("get"))
    }

    async fn pod_logs(&self, _: &ToolContext, _: &LogRequest) -> Result<LogBytes, ClusterError> {
        Err(Self::absent("logs"))
    }

    async fn can_i(&self, _: &ToolContext, question: &AccessQuestion) -> Result<bool, ClusterError> {
        if self.0.lock().unwrap().is_empty() {
            return Err(Self::absent("review"));
        }
        Ok(gives(&self.0.lock().unwrap(), question))
    }

    async fn discover(&self, _: &ToolContext) -> Result<Discovery, ClusterError> {
        Ok(Discovery::default())
    }

    async fn kinds(&self, _: &ToolContext, _: &str) -> Result<Vec<Resource>, ClusterError> {
        Ok(Vec::new())
    }

    async fn version(&self, _: &ToolContext) -> Result<ServerVersion, ClusterError> {
        Ok(ServerVersion::default())
    }
}

fn proposers() -> Vec<ToolSpec> {
    let tools = propose::all(&World::default().cluster());
    tools.iter().map(|tool| tool.spec()).collect()
}

fn walls<'a>(phase: Phase, tools: impl IntoIterator<Item = &'a ToolSpec>) -> OuterWalls {
    let tools = tools.into_iter().map(|tool| (tool.name.as_str(), &tool.access));
    OuterWalls::new(Policy::default().with_phase(phase), tools).unwrap()
}

/// Every right in the roles of some manifests, as `verb resource.group`.
fn rights(manifests: &[Value]) -> BTreeSet<(String, String, String)> {
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let mut rights = BTreeSet::new();
    let rules = manifests
        .iter()
        .filter_map(|object| object["rules"].as_array())
        .flatten();
    for rule in rules {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    rights.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    rights
}

#[test]
fn the_manifests_are_as_they_were() {
    let tools = proposers();
    let here = walls(Phase::LowRiskWrites, &tools).within(["shop".to_owned()]);
    insta::assert_snapshot!("low_risk_writes", to_yaml(&here.manifests()).unwrap());
    let mut policy = Policy::default().with_phase(Phase::Expanded);
    policy.excluded_namespaces = vec!["vault".to_owned()];
    policy = policy.with_override(claw_guardrails::policy::Override::new(
        "payments",
        claw_guardrails::policy::Tier::Forbidden,
        "the auditors want people to do it",
    ));
    policy.overrides[0].when.namespaces = vec!["payments".to_owned()];
    policy.overrides[0].when.environments = vec![claw_guardrails::policy::Environment::Production];
    let all = tools.iter().map(|tool| (tool.name.as_str(), &tool.access));
    let everywhere = OuterWalls::new(policy, all).unwrap();
    insta::assert_snapshot!("expanded", to_yaml(&everywhere.manifests()).unwrap());
}

#[test]
fn what_is_printed_reads_back_as_it_was() {
    let walls = walls(Phase::Expanded, &proposers());
    let yaml = to_yaml(&walls.manifests()).unwrap();
    // By the reader of policies, which is strict.
    let (documents, problems) = claw_core::yaml::parse("walls.yaml", yaml.as_bytes(), "an object").unwrap();
    let read: Vec<Value> = documents.iter().map(|document| document.value.json()).collect();
    assert_eq!(problems.or(read).unwrap(), walls.manifests());
}

#[test]
fn no_role_that_can_be_generated_gives_what_is_forbidden() {
    let tools = proposers();
    let mut roles = 0;
    let mut all = BTreeSet::new();
    for &phase in Phase::ALL {
        // Every choice of tools.
        for choice in 0..1_u32 << tools.len() {
            let chosen = tools.iter().enumerate().filter(|(at, _)| choice & (1 << at) != 0);
            let walls = walls(phase, chosen.map(|(_, tool)| tool));
            let there = rights(&walls.clone().within(["shop".to_owned()]).role().objects());
            let everywhere = rights(&walls.role().objects());
            assert_eq!(
                there, everywhere,
                "the rights are the same, wherever they are bound"
            );
            let writes: Vec<_> = everywhere.iter().filter(|(_, _, verb)| !reads(verb)).collect();
            assert!(
                phase >= Phase::LowRiskWrites || writes.is_empty(),
                "{phase}: {writes:?}"
            );
            all.extend(everywhere);
            roles += 1;
        }
    }
    for (group, resource, verb) in &all {
        assert_eq!(
            forbidden(group, resource, verb),
            None,
            "{verb} {resource}.{group}"
        );
    }
    for question in denied([]) {
        let resource = match question.subresource.as_str() {
            "" => question.resource.clone(),
            part => format!("{}/{part}", question.resource),
        };
        let right = (question.group, resource, question.verb);
        assert!(!all.contains(&right), "{right:?}");
        assert!(forbidden(&right.0, &right.1, &right.2).is_some(), "{right:?}");
    }
    println!("{roles} roles, {} rights: none of them forbidden", all.len());
    assert!(roles >= 2_000 && all.len() > 10);
}

fn reads(verb: &str) -> bool {
    ["get", "watch"].contains(&verb)
}

#[test]
fn a_phase_gives_what_it_reaches_and_no_more() {
    let tools = proposers();
    let writes = |phase| -> Vec<String> {
        let manifests = walls(phase, &tools).manifests();
        let rights = rights(&manifests).into_iter().filter(|(_, _, verb)| !reads(verb));
        rights
            .map(|(group, resource, verb)| format!("{verb} {resource}.{group}"))
            .collect()
    };
    assert_eq!(writes(Phase::Recommend), [""; 0]);
    assert_eq!(
        writes(Phase::LowRiskWrites),
        [
            "patch deployments.apps",
            "patch replicasets.apps",
            "patch statefulsets.apps",
            "patch horizontalpodautoscalers.autoscaling"
        ]
    );
    assert_eq!(writes(Phase::Expanded).len(), 8);
    // Of tools that are of no use yet, nothing is granted.
    let restart = tools.iter().filter(|tool| tool.name == "restart_workload");
    let none = walls(Phase::LowRiskWrites, restart);
    assert!(none.role().granted().is_empty());
}

#[tokio::test]
async fn who_only_reads_has_an_account_without_rights_and_walls_that_deny_all() {
    let tools = proposers();
    for &phase in Phase::ALL {
        let mut policy = Policy::default().with_phase(phase);
        policy.max_actions = Some(MaxActions::ReadOnly);
        let named = tools.iter().map(|tool| (tool.name.as_str(), &tool.access));
        let reading = OuterWalls::new(policy, named).unwrap();
        assert!(reading.role().granted().is_empty(), "{phase}");
        let manifests = reading.manifests();
        let rights = rights(&manifests);
        assert!(
            rights
                .iter()
                .all(|(group, _, verb)| group.starts_with("admissionregistration") && verb == "get"),
            "{phase}: {rights:?}"
        );
        // An account that has rights of an earlier policy is found.
        let earlier = walls(Phase::LowRiskWrites, &tools).role().objects();
        let left = World::with([manifests, earlier].concat()).look(&reading).await;
        assert!(
            left.faults
                .iter()
                .any(|fault| fault.kind == FaultKind::OverPrivileged),
            "{phase}: {left:#?}"
        );
    }
}

#[test]
fn a_tool_that_declares_what_nobody_gets_is_refused_in_every_phase() {
    for (group, resource, verb, why) in [
        ("", "secrets", "patch", "Secrets are not touched"),
        ("", "pods/exec", "create", "nothing is run in a pod"),
        ("apps", "deployments", "deletecollection", "by name"),
        ("rbac.authorization.k8s.io", "roles", "bind", "people alone"),
        (
            "rbac.authorization.k8s.io",
            "roles",
            "patch",
            "for people to change",
        ),
        ("*", "pods", "patch", "everything"),
        ("", "namespaces", "delete", "a namespace is not deleted"),
        (
            "claw.dev",
            "approvals/status",
            "patch",
            "a status is for controllers",
        ),
    ] {
        let access = Access::none().writes(group, resource, &[verb]);
        for &phase in Phase::ALL {
            let error =
                OuterWalls::new(Policy::default().with_phase(phase), [("theirs", &access)]).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}

#[tokio::test]
async fn what_was_applied_is_found_intact() {
    let tools = proposers();
    for &phase in Phase::ALL {
        for places in [vec![], vec!["shop".to_owned(), "pay".to_owned()]] {
            let walls = walls(phase, &tools).within(places);
            let standing = World::with(walls.manifests()).look(&walls).await;
            assert!(standing.is_intact(), "{phase}: {standing:#?}");
            assert!(standing.looked_at > 100, "{}", standing.looked_at);
        }
    }
}

#[tokio::test]
async fn each_wall_that_is_missing_or_was_changed_is_named() {
    let walls = walls(Phase::LowRiskWrites, &proposers());
    let whole = walls.manifests();
    for (at, object) in whole.iter().enumerate() {
        let kind = object["kind"].as_str().unwrap();
        if !kind.starts_with("ValidatingAdmission") {
            continue;
        }
        let name = format!("{kind} {}", object["metadata"]["name"].as_str().unwrap());
        let mut without = whole.clone();
        without.remove(at);
        let standing = World::with(without).look(&walls).await;
        let [fault] = &standing.faults[..] else {
            panic!("{standing:?}")
        };
        assert_eq!(fault.kind, FaultKind::WallMissing);
        assert!(fault.what.starts_with(&name), "{fault}");
        let meaning = match kind {
            "ValidatingAdmissionPolicy" => "ignores a binding to it",
            _ => "nothing has the API server ask the policy",
        };
        assert!(fault.what.ends_with(meaning), "{fault}");
        let mut other = whole.clone();
        let (field, value) = match kind {
            "ValidatingAdmissionPolicy" => ("failurePolicy", json!("Ignore")),
            _ => (
                "matchResources",
                json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}),
            ),
        };
        other[at]["spec"][field] = value;
        let standing = World::with(other).look(&walls).await;
        assert_eq!(standing.faults[0].kind, FaultKind::WallDiffers);
        assert!(standing.faults[0].what.contains(field), "{}", standing.faults[0]);
        assert!(!standing.holds());
    }
}

#[tokio::test]
async fn a_wall_of_an_earlier_phase_is_found() {
    let tools = proposers();
    let (before, now) = (
        walls(Phase::LowRiskWrites, &tools),
        walls(Phase::Expanded, &tools),
    );
    let mut objects = now.manifests();
    let is_left = |object: &&Value| object["metadata"]["name"] == "openclaw-wall-phase";
    objects.extend(before.manifests().iter().filter(is_left).cloned());
    let standing = World::with(objects).look(&now).await;
    let [fault] = &standing.faults[..] else {
        panic!("{standing:?}")
    };
    assert_eq!(
        fault.to_string(),
        "wall differs: ValidatingAdmissionPolicy openclaw-wall-phase is left of another policy, and denies by it; delete it: \
         kubectl delete validatingadmissionpolicies openclaw-wall-phase"
    );
}

#[tokio::test]
async fn a_right_too_many_is_named_with_its_place() {
    let walls = walls(Phase::LowRiskWrites, &proposers());
    let bound = |role: &str, place: Option<&str>, rule: Value| {
        let kind = if place.is_some() {
            "RoleBinding"
        } else {
            "ClusterRoleBinding"
        };
        vec![
            json!({"kind": "ClusterRole", "metadata": {"name": role}, "rules": [rule]}),
            json!({"kind": kind, "metadata": {"name": role, "namespace": place}, "roleRef": {"name": role},
                "subjects": [{"name": WriteRole::NAME}]}),
        ]
    };
    let rule = |group: &str, resource: &str, verb: &str| json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
    for (place, rule, expected) in [
        (
            None,
            rule("", "namespaces", "delete"),
            "delete namespaces in all namespaces",
        ),
        (None, rule("", "secrets", "get"), "get secrets in all namespaces"),
        (
            Some("kube-system"),
            rule("", "secrets", "get"),
            "get secrets in kube-system",
        ),
        (
            Some("claw"),
            rule("", "pods/exec", "create"),
            "create pods/exec in claw",
        ),
        // Another tool's, of a later phase.
        (None, rule("", "nodes", "patch"), "patch nodes in all namespaces"),
        (None, rule("*", "*", "*"), "everything, everywhere"),
    ] {
        let mut objects = walls.manifests();
        objects.extend(bound("more", place, rule));
        let standing = World::with(objects).look(&walls).await;
        let [fault] = &standing.faults[..] else {
            panic!("{standing:?}")
        };
        assert_eq!(
            (fault.kind, fault.what.as_str()),
            (FaultKind::OverPrivileged, expected)
        );
        assert!(!standing.holds());
    }
}

#[tokio::test]
async fn a_missing_right_is_told_and_does_not_make_the_walls_fall() {
    let walls = walls(Phase::LowRiskWrites, &proposers());
    let mut objects = walls.manifests();
    objects.retain(|object| object["kind"] != "ClusterRoleBinding");
    let standing = World::with(objects).look(&walls).await;
    assert!(standing.holds() && !standing.is_intact());
    assert!(
        standing
            .faults
            .iter()
            .all(|fault| fault.kind == FaultKind::RightMissing)
    );
    assert!(
        standing
            .faults
            .iter()
            .any(|fault| fault.what == "patch deployments.apps in all namespaces")
    );
}

#[tokio::test]
async fn what_could_not_be_asked_is_not_taken_for_good() {
    let walls = walls(Phase::LowRiskWrites, &proposers());
    let standing = World::default().look(&walls).await;
    assert!(!standing.holds() && !standing.gaps.is_empty());
}

fn all_of(tools: &[ToolSpec]) -> OuterWalls {
    walls(Phase::LowRiskWrites, tools)
}

#[tokio::test]
async fn rights_of_tools_that_were_not_chosen_are_too_many() {
    let tools = proposers();
    let scale = tools.iter().filter(|tool| tool.name == "adjust_hpa");
    let others = tools.iter().filter(|tool| tool.name == "scale_workload");
    let walls = walls(Phase::LowRiskWrites, scale).and_not(others.map(|tool| &tool.access));
    let both = all_of(&tools);
    let mut objects = walls.manifests();
    objects.retain(|object| !object["kind"].as_str().unwrap().starts_with("Cluster"));
    objects.extend(both.role().objects());
    let standing = World::with(objects).look(&walls).await;
    let named: Vec<&str> = standing.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(
        named,
        [
            "patch deployments.apps in all namespaces",
            "patch replicasets.apps in all namespaces",
            "patch statefulsets.apps in all namespaces"
        ]
    );
}
