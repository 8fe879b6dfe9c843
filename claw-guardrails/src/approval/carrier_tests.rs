//! What carriers share: what is shown, who is who, votes that wait, and a board of carriers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::{Action, Verb};
use claw_core::clock::ManualClock;
use claw_core::entity::EntityRef;
use claw_core::execute::Rehearsal;
use claw_core::radius::{BlastRadius, Endpoints};
use claw_core::store::{Document, Documents, MemoryDocuments, StoreError};
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

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

#[test]
fn the_title_says_what_is_done() {
    for (verb, title) in [
        (Verb::Patch, "patch Deployment shop/cart"),
        (Verb::Create, "create Deployment shop/cart"),
        (Verb::Delete, "delete Deployment shop/cart"),
        (Verb::Evict, "evict Deployment shop/cart"),
    ] {
        let mut sample = sample();
        sample.action.verb = verb;
        let request = sample.request("req-1").unwrap();
        assert_eq!(sample.shown(&request).unwrap().title, title);
    }
}

#[test]
fn as_many_lines_as_there_is_room_for_are_all_shown() {
    let mut rehearsal = rehearsal();
    let radius = BlastRadius::of(action().target);
    let lines = |count: u32| (1..=count).map(|line| line.to_string()).collect::<Vec<_>>();
    for (count, last) in [(200, "200"), (201, "(and 2 lines more)")] {
        rehearsal.diff = lines(count);
        let shown = Shown::of(&request("req-1"), &action(), &rehearsal, &radius, []).unwrap();
        assert_eq!((shown.diff.len(), shown.diff[199].as_str()), (200, last));
        assert_eq!(shown.rules, [""; 0]);
    }
}

#[test]
fn each_group_is_shown_with_the_time_from_which_it_is_asked() {
    let groups = ["on-call", "leads", "owners"].map(Group::new);
    let sample = Sample {
        terms: Terms::new(groups.into()),
        ..sample()
    };
    let shown = sample.shown(&sample.request("req-1").unwrap()).unwrap();
    let asked: Vec<(&str, Timestamp)> = shown
        .asked
        .iter()
        .map(|asked| (asked.group.as_str(), asked.from))
        .collect();
    assert_eq!(
        asked,
        [("on-call", at(0)), ("leads", at(3600)), ("owners", at(7200))]
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

/// A store in which somebody else is first, so many times.
struct Contended(MemoryDocuments, AtomicUsize);

#[async_trait]
impl Documents for Contended {
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError> {
        let left = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(StoreError::Conflict {
                subject: key.to_owned(),
                expected: "this version".to_owned(),
                actual: "another".to_owned(),
            }),
            Err(_) => self.0.put(key, expected, body).await,
        }
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        self.0.remove(key, expected).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError> {
        self.0.list(prefix).await
    }
}

#[tokio::test]
async fn whoever_is_not_the_first_tries_again_but_not_forever() {
    for (conflicts, kept) in [(15, true), (16, false)] {
        let documents = Contended(MemoryDocuments::new(), AtomicUsize::new(conflicts));
        let inbox = Inbox::new(Arc::new(documents), Carrier::Http);
        let shown = inbox.show(&shown(), &State::Pending).await;
        match kept {
            true => assert_eq!(shown.unwrap().state, State::Pending),
            false => assert!(
                matches!(shown, Err(InboxError::Store(StoreError::Conflict { .. }))),
                "{shown:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_place_is_kept_with_its_request() {
    let inbox = inbox();
    assert!(matches!(
        inbox.place("req-1", "message 7").await,
        Err(InboxError::Unknown)
    ));
    inbox.show(&shown(), &State::Pending).await.unwrap();
    inbox.place("req-1", "message 7").await.unwrap();
    let entry = inbox.show(&shown(), &State::Expired).await.unwrap();
    assert_eq!(
        (entry.place.as_deref(), entry.state),
        (Some("message 7"), State::Expired)
    );
    assert_eq!(inbox.carrier(), Carrier::Http);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_votes_hears_of_each_that_is_taken_in() {
    let inbox = inbox();
    inbox.show(&shown(), &State::Pending).await.unwrap();
    let heard = async || {
        let minute = Duration::from_secs(60);
        tokio::time::timeout(minute, inbox.arrived()).await.is_ok()
    };
    assert!(!heard().await);
    inbox
        .put("req-1", vote("kim", Verdict::Approve), at(1))
        .await
        .unwrap();
    assert!(heard().await);
    assert!(!heard().await);
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
    // What is down may come back; what cannot be trusted has to be mended.
    assert!(failed[0].is_retryable() && !collected.failed[0].is_retryable());
    for failed in [&failed[0], &collected.failed[0]] {
        assert_eq!(failed.carrier(), Carrier::Terminal);
    }
    let carriers: Vec<_> = board.carriers().collect();
    assert_eq!(carriers, [Carrier::Terminal, Carrier::Slack, Carrier::Http]);
    assert!(!board.is_empty() && Board::default().is_empty());
}

#[test]
fn a_pull_request_is_found_where_it_is_named_as_it_has_to_be() {
    let longest = "a".repeat(100);
    let (of_sha1, of_sha256) = ("f".repeat(40), "0123456789abcdef".repeat(4));
    let named = |repository: &str, number: u64, head: &str| {
        let patch = PullRequest::patch(repository, number, head);
        PullRequest::of(&Action { patch, ..action() })
    };
    for (owner, name) in [("shop", "manifests"), ("a", "B-1_2.c"), (&longest, &longest)] {
        for head in [&of_sha1, &of_sha256] {
            let found = named(&format!("{owner}/{name}"), 1, head).unwrap();
            assert_eq!(found.owner_and_name(), (owner, name));
            assert_eq!((found.number, &found.head), (1, head));
        }
    }
    let longer = format!("{longest}a");
    for (repository, number, head) in [
        ("shop", 1, &of_sha1),
        ("shop/", 1, &of_sha1),
        ("/manifests", 1, &of_sha1),
        ("shop/..", 1, &of_sha1),
        ("./manifests", 1, &of_sha1),
        ("shop/a/b", 1, &of_sha1),
        (&format!("{longer}/a"), 1, &of_sha1),
        (&format!("a/{longer}"), 1, &of_sha1),
        ("shop/manifests", 0, &of_sha1),
        ("shop/manifests", 1, &"f".repeat(39)),
        ("shop/manifests", 1, &"f".repeat(41)),
        ("shop/manifests", 1, &"F".repeat(40)),
        ("shop/manifests", 1, &"g".repeat(40)),
    ] {
        assert_eq!(
            named(repository, number, head),
            None,
            "{repository} {number} {head}"
        );
    }
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
