use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::report::Verdict;
use claw_core::tool::{Tool, ToolContext, ToolError};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::incident::testing::{at, case};
use crate::trigger::AlertStatus;

fn alert(labels: &[(&str, &str)]) -> Alert {
    let labels: BTreeMap<String, String> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Alert {
        fingerprint: "f".to_owned(),
        status: AlertStatus::Firing,
        labels,
        annotations: BTreeMap::new(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        generator_url: None,
    }
}

fn read(front: &str) -> Result<Runbooks, String> {
    let file = format!("---\n{front}\n---\nLook first.\n");
    Runbooks::parse("cart.md", file.as_bytes()).map_err(|error| error.to_string())
}

fn problem(front: &str) -> String {
    read(front).unwrap_err()
}

#[test]
fn an_alert_has_to_fit_by_name_and_by_labels() {
    let runbooks = read("title: A\nmatch:\n  alert: [Cart*, Down]\n  labels: {namespace: shop-*}").unwrap();
    let fits = |labels: &[(&str, &str)]| runbooks.0[0].fits.alert(&alert(labels));
    assert!(fits(&[("alertname", "CartSlow"), ("namespace", "shop-eu")]));
    assert!(!fits(&[("alertname", "CartSlow"), ("namespace", "bank")]));
    assert!(!fits(&[("alertname", "CartSlow")]));
    assert!(!fits(&[("alertname", "Other"), ("namespace", "shop-eu")]));
    let of_cause = read("title: A\nmatch: {mechanism: memory_limit}").unwrap();
    assert!(!of_cause.0[0].fits.alert(&alert(&[("alertname", "Down")])));
    assert!(of_cause.0[0].fits.mechanism("memory_limit"));
}

#[test]
fn what_cannot_be_honoured_is_refused_with_its_place() {
    let good = "title: A\nmatch: {alert: Down}\n";
    for (front, said) in [
        ("match: {alert: Down}", "cart.md:2:1: the key `title` is missing"),
        ("title: A", "the key `match` is missing"),
        (
            "title: A\nmatch: {}",
            "nothing is said of what the runbook is about",
        ),
        (
            "title: A\nmatch: {alerts: Down}",
            "cart.md:3:9: match: unknown key `alerts`; did you mean `alert`?",
        ),
        (
            "title: A\nmatch: {mechanism: [memory_limt]}",
            "did you mean `memory_limit`?",
        ),
        (&format!("{good}owner: ann"), "cart.md:4:1: unknown key `owner`"),
        (&format!("{good}tools: [get_pods]"), "expected a mapping"),
        (
            &format!("{good}tools:\n- name: get_pods\n  input: {{namespace: \"{{{{team}}}}\"}}"),
            "`{{team}}` is no placeholder; write one of {{namespace}}",
        ),
        (
            &format!("{good}tools:\n- name: get_pods\n  input:\n    namespace: {{{{namespace}}}}"),
            "put the text in quotes",
        ),
    ] {
        let problem = problem(front);
        assert!(problem.contains(said), "{front}\n{problem}");
    }
    for text in ["# A page\n", "---\ntitle: A\n", ""] {
        let error = Runbooks::parse("a.md", text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("a.md:1:1: a runbook begins with YAML"),
            "{error}"
        );
    }
}

#[test]
fn placeholders_take_names_and_nothing_else() {
    let mut case = case();
    case.subject = vec![claw_core::entity::EntityRef::namespaced(
        "Deployment",
        "shop",
        "cart",
    )];
    let sent = alert(&[
        ("alertname", "Down"),
        ("pod", "cart-1"),
        ("evil", "x\"} or vector(1) #"),
    ]);
    let values = template::Values {
        alert: &sent,
        case: &case,
    };
    let fill = |text: &str| {
        let input = json!({"query": [{"text": text}]});
        values.fill(input.as_object().unwrap())
    };
    let filled =
        fill("{{ subject.kind }}/{{subject.name}} {{namespace}} {{alert.labels.pod}} {{start}}").unwrap();
    assert_eq!(
        filled,
        json!({"query": [{"text": format!("Deployment/cart shop cart-1 {}", at(-7200))}]})
    );
    assert!(
        fill("{{alert.labels.evil}}")
            .unwrap_err()
            .contains("characters that names do not have")
    );
    assert!(
        fill("{{alert.labels.none}}")
            .unwrap_err()
            .contains("says nothing for")
    );
}

#[test]
fn runbooks_are_named_by_cause_and_pages_by_their_alert() {
    let runbooks = read("title: A\nmatch: {mechanism: '*_degradation'}\ntools: [{name: get_nodes}]").unwrap();
    let mut case = case();
    let mut firing = alert(&[("alertname", "Down")]);
    let address = "https://runbooks.example.com/down".to_owned();
    firing
        .annotations
        .insert("runbook_url".to_owned(), address.clone());
    case.incident.alerts = vec![firing.clone(), firing];
    let weights = crate::incident::weights::Weights::default();
    let mut report = crate::incident::conclude::report(&case, "test", &weights);
    assert_eq!(report.verdict, Verdict::Unknown);
    report.hypotheses = vec![claw_core::evidence::Hypothesis {
        mechanism: "latency_degradation".to_owned(),
        confidence: 0.6,
        ..crate::deliver::sample::incident().hypotheses.remove(0)
    }];
    runbooks.name_in(&mut report, &case);
    let places: Vec<&str> = report
        .runbooks
        .iter()
        .map(|runbook| runbook.place.as_str())
        .collect();
    assert_eq!(places, [address.as_str()], "the report names no cause");
    report.verdict = Verdict::Cause;
    runbooks.name_in(&mut report, &case);
    let named: Vec<(&str, &str)> = report
        .runbooks
        .iter()
        .map(|runbook| (runbook.place.as_str(), runbook.because[0].as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("cart.md", "cause 1 is latency_degradation"),
            (address.as_str(), "the alert names it")
        ]
    );
    assert_eq!(report.runbooks[0].text, "Look first.");
    assert!(report.runbooks[0].because[1].contains("calls were not made"));
}

struct Scale;

#[async_trait]
impl Tool for Scale {
    const NAME: &'static str = "scale";
    const EFFECT: Effect = Effect::Propose;
    type Input = ();
    type Output = ();

    fn description(&self) -> &str {
        "Proposes another number of replicas"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, _input: ()) -> Result<(), ToolError> {
        Ok(())
    }
}

#[test]
fn a_tool_that_proposes_is_refused_where_there_is_one() {
    let mut tools = Registry::new();
    tools.register(Scale).unwrap();
    let runbooks = read("title: A\nmatch: {alert: Down}\ntools:\n- name: scale\n- name: get_nodes").unwrap();
    let known: BTreeSet<&'static str> = BTreeSet::from(["get_nodes"]);
    let error = runbooks.check(&tools, &known).unwrap_err().to_string();
    assert_eq!(
        error,
        "cart.md:5:9: tools[0]: `scale` proposes a change, and runbooks only look; remove the call, and say in the text what \
         a person is to do"
    );
}
