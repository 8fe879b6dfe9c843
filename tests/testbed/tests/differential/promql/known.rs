//! Differences that are meant. Each is asked and must still differ in the way that is stated, so that one that grows is seen
//! and one that goes away leaves the list.

use serde_json::Value;

use super::both::{Both, instant};
use super::refusals::NAMED_TWICE;
use super::samples::{at, store};
use crate::ask::{Answer, Ask};

/// How the two differ.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The real one answers; the simulated one says that it does not support this.
    Unsupported,
    /// The real one finds nothing; the simulated one refuses.
    Refused,
    /// Both have a value, and not the same.
    OtherValue,
    /// The real one lists what the simulated one lists, and more.
    More,
}

impl Way {
    fn holds(self, real: &Answer, simulated: &Answer) -> bool {
        let both_answer = real.status == 200 && simulated.status == 200;
        match self {
            Self::Unsupported => {
                let text = simulated.body["error"].as_str().unwrap_or_default();
                real.status == 200 && text.contains("not supported by the simulated")
            }
            Self::Refused => real.status == 200 && real.results() == 0 && simulated.status == 400,
            Self::OtherValue => {
                let value = |answer: &Answer| {
                    let result = answer.body.pointer("/data/result/0/value/1");
                    result.and_then(Value::as_str).map(str::to_owned)
                };
                let values = (value(real), value(simulated));
                both_answer && values.0.is_some() && values.1.is_some() && values.0 != values.1
            }
            Self::More => {
                let listed = |answer: &Answer| answer.body["data"].as_array().cloned().unwrap_or_default();
                let (real, simulated) = (listed(real), listed(simulated));
                both_answer
                    && real.len() > simulated.len()
                    && simulated.iter().all(|item| real.contains(item))
            }
        }
    }
}

const NEWER: &str = "it is newer than the parser, which is the same that checks the agent's queries";
const CHUNKS: &str =
    "the real one looks at where chunks of samples begin and end, not at the samples in them";
const PROCESSOR: &str = "on this processor the real one does not compute it as it is defined";

fn known() -> Vec<(Ask, Way, &'static str)> {
    let query = |query: &str| instant(query, at(3600));
    let lists = ["/api/v1/series", "/api/v1/labels", "/api/v1/label/job/values"];
    let mut known: Vec<(Ask, Way, &str)> = [
        "rate(memory_bytes[5m] anchored)",
        "memory_bytes[5m] smoothed",
        "memory_bytes[5m * 2]",
        "rate(memory_bytes[10m - 5m])",
        "memory_bytes > 100_000_000",
    ]
    .into_iter()
    .map(|form| (query(form), Way::Unsupported, NEWER))
    .collect();
    for path in lists {
        let ask = Ask::get(path, &[("match[]", NAMED_TWICE)]);
        known.push((
            ask,
            Way::Refused,
            "the parser refuses a metric that is named twice",
        ));
    }
    // Between two samples of a series that has one in five minutes.
    for path in ["/api/v1/series", "/api/v1/labels"] {
        let (start, end) = ((at(10) / 1000).to_string(), (at(290) / 1000).to_string());
        let between = [("match[]", "rare"), ("start", &start), ("end", &end)];
        known.push((Ask::get(path, &between), Way::More, CHUNKS));
    }
    if cfg!(target_arch = "x86_64") {
        for form in ["ln(extreme{kind=\"tiny\"})", "year(odd{kind=\"all_nan\"})"] {
            known.push((query(form), Way::OtherValue, PROCESSOR));
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn known_differences_of_prometheus_are_still_there() {
    const TEST: &str = "known differences of Prometheus";
    let testbed = crate::testbed().await;
    let Some(both) = Both::start(&testbed, TEST, store()).await else {
        return;
    };
    let mut wrong = Vec::new();
    for (ask, way, why) in known() {
        let [real, simulated] = both.answers(&ask).await;
        if !way.holds(&real, &simulated) {
            wrong.push(format!(
                "{ask:?}\n    is listed as {way:?} because {why}: {} / {}",
                real.body, simulated.body
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
