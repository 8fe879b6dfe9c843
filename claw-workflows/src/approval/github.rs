//! Approvals as reviews of a pull request on GitHub.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::http::{Client, Request};
use claw_core::store::Documents;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Inbox, Post, PostError, PullRequest, Shown, State, Verdict, Vote};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::failure::{of_http, of_inbox};
use super::words;

const CARRIER: Carrier = Carrier::PullRequest;
/// Reviews on a page, the most that GitHub gives.
const PAGE: usize = 100;
/// Most pages that are read. A pull request with more reviews is not decided by them.
const MOST_PAGES: usize = 30;
/// Largest answer, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// Name of the status on the commit.
const CONTEXT: &str = "claw/approval";
/// Longest description of a status, in characters.
const MOST_DESCRIPTION: usize = 140;

/// Asks by a comment and a commit status on the pull request that an action merges, and reads its reviews.
///
/// A review counts when it is on exactly the commit that the approval is bound to, the commit is still the head, and it is neither
/// by whoever opened the pull request, nor by an author of the commit, nor by a bot. Of each reviewer the latest one counts; one
/// that was dismissed is none. Requests that merge no pull request are not shown here.
#[derive(Clone, Debug)]
pub struct GitHubReviews {
    client: Client,
    kept: Inbox,
}

impl GitHubReviews {
    /// Base URL of GitHub's API, for the client.
    pub const API: &'static str = "https://api.github.com/";

    /// `client` has the API as its base URL, and a token that may read pull requests and write commit statuses and comments. It
    /// must not be a reviewer's. That the comment was written is kept in `documents`.
    pub fn new(client: Client, documents: Arc<dyn Documents>) -> Self {
        Self {
            client,
            kept: Inbox::new(documents, CARRIER),
        }
    }

    async fn read<T: DeserializeOwned>(&self, cx: &ToolContext, request: Request) -> Result<T, PostError> {
        let answer = request
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .max_bytes(MOST_BYTES)
            .send(cx)
            .await;
        let answer = answer.and_then(|answer| answer.json());
        answer.map_err(|error| of_http(CARRIER, error))
    }

    async fn reviews(&self, cx: &ToolContext, pull: &PullRequest) -> Result<Vec<Review>, PostError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let request = self
                .client
                .get(path(pull, &format!("pulls/{}/reviews", pull.number)))
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let some: Vec<Review> = self.read(cx, request).await?;
            let last = some.len() < PAGE;
            all.extend(some);
            if last {
                return Ok(all);
            }
        }
        // One that takes another back may be among those that were not read.
        Err(untrusted(
            "the pull request has too many reviews to read; use another carrier",
        ))
    }
}

#[async_trait]
impl Post for GitHubReviews {
    fn carrier(&self) -> Carrier {
        CARRIER
    }

    async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError> {
        let Some(pull) = &shown.pull_request else {
            return Ok(());
        };
        let entry = self.kept.show(shown, state).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        if entry.place.is_none() {
            let comment = path(pull, &format!("issues/{}/comments", pull.number));
            let request = self
                .client
                .post(comment)
                .json(&json!({"body": comment_of(shown)}));
            let written: Comment = self.read(cx, request).await?;
            let placed = self.kept.place(&shown.id, &written.id.to_string()).await;
            placed.map_err(|error| of_inbox(CARRIER, error))?;
        }
        let result = match state {
            State::Pending => "pending",
            State::Approved { .. } | State::Used { .. } => "success",
            _ => "failure",
        };
        let said = format!("{}; {}", words::state(state), words::needed(shown));
        let status = json!({
            "state": result,
            "context": CONTEXT,
            "description": said.chars().take(MOST_DESCRIPTION).collect::<String>(),
        });
        // The latest one of a context is what is shown.
        let request = self.client.post(path(pull, &format!("statuses/{}", pull.head)));
        let _: Anything = self.read(cx, request.json(&status).idempotent()).await?;
        Ok(())
    }

