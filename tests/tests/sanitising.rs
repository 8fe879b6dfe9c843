//! A recording without its names shows what it showed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use claw_core::report::Report;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_testkit::scenario::sanitise::{sanitise, write};
use claw_testkit::scenario::{Scenario, draft, load_all};
use futures::StreamExt as _;

/// Replays under way at a time.
const CONCURRENT: usize = 4;

fn scenarios() -> Vec<Scenario> {
    load_all(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap()
}

async fn replay(bundle: &Bundle) -> Report {
    Replay::of(bundle).await.unwrap().run().await.unwrap()
}

/// Verdict, mechanism and confidence.
/// By how much confidences may differ: of pods that are alike, whose log is read goes by their names.
const NEARLY: f64 = 0.005;

fn answer(report: &Report) -> (String, f64) {
    let first = report.hypotheses.first();
    let mechanism = first.map(|first| first.mechanism.as_str()).unwrap_or_default();
    let confidence = first.map_or(0.0, |first| first.confidence);
    (format!("{:?} {mechanism}", report.verdict), confidence)
}

/// Writes a scenario without its names, and reads it back.
fn written(scenario: &Scenario, folder: &Path) -> (Bundle, BTreeSet<String>) {
    let made = sanitise(&scenario.bundle, 3, &BTreeSet::new()).unwrap();
    write(&made.bundle, folder).unwrap();
    (Bundle::load(folder).unwrap(), made.replaced)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_same_without_the_names() {
    let scenarios = scenarios();
    let judged: Vec<Option<String>> = futures::stream::iter(&scenarios)
        .map(async |scenario| {
            let folder = tempfile::tempdir().unwrap();
            let (bundle, _) = written(scenario, &folder.path().join("made"));
            let (before, after) = (replay(&scenario.bundle).await, replay(&bundle).await);
            let mut problems = Vec::new();
            let ((said, sure), (again, as_sure)) = (answer(&before), answer(&after));
            if said != again || (sure - as_sure).abs() > NEARLY {
                problems.push(format!(
                    "{said} {sure:.3} and, without names, {again} {as_sure:.3}"
                ));
            }
            problems.extend(draft(&after).misses(&after).iter().map(ToString::to_string));
            let told = problems.join("; ");
            (!problems.is_empty()).then(|| format!("{}: {told}", scenario.name()))
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let problems: Vec<String> = judged.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Names of objects that say whose they are: those with a word that is none of the field, by a list of its own.
fn telling_names(scenario: &Scenario, replaced: &BTreeSet<String>) -> BTreeSet<String> {
    let objects = scenario.bundle.objects.iter();
    let of_objects = objects
        .filter(|object| object["kind"] != "Event")
        .flat_map(|object| ["name", "namespace"].map(|field| object["metadata"][field].as_str()))
        .flatten()
        .map(str::to_owned);
    let of_alert = |label: &str| {
        let alerts = scenario
            .bundle
            .alert
            .iter()
            .filter_map(|alert| alert["alerts"].as_array());
        let values = alerts
            .flatten()
            .filter_map(|alert| alert["labels"][label].as_str());
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    of_objects
        .chain(of_alert("namespace"))
        .chain(of_alert("pod"))
        .chain(of_alert("service"))
        .filter(|name| replaced.contains(name))
        .collect()
}

#[test]
fn none_of_the_names_is_left_in_any_file() {
    let mut problems = Vec::new();
    let (mut names, mut kept) = (0, BTreeSet::new());
    for scenario in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let (_, replaced) = written(&scenario, &made);
        let telling = telling_names(&scenario, &replaced);
        names += telling.len();
        let all = scenario
            .bundle
            .objects
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str());
        kept.extend(all.filter(|name| !replaced.contains(*name)).map(str::to_owned));
        let texts = texts(&made);
        for name in &telling {
            let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            for (path, text) in &texts {
                let found = text.match_indices(name.as_str()).find(|(at, _)| {
                    edge(text[..*at].chars().next_back()) && edge(text[at + name.len()..].chars().next())
                });
                if let Some((at, _)) = found {
                    let line = text[..at].matches('\n').count() + 1;
                    problems.push(format!("{}: {name} in {path}:{line}", scenario.name()));
                }
            }
        }
    }
    println!("{names} names; kept: {kept:?}");
    assert!(kept.len() * 5 < names, "too many names stay: {kept:?}");
    assert!(names > 300, "only {names} names were looked for");
    assert!(
        problems.is_empty(),
        "{} are left:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// All files below a folder with their paths, which count as text of theirs.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else {
            let shown = path.display().to_string();
            let inside = shown.split_once("/made/").unwrap().1.to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((inside.clone(), format!("{inside}\n{text}")));
        }
    }
    found
}

#[test]
fn no_shipped_expectation_is_a_draft() {
    let drafts: Vec<String> = scenarios()
        .iter()
        .filter(|scenario| scenario.expect.draft)
        .map(|scenario| scenario.name().to_owned())
        .collect();
    assert_eq!(drafts, Vec::<String>::new());
}
