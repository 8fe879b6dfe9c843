//! `claw-agent check`: what definitions mean.

use std::fmt::Write as _;
use std::sync::Arc;

use claw_core::definition::{self, Definition, Document};
use claw_core::registry::Registry;
use claw_core::tool::ToolSpec;
use claw_k8s::cluster::Cluster;
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_workflows::assemble::{Sources, capabilities};

use crate::args::{CheckArguments, Output};
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(given: &CheckArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("check")?;
    let definition = load(&given.files)?;
    if json {
        print::json(&definition)?;
    } else {
        print::out(&(definition.describe() + &remarks(&definition)))?;
    }
    Ok(0)
}

/// What the words of the definitions do not show: how far the agent takes them.
fn remarks(definition: &Definition) -> String {
    let mut text = String::new();
    let abilities = capabilities();
    for (tool, defined) in &definition.tools {
        let defaults = defined.parameters.iter().filter(|(_, it)| it.default.is_some());
        for (name, _) in defaults {
            if let Some((workflow, step)) = abilities.setter_of(tool, name) {
                let _ = writeln!(
                    text,
                    "the default of {name} is the one that {tool} has; the step {step} of {workflow} gives values of its own"
                );
            }
        }
    }
    let mut steps = definition.workflows.values().flat_map(|workflow| &workflow.steps);
    if steps.any(|step| step.instruction.is_some()) {
        text.push_str(
            "instructions are recorded as the purpose of their steps; the rule reasoner does not interpret them\n",
        );
    }
    text
}

/// The definitions in `files`, for an agent that honours them.
pub(crate) fn load(files: &[std::path::PathBuf]) -> Result<Definition, Failure> {
    let (documents, mut problems) = read(files);
    // A file that cannot be read does not hide what is wrong with the others.
    match definition::bind(&documents, &every_tool()?, &capabilities()) {
        Ok(definition) if problems.is_empty() => Ok(definition),
        Ok(_) => Err(refused(&problems)),
        Err(error) => {
            problems.push(error.to_string());
            Err(refused(&problems))
        }
    }
}

fn read(files: &[std::path::PathBuf]) -> (Vec<Document>, Vec<String>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match definition::read(file) {
            Ok(found) => documents.extend(found),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (documents, problems)
}

fn refused(problems: &[String]) -> Failure {
    let text = problems.join("\n");
    let lines = text.lines().count();
    let noun = if lines == 1 { "problem" } else { "problems" };
    Failure::check(format!(
        "the definitions are not accepted, {lines} {noun}:\n{text}"
    ))
}

/// Every tool that the agent can have. They are asked for their faces only, and never called.
pub(crate) fn every_tool() -> Result<Registry, Failure> {
    let nowhere = "http://localhost";
    let sources = Sources::new()
        .cluster(Cluster::new(Arc::new(Nowhere)))
        .metrics(Arc::new(Prometheus::new(PrometheusConfig::at(nowhere))?))
        .logs(Arc::new(Loki::new(LokiConfig::at(nowhere))?));
    Ok(sources.tools()?)
}

/// The tools of the specification, in the shape in which its role is all that they need.
pub(crate) fn seed_tools() -> Vec<ToolSpec> {
    claw_k8s::tools::basic(&Cluster::new(Arc::new(Nowhere)))
        .iter()
        .map(|tool| tool.spec())
        .collect()
}

/// The tools that propose, which no agent has unless it is given them.
pub(crate) fn proposing_tools() -> Vec<ToolSpec> {
    claw_k8s::tools::propose::all(&Cluster::new(Arc::new(Nowhere)))
        .iter()
        .map(|tool| tool.spec())
        .collect()
}

/// A cluster of which tools are made that are asked for their faces only.
pub(crate) fn nowhere() -> Cluster {
    Cluster::new(Arc::new(Nowhere))
}

/// A cluster that is never asked anything.
#[derive(Debug)]
struct Nowhere;

mod nowhere {
    use async_trait::async_trait;
    use claw_core::tool::ToolContext;
    use claw_k8s::cluster::{
        AccessQuestion, ClusterError, ClusterReader, Discovery, GetRequest, ListRequest, LogBytes,
        LogRequest, Resource, ServerVersion,
    };

    fn none() -> ClusterError {
        ClusterError::Config {
            reason: "there is no cluster; name one".to_owned(),
            source: None,
        }
    }

    #[async_trait]
    impl ClusterReader for super::Nowhere {
        async fn list_page(&self, _: &ToolContext, _: &ListRequest) -> Result<Vec<u8>, ClusterError> {
            Err(none())
        }

        async fn get(&self, _: &ToolContext, _: &GetRequest) -> Result<Vec<u8>, ClusterError> {
            Err(none())
        }

        async fn pod_logs(&self, _: &ToolContext, _: &LogRequest) -> Result<LogBytes, ClusterError> {
            Err(none())
        }

        async fn can_i(&self, _: &ToolContext, _: &AccessQuestion) -> Result<bool, ClusterError> {
            Err(none())
        }

        async fn discover(&self, _: &ToolContext) -> Result<Discovery, ClusterError> {
            Err(none())
        }

        async fn kinds(&self, _: &ToolContext, _: &str) -> Result<Vec<Resource>, ClusterError> {
            Err(none())
        }

        async fn version(&self, _: &ToolContext) -> Result<ServerVersion, ClusterError> {
            Err(none())
        }
    }
}