    async fn collect(&self, cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError> {
        let Some(pull) = &shown.pull_request else {
            return Ok(Vec::new());
        };
        let reviews = self.reviews(cx, pull).await?;
        let commit = self.client.get(path(pull, &format!("commits/{}", pull.head)));
        let commit: Commit = self.read(cx, commit).await?;
        // Last of all: reviews of a commit that is no longer the head are of something else.
        let live = self.client.get(path(pull, &format!("pulls/{}", pull.number)));
        let live: Live = self.read(cx, live).await?;
        votes(shown, pull, reviews, &live, &commit)
    }
}

/// The votes that the reviews of a pull request are.
fn votes(
    shown: &Shown,
    pull: &PullRequest,
    reviews: Vec<Review>,
    live: &Live,
    commit: &Commit,
) -> Result<Vec<Vote>, PostError> {
    if live.state != "open" || live.number != pull.number {
        return Err(untrusted("the pull request is not open any more; ask anew"));
    }
    if live.head.sha != pull.head || commit.sha != pull.head {
        return Err(untrusted(
            "the pull request has moved on to another commit than the one that was asked for; ask anew",
        ));
    }
    let Some(author) = &live.user else {
        return Err(untrusted("the pull request has no author; open another one"));
    };
    let own: Vec<u64> = [Some(author), commit.author.as_ref(), commit.committer.as_ref()]
        .into_iter()
        .flatten()
        .map(|user| user.id)
        .collect();
    // By number: a login can be given up, and taken by somebody else.
    let mut latest: BTreeMap<u64, (Timestamp, u64, User, Review)> = BTreeMap::new();
    for review in reviews {
        let decides = matches!(
            review.state.as_str(),
            "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED"
        );
        let (Some(user), Some(at), true) = (review.user.clone(), review.submitted_at, decides) else {
            continue;
        };
        let newer = latest
            .get(&user.id)
            .is_none_or(|(known, id, ..)| (*known, *id) < (at, review.id));
        if newer {
            latest.insert(user.id, (at, review.id, user, review));
        }
    }
    let vote = |(at, _, user, review): (Timestamp, u64, User, Review)| {
        let verdict = match review.state.as_str() {
            "APPROVED" => Verdict::Approve,
            "CHANGES_REQUESTED" => Verdict::Deny,
            _ => return None,
        };
        let counts =
            review.commit_id.as_deref() == Some(&pull.head) && user.kind == "User" && !own.contains(&user.id);
        counts.then(|| Vote::new(user.login, verdict, shown.digest.clone(), CARRIER, at))
    };
    Ok(latest.into_values().filter_map(vote).collect())
}

fn untrusted(why: &str) -> PostError {
    PostError::Untrusted {
        carrier: CARRIER,
        why: why.to_owned(),
    }
}

/// A path below the repository. Its parts were checked when the request was made.
fn path(pull: &PullRequest, below: &str) -> String {
    let (owner, name) = pull.owner_and_name();
    format!("repos/{owner}/{name}/{below}")
}

/// The request as a comment: a fence that nothing in it can end.
fn comment_of(shown: &Shown) -> String {
    let text = words::lines(shown).join("\n");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.saturating_add(1).max(3));
    format!(
        "An agent asks for leave to merge this. Approve by a review of commit `{}`, deny by requesting changes.\n\n{fence}text\n{text}\n{fence}\n",
        shown.pull_request.as_ref().map_or("", |pull| pull.head.as_str())
    )
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    login: String,
    id: u64,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Review {
    id: u64,
    user: Option<User>,
    state: String,
    #[serde(default)]
    commit_id: Option<String>,
    #[serde(default)]
    submitted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
struct Live {
    number: u64,
    state: String,
    user: Option<User>,
    head: Head,
}

#[derive(Clone, Debug, Deserialize)]
struct Head {
    sha: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Commit {
    sha: String,
    author: Option<User>,
    committer: Option<User>,
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
}

/// An answer of which nothing is needed.
#[derive(Debug, Deserialize)]
struct Anything {}

/// The votes that recorded answers of the forge are.
#[cfg(test)]
pub(super) mod tests_of_votes {
    use serde_json::Value;

    use super::*;

    /// One approval by somebody who has no part in the pull request.
    pub(in crate::approval) fn answers(head: &str, at: &str) -> Value {
        let user = |login: &str, id: u64| json!({"login": login, "id": id, "type": "User"});
        json!({
            "reviews": [{"id": 1, "user": user("kim-gh", 11), "state": "APPROVED", "commit_id": head,
                "submitted_at": at, "body": ""}],
            "live": {"number": 7, "state": "open", "user": user("claw-bot", 99), "head": {"sha": head, "ref": "claw/7"}},
            "commit": {"sha": head, "author": user("claw-bot", 99), "committer": null},
        })
    }

    pub(in crate::approval) fn votes_of(shown: &Shown, answers: &Value) -> Option<Vec<Vote>> {
        let reviews = serde_json::from_value(answers["reviews"].clone()).unwrap();
        let live = serde_json::from_value(answers["live"].clone()).unwrap();
        let commit = serde_json::from_value(answers["commit"].clone()).unwrap();
        let pull = shown.pull_request.as_ref().unwrap();
        votes(shown, pull, reviews, &live, &commit).ok()
    }
}
