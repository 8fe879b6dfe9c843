//! Rights in one namespace: what is said to be missing there is what is refused there.

use claw_core::registry::Registry;
use claw_core::tool::ToolSpec;
use claw_k8s::cluster::Resource;
use claw_testbed::suite::{Account, Testbed, wait_until};
use serde_json::json;

use super::agent_under_test::{Reader, SOON, whole_role};
use super::observation::Observation;
use super::right::Right;
use super::world::World;

/// An account with the whole role, bound in the world's namespace alone.
pub(crate) async fn compare(testbed: &Testbed, world: &World, tools: &Registry) {
    let role = json!(whole_role(testbed).await);
    let account = Account::create_inside(testbed, &world.namespace, "inside", &role)
        .await
        .unwrap();
    let reader = Reader::of(testbed, &account).await;
    let place = world.namespace.name();
    let (mut wrong, mut whole, mut less) = (Vec::new(), 0, 0);
    for tool in &tools.specs() {
        let mut arguments = world.arguments(tool);
        // Of another namespace it may know nothing.
        arguments.retain(|arguments| arguments.exist);
        if tool.access.kubernetes.is_empty() {
            continue;
        }
        let compared = wait_until(SOON, "roles take effect", async || {
            let observed = Observation::of(testbed, &reader, tool, &arguments, Some(place)).await;
            Ok(judge(tool, &observed).map(|()| observed.losses.is_empty()))
        })
        .await;
        match compared {
            Ok(true) => whole += 1,
            Ok(false) => less += 1,
            Err(error) => wrong.push(format!("{}: {}", tool.name, error.line())),
        }
    }
    println!(
        "with the role in one namespace {whole} tools miss nothing there, and {less} say what they miss"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(whole > 0 && less > 0);
}

/// Nothing that a role in a namespace grants is said to be missing, and nothing is refused that was not said to be.
fn judge(tool: &ToolSpec, observed: &Observation) -> Result<(), String> {
    let lost: Vec<Right> = Right::all(&tool.access)
        .into_iter()
        .filter(|right| {
            let mut losses = observed.losses.iter();
            losses.any(|loss| {
                (&loss.group, &loss.resource) == (&right.group, &right.resource)
                    && loss.verbs.contains(&right.verb)
            })
        })
        .collect();
    for right in &lost {
        let rules = tool.access.kubernetes.iter();
        let mut rules = rules.filter(|rule| rule.group == right.group && rule.resource == right.resource);
        let everywhere = rules.any(|rule| rule.everywhere);
        let known = Resource::ALL
            .iter()
            .find(|known| known.group == right.group && known.plural == right.resource);
        if !everywhere && known.is_none_or(|known| known.namespaced) {
            return Err(format!("{right} is granted, and said to be missing"));
        }
    }
    for answer in &observed.answers {
        for refusal in answer.refusals() {
            if !lost.iter().any(|right| right.is_missed_in(refusal)) {
                return Err(format!("{refusal}, and it was not said to be missing"));
            }
        }
    }
    Ok(())
}
