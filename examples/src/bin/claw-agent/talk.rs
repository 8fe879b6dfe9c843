//! Talking to an agent that runs.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::http::{Auth, Client, ClientConfig, Request, Response};
use claw_core::tool::ToolContext;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::AgentArguments;
use crate::failure::Failure;
use crate::{connect, files};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The variable with a person's token.
const TOKEN: &str = "CLAW_AGENT_TOKEN";

/// An agent that runs, and whoever asks.
#[derive(Debug)]
pub(crate) struct Agent {
    client: Client,
    url: String,
}

impl Agent {
    pub(crate) fn of(given: &AgentArguments) -> Result<Self, Failure> {
        let auth = match &given.token_file {
            Some(path) => Auth::Bearer(files::secret(path, "token")?),
            None => {
                let token = connect::variable(TOKEN).and_then(|value| value.into_string().ok());
                let token = token.filter(|token| !token.trim().is_empty()).ok_or_else(|| {
                    Failure::arguments(
                        "the agent has to know who asks",
                        format!("give --token-file with your own token, or set ${TOKEN}"),
                    )
                })?;
                Auth::Bearer(SecretString::from(token.trim().to_owned()))
            }
        };
        if !given.url.starts_with("http://") && !given.url.starts_with("https://") {
            return Err(Failure::arguments(
                "--url is not a URL",
                "give one that begins with https:// or http://",
            ));
        }
        let base = format!("{}/", given.url.trim_end_matches('/'));
        Ok(Self {
            client: Client::new(ClientConfig::at(base).with_auth(auth))?,
            url: given.url.clone(),
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(self.client.get(path)).await
    }

    /// What is sent may be sent again where no answer came: the agent knows it again.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.ask(self.client.post(path).json(body).idempotent()).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let cx = ToolContext::new(Arc::new(SystemClock), PATIENCE);
        let answer = request.send_any(&cx).await.map_err(|error| {
            Failure::new(
                format!("the agent at {} does not answer", self.url),
                "see that it runs, and give --url where it listens elsewhere",
            )
            .because(error)
        })?;
        if !answer.is_success() {
            return Err(self.refused(&answer));
        }
        Ok(answer.json()?)
    }

    /// What the agent says is wrong, in its own words.
    fn refused(&self, answer: &Response) -> Failure {
        let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
        let said = |field: &str| {
            let text = body.as_ref()?.pointer(&format!("/error/{field}"))?.as_str()?;
            Some(text.to_owned())
        };
        match (said("reason"), said("remedy")) {
            (Some(reason), remedy) => Failure::new(reason, remedy.unwrap_or_default()),
            _ => Failure::new(
                format!("{} answered {} and no more", self.url, answer.status()),
                "see that an agent listens there which was started with --writing",
            ),
        }
    }
}
