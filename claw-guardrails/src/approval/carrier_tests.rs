//! What carriers share: what is shown, who is who, votes that wait, and a board of carriers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::{Action, Verb};
use claw_core::clock::ManualClock;
use claw_core::entity::EntityRef;
use claw_core::execute::Rehearsal;
use claw_core::radius::{BlastRadius, Endpoints};
use claw_core::store::{Documents as _, MemoryDocuments};
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_359_200 + second).unwrap()
}

fn sample() -> Sample {
    let terms = Terms::new(vec![Group::new("on-call").with(Carrier::Http, "kim")]);
    Sample {
        expires: at(3600),
        ..Sample::new(terms, at(0))
    }
}

fn action() -> Action {
    sample().action
}

fn rehearsal() -> Rehearsal {
    sample().rehearsal
}

fn request(id: &str) -> Request {
    sample().request(id).unwrap()
}

fn shown() -> Shown {
    let radius = BlastRadius::of(action().target);
    Shown::of(&request("req-1"), &action(), &rehearsal(), &radius, []).unwrap()
}

fn vote(by: &str, verdict: Verdict) -> Vote {
    Vote::new(by, verdict, shown().digest, Carrier::Http, at(1))
}

fn inbox() -> Inbox {
    Inbox::new(Arc::new(MemoryDocuments::new()), Carrier::Http)
}

#[test]
fn nothing_is_shown_but_what_the_approval_is_good_for() {
    let radius = BlastRadius::of(action().target);
    let shown = |id: &str, action: &Action, rehearsal: &Rehearsal| {
        Shown::of(&request(id), action, rehearsal, &radius, []).map(|shown| shown.digest)
    };
    assert_eq!(
        shown("req-1", &action(), &rehearsal()).unwrap(),
        request("req-1").binding.digest()
    );
    let other = |change: &dyn Fn(&mut Action)| {
        let mut other = action();
        change(&mut other);
        shown("req-1", &other, &rehearsal()).unwrap_err()
    };
    for (what, error) in [
        ("the verb", other(&|action| action.verb = Verb::Delete)),
        (
            "the target",
            other(&|action| action.target.name = "web".to_owned()),
        ),
        (
            "the API version",
            other(&|action| action.api_version = "apps/v2".to_owned()),
        ),
        ("the object", other(&|action| action.uid = None)),
        (
            "the patch",
            other(&|action| action.patch = json!({"spec": {"replicas": 7}})),
        ),
        (
            "the outcome",
            shown("req-1", &action(), &Rehearsal::default()).unwrap_err(),
        ),
    ] {
        let id = "req-1".to_owned();
        assert_eq!(error, ShownError::NotBound { id, what });
    }
    for id in ["", "Req-1", "a/b", "..", "-a", "a-", "a b", &"a".repeat(64)] {
        assert!(
            matches!(shown(id, &action(), &rehearsal()), Err(ShownError::Id { .. })),
            "{id}"
        );
    }
}

#[test]
fn what_is_shown_is_bounded_and_on_lines() {
    let mut rehearsal = rehearsal();
    rehearsal.diff = (0..1_000)
        .map(|line| format!("{line}\u{7}{}", "x".repeat(2_000)))
        .collect();
    rehearsal.unplanned = vec!["spec.paused".to_owned()];
    rehearsal.taken_over = [("argocd".to_owned(), vec!["spec.replicas".to_owned()])].into();
    let mut action = action();
    action.reason = "one\ntwo\u{1b}[2J".to_owned();
    let mut radius = BlastRadius::of(action.target.clone());
    let service = EntityRef::namespaced("Service", "shop", "cart");
    radius.services = [(
        service,
        Some(Endpoints {
            affected: 1,
            ready: 3,
        }),
    )]
    .into();
    radius.nodes = None;
    radius.persistent_data = None;
    radius.unseen = vec!["pods: denied".to_owned()];
    let shown = Shown::of(&request("req-1"), &action, &rehearsal, &radius, []).unwrap();
    assert_eq!(shown.diff.len(), 200);
    assert_eq!(shown.diff[199], "(and 801 lines more)");
    assert!(
        shown
            .diff
            .iter()
            .all(|line| line.chars().count() <= 1_001 && !line.contains(char::is_control))
    );
    assert_eq!(shown.reason, "one two [2J");
    assert_eq!(
        shown.warnings,
        [
            "spec.paused would change, which the action does not name",
            "argocd has set spec.replicas"
        ]
    );
    assert_eq!(
        shown.reach,
        [
            "1 objects change or end, in shop",
            "0 pods end or are made anew",
            "Service shop/cart: 1 of 3 ready endpoints may go",
            "not known: nodes lose pods or take no more",
            "0 zones that those lie in",
            "not known: whether something is lost that cannot be had again",
            "not seen: pods: denied",
        ]
    );
}

