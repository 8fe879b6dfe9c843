//! `claw-agent access`: the rights that the tools need, and whether they are there.
//!
//! The one command that asks a cluster without an audit log: a person asks for their own rights, nothing of what the
//! cluster holds is read, and no run comes of it.

mod writing;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock, SystemClock};
use claw_core::tool::{ToolContext, ToolSpec};
use claw_k8s::access::{Extension, Manifests, Preflight, preflight, rules, split, stop_role, to_yaml};
use claw_k8s::cluster::ClusterError;

use crate::args::{AccessArguments, Output};
use crate::failure::Failure;
use crate::writing::Writing;
use crate::{check, connect, print, subject};

/// How long the questions to the API server may take together.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(given: AccessArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("access")?;
    if given.writing.writes {
        return writing::run(&given, json).await;
    }
    let specs = chosen(&given.tools)?;
    if given.check {
        return ask(&given, &specs, json).await;
    }
    if !given.within.is_empty() {
        return Err(Failure::arguments(
            "--in says where rights are asked for, or where the account that writes has them",
            "give --check or --writes with it",
        ));
    }
    let settings = given.writing.writing.as_deref();
    let settings = settings.map(Writing::without_secrets).transpose()?;
    let namespace = match &settings {
        Some(settings) => settings.policy.own_namespace.as_str(),
        None => given.namespace.as_deref().unwrap_or("claw"),
    };
    let namespace = subject::namespace(namespace)?;
    let manifests = manifests(namespace, &specs, given.seed_only);
    let config_map = match (&given.stop_config_map, &settings) {
        (Some(name), _) => Some(name.as_str()),
        (None, Some(settings)) => settings.settings.stop.config_map.as_deref(),
        (None, None) => None,
    };
    let stop = config_map.map(|name| stop_role(namespace, &manifests.account, name));
    if json {
        print::json(&serde_json::json!({
            "rules": manifests.rules, "extensions": manifests.extensions, "stop": stop.unwrap_or_default(),
        }))?;
    } else {
        let mut text = manifests.to_yaml()?;
        if let Some(objects) = stop {
            text.push_str("---\n");
            text.push_str(&to_yaml(&objects)?);
        }
        print::out(&text)?;
    }
    Ok(0)
}

/// The role of the specification as far as `specs` need it, and what they see beyond it as a second one.
fn manifests(namespace: &str, specs: &[ToolSpec], seed_only: bool) -> Manifests {
    let seed = check::seed_tools();
    let (mut within, mut extensions) = (Vec::new(), Vec::new());
    for spec in specs {
        let (inside, beyond) = split(&spec.access, seed.iter().map(|tool| &tool.access));
        within.push(inside);
        extensions.push(Extension {
            tool: spec.name.clone(),
            rules: rules([&beyond]),
        });
    }
    let manifests = Manifests::read_only(namespace, rules(&within));
    if seed_only {
        manifests
    } else {
        manifests.with_extensions(extensions)
    }
}

/// The tools of these names; all where there are none.
fn chosen(names: &[String]) -> Result<Vec<ToolSpec>, Failure> {
    let specs = check::every_tool()?.specs();
    let known: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Failure::arguments(
            format!("there is no tool `{unknown}`"),
            format!("the tools are {}", known.join(", ")),
        ));
    }
    Ok(specs
        .into_iter()
        .filter(|spec| names.is_empty() || names.contains(&spec.name))
        .collect())
}

async fn ask(given: &AccessArguments, specs: &[ToolSpec], json: bool) -> Result<u8, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let place = match &given.within[..] {
        [] => None,
        [place] => Some(subject::namespace(place)?),
        _ => {
            return Err(Failure::arguments(
                "rights to read are asked for in one namespace, or in all",
                "give --in once",
            ));
        }
    };
    let connected = connect::cluster(&given.cluster, None).await?;
    let cx = ToolContext::new(clock, PATIENCE);
    match connected.cluster.version(&cx).await {
        // Some servers show their version to nobody; the rights are asked for all the same.
        Ok(_) | Err(ClusterError::Denied { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let tools = specs.iter().map(|spec| (spec.name.as_str(), &spec.access));
    let result = preflight(&connected.cluster, &cx, tools, place).await;
    if json {
        print::json(&result)?;
    } else {
        print::out(&describe(&result, &connected.name, place))?;
    }
    if result.losses.is_empty() && result.gaps.is_empty() {
        Ok(0)
    } else {
        Ok(crate::failure::CHECK)
    }
}

fn describe(result: &Preflight, cluster: &str, namespace: Option<&str>) -> String {
    let place = namespace.map_or_else(String::new, |name| format!(", namespace {name}"));
    let mut text = format!("{} rights asked about in {cluster}{place}\n", result.asked);
    for loss in &result.losses {
        let _ = writeln!(text, "missing: {} ({})", loss.meaning, loss.verbs.join(", "));
    }
    for gap in &result.gaps {
        let _ = writeln!(text, "not known: {}: {}; {}", gap.source, gap.reason, gap.remedy);
    }
    if result.losses.is_empty() && result.gaps.is_empty() {
        text.push_str("all of them are granted\n");
    } else if !result.losses.is_empty() {
        text.push_str(
            "apply what `claw-agent access` prints to grant them: claw-agent access | kubectl apply -f -\n",
        );
    }
    text
}
