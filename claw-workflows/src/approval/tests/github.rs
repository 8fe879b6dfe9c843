//! The forge over HTTP: what is asked for, page by page, and what is said there.

use claw_guardrails::approval::{Post as _, PostError, Verdict};
use serde_json::Value;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::approval::GitHubReviews;
use crate::approval::github::tests_of_votes::answers;

async fn forge(documents: Arc<MemoryDocuments>) -> (MockServer, GitHubReviews) {
    let server = MockServer::start().await;
    let client = Client::new(ClientConfig::at(server.uri())).unwrap();
    (server, GitHubReviews::new(client, documents))
}

async fn answers_with(server: &MockServer, at: &str, body: &Value) {
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

#[tokio::test]
async fn reviews_are_read_to_the_last_page() {
    let world = World::new().await;
    let (server, reviews) = forge(Arc::default()).await;
    let said = answers(HEAD, &at(50).to_string());
    let review = |id: u64, user: u64, state: &str| {
        let mut review = said["reviews"][0].clone();
        review["id"] = json!(id);
        review["user"]["id"] = json!(user);
        review["user"]["login"] = json!(format!("login-{user}"));
        review["state"] = json!(state);
        review
    };
    let first: Vec<Value> = (0..100).map(|id| review(id, id, "COMMENTED")).collect();
    let second = vec![review(100, 11, "APPROVED"), review(101, 12, "CHANGES_REQUESTED")];
    for (page, body) in [("1", first), ("2", second)] {
        Mock::given(method("GET"))
            .and(path("/repos/shop/manifests/pulls/7/reviews"))
            .and(query_param("page", page))
            .and(query_param("per_page", "100"))
            .and(header("accept", "application/vnd.github+json"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .expect(1)
            .mount(&server)
            .await;
    }
    answers_with(&server, "/repos/shop/manifests/pulls/7", &said["live"]).await;
    answers_with(
        &server,
        &format!("/repos/shop/manifests/commits/{HEAD}"),
        &said["commit"],
    )
    .await;
    let votes = reviews.collect(&world.cx(), &world.shown).await.unwrap();
    let said: Vec<_> = votes
        .iter()
        .map(|vote| (vote.by.as_str(), vote.verdict))
        .collect();
    assert_eq!(
        said,
        [("login-11", Verdict::Approve), ("login-12", Verdict::Deny)]
    );
    assert!(
        votes
            .iter()
            .all(|vote| vote.digest == world.shown.digest && vote.at == at(50))
    );
}

#[tokio::test]
async fn a_commit_that_is_no_longer_the_head_is_told_and_nothing_counts() {
    let world = World::new().await;
    let (server, reviews) = forge(Arc::default()).await;
    let mut said = answers(HEAD, &at(50).to_string());
    said["live"]["head"]["sha"] = json!("f".repeat(40));
    answers_with(&server, "/repos/shop/manifests/pulls/7/reviews", &said["reviews"]).await;
    answers_with(&server, "/repos/shop/manifests/pulls/7", &said["live"]).await;
    answers_with(
        &server,
        &format!("/repos/shop/manifests/commits/{HEAD}"),
        &said["commit"],
    )
    .await;
    let error = reviews.collect(&world.cx(), &world.shown).await.unwrap_err();
    assert!(matches!(error, PostError::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("ask anew"), "{error}");
}

#[tokio::test]
async fn a_request_is_one_comment_and_the_latest_status() {
    let mut world = World::new().await;
    world.shown.reason = "```\n@everyone".to_owned();
    let documents = Arc::new(MemoryDocuments::new());
    let (server, reviews) = forge(documents.clone()).await;
    Mock::given(method("POST"))
        .and(path("/repos/shop/manifests/issues/7/comments"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 5})))
        .expect(1)
        .mount(&server)
        .await;
    let states = [
        (State::Pending, "pending"),
        (State::Approved { at: at(60) }, "success"),
        (State::Expired, "failure"),
    ];
    for (_, state) in &states {
        Mock::given(method("POST"))
            .and(path(format!("/repos/shop/manifests/statuses/{HEAD}")))
            .and(body_partial_json(
                json!({"state": state, "context": "claw/approval"}),
            ))
            .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 6})))
            .expect(1)
            .mount(&server)
            .await;
    }
    for (state, _) in &states {
        reviews.show(&world.cx(), &world.shown, state).await.unwrap();
    }
    let sent = server.received_requests().await.unwrap();
    let comment: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let comment = comment["body"].as_str().unwrap();
    // Nothing that is shown ends the fence it is in.
    assert_eq!(comment.matches("````").count(), 2, "{comment}");
    for request in &sent[1..] {
        let status: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(status["description"].as_str().unwrap().chars().count() <= 140);
    }
}

#[tokio::test]
async fn what_merges_no_pull_request_is_not_shown_there() {
    let mut world = World::new().await;
    world.shown.pull_request = None;
    let (server, reviews) = forge(Arc::default()).await;
    reviews
        .show(&world.cx(), &world.shown, &State::Pending)
        .await
        .unwrap();
    assert_eq!(reviews.collect(&world.cx(), &world.shown).await.unwrap(), []);
    assert!(server.received_requests().await.unwrap().is_empty());
}
