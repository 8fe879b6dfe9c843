//! What must not lead to an approval, by name. Each attack is one step away from a vote that counts.

mod http;
mod object;
mod review;
mod slack;
mod terminal;
mod turn;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request as HttpRequest, StatusCode};
use claw_guardrails::approval::Post as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::approval::router;

/// Attacks by name, and whether each was taken for an approval.
type Attacks = Vec<(&'static str, bool)>;

/// What an attacker makes of an answer.
type Change = Box<dyn Fn(&mut Value)>;

async fn status(world: &World, request: HttpRequest<Body>) -> StatusCode {
    let router = router(Some(world.http.clone()), Some(world.slack.clone()));
    router.oneshot(request).await.unwrap().status()
}

async fn all_votes(world: &World) -> Vec<Vote> {
    let mut votes = world.slack.collect(&world.cx(), &world.shown).await.unwrap();
    votes.extend(world.http.collect(&world.cx(), &world.shown).await.unwrap());
    votes
}

#[tokio::test]
async fn no_attack_on_a_carrier_is_an_approval() {
    let mut attacks = Vec::new();
    slack::by_slack(&mut attacks).await;
    slack::by_slack_in_time(&mut attacks).await;
    http::by_http(&mut attacks).await;
    turn::in_turn(&mut attacks).await;
    object::by_object(&mut attacks).await;
    review::by_review(&mut attacks).await;
    terminal::by_terminal(&mut attacks).await;
    let accepted: Vec<_> = attacks.iter().filter(|(_, accepted)| *accepted).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
    let names: BTreeSet<_> = attacks.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), attacks.len(), "each kind has a name of its own");
    println!(
        "{} kinds of attacks on carriers of approvals, none accepted",
        names.len()
    );
    assert!(names.len() >= 50);
}
