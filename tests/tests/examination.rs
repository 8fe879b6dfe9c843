//! Incidents that were written without knowledge of how the agent works: how often the right cause comes first.
//!
//! Nothing is set by them. What they show to be wrong is mended by its kind, with a scenario or a unit test of its own.
#![allow(clippy::unwrap_used)] // a failure is a panic

use std::path::{Path, PathBuf};

use claw_core::report::{Report, Verdict};
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_testkit::scenario::score::{Answer, Outcome, Table};
use futures::StreamExt as _;

/// Replays under way at a time.
const CONCURRENT: usize = 4;
/// As often as this the right cause is named first at least.
const FIRST: f64 = 0.7;

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examination");
    let entries = std::fs::read_dir(root).unwrap();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

async fn examine(folder: PathBuf) -> (Option<Answer>, Report) {
    let bundle = Bundle::load(folder).unwrap();
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    (bundle.expect.as_ref().and_then(Answer::parse), report)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_cause_is_named_first_and_nothing_where_nothing_is_wrong() {
    let folders = folders();
    let mut answers = futures::stream::iter(folders.iter().cloned().map(examine)).buffered(CONCURRENT);
    let (mut table, mut lines, mut alarms) = (Table::default(), String::new(), Vec::new());
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy();
        let (answer, report) = answers.next().await.unwrap();
        let Some(answer) = answer else {
            if report.verdict == Verdict::Cause {
                alarms.push(name.into_owned());
            }
            continue;
        };
        let outcome = Outcome::of(&report, &answer);
        let place = outcome.place.map_or("-".to_owned(), |place| place.to_string());
        lines += &format!("{place:>3}  {name}\n");
        table.add(&["all"], &outcome);
    }
    println!("\n{lines}\n{table}");
    assert!(alarms.is_empty(), "nothing is wrong there: {alarms:?}");
    let all = table.group("all").unwrap();
    assert!(all.share_within(1) >= FIRST, "{lines}\n{table}");
}
