//! The ways on which approvals are asked for.

use std::sync::Arc;

use axum::Router;
use claw_core::clock::Clock;
use claw_core::http::{Auth, Client, ClientConfig};
use claw_core::store::Documents;
use claw_guardrails::approval::{Board, Inbox};
use claw_k8s::approval::{Approvals, Wall};
use claw_k8s::cluster::{Connection, Limits};
use claw_workflows::approval::{
    self, GitHubReviews, HttpApprovals, KubernetesApprovals, SlackButtons, SlackSettings,
};
use claw_workflows::outside;

use super::Writing;
use crate::failure::Failure;
use crate::{connect, files};

/// What people are asked with.
#[derive(Debug, Default)]
pub(super) struct Carriers {
    pub(super) board: Board,
    http: Option<Arc<HttpApprovals>>,
    slack: Option<Arc<SlackButtons>>,
}

impl Carriers {
    pub(super) async fn connect(
        writing: &Writing,
        connection: &Connection,
        documents: &Arc<dyn Documents>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let settings = &writing.settings.carriers;
        let mut carriers = Self::default();
        if settings.kubernetes {
            let own = writing.policy.own_namespace.as_str();
            let accounts = ["openclaw-agent", "openclaw-agent-writer"].map(|account| (own, account));
            let wall = Wall::new(own, accounts)
                .map_err(|error| Failure::new("Approval objects cannot be used", "").because(error))?;
            let limits = Limits::default();
            let approvals = Approvals::connect(connection.clone(), connect::proxies(), limits, wall).await?;
            let post = KubernetesApprovals::new(approvals, Arc::clone(documents));
            carriers.board = carriers.board.with(Arc::new(post));
        }
        if settings.http
            && let Some(tokens) = &writing.tokens
        {
            let post = HttpApprovals::new(Arc::clone(documents), tokens.clone(), Arc::clone(clock));
            let post = Arc::new(post);
            carriers.board = carriers.board.with(Arc::<HttpApprovals>::clone(&post) as _);
            carriers.http = Some(post);
        }
        if let Some(slack) = &settings.slack {
            let at = slack.base_url.as_deref().unwrap_or(outside::SlackSettings::API);
            let client = Client::new(ClientConfig::at(at))?;
            let app = SlackSettings {
                token: files::named(&slack.token, "token of the Slack app")?,
                signing_secret: files::named(&slack.signing_secret, "signing secret of the Slack app")?,
                channel: slack.channel.clone(),
                team: slack.team.clone(),
                app: slack.app.clone(),
            };
            let post = SlackButtons::new(client, app, Arc::clone(documents), Arc::clone(clock));
            let post = post.map_err(|error| {
                Failure::new("approvals.carriers.slack cannot be used", "").because(error)
            })?;
            let post = Arc::new(post);
            carriers.board = carriers.board.with(Arc::<SlackButtons>::clone(&post) as _);
            carriers.slack = Some(post);
        }
        if let Some(github) = &settings.pull_request {
            let at = github.base_url.as_deref().unwrap_or(GitHubReviews::API);
            let token = files::named(&github.token, "token for GitHub")?;
            let client = Client::new(ClientConfig::at(at).with_auth(Auth::Bearer(token)))?;
            let post = GitHubReviews::new(client, Arc::clone(documents));
            carriers.board = carriers.board.with(Arc::new(post));
        }
        Ok(carriers)
    }

    /// Where votes come in.
    pub(super) fn inboxes(&self) -> impl Iterator<Item = Inbox> {
        let http = self.http.as_ref().map(|post| post.inbox().clone());
        let slack = self.slack.as_ref().map(|post| post.inbox().clone());
        http.into_iter().chain(slack)
    }

    /// The routes that votes are sent to.
    pub(super) fn routes(&self) -> Router {
        approval::router(self.http.clone(), self.slack.clone())
    }
}
