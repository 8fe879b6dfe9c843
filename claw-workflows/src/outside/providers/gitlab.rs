//! Pipelines of GitLab, by a pipeline trigger token.

use std::fmt;

use async_trait::async_trait;
use claw_core::execute::ActionId;
use claw_core::http::{Client, HttpError};
use claw_core::outside::{PipelineRun, is_input_name};
use claw_core::tool::ToolContext;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{client, is_segment, unfit};
use crate::outside::perform::{Provider, ProviderError};
use crate::outside::settings::GitlabSettings;

const SERVICE: &str = "gitlab";

/// The pipeline of one project, on one branch or tag. Inputs become variables.
///
/// A trigger token starts pipelines of its project and shows nothing, so that a dry run looks at the configuration alone and
/// nobody can say whether a request without an answer began a pipeline.
#[derive(Clone)]
pub struct GitlabTrigger {
    client: Client,
    path: String,
    reference: String,
    action_variable: Option<String>,
    token: SecretString,
}

/// A pipeline that began, as far as it is used.
#[derive(Deserialize)]
struct Begun {
    id: Option<u64>,
    status: Option<String>,
}

impl GitlabTrigger {
    /// The pipeline that `settings` name, with a trigger token of its project.
    ///
    /// # Errors
    /// [`HttpError::InvalidRequest`] for a name that can be no part of an address, [`HttpError::InvalidConfig`] for an address
    /// that can be none.
    pub fn new(settings: &GitlabSettings, token: SecretString) -> Result<Self, HttpError> {
        if !settings.project.split('/').all(is_segment) {
            return Err(unfit("project"));
        }
        if settings
            .action_variable
            .as_ref()
            .is_some_and(|name| !is_input_name(name))
        {
            return Err(unfit("action_variable"));
        }
        // The whole path of a project is one part of the address.
        let project = settings.project.replace('/', "%2F");
        Ok(Self {
            client: client(Some(&settings.base_url), None)?,
            path: format!("api/v4/projects/{project}/trigger/pipeline"),
            reference: settings.reference.clone(),
            action_variable: settings.action_variable.clone(),
            token,
        })
    }

    fn variables(&self, run: &PipelineRun, id: Option<&ActionId>) -> Vec<(String, String)> {
        let mut variables: Vec<(String, String)> = run
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let (Some(name), Some(id)) = (&self.action_variable, id) {
            variables.push((name.clone(), id.0.clone()));
        }
        variables
    }
}

impl fmt::Debug for GitlabTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitlabTrigger")
            .field("client", &self.client)
            .field("path", &self.path)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider<PipelineRun> for GitlabTrigger {
    async fn check(&self, _cx: &ToolContext, run: &PipelineRun) -> Result<Value, ProviderError> {
        let variables: serde_json::Map<String, Value> = self
            .variables(run, None)
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect();
        Ok(json!({"ref": self.reference, "variables": variables}))
    }

    async fn send(&self, cx: &ToolContext, run: &PipelineRun, id: &ActionId) -> Result<Value, ProviderError> {
        let mut form = vec![
            ("token".to_owned(), self.token.expose_secret().trim().to_owned()),
            ("ref".to_owned(), self.reference.clone()),
        ];
        let variables = self.variables(run, Some(id)).into_iter();
        form.extend(variables.map(|(name, value)| (format!("variables[{name}]"), value)));
        let sent = self.client.post(&self.path).form(form).once().send(cx).await;
        let answer = sent.map_err(|error| ProviderError::of_request(SERVICE, error))?;
        // It has begun, whatever else is said of it.
        let begun = answer.json::<Begun>().ok();
        Ok(json!({
            "ref": self.reference,
            "id": begun.as_ref().and_then(|begun| begun.id),
            "status": begun.and_then(|begun| begun.status),
        }))
    }
}

#[cfg(test)]
mod tests {
    use claw_core::execute::Standing;
    use wiremock::matchers::{body_string, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::outside::tests::{cx, id, only_request, run};

    fn settings(server: &MockServer, project: &str) -> GitlabSettings {
        serde_json::from_value(json!({
            "base_url": server.uri(), "project": project, "ref": "main", "action_variable": "CLAW_ACTION",
            "token_file": "token",
        }))
        .unwrap()
    }

    fn gitlab(server: &MockServer) -> GitlabTrigger {
        GitlabTrigger::new(&settings(server, "acme/shop"), SecretString::from("s3cret")).unwrap()
    }

    #[tokio::test]
    async fn triggers_with_the_token_in_the_form_and_inputs_as_variables() {
        let server = MockServer::start().await;
        let form = format!(
            "token=s3cret&ref=main&variables%5Bversion%5D=1.2&variables%5BCLAW_ACTION%5D={}",
            id().0
        );
        Mock::given(method("POST"))
            .and(body_string(form))
            .respond_with(ResponseTemplate::new(201).set_body_json(
                json!({"id": 7, "status": "created", "web_url": "https://gitlab.example/7", "user": {"name": "a"}}),
            ))
            .expect(1)
            .mount(&server)
            .await;
        let answer = gitlab(&server).send(&cx(), &run(), &id()).await.unwrap();
        assert_eq!(answer, json!({"ref": "main", "id": 7, "status": "created"}));
        let request = only_request(&server).await;
        assert_eq!(
            request.url.path(),
            "/api/v4/projects/acme%2Fshop/trigger/pipeline"
        );
        assert!(request.url.query().is_none() && !request.headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn is_sent_once_and_in_doubt_it_is_not_known() {
        for (answer, known) in [
            (ResponseTemplate::new(201).set_body_string("no json"), Some(true)),
            (ResponseTemplate::new(400), Some(false)),
            (ResponseTemplate::new(404), Some(false)),
            (ResponseTemplate::new(500), None),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .respond_with(answer)
                .mount(&server)
                .await;
            let sent = gitlab(&server).send(&cx(), &run(), &id()).await;
            only_request(&server).await;
            assert!(!format!("{sent:?} {:?}", gitlab(&server)).contains("s3cret"));
            let said = match sent {
                Ok(_) => Some(true),
                Err(ProviderError::Refused { .. }) => Some(false),
                Err(_) => None,
            };
            assert_eq!(said, known);
        }
    }

    #[tokio::test]
    async fn what_is_not_asked_is_not_known() {
        let server = MockServer::start().await;
        let gitlab = gitlab(&server);
        let shown = gitlab.check(&cx(), &run()).await.unwrap();
        assert_eq!(shown, json!({"ref": "main", "variables": {"version": "1.2"}}));
        assert_eq!(gitlab.standing(&cx(), &id()).await.unwrap(), Standing::Gone);
        assert!(server.received_requests().await.unwrap().is_empty());
        for project in ["", "acme/../other", "acme%2Fshop", "acme/shop?x"] {
            let settings = settings(&server, project);
            assert!(
                GitlabTrigger::new(&settings, SecretString::from("t")).is_err(),
                "{project}"
            );
        }
    }
}
