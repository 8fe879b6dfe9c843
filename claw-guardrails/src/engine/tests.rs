use std::time::Duration;

use claw_core::action::Verb;
use claw_core::clock::ManualClock;
use claw_core::entity::EntityRef;
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn scope(run: &str) -> Scope {
    Scope {
        run: run.to_owned(),
        step: None,
        actor: "claw".to_owned(),
        deadline: START + Duration::from_secs(60),
        cancel: CancellationToken::new(),
    }
}

fn engine(config: Config) -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    (Engine::new(config, clock.clone()), clock)
}

async fn rule(engine: &Engine, scope: &Scope, tool: &str, input: Value) -> Option<String> {
    rule_for(engine, scope, tool, Effect::Read, input).await
}

async fn rule_for(
    engine: &Engine,
    scope: &Scope,
    tool: &str,
    effect: Effect,
    input: Value,
) -> Option<String> {
    match engine.judge_read(scope, tool, effect, &input).await {
        Judgement::Allow { rules } => {
            assert!(!rules.is_empty());
            None
        }
        Judgement::Deny(refusal) => {
            assert!(!refusal.reason.is_empty() && !refusal.remedy.is_empty());
            Some(refusal.rule)
        }
        _ => panic!("no other judgement is known"),
    }
}

fn action() -> Action {
    Action {
        verb: Verb::Patch,
        target: EntityRef::namespaced("Deployment", "shop", "cart"),
        api_version: "apps/v1".to_owned(),
        uid: None,
        resource_version: None,
        pre_image: None,
        patch: json!({"spec": {"replicas": 3}}),
        expected: String::new(),
        reversal: None,
        reason: String::new(),
    }
}

#[tokio::test]
async fn refuses_every_write_as_not_enabled() {
    let (engine, _) = engine(Config::default());
    for verb in [Verb::Patch, Verb::Create, Verb::Delete, Verb::Evict] {
        let action = Action { verb, ..action() };
        let Judgement::Deny(refusal) = engine.judge_write(&scope("r"), &action).await else {
            panic!("a write was allowed");
        };
        assert_eq!(refusal.rule, "writes.not_enabled");
        assert!(refusal.reason.contains("not enabled"));
    }
}

#[tokio::test]
async fn refuses_to_propose_unless_the_mode_allows_it() {
    let (read_only, _) = engine(Config::default());
    let (proposing, _) = engine(Config::default().with_mode(Mode::Propose));
    for (engine, effect, refused) in [
        (&read_only, Effect::Read, None),
        (&read_only, Effect::Propose, Some("mode.read_only")),
        (&proposing, Effect::Read, None),
        (&proposing, Effect::Propose, None),
    ] {
        let answer = rule_for(engine, &scope("r"), "scale", effect, json!({})).await;
        assert_eq!(answer.as_deref(), refused, "{effect:?}");
    }
    assert_eq!(read_only.spent("r").calls, 1);
}

#[tokio::test]
async fn a_run_has_its_calls_and_no_more() {
    let (engine, _) = engine(Config::default().with_budgets(Budgets::default().with_calls(3)));
    let first = scope("first");
    for _ in 0..3 {
        assert_eq!(rule(&engine, &first, "get_pods", json!({})).await, None);
    }
    assert_eq!(
        rule(&engine, &first, "get_pods", json!({})).await.as_deref(),
        Some("budget.run")
    );
    assert_eq!(engine.spent("first").calls, 3);
    assert_eq!(rule(&engine, &scope("second"), "get_pods", json!({})).await, None);
    engine.end_run("first");
    assert_eq!(rule(&engine, &first, "get_pods", json!({})).await, None);
}

#[tokio::test]
async fn a_tool_has_its_calls_and_no_more() {
    let budgets = Budgets::default()
        .with_calls_per_tool(2)
        .with_tool("get_pod_logs", 1);
    let (engine, _) = engine(Config::default().with_budgets(budgets));
    let scope = scope("r");
    assert_eq!(rule(&engine, &scope, "get_pods", json!({})).await, None);
    assert_eq!(rule(&engine, &scope, "get_pods", json!({})).await, None);
    assert_eq!(rule(&engine, &scope, "get_pod_logs", json!({})).await, None);
    for tool in ["get_pods", "get_pod_logs"] {
        assert_eq!(
            rule(&engine, &scope, tool, json!({})).await.as_deref(),
            Some("budget.tool")
        );
    }
    assert_eq!(engine.spent("r").calls, 3);
}

