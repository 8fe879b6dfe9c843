//! `claw-agent evaluate`: how often recorded incidents whose cause is known are answered rightly.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use claw_core::report::{Report, Verdict};
use claw_testkit::replay::Replay;
use claw_testkit::scenario::score::{Answer, Outcome, Table};
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::args::{EvaluateArguments, Output};
use crate::failure::Failure;
use crate::print;
use crate::progress::Progress;
use crate::replay::load;

/// The group of all recordings.
const ALL: &str = "all";

/// A recording, answered.
struct Case {
    name: String,
    groups: Vec<String>,
    /// What should have been said; `None` where the right answer is no cause.
    expected: Option<Answer>,
    outcome: Outcome,
    report: Report,
    /// What of it could not be read.
    damage: Vec<String>,
}

/// A recording that tells nothing of how well incidents are answered.
struct LeftOut {
    name: String,
    reason: &'static str,
}

pub(crate) async fn run(given: EvaluateArguments, output: Output) -> Result<u8, Failure> {
    let as_json = output.is_json("evaluate")?;
    let folders = recordings(&given.directory)?;
    let progress = Progress::start("replaying");
    let all = folders.len();
    let replays = futures::stream::iter(folders).map(answer);
    let (mut cases, mut left): (Vec<Case>, Vec<LeftOut>) = (Vec::new(), Vec::new());
    let mut replays = replays.buffered(std::thread::available_parallelism().map_or(1, usize::from));
    while let Some(case) = replays.next().await {
        match case? {
            Ok(case) => cases.push(case),
            Err(one) => left.push(one),
        }
        progress.say(format!("replaying: {} of {all}", cases.len() + left.len()));
    }
    drop(progress);
    if cases.is_empty() {
        let why = left.first().map(|one| format!(" ({}: {})", one.name, one.reason));
        return Err(Failure::new(
            format!(
                "no recording in {} says what its cause was{}",
                given.directory.display(),
                why.unwrap_or_default()
            ),
            "write an expect.json into each: {\"root_cause\": {\"entity\": {\"kind\": …, \"name\": …}}}",
        ));
    }
    let table = table(&cases);
    if as_json {
        print::json(&machine(&cases, &left, &table))?;
    } else {
        print::out(&people(&cases, &left, &table))?;
    }
    Ok(0)
}

