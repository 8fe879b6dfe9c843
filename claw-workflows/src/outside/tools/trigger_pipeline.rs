//! `trigger_pipeline`

use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::outside::PipelineRun;
use claw_core::redact::Redactor;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use claw_k8s::tools::propose::Proposal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{reason, unknown};
use crate::outside::inputs::{self, Inputs};

/// Which pipeline to start, and with what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerPipelineInput {
    /// The pipeline, by the name under which it is configured; where it runs is not for the caller to say.
    pub pipeline: String,
    /// Its inputs by name. Only those that it declares.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to start a pipeline.
#[derive(Clone, Debug)]
pub struct TriggerPipeline {
    pipelines: BTreeMap<String, Inputs>,
    description: String,
}

impl TriggerPipeline {
    /// The tool for these pipelines, by their configured names, each with the inputs that it declares.
    pub fn new(pipelines: impl IntoIterator<Item = (String, Inputs)>) -> Self {
        let pipelines: BTreeMap<String, Inputs> = pipelines.into_iter().collect();
        let one = |(name, inputs): (&String, &Inputs)| {
            let inputs: Vec<&str> = inputs.keys().map(String::as_str).collect();
            format!("{name}({})", inputs.join(", "))
        };
        let all: Vec<String> = pipelines.iter().map(one).collect();
        let description = format!(
            "Propose to start one of the pipelines (with their inputs): {}; nothing is started by the call",
            all.join(", ")
        );
        Self {
            pipelines,
            description,
        }
    }
}

#[async_trait]
impl Tool for TriggerPipeline {
    const NAME: &'static str = "trigger_pipeline";
    const EFFECT: Effect = Effect::Propose;
    type Input = TriggerPipelineInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        &self.description
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, input: TriggerPipelineInput) -> Result<Proposal, ToolError> {
        let redactor = Redactor::new();
        let reason = redactor.redact(&reason(&input.reason)?).into_owned();
        let Some(declared) = self.pipelines.get(&input.pipeline) else {
            return Err(unknown("pipeline", self.pipelines.keys()));
        };
        let run = PipelineRun { inputs: input.inputs };
        inputs::check(declared, &run).map_err(ToolError::invalid_input)?;
        let action = run.action(&input.pipeline, reason);
        // Proposals are recorded without secrets, so that one that carries any would not be the one that was recorded.
        let shown = redactor.redact_json(json!(action));
        if shown != json!(action) {
            return Err(ToolError::invalid_input(
                "an input looks like a secret, and proposals carry none; keep the value where the pipeline runs",
            ));
        }
        let set = run.inputs.iter();
        let mut diff = vec![format!(
            "{} {}: (none) → (started)",
            PipelineRun::KIND,
            input.pipeline
        )];
        diff.extend(set.map(|(name, value)| format!("inputs.{name}: (none) → {value}")));
        Ok(Proposal {
            action,
            diff,
            warnings: vec![
                "what a pipeline does is not seen here: no dry run shows it, and nothing takes it back"
                    .to_owned(),
            ],
        })
    }
}
