//! Both Prometheus, with the same samples in them.

use std::sync::Arc;

use claw_core::clock::ManualClock;
use claw_testbed::suite::{DedicatedServer, Series, Testbed, push};
use claw_testkit::prometheus::{Server, Store};
use jiff::Timestamp;

use super::compare::difference;
use crate::ask::{Answer, Ask, Servers, Tally};

/// Series in one push.
const PUSHED: usize = 500;

/// A query at one moment, in milliseconds since 1970.
pub(super) fn instant(query: &str, time: i64) -> Ask {
    Ask::get("/api/v1/query", &[("query", query), ("time", &seconds(time))]).posted()
}

/// A query over a range, in milliseconds.
pub(super) fn range(query: &str, (start, end): (i64, i64), step: i64) -> Ask {
    let [start, end, step] = [start, end, step].map(seconds);
    let parameters = [
        ("query", query),
        ("start", &start),
        ("end", &end),
        ("step", &step),
    ];
    Ask::get("/api/v1/query_range", &parameters).posted()
}

fn seconds(milliseconds: i64) -> String {
    format!("{}", milliseconds as f64 / 1000.0)
}

/// Both servers, and what differed so far.
pub(super) struct Both {
    servers: Servers,
    tally: Tally,
    // They end with this value.
    _own: DedicatedServer,
    _server: Server,
}

impl Both {
    /// Starts both with the samples of `store`. Skips `test` by name where no real one can be started.
    pub(super) async fn start(testbed: &Testbed, test: &str, store: Store) -> Option<Self> {
        Self::scraping(testbed, test, store, &[]).await
    }

    /// The same with a real one that also scrapes.
    pub(super) async fn scraping(
        testbed: &Testbed,
        test: &str,
        store: Store,
        targets: &[String],
    ) -> Option<Self> {
        let own = DedicatedServer::prometheus(testbed, test, targets)
            .await
            .unwrap_or_else(|error| panic!("{}", error.line()))?;
        let series: Vec<Series> = store
            .series()
            .map(|(labels, points)| Series {
                labels: labels
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                samples: points.to_vec(),
            })
            .collect();
        for some in series.chunks(PUSHED) {
            push(own.service(), some)
                .await
                .unwrap_or_else(|error| panic!("{}", error.line()));
        }
        let now = store.span().map_or(0, |(_, last)| last);
        let clock = Arc::new(ManualClock::at(Timestamp::from_millisecond(now).unwrap()));
        let server = Server::start(store, clock).await.unwrap();
        Some(Self {
            servers: Servers::at(own.url(), &server.url()),
            tally: Tally::default(),
            _own: own,
            _server: server,
        })
    }

    /// What both answer, the real one first.
    pub(super) async fn answers(&self, ask: &Ask) -> [Answer; 2] {
        self.servers.answers(ask).await
    }

    /// How the answers differ, without noting it.
    pub(super) async fn difference(&self, ask: &Ask) -> Option<String> {
        let [real, simulated] = self.answers(ask).await;
        difference(&real, &simulated, ask.compare)
    }

    /// Sends a request to both, notes where they differ, and returns the real answer.
    pub(super) async fn same(&mut self, ask: &Ask) -> Answer {
        self.compare(ask).await.0
    }

    /// The same, with the difference that was noted.
    pub(super) async fn compare(&mut self, ask: &Ask) -> (Answer, Option<String>) {
        let [real, simulated] = self.answers(ask).await;
        let difference = difference(&real, &simulated, ask.compare);
        self.tally.note(ask, &real, difference.clone());
        (real, difference)
    }

    /// Notes queries that never had a result, apart from those of `empty` and those that may be empty.
    pub(super) fn expect_results(&mut self, empty: &[&str], may_be_empty: impl Fn(&str) -> bool) {
        self.tally.expect_results(empty, may_be_empty);
    }

    /// Says how much was compared, and fails if there was a difference, or nothing to compare.
    pub(super) fn end(self, test: &str) {
        self.tally.end(test);
    }
}
