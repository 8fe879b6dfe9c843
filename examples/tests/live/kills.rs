//! `claw-agent serve`, killed in the middle of a run.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use claw_testkit::loopback::Loopback;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::world::{World, alert};

/// Steps of an investigation.
const STEPS: i64 = 5;
/// How often a boundary may be missed, because the agent was faster than the test.
const ATTEMPTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that takes reports, and the keys of those that it got.
struct Receiver {
    server: Loopback,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn start() -> Self {
        let keys = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&keys);
        let take = async move |headers: HeaderMap| {
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            kept.lock().unwrap().push(key);
        };
        let server = Loopback::serve(Router::new().route("/", post(take)))
            .await
            .unwrap();
        Self { server, keys }
    }

    fn got(&self, run: &str) -> usize {
        self.keys.lock().unwrap().iter().filter(|key| *key == run).count()
    }
}

/// Holds the lock on writes to the journal, so that the agent gets on by one transaction at a time.
struct Turnstile(SqliteConnection);

impl Turnstile {
    async fn close(world: &World) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(world.path("claw-data/journal.sqlite"))
            .busy_timeout(PATIENCE);
        let mut turnstile = Self(options.connect().await.unwrap());
        turnstile.execute("BEGIN IMMEDIATE").await;
        turnstile
    }

    async fn execute(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.0).await.unwrap();
    }

    async fn number(&mut self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.0).await.unwrap()
    }

    /// Lets one transaction pass. A second one passes too where the agent begins it within microseconds.
    async fn turn(&mut self) {
        // Changes when another connection has committed.
        const VERSION: &str = "PRAGMA data_version";
        let before = self.number(VERSION).await;
        self.execute("ROLLBACK").await;
        let committed = async {
            while self.number(VERSION).await == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, committed)
            .await
            .expect("the agent journals something");
        self.execute("BEGIN IMMEDIATE").await;
    }

    /// The last run, and how many of its steps are journaled.
    async fn last_run(&mut self) -> Option<(String, i64)> {
        sqlx::query_as(
            "SELECT id, (SELECT count(*) FROM steps WHERE run = id) FROM runs ORDER BY position DESC LIMIT 1",
        )
        .fetch_optional(&mut self.0)
        .await
        .unwrap()
    }

    /// Deliveries of a run that were begun, whether they have come to an end or not.
    async fn begun(&mut self, run: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE run = $1 AND state <> 'pending'")
            .bind(run)
            .fetch_one(&mut self.0)
            .await
            .unwrap()
    }

    /// The steps of a run that are journaled, each with its time.
    async fn steps(&mut self, run: &str) -> Vec<(String, String)> {
        sqlx::query_as("SELECT name, ended_at FROM steps WHERE run = $1 ORDER BY step")
            .bind(run)
            .fetch_all(&mut self.0)
            .await
            .unwrap()
    }

    async fn delivered(&mut self, run: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE run = $1 AND state = 'delivered'")
            .bind(run)
            .fetch_one(&mut self.0)
            .await
            .unwrap()
    }
}

/// An alert that no run has taken yet.
fn another_alert(world: &World, number: usize) -> Value {
    let mut body = alert(world.began);
    body["alerts"][0]["fingerprint"] = json!(format!("killed-{number}"));
    body["alerts"][0]["labels"]["probe"] = json!(number.to_string());
    body["groupKey"] = json!(format!("killed-{number}"));
    body
}

/// Kills an agent when `steps` steps of a new run are journaled and it waits to journal what comes next.
///
/// The id of the run and its steps, or nothing if the agent had journaled more by then.
async fn killed_after(
    world: &World,
    receiver: &Receiver,
    steps: i64,
    number: usize,
) -> Option<(String, Vec<(String, String)>)> {
    let url = receiver.server.url();
    // Each alert is to open a run of its own, though all are of one incident.
    let mut served = world.serve(&["--report-webhook", &url, "--no-grouping"]).await;
    let mut turnstile = Turnstile::close(world).await;
    let known = turnstile.last_run().await.map(|(run, _)| run);
    let sent = tokio::spawn(served.webhook(&another_alert(world, number)).send());
    let (run, journaled) = loop {
        turnstile.turn().await;
        match turnstile.last_run().await {
            Some((run, journaled)) if Some(&run) != known.as_ref() && journaled >= steps => {
                break (run, journaled);
            }
            _ => {}
        }
    };
    // SIGKILL: nothing is told, nothing is closed.
    served.child.kill().await.unwrap();
    let begun = turnstile.begun(&run).await;
    let taken = turnstile.steps(&run).await;
    drop(turnstile);
    let _ = sent.await;
    (journaled == steps && begun == 0).then_some((run, taken))
}

/// Starts the agent again and stops it when it has delivered the report of `run`.
async fn finish(world: &World, receiver: &Receiver, run: &str) {
    let url = receiver.server.url();
    let mut served = world.serve(&["--report-webhook", &url]).await;
    let report = world.path("claw-data/reports").join(format!("{run}.json"));
    let delivered = async {
        while !report.exists() || receiver.got(run) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, delivered).await.expect("a report");
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_between_steps_delivers_one_report() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let mut number = 0;
    for steps in 0..=STEPS {
        let (run, taken) = loop {
            number += 1;
            assert!(number < ATTEMPTS * 6, "step {steps} is never met");
            if let Some(killed) = killed_after(&world, &receiver, steps, number).await {
                break killed;
            }
        };
        assert_eq!(receiver.got(&run), 0, "nothing is delivered before the kill");
        finish(&world, &receiver, &run).await;
        assert_eq!(receiver.got(&run), 1, "killed after step {steps}");
        let mut journal = Turnstile::close(&world).await;
        assert_eq!(journal.delivered(&run).await, 2, "to the folder and the receiver");
        let all = journal.steps(&run).await;
        assert!(all.starts_with(&taken), "{all:?} goes on from {taken:?}");
    }
    let (code, stdout, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0, "{stdout}");
}