#[tokio::test]
async fn concurrent_calls_cannot_exceed_the_budget() {
    let (engine, _) = engine(Config::default().with_budgets(Budgets::default().with_calls(10)));
    let engine = Arc::new(engine);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { rule(&engine, &scope("r"), "t", json!({})).await })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += u32::from(task.await.unwrap().is_none());
    }
    assert_eq!(allowed, 10);
}

#[tokio::test]
async fn refuses_after_the_deadline() {
    let (engine, clock) = engine(Config::default());
    assert_eq!(rule(&engine, &scope("old"), "t", json!({})).await, None);
    clock.advance(Duration::from_secs(60));
    assert_eq!(
        rule(&engine, &scope("old"), "t", json!({})).await.as_deref(),
        Some("run.deadline")
    );
}

#[tokio::test]
async fn a_run_that_waits_keeps_its_account_until_it_ends() {
    let (engine, clock) = engine(Config::default().with_budgets(Budgets::default().with_calls(1)));
    assert_eq!(rule(&engine, &scope("waits"), "t", json!({})).await, None);
    // Its step's time is over while a person thinks; other runs begin.
    clock.advance(Duration::from_secs(3600));
    let later = |run| Scope {
        deadline: START + Duration::from_secs(7200),
        ..scope(run)
    };
    assert_eq!(rule(&engine, &later("other"), "t", json!({})).await, None);
    assert_eq!(
        rule(&engine, &later("waits"), "t", json!({})).await.as_deref(),
        Some("budget.run")
    );
    engine.end_run("waits");
    assert_eq!(engine.spent("waits"), Spent::default());
}

#[tokio::test]
async fn the_rules_that_allow_are_those_that_could_have_refused() {
    let budgets = Budgets::default().with_calls(2).with_calls_per_tool(1);
    let config = Config::default().with_budgets(budgets).deny_namespace("vault");
    let (engine, clock) = engine(config);
    let run = scope("r");
    let Judgement::Allow { rules } = engine.judge_read(&run, "t", Effect::Read, &json!({})).await else {
        panic!("refused");
    };
    let mut refused = vec![rule(&engine, &run, "t", json!({})).await];
    assert_eq!(rule(&engine, &run, "u", json!({})).await, None);
    refused.insert(0, rule(&engine, &run, "v", json!({})).await);
    refused.insert(0, rule(&engine, &run, "v", json!({"namespace": "vault"})).await);
    clock.advance(Duration::from_secs(60));
    refused.insert(0, rule(&engine, &run, "v", json!({"namespace": "vault"})).await);
    run.cancel.cancel();
    refused.insert(0, rule(&engine, &run, "v", json!({})).await);
    refused.insert(0, rule_for(&engine, &run, "v", Effect::Propose, json!({})).await);
    engine.stop().engage("now");
    refused.insert(0, rule(&engine, &run, "v", json!({})).await);
    assert_eq!(refused.into_iter().flatten().collect::<Vec<_>>(), rules);
}

#[tokio::test]
async fn the_stop_is_felt_by_calls_under_way() {
    let (engine, _) = engine(Config::default());
    let before = engine.stopped();
    engine.stop().engage("a person pressed it");
    assert!(before.is_cancelled());
    // Released at once: what was under way stays broken off, what begins now goes on.
    engine.stop().release();
    assert!(before.is_cancelled() && !engine.stopped().is_cancelled());
}

#[tokio::test]
async fn refuses_calls_of_a_cancelled_run() {
    let (engine, _) = engine(Config::default());
    let scope = scope("r");
    scope.cancel.cancel();
    assert_eq!(
        rule(&engine, &scope, "t", json!({})).await.as_deref(),
        Some("run.cancelled")
    );
}

#[tokio::test]
async fn the_stop_refuses_everything_until_it_is_released() {
    let (engine, _) = engine(Config::default());
    let stop = engine.stop().clone();
    stop.engage("a person pressed it");
    stop.engage("again");
    assert_eq!(stop.reason().as_deref(), Some("a person pressed it"));
    assert_eq!(
        rule(&engine, &scope("r"), "t", json!({})).await.as_deref(),
        Some("stop.engaged")
    );
    let Judgement::Deny(refusal) = engine.judge_write(&scope("r"), &action()).await else {
        panic!("a write was allowed");
    };
    assert_eq!(refusal.rule, "stop.engaged");
    stop.release();
    assert_eq!(rule(&engine, &scope("r"), "t", json!({})).await, None);
}

