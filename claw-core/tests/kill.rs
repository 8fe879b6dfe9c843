//! A process that is killed without warning, at any moment, leaves a journal from which the next one finishes the run:
//! one report, shown once by each sink.

// A test: functions that it shares with itself may fail it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use claw_core::report::Report;
use claw_core::store::{DeliveryEnd, Journal, NewRun, RunStatus, Snapshot, SqliteStore, StepResult};
use claw_core::workflow::RunId;
use jiff::Timestamp;
use serde_json::{Value, json};

const STEPS: u32 = 4;
const SINKS: [&str; 2] = ["chat", "folder"];

fn now() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn run() -> RunId {
    RunId("inc-1".to_owned())
}

fn report() -> Report {
    serde_json::from_value(json!({
        "case": "inc-1", "workflow": "incident", "cluster": "test", "title": "t", "summary": "s", "verdict": "unknown",
        "severity": "info", "since": null, "window": {"start": now(), "end": now()}, "subject": [], "hypotheses": [],
        "symptoms": [], "changes": [], "ruled_out": [], "tests": [], "recommendations": [], "evidence": [], "gaps": [],
        "groups": [], "timeline": [], "topology": {"nodes": [], "edges": []},
    }))
    .unwrap()
}

/// A sink that tells repeats by their key, as chat services do; it outlives the process.
fn show(folder: &Path, sink: &str) {
    let path = folder.join(sink);
    let shown = std::fs::read_to_string(&path).unwrap_or_default();
    if !shown.lines().any(|line| line == run().0) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        // In one write: of two, a kill may leave the first.
        file.write_all(format!("{}\n", run()).as_bytes()).unwrap();
    }
}

/// Says that something is done, so that the other process can strike.
fn moment() {
    println!("moment");
    std::io::stdout().flush().unwrap();
}

async fn work(folder: &Path) {
    let store = SqliteStore::open(folder.join("journal.db")).await.unwrap();
    moment();
    let new = NewRun {
        id: run(),
        workflow: "incident".to_owned(),
        input: json!({}),
        alerts: Vec::new(),
    };
    store.enqueue(new, now()).await.unwrap();
    moment();
    while let Some(claim) = store.claim(now()).await.unwrap() {
        moment();
        let mut state: Value = claim.state.map_or(json!([]), |state| state.read().unwrap());
        let step = claim.run.step;
        assert_eq!(
            state.as_array().unwrap().len(),
            step as usize,
            "a step was lost or taken twice"
        );
        if step + 1 < STEPS {
            state
                .as_array_mut()
                .unwrap()
                .push(json!({"step": step, "padding": "x".repeat(20_000)}));
            let result = StepResult {
                step,
                name: format!("step-{step}"),
                state: Snapshot::of(&state).unwrap(),
                wait: None,
            };
            store.record_step(&run(), result, now()).await.unwrap();
        } else {
            let sinks = SINKS.map(str::to_owned);
            store
                .finish(&run(), step, "end", &report(), &sinks, now())
                .await
                .unwrap();
        }
        moment();
    }
    for delivery in store.due_deliveries(now()).await.unwrap() {
        store.begin_delivery(&run(), &delivery.sink, now()).await.unwrap();
        moment();
        show(folder, &delivery.sink);
        moment();
        store
            .end_delivery(&run(), &delivery.sink, DeliveryEnd::Delivered, now())
            .await
            .unwrap();
        moment();
    }
    println!("finished");
}

fn block_on<F: Future<Output = ()>>(future: F) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

#[test]
#[ignore = "the process that the other test kills; it reads its folder from standard input"]
fn victim() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    // Nothing is to be killed when all ignored tests are run.
    if !folder.trim().is_empty() {
        block_on(work(&PathBuf::from(folder.trim())));
    }
}

fn start(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["victim", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", folder.display()).unwrap();
    child
}

/// Kills it after so many moments. Returns whether it had finished before.
fn kill_after(mut child: Child, moments: usize) -> bool {
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut seen = 0;
    let finished = loop {
        if seen == moments {
            break false;
        }
        match lines.next() {
            Some(line) if line == "moment" => seen += 1,
            Some(line) if line == "finished" => break true,
            Some(_) => {}
            None => panic!("it ended by itself after {seen} moments"),
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    finished
}

async fn check(folder: &Path) {
    let store = SqliteStore::open(folder.join("journal.db")).await.unwrap();
    assert_eq!(store.run(&run()).await.unwrap().unwrap().status, RunStatus::Done);
    assert_eq!(store.report(&run()).await.unwrap(), Some(report()));
    assert_eq!(store.steps(&run()).await.unwrap().len(), STEPS as usize);
    assert_eq!(store.due_deliveries(now()).await.unwrap(), []);
    for sink in SINKS {
        let shown = std::fs::read_to_string(folder.join(sink)).unwrap();
        assert_eq!(shown, format!("{}\n", run()), "{sink}");
    }
}

#[test]
fn a_killed_process_loses_nothing_and_doubles_nothing() {
    let mut kills = 0;
    for first in 0.. {
        let folder = tempfile::tempdir().unwrap();
        if kill_after(start(folder.path()), first) {
            break;
        }
        kills += 1;
        // The next one is killed as well, a little later, and so on: each gets at least one step further.
        for later in 4.. {
            if kill_after(start(folder.path()), later) {
                break;
            }
            kills += 1;
        }
        block_on(check(folder.path()));
    }
    assert!(kills >= 17, "{kills} kills");
}
