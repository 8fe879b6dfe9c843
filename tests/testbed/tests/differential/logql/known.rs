//! Differences that are meant. Each is asked and must still differ in the way that is stated, so that one that grows is seen
//! and one that goes away leaves the list.

use serde_json::Value;

use super::both::Both;
use crate::ask::{Answer, Ask};

/// What the real server answers and the simulated one refuses in as many words, and why that is meant.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("count_over_time({namespace=\"shop\"}[5m])", METRICS),
    ("rate({namespace=\"shop\"}[5m])", METRICS),
    (
        "sum by (pod) (count_over_time({namespace=\"shop\"} |= \"ERROR\" [5m]))",
        METRICS,
    ),
    ("{namespace=\"shop\"} | json", STAGES),
    ("{namespace=\"shop\"} | logfmt | level=\"error\"", STAGES),
    ("{namespace=\"shop\"} | pod=\"cart-1\"", STAGES),
    ("{namespace=\"shop\"} | regexp \"(?P<n>\\\\d+)\"", STAGES),
    ("{namespace=\"shop\"} | pattern \"<_> <n>\"", STAGES),
    ("{namespace=\"shop\"} | line_format \"{{.pod}}\"", STAGES),
    ("{namespace=\"shop\"} | label_format a=pod", STAGES),
    ("{namespace=\"shop\"} | decolorize", STAGES),
    ("{namespace=\"shop\"} | drop pod", STAGES),
    ("{namespace=\"shop\"} |> \"<_>refused<_>\"", STAGES),
    ("{namespace=\"shop\"} !> \"<_>refused<_>\"", STAGES),
    ("{namespace=\"shop\"} |= ip(\"10.0.0.0/8\")", STAGES),
];
const METRICS: &str = "lines are counted by the agent, which sees them anyway";
const STAGES: &str = "the agent takes lines apart itself, the same for every source";

/// Whether the real server names all labels that the simulated one names, and more.
fn names_more(real: &Answer, simulated: &Answer) -> bool {
    let names =
        |answer: &Answer| -> Vec<Value> { answer.body["data"].as_array().cloned().unwrap_or_default() };
    let (real, simulated) = (names(real), names(simulated));
    real.len() > simulated.len() && simulated.iter().all(|name| real.contains(name))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn known_differences_of_loki_are_still_there() {
    const TEST: &str = "known differences of Loki";
    let testbed = crate::testbed().await;
    let Some(both) = Both::start(&testbed, TEST).await else {
        return;
    };
    let mut wrong = Vec::new();
    for (query, why) in UNSUPPORTED {
        let [real, simulated] = both.answers(&both.range(query, 0, 3600)).await;
        let text = simulated.body.to_string();
        if real.status != 200 || !text.contains("not supported by the simulated") {
            wrong.push(format!(
                "{query} is listed because {why}: {} / {}",
                real.body, simulated.body
            ));
        }
    }
    // Of a part of the time for which it holds lines the real server tells the labels of all of it.
    for (from, to) in [(300, 330), (7200, 7300)] {
        let [start, end] = [from, to].map(|seconds| both.begin.nanoseconds(seconds));
        let ask = Ask::get("/loki/api/v1/labels", &[("start", &start), ("end", &end)]);
        let [real, simulated] = both.answers(&ask).await;
        if !names_more(&real, &simulated) {
            wrong.push(format!(
                "labels of {from} to {to}: {} / {}",
                real.body, simulated.body
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
