//! `query_prometheus` and `list_metrics`

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::tool::ToolErrorKind;
use claw_metrics::tools::{ListMetricsOutput, QueryPrometheusOutput};
use claw_testbed::machine;
use claw_testbed::suite::{Part, Series, Testbed, push, wait_until};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, SOON};

/// Between two samples, in seconds.
const STEP: i64 = 15;
/// Samples of each series.
const SAMPLES: i64 = 41;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn promql_is_evaluated_by_the_real_server() {
    let testbed = Testbed::for_test().await;
    // Samples are pushed, which not every Prometheus takes.
    let Some(prometheus) = testbed.service(Part::Prometheus, "promql").unwrap() else {
        return;
    };
    if testbed.need(Part::Run, "promql").is_none() {
        return;
    }
    let namespace = testbed.namespace("metrics").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let name = format!("claw_suite_{}_total", machine::secret(4).unwrap());
    let end = SystemClock.now().as_second() / STEP * STEP;
    let begin = end - STEP * (SAMPLES - 1);
    // Two counters, one of which grows twice as fast.
    let series = [("a", 1.0), ("b", 2.0)].map(|(pod, speed)| Series {
        labels: vec![
            ("__name__".to_owned(), name.clone()),
            ("namespace".to_owned(), namespace.name().to_owned()),
            ("pod".to_owned(), pod.to_owned()),
        ],
        samples: (0..SAMPLES)
            .map(|number| {
                let time = (begin + STEP * number) * 1000;
                #[allow(clippy::cast_precision_loss)] // small numbers
                let value = (STEP * number) as f64 * speed;
                (time, value)
            })
            .collect(),
    });
    push(&prometheus, &series).await.unwrap();
    let time = |second: i64| Timestamp::from_second(second).unwrap();
    let selector = format!("{name}{{namespace=\"{}\"}}", namespace.name());
    let at_end = |query: String| json!({ "query": query, "time": time(end) });
    wait_until(SOON, "the samples", async || {
        let answer: QueryPrometheusOutput = agent.ask("query_prometheus", at_end(selector.clone())).await;
        let series = answer.series.len();
        Ok(if series == 2 {
            Ok(())
        } else {
            Err(series.to_string())
        })
    })
    .await
    .unwrap();

    let values = async |query: String| -> Vec<f64> {
        let answer: QueryPrometheusOutput = agent.ask("query_prometheus", at_end(query)).await;
        assert!(!answer.truncated);
        // Rates are quotients.
        let rounded = |value: f64| (value * 1e6).round() / 1e6;
        let values = answer.series.iter();
        values.map(|series| rounded(series.points[0].1)).collect()
    };
    assert_eq!(values(selector.clone()).await, [600.0, 1200.0]);
    assert_eq!(values(format!("rate({selector}[5m])")).await, [1.0, 2.0]);
    assert_eq!(values(format!("sum(rate({selector}[5m]))")).await, [3.0]);
    assert_eq!(values(format!("{selector} > 1000")).await, [1200.0]);
    let nothing = values(format!("{name}{{pod=\"c\"}}")).await;
    assert!(nothing.is_empty(), "no series is not a zero: {nothing:?}");

    let range = json!({ "query": selector, "start": time(begin), "end": time(end), "step": 60 });
    let answer: QueryPrometheusOutput = agent.ask("query_prometheus", range).await;
    let points = &answer.series[0].points;
    assert_eq!(points.len(), 11);
    assert_eq!((points[0], points[10]), ((time(begin), 0.0), (time(end), 600.0)));
    // A step that suits the range is chosen.
    let range = json!({ "query": selector, "start": time(begin), "end": time(end) });
    let answer: QueryPrometheusOutput = agent.ask("query_prometheus", range).await;
    assert_eq!(answer.series[0].points.len(), 121);

    let listed = json!({ "match": format!("{{namespace=\"{}\"}}", namespace.name()) });
    let answer: ListMetricsOutput = agent.ask("list_metrics", listed).await;
    let names: Vec<_> = answer.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert!(names.contains(&name.as_str()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn queries_that_make_no_sense_are_refused_with_the_reason() {
    let testbed = Testbed::for_test().await;
    if testbed.need(Part::Prometheus, "wrong queries").is_none() {
        return;
    }
    let namespace = testbed.namespace("metrics").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    // Two series of one value each, whatever the server knows.
    let two = "(label_replace(vector(1), \"side\", \"a\", \"\", \"\") or label_replace(vector(1), \"side\", \"b\", \"\", \"\"))";
    let day = |query: &str, step: Value| json!({ "query": query, "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z", "step": step });
    let wrong = [
        (json!({ "query": "sum(" }), "not valid PromQL"),
        (json!({ "query": "" }), "empty"),
        (json!({ "query": "rate(up[500d])" }), "400 days"),
        (json!({ "query": "rate(up)" }), "expected type matrix"),
        (
            json!({ "query": "up", "start": "2026-03-01T00:00:00Z" }),
            "belong together",
        ),
        (day("up", json!(1)), "moments"),
        // What only the server can know: there are two series without labels on either side. Its own words are for operators.
        (
            json!({ "query": format!("{two} / on() group_right() {two}") }),
            "refused the query (execution)",
        ),
    ];
    for (asked, reason) in wrong {
        let error = agent.refusal("query_prometheus", asked.clone()).await;
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{asked}: {error}");
        assert!(error.to_string().contains(reason), "{asked}: {error}");
    }
    let error = agent
        .refusal("list_metrics", json!({ "match": "rate(up[5m])" }))
        .await;
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{error}");
}
