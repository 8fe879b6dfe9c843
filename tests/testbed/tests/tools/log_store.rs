//! `search_logs`

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::tool::ToolErrorKind;
use claw_metrics::tools::SearchLogsOutput;
use claw_testbed::suite::{Part, Testbed, wait_until};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, SOON};
use super::objects::merged;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn lines_of_the_log_store_are_found_by_place_text_and_time() {
    let testbed = Testbed::for_test().await;
    let Some(loki) = testbed.service(Part::Loki, "the log store").unwrap() else {
        return;
    };
    let namespace = testbed.namespace("lines").await.unwrap();
    let ns = namespace.name();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let begin = SystemClock.now().as_second() - 100;
    let time = |second: i64| Timestamp::from_second(begin + second).unwrap();
    let awkward = r#"said "no" to {app="cart"} |= `all` \ of it"#;
    let lines = |pod: &str| -> Vec<Value> {
        let line = |second: i64| {
            let text = if second == 5 {
                awkward.to_owned()
            } else {
                format!("{pod} {second}")
            };
            json!([format!("{}000000000", begin + second), text])
        };
        (0..10).map(line).collect()
    };
    let stream = |pod: &str| {
        let labels = json!({ "namespace": ns, "pod": pod, "container": "main", "app": "cart" });
        json!({ "stream": labels, "values": lines(pod) })
    };
    let pushed = json!({ "streams": [stream("cart-1"), stream("cart-2")] });
    loki.post("/loki/api/v1/push", &pushed).await.unwrap();
    let asked = |more: Value| {
        merged(
            json!({ "namespace": ns, "start": time(0), "end": time(60) }),
            more,
        )
    };
    let found = async |more: Value| -> SearchLogsOutput { agent.ask("search_logs", asked(more)).await };
    let all = wait_until(SOON, "all lines", async || {
        let answer = found(json!({})).await;
        let lines = answer.lines.len();
        Ok(if lines == 20 {
            Ok(answer)
        } else {
            Err(lines.to_string())
        })
    })
    .await
    .unwrap();
    assert!(!all.truncated && all.warnings.is_empty(), "{:?}", all.warnings);
    assert!(all.lines.is_sorted_by(|a, b| a.time <= b.time));
    assert_eq!(all.lines[0].time, time(0));
    assert_eq!(all.lines[0].labels["pod"], "cart-1");
    for (more, count) in [
        (json!({ "pod": "cart-1" }), 10),
        (json!({ "pod": "cart-1", "container": "main" }), 10),
        (json!({ "container": "side" }), 0),
        (json!({ "labels": { "app": "cart" } }), 20),
        (json!({ "labels": { "app": "web" } }), 0),
        (json!({ "contains": "cart-2 7" }), 1),
        (json!({ "contains": awkward }), 2),
        // What looks like a query is looked for as it is.
        (json!({ "pod": "cart-1\"} or {pod=\"cart-2" }), 0),
        (json!({ "namespace": "no-such-namespace" }), 0),
        (json!({ "start": time(3), "end": time(4) }), 4),
    ] {
        let answer = found(more.clone()).await;
        assert_eq!(answer.lines.len(), count, "{more}");
        assert!(!answer.truncated, "{more}");
    }
    let newest = found(json!({ "limit": 4 })).await;
    let seconds: Vec<_> = newest
        .lines
        .iter()
        .map(|line| line.time.as_second() - begin)
        .collect();
    assert_eq!((seconds, newest.truncated), (vec![8, 8, 9, 9], true));
    for wrong in [
        json!({ "start": time(9), "end": time(1) }),
        json!({ "limit": 0 }),
        json!({ "limit": 5001 }),
        json!({ "labels": { "app.kubernetes.io/name": "cart" } }),
        json!({ "namespace": "" }),
    ] {
        let error = agent.refusal("search_logs", asked(wrong.clone())).await;
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{wrong}: {error}");
    }
}
