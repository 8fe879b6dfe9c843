//! `claw-agent access --writes`: the account that writes, and the walls around it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use claw_core::clock::SystemClock;
use claw_core::tool::{ToolContext, ToolSpec};
use claw_core::walls::Standing;
use claw_guardrails::walls::Attendance;
use claw_k8s::access::to_yaml;
use claw_k8s::cluster::ClusterError;
use claw_workflows::walls::OuterWalls;

use super::PATIENCE;
use crate::args::AccessArguments;
use crate::failure::{self, Failure};
use crate::writing::Writing;
use crate::{check, connect, policy, print, subject};

pub(super) async fn run(given: &AccessArguments, json: bool) -> Result<u8, Failure> {
    let walls = walls(given)?;
    if given.check {
        return look(given, &walls, json).await;
    }
    let manifests = walls.manifests();
    if json {
        print::json(&serde_json::json!({ "objects": manifests, "unseen": walls.walls().unseen() }))?;
    } else {
        let mut text = String::new();
        for unseen in walls.walls().unseen() {
            let _ = writeln!(text, "# the engine alone: {}", one_line(&unseen));
        }
        text.push_str(&to_yaml(&manifests)?);
        print::out(&text)?;
    }
    Ok(0)
}

fn walls(given: &AccessArguments) -> Result<OuterWalls, Failure> {
    let writing = &given.writing;
    if let Some(path) = &writing.writing {
        let mut settings = Writing::without_secrets(path)?;
        if let Some(phase) = writing.phase {
            settings.policy = settings.policy.with_phase(phase.into());
        }
        return settings.walls();
    }
    let mut policy = policy::of(writing.policy.as_deref(), writing.phase)?;
    if let Some(namespace) = &given.namespace {
        let namespace = subject::namespace(namespace)?;
        if writing.policy.is_some() && policy.own_namespace != namespace {
            return Err(Failure::arguments(
                format!(
                    "the policy takes `{}` for the agent's own namespace, and --namespace says `{namespace}`",
                    policy.own_namespace
                ),
                "say the same in both, so that what guards the agent's namespace guards the right one",
            ));
        }
        policy.own_namespace = namespace.to_owned();
    }
    let (chosen, others) = chosen(&given.tools)?;
    let tools = chosen.iter().map(|tool| (tool.name.as_str(), &tool.access));
    let attendance = if writing.unattended {
        Attendance::Unattended
    } else {
        Attendance::Attended
    };
    let mut places = BTreeSet::new();
    for place in &given.within {
        places.insert(subject::namespace(place)?.to_owned());
    }
    let walls = OuterWalls::new(policy, tools)?;
    Ok(walls
        .within(places)
        .and_not(others.iter().map(|tool| &tool.access))
        .with_attendance(attendance))
}

/// The tools of these names among those that propose, all where there are none; and the others.
fn chosen(names: &[String]) -> Result<(Vec<ToolSpec>, Vec<ToolSpec>), Failure> {
    let specs = check::proposing_tools();
    let known: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Failure::arguments(
            format!("there is no tool `{unknown}` that proposes writes"),
            format!("the tools are {}", known.join(", ")),
        ));
    }
    Ok(specs
        .into_iter()
        .partition(|spec| names.is_empty() || names.contains(&spec.name)))
}

async fn look(given: &AccessArguments, walls: &OuterWalls, json: bool) -> Result<u8, Failure> {
    let connected = connect::cluster(&given.cluster, None).await?;
    let cx = ToolContext::new(Arc::new(SystemClock), PATIENCE);
    match connected.cluster.version(&cx).await {
        // Some servers show their version to nobody; the rights are asked for all the same.
        Ok(_) | Err(ClusterError::Denied { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let standing = walls.look(&connected.cluster, &cx).await;
    if json {
        print::json(&serde_json::json!({
            "holds": standing.holds(), "intact": standing.is_intact(), "standing": standing,
            "unseen": walls.walls().unseen(),
        }))?;
    } else {
        print::out(&describe(&standing, &connected.name))?;
    }
    Ok(if standing.is_intact() { 0 } else { failure::CHECK })
}

fn describe(standing: &Standing, cluster: &str) -> String {
    let mut text = format!("{} rights and walls looked at in {cluster}\n", standing.looked_at);
    for fault in &standing.faults {
        let _ = writeln!(text, "{fault}");
    }
    for gap in &standing.gaps {
        let _ = writeln!(text, "not known: {}: {}; {}", gap.source, gap.reason, gap.remedy);
    }
    text.push_str(if standing.is_intact() {
        "the API server holds the account that writes to the policy\n"
    } else if standing.holds() {
        "the API server holds the account that writes to the policy; what lacks a right fails\n"
    } else {
        "the API server is not known to hold the account that writes to the policy: nothing should be written\n"
    });
    text
}

/// Without what would end a comment.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use claw_core::walls::{Fault, FaultKind};

    use super::*;

    #[test]
    fn each_line_says_what_is_wrong_and_what_to_do() {
        let mut standing = Standing {
            looked_at: 3,
            ..Standing::default()
        };
        assert!(describe(&standing, "here").contains("3 rights and walls looked at in here"));
        assert!(describe(&standing, "here").contains("holds the account"));
        standing.faults.push(Fault {
            kind: FaultKind::OverPrivileged,
            what: "get secrets in shop".to_owned(),
            remedy: "take it away".to_owned(),
        });
        let said = describe(&standing, "here");
        assert!(
            said.contains("over-privileged: get secrets in shop; take it away\n"),
            "{said}"
        );
        assert!(said.contains("nothing should be written"), "{said}");
    }
}