#[tokio::test]
async fn votes_wait_until_they_are_collected_also_through_a_restart() {
    let documents = Arc::new(MemoryDocuments::new());
    let inbox = Inbox::new(documents.clone(), Carrier::Http);
    inbox.show(&shown(), &State::Pending).await.unwrap();
    inbox
        .put("req-1", vote("kim", Verdict::Approve), at(1))
        .await
        .unwrap();
    inbox
        .put("req-1", vote("kim", Verdict::Approve), at(2))
        .await
        .unwrap();
    let later = Inbox::new(documents.clone(), Carrier::Http);
    let entry = later.show(&shown(), &State::Pending).await.unwrap();
    assert_eq!(entry.votes, [vote("kim", Verdict::Approve)]);
    // Another carrier has its own.
    let slack = Inbox::new(documents.clone(), Carrier::Slack);
    assert!(slack.get("req-1").await.unwrap().is_none());
    later.forget(at(3600)).await.unwrap();
    assert_eq!(later.all().await.unwrap().len(), 1);
    later.forget(at(3601)).await.unwrap();
    assert_eq!(documents.list("").await.unwrap(), []);
}

#[tokio::test]
async fn votes_on_nothing_are_not_taken_in() {
    let inbox = inbox();
    let put = async |vote: Vote, second: i64| inbox.put("req-1", vote, at(second)).await;
    let yes = || vote("kim", Verdict::Approve);
    assert!(matches!(put(yes(), 1).await, Err(InboxError::Unknown)));
    inbox.show(&shown(), &State::Pending).await.unwrap();
    let other = Vote {
        digest: "0".repeat(64),
        ..yes()
    };
    assert!(matches!(put(other, 1).await, Err(InboxError::OtherDigest)));
    let elsewhere = Vote {
        carrier: Carrier::Slack,
        ..yes()
    };
    assert!(matches!(put(elsewhere, 1).await, Err(InboxError::OtherDigest)));
    assert!(matches!(
        put(yes(), 3600).await,
        Err(InboxError::Settled { state: "expired" })
    ));
    inbox
        .show(&shown(), &State::Approved { at: at(5) })
        .await
        .unwrap();
    assert!(matches!(
        put(yes(), 6).await,
        Err(InboxError::Settled { state: "approved" })
    ));
    put(vote("kim", Verdict::Deny), 6).await.unwrap();
    inbox.show(&shown(), &State::Used { at: at(7) }).await.unwrap();
    assert!(matches!(
        put(vote("lee", Verdict::Deny), 8).await,
        Err(InboxError::Settled { state: "used" })
    ));
    // Another request of the same name.
    let mut anew = shown();
    anew.digest = "0".repeat(64);
    assert!(matches!(
        inbox.show(&anew, &State::Pending).await,
        Err(InboxError::OtherDigest)
    ));
}

