//! Steps 4 and 5: the target as it is now, and everything that feels the action.

use claw_core::action::{Action, Verb};
use claw_core::gate::{ObserveError, Refusal};
use claw_core::outside::Outside;
use claw_core::radius::BlastRadius;
use claw_core::survey::Survey;
use serde::Deserialize as _;
use serde_json::json;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::guard::refusal;
use super::judge::Held;

/// What was seen, and the action with the version of the target that was seen.
pub(super) struct Seen {
    pub(super) survey: Survey,
    pub(super) action: Action,
}

impl Parts {
    pub(super) async fn look(&self, by: &Behalf, action: &Action) -> Result<Seen, Held> {
        if Outside::is_kind_of(action) {
            return Ok(outside(action));
        }
        let survey = self.survey(by, action).await?;
        let action = current(action, &survey)?;
        Ok(Seen { survey, action })
    }

    pub(super) async fn survey(&self, by: &Behalf, action: &Action) -> Result<Survey, Held> {
        let why = "what an action would meet with is looked at before it is judged";
        let answer = by
            .gate()
            .observe_json(&by.scope, &self.surveyor, json!(action), why)
            .await;
        match answer {
            Ok(answer) => Survey::deserialize(answer).map_err(|error| {
                let reason = format!("{} answered no survey: {error}", self.surveyor.name());
                Held::Refused(refusal(
                    "target.unseen",
                    reason,
                    "give the pipeline a tool that surveys",
                ))
            }),
            Err(ObserveError::Refused(refusal)) => Err(Held::Refused(refusal)),
            Err(ObserveError::Audit(error)) => Err(Held::Failed(PipelineError::Audit(error))),
            Err(error) => Err(Held::Refused(refusal(
                "target.unseen",
                format!("{} could not be looked at: {error}", action.target),
                "try again when it can be",
            ))),
        }
    }
}

/// Of a message or a pipeline nothing in the cluster is to be seen, and nothing there feels it at once.
fn outside(action: &Action) -> Seen {
    Seen {
        survey: Survey {
            cluster: Some("outside".to_owned()),
            radius: BlastRadius::of(action.target.clone()),
            ..Survey::default()
        },
        action: action.clone(),
    }
}

/// The action for the target as it is, if that is still what the action was made for.
fn current(action: &Action, survey: &Survey) -> Result<Action, Refusal> {
    let entity = &action.target;
    let changed = |reason: String| {
        Err(refusal(
            "target.changed",
            reason,
            "propose the action anew, if it is still wanted",
        ))
    };
    match (&survey.target, action.verb) {
        (None, Verb::Create) => Ok(action.clone()),
        (Some(_), Verb::Create) => changed(format!("there is a {entity} already")),
        (None, _) => changed(format!("there is no {entity}")),
        (Some(target), _) if action.uid.as_ref() != Some(&target.uid) => changed(format!(
            "{entity} was deleted and made anew since the action was made"
        )),
        (Some(target), _) if action.pre_image.as_ref() != Some(&target.pre_image) => {
            changed(format!("{entity} was changed since the action was made"))
        }
        (Some(target), _) => Ok(Action {
            resource_version: Some(target.resource_version.clone()),
            ..action.clone()
        }),
    }
}
