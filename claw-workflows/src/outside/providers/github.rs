//! Runs of GitHub Actions, by `workflow_dispatch`.

use async_trait::async_trait;
use claw_core::execute::{ActionId, Standing};
use claw_core::http::{Client, HttpError, Request};
use claw_core::outside::{PipelineRun, is_input_name};
use claw_core::tool::ToolContext;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{client, is_segment, unfit};
use crate::outside::perform::{Provider, ProviderError};
use crate::outside::settings::GithubSettings;

const SERVICE: &str = "github_actions";
/// The version of the API that this was written for.
const API_VERSION: &str = "2022-11-28";
/// How many of the latest runs are looked through.
const LATEST: &str = "100";

/// One workflow of a repository, on one branch or tag.
///
/// GitHub does not say which run a dispatch began, and takes no key that would keep a second one from beginning. A workflow that
/// declares an input for it and shows it in its title (`run-name: deploy (${{ inputs.claw_action }})`) can be found again: name
/// that input in [`GithubSettings::action_input`].
#[derive(Clone, Debug)]
pub struct GithubActions {
    client: Client,
    path: String,
    reference: String,
    action_input: Option<String>,
}

/// A workflow, as far as it is used.
#[derive(Deserialize)]
struct Workflow {
    state: String,
    name: String,
}

#[derive(Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    display_title: Option<String>,
}

/// The workflow is switched off.
#[derive(Debug, thiserror::Error)]
#[error("the workflow is not active")]
struct Inactive;

impl GithubActions {
    /// The workflow that `settings` name, with a token that may write actions of the repository.
    ///
    /// # Errors
    /// [`HttpError::InvalidRequest`] for a name that can be no part of an address, [`HttpError::InvalidConfig`] for an address
    /// or a token that can be none.
    pub fn new(settings: &GithubSettings, token: &SecretString) -> Result<Self, HttpError> {
        for (what, text) in [
            ("owner", &settings.owner),
            ("repository", &settings.repository),
            ("workflow", &settings.workflow),
        ] {
            if !is_segment(text) {
                return Err(unfit(what));
            }
        }
        if settings
            .action_input
            .as_ref()
            .is_some_and(|name| !is_input_name(name))
        {
            return Err(unfit("action_input"));
        }
        let GithubSettings {
            owner,
            repository,
            workflow,
            ..
        } = settings;
        Ok(Self {
            client: client(Some(&settings.base_url), Some(token))?,
            path: format!("repos/{owner}/{repository}/actions/workflows/{workflow}"),
            reference: settings.reference.clone(),
            action_input: settings.action_input.clone(),
        })
    }

    fn of(request: Request) -> Request {
        request
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION)
    }

    fn body(&self, run: &PipelineRun, id: Option<&ActionId>) -> Value {
        let mut inputs: Map<String, Value> = run
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        if let (Some(name), Some(id)) = (&self.action_input, id) {
            inputs.insert(name.clone(), json!(id));
        }
        json!({"ref": self.reference, "inputs": inputs})
    }
}

#[async_trait]
impl Provider<PipelineRun> for GithubActions {
    async fn check(&self, cx: &ToolContext, run: &PipelineRun) -> Result<Value, ProviderError> {
        let asked = Self::of(self.client.get(&self.path)).send(cx).await;
        let workflow: Workflow = asked
            .and_then(|answer| answer.json())
            .map_err(|error| ProviderError::of_look(SERVICE, error))?;
        if workflow.state != "active" {
            return Err(ProviderError::Refused {
                service: SERVICE,
                remedy: "enable the workflow, or name another".to_owned(),
                source: Box::new(Inactive),
            });
        }
        Ok(json!({"workflow": workflow.name, "dispatch": self.body(run, None)}))
    }

    async fn send(&self, cx: &ToolContext, run: &PipelineRun, id: &ActionId) -> Result<Value, ProviderError> {
        let request = self.client.post(format!("{}/dispatches", self.path));
        let sent = Self::of(request)
            .json(&self.body(run, Some(id)))
            .once()
            .send(cx)
            .await;
        let answer = sent.map_err(|error| ProviderError::of_request(SERVICE, error))?;
        Ok(json!({"status": answer.status(), "ref": self.reference}))
    }