#[tokio::test]
async fn strangers_do_not_fill_the_store() {
    let inbox = inbox();
    inbox.show(&shown(), &State::Pending).await.unwrap();
    let mut taken = 0;
    for stranger in 0..200 {
        let vote = vote(&stranger.to_string(), Verdict::Approve);
        taken += usize::from(inbox.put("req-1", vote, at(1)).await.is_ok());
    }
    assert_eq!(taken, 64);
}

#[tokio::test]
async fn of_votes_at_a_time_none_is_lost() {
    let inbox = inbox();
    inbox.show(&shown(), &State::Pending).await.unwrap();
    let mut voters = tokio::task::JoinSet::new();
    for voter in 0..20 {
        let inbox = inbox.clone();
        voters.spawn(async move {
            inbox
                .put("req-1", vote(&voter.to_string(), Verdict::Approve), at(1))
                .await
        });
    }
    for outcome in voters.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(inbox.get("req-1").await.unwrap().unwrap().votes.len(), 20);
}

/// A carrier that brings these votes, fails, or panics.
struct Fake(Carrier, Option<Vec<Vote>>);

#[async_trait]
impl Post for Fake {
    fn carrier(&self) -> Carrier {
        self.0
    }

    async fn show(&self, _: &ToolContext, _: &Shown, _: &State) -> Result<(), PostError> {
        match &self.1 {
            Some(_) => Ok(()),
            None => panic!("a defect"),
        }
    }

    async fn collect(&self, _: &ToolContext, _: &Shown) -> Result<Vec<Vote>, PostError> {
        self.1.clone().ok_or(PostError::Untrusted {
            carrier: self.0,
            why: "it is tried".to_owned(),
        })
    }
}

#[tokio::test]
async fn no_carrier_speaks_for_another_or_fails_for_all() {
    let by = |by: &str, carrier: Carrier, second: i64| {
        Vote::new(by, Verdict::Approve, shown().digest, carrier, at(second))
    };
    let of_slack = vec![by("U2", Carrier::Slack, 9), by("kim", Carrier::Http, 1)];
    let of_http = vec![by("kim", Carrier::Http, 5)];
    let board = Board::new()
        .with(Arc::new(Fake(Carrier::Terminal, None)))
        .with(Arc::new(Fake(Carrier::Slack, Some(of_slack))))
        .with(Arc::new(Fake(Carrier::Http, Some(of_http))));
    let cx = ToolContext::new(Arc::new(ManualClock::at(at(0))), Duration::from_secs(10));
    let collected = board.collect(&cx, &shown()).await;
    // Each speaks for itself, and of two the earlier vote is first.
    let wanted = [by("kim", Carrier::Http, 5), by("U2", Carrier::Slack, 9)];
    assert_eq!(collected.votes, wanted);
    assert!(matches!(
        collected.failed.as_slice(),
        [PostError::Untrusted {
            carrier: Carrier::Terminal,
            ..
        }]
    ));
    let failed = board.show(&cx, &shown(), &State::Pending).await;
    assert!(
        matches!(
            failed.as_slice(),
            [PostError::Unavailable {
                carrier: Carrier::Terminal,
                ..
            }]
        ),
        "{failed:?}"
    );
    assert!(Board::default().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_pull_request_is_named_soundly_or_not_at_all(
        repository in "[a-zA-Z0-9._/?#%-]{0,12}|[a-z]{1,5}/[a-z]{1,5}", number in 0_u64..3,
        head in "[0-9a-fA-F]{38,42}|[0-9a-f]{40}",
    ) {
        let action = Action { patch: PullRequest::patch(&repository, number, &head), ..action() };
        if let Some(pull) = PullRequest::of(&action) {
            prop_assert!(pull.number > 0 && pull.head.len() == 40 && pull.head == pull.head.to_lowercase());
            prop_assert_eq!(repository.matches('/').count(), 1);
            prop_assert!(!repository.contains(['?', '#', '%']) && !repository.split('/').any(|part| part == ".." || part.is_empty()));
        }
    }
}
