//! `claw-agent group`: which alerts belong to one incident.

use std::fmt::Write as _;
use std::path::Path;

use claw_core::gate::Scope;
use claw_core::workflow::{Progress, StepContext};
use claw_testkit::replay::Replay;
use claw_workflows::incident::grouping::{Group, Surroundings, group};
use claw_workflows::trigger::Alert;
use claw_workflows::trigger::alerts::{Listed, parse_list};
use jiff::SignedDuration;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::args::{GroupArguments, Output};
use crate::failure::Failure;
use crate::{files, print, replay};

/// How long a bundle is looked at.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// An incident with its alerts, by what the list calls them.
#[derive(Debug, Serialize)]
struct Named<'a> {
    incident: &'a str,
    alerts: Vec<&'a str>,
}

pub(crate) async fn run(given: GroupArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("group")?;
    let text = files::alerts(&given.alerts)?;
    let listed = parse_list(&text).map_err(|error| {
        Failure::new(
            format!("{}: {}: {}", given.alerts.display(), error.place, error.reason),
            error.remedy,
        )
    })?;
    let alerts: Vec<Alert> = listed.iter().map(|listed| listed.alert.clone()).collect();
    let around = match &given.bundle {
        Some(folder) => recorded(folder, &alerts).await?,
        None => Surroundings::unknown(&alerts),
    };
    let groups = group(&alerts, around);
    if json {
        print::json(&named(&groups, &listed))?;
    } else {
        print::out(&told(&groups, &listed))?;
    }
    Ok(0)
}

fn named<'a>(groups: &'a [Group], listed: &'a [Listed]) -> Vec<Named<'a>> {
    let name = |position: &usize| listed.get(*position).map(|listed| listed.name.as_str());
    groups
        .iter()
        .map(|group| Named {
            incident: &group.incident.0,
            alerts: group.alerts.iter().filter_map(name).collect(),
        })
        .collect()
}

fn told(groups: &[Group], listed: &[Listed]) -> String {
    let mut text = String::new();
    for group in groups {
        let _ = writeln!(text, "{}", group.incident.0);
        for listed in group.alerts.iter().filter_map(|position| listed.get(*position)) {
            let alert = &listed.alert;
            let name = alert.name().unwrap_or("an alert without a name");
            let of: Vec<String> = alert
                .labels
                .iter()
                .filter(|(label, _)| !matches!(label.as_str(), "alertname" | "severity"))
                .map(|(label, value)| format!("{label}={value}"))
                .collect();
            let _ = writeln!(text, "  {}  {name}  {}", alert.starts_at, of.join(" "));
        }
    }
    text
}

/// What a bundle tells of what the alerts are about.
async fn recorded(folder: &Path, alerts: &[Alert]) -> Result<Surroundings, Failure> {
    let bundle = replay::load(folder.to_owned()).await?;
    let world = Replay::of(&bundle).await?;
    let agent = world.agent();
    let scope = Scope {
        run: "group".to_owned(),
        step: None,
        actor: "claw-agent".to_owned(),
        deadline: agent.clock().now() + PATIENCE,
        cancel: CancellationToken::new(),
    };
    let cx = StepContext::new(
        agent.gate().clone(),
        agent.tools().clone(),
        scope,
        Progress::none(),
    );
    Surroundings::read(&cx, alerts).await.map_err(|error| {
        Failure::new(
            "the bundle could not be looked at",
            "see whether `claw-agent replay` can",
        )
        .because(error)
    })
}