    async fn standing(&self, cx: &ToolContext, id: &ActionId) -> Result<Standing, ProviderError> {
        if self.action_input.is_none() {
            return Ok(Standing::Gone);
        }
        let request = self
            .client
            .get(format!("{}/runs", self.path))
            .query("event", "workflow_dispatch")
            .query("per_page", LATEST);
        let asked = Self::of(request).send(cx).await;
        let runs: Runs = asked
            .and_then(|answer| answer.json())
            .map_err(|error| ProviderError::of_look(SERVICE, error))?;
        let ours = |run: &Run| {
            run.display_title
                .as_ref()
                .is_some_and(|title| title.contains(&id.0))
        };
        Ok(if runs.workflow_runs.iter().any(ours) {
            Standing::Ours
        } else {
            // The list is behind, the title does not hold the input, or it did not begin: all three look the same.
            Standing::Gone
        })
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::outside::tests::{cx, id, only_request, run};

    fn settings(server: &MockServer) -> GithubSettings {
        serde_json::from_value(json!({
            "base_url": server.uri(), "owner": "acme", "repository": "shop", "workflow": "deploy.yml", "ref": "main",
            "action_input": "claw_action", "token_file": "token",
        }))
        .unwrap()
    }

    fn github(server: &MockServer) -> GithubActions {
        GithubActions::new(&settings(server), &SecretString::from("s3cret")).unwrap()
    }

    #[tokio::test]
    async fn dispatches_on_the_configured_branch_with_the_id_among_the_inputs() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/repos/acme/shop/actions/workflows/deploy.yml/dispatches"))
            .and(header("authorization", "Bearer s3cret"))
            .and(header("accept", "application/vnd.github+json"))
            .and(header("x-github-api-version", "2022-11-28"))
            .and(body_json(
                json!({"ref": "main", "inputs": {"version": "1.2", "claw_action": id().0}}),
            ))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let answer = github(&server).send(&cx(), &run(), &id()).await.unwrap();
        assert_eq!(answer, json!({"status": 204, "ref": "main"}));
    }

    #[tokio::test]
    async fn is_sent_once_and_in_doubt_it_is_not_known() {
        for (status, refused) in [
            (401, true),
            (404, true),
            (422, true),
            (429, true),
            (408, false),
            (502, false),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .respond_with(ResponseTemplate::new(status))
                .mount(&server)
                .await;
            let error = github(&server).send(&cx(), &run(), &id()).await.unwrap_err();
            only_request(&server).await;
            assert_eq!(
                matches!(error, ProviderError::Refused { .. }),
                refused,
                "{status}"
            );
            assert!(!format!("{error:?} {error}").contains("s3cret"));
        }
    }

    #[tokio::test]
    async fn a_dry_run_looks_at_the_workflow_and_starts_nothing() {
        for (state, taken) in [("active", true), ("disabled_manually", false)] {
            let server = MockServer::start().await;
            Mock::given(method("GET"))
                .and(path("/repos/acme/shop/actions/workflows/deploy.yml"))
                .respond_with(
                    ResponseTemplate::new(200).set_body_json(json!({"name": "Deploy", "state": state})),
                )
                .mount(&server)
                .await;
            assert_eq!(github(&server).check(&cx(), &run()).await.is_ok(), taken);
            only_request(&server).await;
        }
    }

    #[tokio::test]
    async fn titles_tell_whether_it_stands() {
        let server = MockServer::start().await;
        let runs = json!({"workflow_runs": [{"display_title": null}, {"display_title": format!("deploy ({})", id().0)}]});
        Mock::given(method("GET"))
            .and(path("/repos/acme/shop/actions/workflows/deploy.yml/runs"))
            .and(query_param("event", "workflow_dispatch"))
            .respond_with(ResponseTemplate::new(200).set_body_json(runs))
            .mount(&server)
            .await;
        let github = github(&server);
        assert_eq!(github.standing(&cx(), &id()).await.unwrap(), Standing::Ours);
        let other = ActionId("other".to_owned());
        assert_eq!(github.standing(&cx(), &other).await.unwrap(), Standing::Gone);
        // Without an input for it there is nothing to look for.
        let silent = GithubActions {
            action_input: None,
            ..github
        };
        assert_eq!(silent.standing(&cx(), &id()).await.unwrap(), Standing::Gone);
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn names_that_lead_elsewhere_are_refused() {
        let server = MockServer::start().await;
        let settings = GithubSettings {
            workflow: "../../other".to_owned(),
            ..settings(&server)
        };
        let error = GithubActions::new(&settings, &SecretString::from("t")).unwrap_err();
        assert!(error.to_string().contains("workflow"), "{error}");
    }
}
