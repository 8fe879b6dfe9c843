//! Every mechanism has scenarios of three kinds, and the table of scenarios names each once.
//!
//! - *positive*: it is the cause, and the first hypothesis says so;
//! - *negative* (`absent`): its setting is there and in order, and no hypothesis speaks of it;
//! - *decoy* (`decoys`): something looks like it, and another cause, or none, is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use claw_workflows::incident::mechanism;

use super::{Scenario, each, none, replay, scenarios};

/// Names of mechanisms whose candidates all bear another id: nothing to be found in a world by that name.
const FAMILIES: [&str; 8] = [
    "autoscaler",
    "database_trouble",
    "degradation",
    "eviction",
    "gitops",
    "handles_exhausted",
    "job",
    "own_failure",
];

/// Ids that say that something is wrong and leave open what. Where the recording shows why, another id is right, so that
/// no positive is asked for.
const FALLBACKS: [(&str, &str); 1] = [("rollout_stalled", "what it waits for, its pods tell")];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Positive,
    Negative,
    Decoy,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Positive, Self::Negative, Self::Decoy];
}

/// Names of scenarios by mechanism and kind.
type Kinds = BTreeMap<(String, Kind), Vec<String>>;

/// The kinds that a scenario is of. It may accept several mechanisms as right, and is a positive of the one that is named.
fn kinds(scenario: &Scenario, named: Option<&str>) -> Vec<(String, Kind)> {
    let expect = &scenario.expect;
    let right = expect.root_cause.iter().flat_map(|cause| &cause.mechanisms);
    let positive = right
        .filter(|id| named == Some(id.as_str()))
        .map(|id| (id.clone(), Kind::Positive));
    let negative = expect.absent.keys().map(|id| (id.clone(), Kind::Negative));
    let decoy = expect.decoys.keys().map(|id| (id.clone(), Kind::Decoy));
    positive.chain(negative).chain(decoy).collect()
}

/// Ids that hypotheses bear.
fn borne() -> BTreeSet<&'static str> {
    let mut ids = mechanism::ids();
    ids.retain(|id| !FAMILIES.contains(id));
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mechanism_has_its_three_kinds_of_scenario() {
    let scenarios = scenarios();
    let reports = each(&scenarios, async |scenario| replay(&scenario.bundle).await).await;
    let mut found = Kinds::new();
    let mut strangers = Vec::new();
    for (scenario, report) in scenarios.iter().zip(&reports) {
        let named = report.hypotheses.first().map(|first| first.mechanism.as_str());
        for kind in kinds(scenario, named) {
            found.entry(kind).or_default().push(scenario.name().to_owned());
        }
        let unknown = report
            .hypotheses
            .iter()
            .filter(|hypothesis| !borne().contains(hypothesis.mechanism.as_str()));
        strangers.extend(unknown.map(|hypothesis| {
            format!(
                "{}: a hypothesis bears {}, which no mechanism declares",
                scenario.name(),
                hypothesis.mechanism
            )
        }));
    }
    none(strangers, scenarios.len());
    let mut table = String::new();
    let mut problems = Vec::new();
    for id in borne() {
        let _ = writeln!(table, "{id}");
        for kind in Kind::ALL {
            let names = found.get(&(id.to_owned(), kind)).map_or(&[][..], Vec::as_slice);
            let _ = writeln!(table, "    {:9} {}", format!("{kind:?}"), names.join(", "));
            let fallback = kind == Kind::Positive && FALLBACKS.iter().any(|(known, _)| *known == id);
            match (names.is_empty(), fallback) {
                (true, false) => problems.push(format!("{id} has no {kind:?}")),
                (false, true) => problems.push(format!("{id} has its {kind:?}: take it out of FALLBACKS")),
                _ => {}
            }
        }
    }
    println!("{table}");
    assert!(
        problems.is_empty(),
        "kinds of scenario that are missing, or not expected:\n{}",
        problems.join("\n")
    );
}

#[test]
fn scenarios_speak_of_mechanisms_that_exist() {
    let scenarios = scenarios();
    let mut problems = Vec::new();
    for scenario in &scenarios {
        let expect = &scenario.expect;
        let right = expect.root_cause.iter().flat_map(|cause| &cause.mechanisms);
        let ids = right.chain(expect.absent.keys()).chain(expect.decoys.keys());
        let unknown = ids.filter(|id| !borne().contains(id.as_str()));
        problems.extend(unknown.map(|id| format!("{}: no hypothesis bears {id}", scenario.name())));
    }
    none(problems, scenarios.len());
}

#[test]
fn what_is_exempt_exists() {
    let ids = mechanism::ids();
    let known = FAMILIES.into_iter().chain(FALLBACKS.map(|(id, _)| id));
    let unknown: Vec<&str> = known.filter(|id| !ids.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_table_of_scenarios_has_one_row_for_each_in_order() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .collect();
    let scenarios = scenarios();
    let names: Vec<&str> = scenarios.iter().map(Scenario::name).collect();
    assert_eq!(rows, names);
}
