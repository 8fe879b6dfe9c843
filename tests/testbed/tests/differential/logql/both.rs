//! Both Loki, with the same lines in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::ManualClock;
use claw_testbed::suite::{DedicatedServer, Service, Testbed, wait_until};
use claw_testkit::loki::{Server, Store};
use serde_json::Value;

use super::lines::{Begin, SECOND, pushed};
use crate::ask::{Answer, Ask, Servers, Tally, short};

/// The label of what the real server takes for a line's level.
pub(super) const LEVEL: &str = "detected_level";

/// Until lines that were pushed are found.
const SOON: Duration = Duration::from_secs(30);

/// Both servers, and what differed so far.
pub(super) struct Both {
    servers: Servers,
    tally: Tally,
    pub(super) begin: Begin,
    pub(super) own: DedicatedServer,
    pub(super) server: Server,
}

impl Both {
    /// Starts both and pushes the lines. Skips `test` by name where no real one can be started.
    pub(super) async fn start(testbed: &Testbed, test: &str) -> Option<Self> {
        let own = DedicatedServer::loki(testbed, test)
            .await
            .unwrap_or_else(|error| panic!("{}", error.line()))?;
        let begin = Begin::recent();
        let clock = Arc::new(ManualClock::at(begin.at(2 * 3600 * SECOND)));
        let server = Server::start(Store::new(), clock).await.unwrap();
        let body = pushed(begin);
        own.service().post("/loki/api/v1/push", &body).await.unwrap();
        let simulated = Service::at(&server.url()).unwrap();
        simulated.post("/loki/api/v1/push", &body).await.unwrap();
        let both = Self {
            servers: Servers::at(own.url(), &server.url()),
            tally: Tally::default(),
            begin,
            own,
            server,
        };
        let all = both.range(r#"{pod="ledger-1"}"#, 0, 3600);
        wait_until(SOON, "the lines are found", async || {
            let [real, _] = both.servers.answers(&all).await;
            Ok(if real.results() > 0 {
                Ok(())
            } else {
                Err(real.body.to_string())
            })
        })
        .await
        .unwrap();
        Some(both)
    }

    /// A query over a range, in seconds since the lines begin, with the oldest lines first.
    pub(super) fn range(&self, query: &str, from: i64, to: i64) -> Ask {
        let [start, end] = [from, to].map(|seconds| self.begin.nanoseconds(seconds));
        let parameters = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("direction", "forward"),
            ("limit", "5000"),
        ];
        Ask::get("/loki/api/v1/query_range", &parameters)
    }

    /// Sends a request to both, notes where they differ, and returns the real answer.
    pub(super) async fn same(&mut self, ask: &Ask) -> Answer {
        let [real, simulated] = self.servers.answers(ask).await;
        self.tally.note(ask, &real, difference(&real, &simulated, ask));
        real
    }

    /// What both answer, the real one first.
    pub(super) async fn answers(&self, ask: &Ask) -> [Answer; 2] {
        self.servers.answers(ask).await
    }

    /// Notes a difference.
    pub(super) fn differs(&mut self, ask: &Ask, difference: &str) {
        self.tally.differs(ask, difference);
    }

    /// Notes queries that never had a result, apart from those of `empty`.
    pub(super) fn expect_results(&mut self, empty: &[&str]) {
        self.tally.expect_results(empty, |_| false);
    }

    /// Says how much was compared, and fails if there was a difference, or nothing to compare.
    pub(super) fn end(self, test: &str) {
        self.tally.end(test);
    }
}

fn difference(real: &Answer, simulated: &Answer, ask: &Ask) -> Option<String> {
    let differ = || {
        Some(format!(
            "really {} {}, simulated {} {}",
            real.status,
            short(&real.body),
            simulated.status,
            short(&simulated.body)
        ))
    };
    if real.status != simulated.status {
        return differ();
    }
    if real.status != 200 {
        return if ask.compare.text && real.body != simulated.body {
            differ()
        } else {
            None
        };
    }
    let (expected, got) = (&real.body["data"], &simulated.body["data"]);
    if expected["resultType"] != got["resultType"] {
        return differ();
    }
    let same = match expected["resultType"].as_str() {
        Some(_) => joined(expected, ask) == lines(got),
        None if ask.path.ends_with("series") => sorted(expected) == sorted(got),
        None => expected == got,
    };
    if same { None } else { differ() }
}

/// The lines of each stream in the order in which they come.
fn lines(data: &Value) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for stream in data["result"].as_array().into_iter().flatten() {
        let mut labels = stream["stream"].clone();
        if let Some(labels) = labels.as_object_mut() {
            labels.remove(LEVEL);
        }
        let values = stream["values"].as_array().into_iter().flatten().cloned();
        found.entry(labels.to_string()).or_default().extend(values);
    }
    found
}

/// The same of the real server, which says of each line what it takes for its level: a stream comes in pieces by that, and they
/// are put together again. The agent reads levels itself, the same for every source of logs.
fn joined(data: &Value, ask: &Ask) -> BTreeMap<String, Vec<Value>> {
    let direction = ask.parameters.iter().find(|(name, _)| name == "direction");
    let forward = direction.is_some_and(|(_, direction)| direction.eq_ignore_ascii_case("forward"));
    let mut found = lines(data);
    for values in found.values_mut() {
        values.sort_by(|a, b| {
            let order = a[0].as_str().cmp(&b[0].as_str());
            if forward { order } else { order.reverse() }
        });
    }
    found
}

fn sorted(data: &Value) -> Vec<String> {
    let mut items: Vec<String> = data
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect();
    items.sort();
    items
}