/// The folders of a folder that hold a recording, in the order of their names.
fn recordings(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unlisted = |error| {
        Failure::new(
            format!("{} cannot be listed", root.display()),
            "check that it exists",
        )
        .because(error)
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root).map_err(unlisted)? {
        let path = entry.map_err(unlisted)?.path();
        if path.join("expect.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Replays one, unless it does not say what the right answer is.
async fn answer(folder: PathBuf) -> Result<Result<Case, LeftOut>, Failure> {
    let bundle = load(folder).await?;
    let name = bundle.manifest.case.clone();
    let left = |name, reason| Ok(Err(LeftOut { name, reason }));
    let Some(expect) = &bundle.expect else {
        return left(name, "its expect.json cannot be read");
    };
    if expect.get("draft") == Some(&Value::Bool(true)) {
        return left(name, "its expect.json is a draft that nobody has looked at");
    }
    let expected = Answer::parse(expect);
    let silent = matches!(
        expect.get("verdict").and_then(Value::as_str),
        Some("unknown" | "healthy")
    );
    if expected.is_none() && !silent {
        return left(
            name,
            "its expect.json has neither a root_cause with an entity nor the verdict unknown or healthy",
        );
    }
    let report = Replay::of(&bundle).await?.run().await?;
    let outcome = Outcome::of(&report, expected.as_ref().unwrap_or(&Answer::default()));
    let cluster = &bundle.manifest.cluster;
    let kind = expected.as_ref().and_then(|answer| answer.kind.clone());
    let mut groups = vec![ALL.to_owned(), cluster.clone()];
    groups.extend(kind.map(|kind| format!("{cluster}, {kind}")));
    Ok(Ok(Case {
        name,
        groups,
        expected,
        outcome,
        report,
        damage: bundle.problems.iter().map(ToString::to_string).collect(),
    }))
}

/// The scores of all with a cause, and of each group of them.
fn table(cases: &[Case]) -> Table {
    let mut table = Table::default();
    for case in cases.iter().filter(|case| case.expected.is_some()) {
        let groups: Vec<&str> = case.groups.iter().map(String::as_str).collect();
        table.add(&groups, &case.outcome);
    }
    table
}

/// Whether a report names a cause.
fn blames(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous)
}

fn people(cases: &[Case], left: &[LeftOut], table: &Table) -> String {
    let mut text = String::new();
    let width = cases
        .iter()
        .map(|case| case.name.chars().count())
        .max()
        .unwrap_or(0);
    for case in cases {
        let place = match (&case.expected, case.outcome.place) {
            (None, _) if blames(&case.report) => "wrong".to_owned(),
            (None, _) => "right".to_owned(),
            (Some(_), Some(place)) => place.to_string(),
            (Some(_), None) => "-".to_owned(),
        };
        let expected = case.expected.as_ref().and_then(|answer| answer.names.first());
        let expected = expected.map_or_else(|| "no cause".to_owned(), ToString::to_string);
        let first = case.report.hypotheses.first().map_or_else(
            || "nothing".to_owned(),
            |first| {
                let only = if blames(&case.report) {
                    ""
                } else {
                    "no cause; perhaps "
                };
                format!(
                    "{only}{} of {} ({:.2})",
                    first.mechanism, first.entity, first.confidence
                )
            },
        );
        let _ = writeln!(text, "{:width$}  {place:>5}  {expected}: {first}", case.name);
    }
    let silent: Vec<&Case> = cases.iter().filter(|case| case.expected.is_none()).collect();
    let _ = write!(text, "\n{}", table.of_several(ALL));
    if let Some(all) = table.group(ALL) {
        let _ = write!(text, "\n{}", all.reliability());
    }
    if !silent.is_empty() {
        let wrong = silent.iter().filter(|case| blames(&case.report)).count();
        let _ = writeln!(
            text,
            "\n{wrong} of {} recordings without a cause are answered with one",
            silent.len()
        );
    }
    if !left.is_empty() {
        let _ = writeln!(text, "\n{} left out:", left.len());
        for LeftOut { name, reason } in left {
            let _ = writeln!(text, "  {name}: {reason}");
        }
    }
    let damaged: Vec<&Case> = cases.iter().filter(|case| !case.damage.is_empty()).collect();
    if !damaged.is_empty() {
        let _ = writeln!(
            text,
            "\n{} counted though they could be read in part only:",
            damaged.len()
        );
        for case in damaged {
            let more = match case.damage.len() {
                0 | 1 => String::new(),
                all => format!(" (and {} more)", all - 1),
            };
            let _ = writeln!(
                text,
                "  {}: {}{more}",
                case.name,
                case.damage.first().map_or("", String::as_str)
            );
        }
    }
    text
}

fn machine(cases: &[Case], left: &[LeftOut], table: &Table) -> Value {
    let cases = cases.iter().map(|case| {
        json!({
            "case": case.name,
            "expected": case.expected.as_ref().map(|answer| &answer.names),
            "verdict": case.report.verdict,
            "place": case.outcome.place,
            "confidence": case.outcome.confidence,
            "blamed": case.outcome.blamed,
            "damage": case.damage,
            "first": case.report.hypotheses.first().map(|first| json!({"entity": first.entity, "mechanism": first.mechanism})),
        })
    });
    let groups = table.groups().map(|(name, score)| {
        json!({
            "group": name,
            "cases": score.cases(),
            "first": score.share_within(1),
            "first_three": score.share_within(3),
            "blamed": score.blamed(),
            "confidence": score.confidence(),
            "brier": score.brier(),
            "calibration_error": score.calibration_error(),
            "reliability": score.reliability().0.iter().map(|bin| json!({
                "cases": bin.cases, "confidence": bin.confidence, "right": bin.right,
            })).collect::<Vec<_>>(),
        })
    });
    let left = left
        .iter()
        .map(|one| json!({"case": one.name, "reason": one.reason}));
    json!({
        "cases": cases.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "left_out": left.collect::<Vec<_>>(),
    })
}
