//! On the order of votes, and on who is who.

use super::http::{DECISION, sends};
use super::object::decided;
use super::slack::Sent;
use super::*;

pub(super) async fn in_turn(attacks: &mut Attacks) {
    let sent = |token: &str, world: &World, verdict: &str| {
        let body = json!({"verdict": verdict, "digest": world.shown.digest});
        sends(&format!("Bearer {token}"), DECISION, body.to_string())
    };
    // Somebody said no.
    let mut denied = World::new().await;
    denied.go_to(60);
    assert!(status(&denied, sent(LEE, &denied, "deny")).await.is_success());
    let votes = all_votes(&denied).await;
    assert!(denied.count(votes).is_none());
    status(&denied, sent(KIM, &denied, "approve")).await;
    let votes = all_votes(&denied).await;
    attacks.push(("denied, then approved", denied.count(votes).is_some()));
    let state = denied.request.state(at(60));
    denied
        .http
        .show(&denied.cx(), &denied.shown, &state)
        .await
        .unwrap();
    let after = status(&denied, sent(LEE, &denied, "approve")).await;
    attacks.push(("http: after it was denied", after.is_success()));
    // One person who is two: by name on one way, and by another name on the other.
    let mut twice = World::with(terms().with_needed(2)).await;
    twice.go_to(60);
    assert!(status(&twice, sent(KIM, &twice, "approve")).await.is_success());
    assert!(status(&twice, Sent::by_kim(&twice).request()).await.is_success());
    let mut votes = all_votes(&twice).await;
    assert_eq!(votes.len(), 2);
    votes.extend(decided(&twice, |_| {}).unwrap());
    attacks.push(("one person on three carriers", twice.count(votes).is_some()));
    status(&twice, sent(LEE, &twice, "approve")).await;
    let votes = all_votes(&twice).await;
    assert!(twice.count(votes).is_some(), "two people are two");
    // The wrong carrier for a name.
    let mut elsewhere = World::new().await;
    elsewhere.go_to(60);
    let digest = elsewhere.shown.digest.clone();
    for (name, carrier, by) in [
        ("a name of Slack on the API server", Carrier::Kubernetes, "U0KIM"),
        ("a login of the forge as a token's name", Carrier::Http, "kim-gh"),
        (
            "a person's name as a login of the forge",
            Carrier::PullRequest,
            "kim",
        ),
        ("a user of the terminal in Slack", Carrier::Slack, "kim"),
    ] {
        let vote = Vote::new(
            by,
            claw_guardrails::approval::Verdict::Approve,
            &*digest,
            carrier,
            at(60),
        );
        attacks.push((name, elsewhere.count(vec![vote]).is_some()));
    }
}
