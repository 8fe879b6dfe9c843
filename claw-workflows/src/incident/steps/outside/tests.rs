use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::gate::{Gate, Scope};
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use claw_core::workflow::Progress;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::incident::mechanism::fixture;
use crate::incident::testing::{at, case};

fn scope() -> BTreeSet<String> {
    BTreeSet::from(["shop".to_owned()])
}

/// A tool that answers so, or is refused.
struct Canned<T: Tool>(Option<Value>, PhantomData<fn() -> T>);

#[async_trait]
impl<T: Tool> Tool for Canned<T> {
    const NAME: &'static str = T::NAME;
    const EFFECT: Effect = T::EFFECT;
    type Input = T::Input;
    type Output = T::Output;

    fn description(&self) -> &str {
        "answers as the test says"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _: &ToolContext, _: T::Input) -> Result<T::Output, ToolError> {
        match &self.0 {
            Some(answer) => Ok(serde_json::from_value(answer.clone()).unwrap()),
            None => Err(ToolError::new(ToolErrorKind::Denied, "not in all namespaces")),
        }
    }
}

/// The gaps of a case, and whether there are objects, after a look at all namespaces that was answered so.
async fn looked(pods: Option<Value>, workloads: Value) -> (Case, bool) {
    let clock = Arc::new(ManualClock::at(at(1800)));
    let mut tools = Registry::new();
    tools.register(Canned::<GetPods>(pods, PhantomData)).unwrap();
    let workloads = Canned::<GetWorkloads>(Some(workloads), PhantomData);
    tools.register(workloads).unwrap();
    let scope = Scope {
        run: "run".to_owned(),
        step: Some("synthesize".to_owned()),
        actor: "agent".to_owned(),
        deadline: clock.deadline(Duration::from_secs(60)),
        cancel: CancellationToken::new(),
    };
    let engine = Arc::new(Engine::new(Config::default(), clock.clone()));
    let audit = Arc::new(MemoryAuditLog::default());
    let gate = Gate::new(engine, audit, clock, Redactor::new());
    let cx = StepContext::new(gate, tools, scope, Progress::new(|_| ()));
    let mut case = case();
    case.gap("nodes", "refused", "grant it");
    let found = read_elsewhere(&cx, &mut case).await.unwrap();
    (case, found.is_some())
}

fn sources(case: &Case) -> Vec<&str> {
    case.gaps.iter().map(|gap| gap.source.as_str()).collect()
}

#[tokio::test]
async fn what_is_not_seen_of_other_namespaces_is_told_as_such() {
    let nothing =
        || json!({"pods": [], "workloads": [], "autoscalers": [], "usage": [], "events": [], "gaps": []});
    let (case, found) = looked(None, nothing()).await;
    assert_eq!(
        (sources(&case), found),
        (vec!["nodes", "get_pods of other namespaces"], false)
    );
    let cut = |source: &str| {
        json!({"pods": [], "workloads": [], "autoscalers": [], "usage": [], "events": [],
            "gaps": [{"source": source, "reason": "only the first 500 objects", "remedy": "ask for one namespace"}]})
    };
    let (case, found) = looked(Some(cut("pods")), cut("deployments.apps")).await;
    let told = vec![
        "nodes",
        "pods of other namespaces",
        "deployments.apps of other namespaces",
    ];
    assert_eq!((sources(&case), found), (told, true));
    let (case, found) = looked(Some(nothing()), nothing()).await;
    assert_eq!((sources(&case), found), (vec!["nodes"], true));
}

fn edge(from: EntityRef, relation: Relation, to: EntityRef) -> Edge {
    Edge {
        from,
        relation,
        to,
        via: "gateway".to_owned(),
    }
}

#[test]
fn routes_of_other_namespaces_are_followed_to_their_gateway() {
    let route = EntityRef::namespaced("HTTPRoute", "front", "cart");
    let gateway = EntityRef::namespaced("Gateway", "front", "public");
    let other = EntityRef::namespaced("HTTPRoute", "front", "mail");
    let own = EntityRef::namespaced("HTTPRoute", "shop", "own");
    let cart = || EntityRef::namespaced("Service", "shop", "cart");
    let edges = [
        edge(gateway.clone(), Relation::Routes, route.clone()),
        edge(route.clone(), Relation::Routes, cart()),
        edge(
            other,
            Relation::Routes,
            EntityRef::namespaced("Service", "post", "mail"),
        ),
        edge(own, Relation::Routes, cart()),
    ];
    assert_eq!(routes_into(&scope(), &edges), BTreeSet::from([gateway, route]));
}

#[test]
fn callers_of_the_alerting_ones_come_first() {
    let names = ["a", "b", "c", "d", "e"];
    let mut case = fixture::case(json!({
        "workloads": names.map(|name| fixture::workload("office", name, json!([{"name": "app"}]))),
    }));
    case.subject = vec![EntityRef::namespaced("Service", "shop", "stock")];
    let caller = |name: &str| EntityRef::namespaced("Deployment", "office", name);
    let callee = |name: &str| EntityRef::namespaced("Service", "shop", name);
    let mut edges: Vec<Edge> = names
        .iter()
        .map(|name| edge(caller(name), Relation::Calls, callee("cart")))
        .collect();
    edges.push(edge(caller("e"), Relation::Calls, callee("stock")));
    edges.push(edge(
        caller("d"),
        Relation::Calls,
        EntityRef::namespaced("Service", "office", "a"),
    ));
    let facts = Facts::new(&case);
    let found = callers_into(&facts, &scope(), &edges);
    assert_eq!(found, ["a", "b", "e"].map(caller).into_iter().collect());
}

/// A pod of a Job, ended with that code.
fn run(namespace: &str, name: &str, code: i64) -> Value {
    json!({
        "metadata": {
            "name": format!("{name}-x1"), "namespace": namespace,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": name, "controller": true}],
        },
        "spec": {"containers": [{"name": "c", "image": "i"}]},
        "status": {
            "phase": if code == 0 { "Succeeded" } else { "Failed" },
            "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": code}}}],
        },
    })
}

#[test]
fn of_jobs_elsewhere_those_that_fail_may_be_whom_it_waits_for() {
    let case = fixture::case(json!({"pods": [
        run("infra", "renew", 1), run("infra", "backup", 0), run("shop", "import", 1),
    ]}));
    let facts = Facts::new(&case);
    let found: Vec<&str> = failing_jobs(&facts, &scope())
        .iter()
        .map(|pod| pod.metadata.name.as_str())
        .collect();
    assert_eq!(found, ["renew-x1"]);
    assert!(names_any(
        "may not patch secrets in the namespace \"shop\"",
        &scope()
    ));
    assert!(!names_any(
        "may not patch secrets in the namespace \"shop-2\"",
        &scope()
    ));
}
