//! A recording without its names shows what it showed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use claw_core::report::Report;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;
use claw_testkit::scenario::sanitise::{sanitise, write};
use claw_testkit::scenario::{Scenario, draft, load_all, same_answer};
use futures::StreamExt as _;

/// Replays under way at a time.
const CONCURRENT: usize = 4;

fn scenarios() -> Vec<Scenario> {
    load_all(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap()
}

async fn replay(bundle: &Bundle) -> Report {
    Replay::of(bundle).await.unwrap().run().await.unwrap()
}

/// What a report says first.
fn answer(report: &Report) -> String {
    let first = report.hypotheses.first();
    let said = first.map(|first| format!("{} {:.3}", first.mechanism, first.confidence));
    format!("{:?} {}", report.verdict, said.unwrap_or_default())
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
            if !same_answer(&before, &after) {
                let (said, again) = (answer(&before), answer(&after));
                problems.push(format!("{said} and, without names, {again}"));
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

/// Words in names of scenarios that say what a thing is and not whose. They are listed here once more, so that no word stays that
/// nobody has looked at: add one where it would do for anybody.
const MAY_STAY: &str = "
    agent aks allow answers api apiserver app apps argocd availability backup batch bind block broker build cache calico
    central ceph cert certs cleanup clickhouse cnpg compute config controller core coredns credentials dashboard data
    default defaults demo device directory dns east edge egress engine env etcd etl example export exporter external feature
    features flannel flow for front frontend gateway gke global grafana hot http import index ingress internal issuer istio
    jobs jwt kafka kube label labels lead login loki longhorn managed manager manifest map mariadb meta metrics migration
    monitoring mysql namespace nats nfs nginx node northeast observe old opensearch operator ops otel plan platform points
    policy pool postgres primary print prod prometheus provisioner proxy public pull push query queue quota rates read reads
    redis root router runner sample scheduler schema sender server service serving session solr sso stage standard start
    state store svc sync system team template test tls token url user var varnish web west worker writer
";

/// Names of objects and of what alerts are about.
fn names(scenario: &Scenario) -> BTreeSet<String> {
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
        .collect()
}

/// What in a name says whose it is: words that are not listed.
fn telling(name: &str) -> BTreeSet<String> {
    let may_stay = |word: &str| MAY_STAY.split_whitespace().any(|known| known == word);
    let words = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    let words = words.filter(|word| word.len() > 3 && word.chars().all(char::is_alphabetic));
    words.filter(|word| !may_stay(word)).collect()
}

#[test]
fn none_of_the_names_is_left_in_any_file() {
    let mut problems = Vec::new();
    let mut looked_for = 0;
    for scenario in scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let (_, replaced) = written(&scenario, &made);
        let names = names(&scenario);
        let words: BTreeSet<String> = names.iter().flat_map(|name| telling(name)).collect();
        let whole = names
            .iter()
            .filter(|name| !telling(name).is_empty() || replaced.contains(*name));
        let all: BTreeSet<String> = whole.cloned().chain(words).collect();
        looked_for += all.len();
        for (path, text) in texts(&made) {
            let text = text.to_lowercase();
            for name in &all {
                if let Some(at) = found(&text, &name.to_lowercase()) {
                    let line = text[..at].matches('\n').count() + 1;
                    problems.push(format!("{}: {name} in {path}:{line}", scenario.name()));
                }
            }
        }
    }
    assert!(
        looked_for > 600,
        "only {looked_for} names and words were looked for"
    );
    assert!(
        problems.is_empty(),
        "{} are left:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Where a name stands in a text by itself.
fn found(text: &str, name: &str) -> Option<usize> {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut places = text.match_indices(name);
    places
        .find(|(at, _)| edge(text[..*at].chars().next_back()) && edge(text[at + name.len()..].chars().next()))
        .map(|(at, _)| at)
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
