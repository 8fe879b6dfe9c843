//! `claw-agent scenario check`: whether replays answer as is expected.

use std::fmt::Write as _;

use claw_testkit::scenario::{Scenario, load_all};
use serde::Serialize;

use super::{answer, blocking, replayed};
use crate::args::{Output, ScenarioCheckArguments};
use crate::failure::{CHECK, Failure};
use crate::print;
use crate::progress::Progress;

/// What became of one scenario.
#[derive(Debug, Serialize)]
struct Checked {
    scenario: String,
    /// In what the answer misses what is expected; empty where it does not.
    misses: Vec<String>,
    answer: String,
    /// Whether what is expected is a draft that nobody has looked at.
    draft: bool,
}

pub(crate) async fn run(given: ScenarioCheckArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("scenario check")?;
    let folder = given.directory.clone();
    let scenarios = blocking(move || {
        if folder.join("bundle.json").exists() {
            Scenario::load(&folder).map(|scenario| vec![scenario])
        } else {
            load_all(&folder)
        }
    })
    .await??;
    if scenarios.is_empty() {
        return Err(Failure::new(
            format!("{} has no scenario", given.directory.display()),
            "name a folder with a bundle.json and an expect.json, or a folder of such folders",
        ));
    }
    let mut all = Vec::new();
    let progress = Progress::start("replaying");
    for scenario in scenarios {
        let report = replayed(&scenario.bundle).await?;
        let misses = scenario.expect.misses(&report);
        all.push(Checked {
            scenario: scenario.name().to_owned(),
            misses: misses.iter().map(ToString::to_string).collect(),
            answer: answer(&report),
            draft: scenario.expect.draft,
        });
    }
    drop(progress);
    let missed = all.iter().any(|checked| !checked.misses.is_empty());
    if json {
        print::json(&all)?;
    } else {
        print::out(&told(&all))?;
    }
    Ok(if missed { CHECK } else { 0 })
}

fn told(all: &[Checked]) -> String {
    let mut text = String::new();
    for checked in all {
        let mark = if checked.misses.is_empty() { "ok  " } else { "miss" };
        let draft = if checked.draft {
            "  [a draft: look at its expect.json]"
        } else {
            ""
        };
        let _ = writeln!(text, "{mark}  {}  {}{draft}", checked.scenario, checked.answer);
        for miss in &checked.misses {
            let _ = writeln!(text, "        {miss}");
        }
    }
    let missed = all.iter().filter(|checked| !checked.misses.is_empty()).count();
    let _ = writeln!(text, "{} checked, {missed} missed", all.len());
    text
}