#[tokio::test]
async fn refuses_calls_that_name_a_denied_namespace() {
    let config = Config::default()
        .deny_namespace("secret-ns")
        .deny_namespace("vault");
    let (engine, _) = engine(config);
    for input in [
        json!({"namespace": "vault"}),
        json!({"namespaces": ["shop", "vault"]}),
        json!({"entity": {"kind": "Pod", "namespace": "secret-ns", "name": "a"}}),
        json!({"entity": {"kind": "Namespace", "name": "vault"}}),
        json!({"query": "sum(rate(x{namespace=\"vault\"}[5m]))"}),
        json!({"query": "x{namespace=~'shop|vault'}"}),
        json!({"queries": ["up", "x{ns=`secret-ns`}"]}),
        json!({"query": "x{namespace=~\"vau.*\"}"}),
        json!({"query": "x{job=\"a\", namespace =~ \"v[a-z]+t\"}"}),
        json!({"query": "x{namespace=\"\\x76ault\"}"}),
        json!({"query": "x{namespace=\"\\166ault\"}"}),
        json!({"query": "x{\"k8s.namespace.name\"=~'\\u0076ault'}"}),
        json!({"query": "sum by (pod) (x{namespace=~\"shop\"}) / y{exported_namespace=~`(?i)VAULT`}"}),
        json!({"query": "{app=\"a\"} | namespace =~ \".*ault\" |= \"x\""}),
        json!({"query": "x{namespace=~\"v.*\",namespace!=\"shop\"}"}),
        json!({"query": "x{namespace=~\"v(\"}"}),
    ] {
        let answer = rule(&engine, &scope("r"), "t", input.clone()).await;
        assert_eq!(answer.as_deref(), Some("reads.denied_namespace"), "{input}");
    }
    for input in [
        json!({}),
        json!({"namespace": "shop"}),
        json!({"name": "vault"}),
        json!({"entity": {"kind": "Service", "namespace": "shop", "name": "vault"}}),
        json!({"query": "x{namespace=\"vault-ui\"}"}),
        json!({"query": "x{namespace=~\"vault.+|shop\"}"}),
        json!({"query": "x{namespace=~\".+\"}"}),
        json!({"query": "x{namespace!=\"shop\"}"}),
        json!({"query": "x{namespace=~\"[uv]ault\",namespace!~\"va.*\"}"}),
        json!({"query": "x{pod=~\"vau.*\", note=\"namespace=~'v.*'\"}"}),
        json!({"query": "{app=\"a\"} |= \"namespace=~\" |~ \"v.*\""}),
        json!({"query": "x{namespace=~\"shop\"} > 1 and on (namespace) y < 2"}),
    ] {
        assert_eq!(
            rule(&engine, &scope("r"), "t", input.clone()).await,
            None,
            "{input}"
        );
    }
}

#[test]
fn refuses_unknown_settings() {
    let config: Config = serde_json::from_value(json!({"budgets": {"calls": 5}})).unwrap();
    assert_eq!(
        config,
        Config::default().with_budgets(Budgets::default().with_calls(5))
    );
    let config: Config = serde_json::from_value(json!({"mode": "propose"})).unwrap();
    assert_eq!(config, Config::default().with_mode(Mode::Propose));
    for bad in [
        json!({"budget": {}}),
        json!({"mode": "reckless"}),
        json!({"budgets": {"call": 5}}),
    ] {
        assert!(serde_json::from_value::<Config>(bad).is_err());
    }
}

/// A fence that another process has.
struct Elsewhere;

#[async_trait]
impl claw_core::fence::Fence for Elsewhere {
    async fn check(&self) -> Result<u64, claw_core::fence::Lost> {
        Err(claw_core::fence::Lost::HeldByAnother {
            lease: "Lease claw/agent".to_owned(),
            holder: "agent-1".to_owned(),
        })
    }
}

#[tokio::test]
async fn a_process_that_does_not_hold_the_lease_writes_nothing() {
    let (engine, _) = engine(Config::default().with_mode(Mode::Live));
    let engine = engine.with_fence(Arc::new(Elsewhere));
    engine.clear(&action());
    let Judgement::Deny(refusal) = engine.judge_write(&scope("r"), &action()).await else {
        panic!("a write was allowed");
    };
    assert_eq!(refusal.rule, "lease.not_held");
    assert!(refusal.reason.contains("held by agent-1"), "{refusal}");
    // Reading goes on.
    assert_eq!(rule(&engine, &scope("r"), "get_pods", json!({})).await, None);
}
