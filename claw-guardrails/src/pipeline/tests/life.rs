//! What happens around an action while it waits, is under way, or is over.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::clock::Clock as _;
use claw_core::store::{Documents as _, Journal as _, NewRun, RunEnd};
use claw_core::tool::ToolContext;
use claw_core::workflow::RunId;
use jiff::SignedDuration;

use super::approvals::{settings, vote};
use super::*;
use crate::approval::{Carrier, Post, PostError, Shown, State, Verdict, Vote};
use crate::engine::Budgets;

async fn submit(world: &World, agent: &world::Agent, run: &str, action: &Action) -> Submitted {
    agent
        .pipeline
        .submit(&world.scope(run), "scaling", action)
        .await
        .unwrap()
}

/// Asks for more than the agent may do by itself.
async fn ask(world: &World, agent: &world::Agent, run: &str) -> String {
    match submit(world, agent, run, &world.scale("cart", 9)).await {
        Submitted::Waiting { approval, .. } => approval,
        other => panic!("{other:?}"),
    }
}

async fn begin(world: &World, run: &str) {
    let new = NewRun {
        id: RunId(run.to_owned()),
        workflow: "scaling".to_owned(),
        input: json!({}),
        alerts: Vec::new(),
    };
    world.journal.enqueue(new, world.clock.now()).await.unwrap();
}

async fn cancel(world: &World, run: &str) {
    let end = RunEnd::Cancelled {
        reason: "not needed".to_owned(),
    };
    let run = RunId(run.to_owned());
    world.journal.end(&run, end, world.clock.now()).await.unwrap();
}

async fn settlement(agent: &world::Agent, id: &str) -> Option<Settlement> {
    match agent.pipeline.intent(id).await.unwrap().state {
        IntentState::Settled { settlement, .. } => Some(settlement),
        _ => None,
    }
}

#[tokio::test]
async fn what_a_cancelled_run_has_asked_for_is_dropped() {
    let world = World::with_cart();
    let agent = world.live(settings());
    begin(&world, "run").await;
    let id = ask(&world, &agent, "run").await;
    agent.pipeline.tend().await.unwrap();
    assert_eq!(settlement(&agent, &id).await, None);
    cancel(&world, "run").await;
    // An approval that comes late is no help.
    let late = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert_eq!(rule(late), "run.cancelled");
    assert_eq!(world.replicas("cart"), 4);
    let action = world.scale("cart", 5);
    assert_eq!(
        rule(submit(&world, &agent, "run", &action).await),
        "run.cancelled"
    );
}

#[tokio::test]
async fn what_waits_when_its_run_is_cancelled_is_dropped_by_itself() {
    let world = World::with_cart();
    let agent = world.live(settings());
    begin(&world, "run").await;
    let id = ask(&world, &agent, "run").await;
    cancel(&world, "run").await;
    assert_eq!(
        agent.pipeline.tend().await.unwrap().settled,
        std::slice::from_ref(&id)
    );
    let Some(Settlement::Refused(refusal)) = settlement(&agent, &id).await else {
        panic!()
    };
    assert_eq!(refusal.rule, "run.cancelled");
    assert!(refusal.reason.contains("not needed"), "{refusal}");
}

#[tokio::test]
async fn a_write_of_a_cancelled_run_is_not_sent_again() {
    let world = World::with_cart();
    world.cluster.state().faults = [Fault::LostBefore; 4].into();
    let agent = world.live(settings());
    begin(&world, "run").await;
    let submitted = submit(&world, &agent, "run", &world.scale("cart", 5)).await;
    assert!(matches!(submitted, Submitted::UnderWay { .. }), "{submitted:?}");
    cancel(&world, "run").await;
    world.pass(&agent, Duration::from_secs(600)).await;
    assert_eq!((world.replicas("cart"), world.cluster.state().done.len()), (4, 0));
    let intents = agent.pipeline.intents().await.unwrap();
    let Ok(Intent {
        state:
            IntentState::Settled {
                settlement: Settlement::Failed { reason },
                ..
            },
        ..
    }) = &intents[0]
    else {
        panic!("{intents:?}")
    };
    assert!(reason.contains("run.cancelled"), "{reason}");
}

#[tokio::test]
async fn a_no_is_heard_while_a_write_is_under_way() {
    for (verdict, effects) in [(Some(Verdict::Deny), 0), (None, 1)] {
        let world = World::with_cart();
        world.cluster.state().faults = [Fault::LostBefore; 4].into();
        let agent = world.live(settings());
        let id = ask(&world, &agent, "run").await;
        let sent = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
        assert!(matches!(sent, Submitted::UnderWay { .. }), "{sent:?}");
        if let Some(verdict) = verdict {
            world.clock.advance(Duration::from_secs(1));
            vote(&world, &agent, &id, "bo", verdict).await.unwrap();
        }
        world.pass(&agent, Duration::from_secs(600)).await;
        assert_eq!(world.cluster.state().done.len(), effects, "{verdict:?}");
        let settlement = settlement(&agent, &id).await;
        match settlement.unwrap() {
            Settlement::Failed { reason } => assert!(reason.contains("bo said no"), "{reason}"),
            Settlement::Applied { approved_by, .. } => assert_eq!(approved_by, ["ann"]),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn another_yes_is_of_no_use_when_a_write_is_under_way() {
    let world = World::with_cart();
    world.cluster.state().faults = [Fault::LostBefore; 4].into();
    let agent = world.live(settings());
    let id = ask(&world, &agent, "run").await;
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    vote(&world, &agent, &id, "bo", Verdict::Approve)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn whatever_settles_it_whoever_waits_gets_to_know() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent, "run").await;
    // By a vote that comes in by itself, and not while all are looked after.
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    // The next process names it as well.
    let agent = world.live(settings());
    assert_eq!(
        agent.pipeline.tend().await.unwrap().settled,
        std::slice::from_ref(&id)
    );
    agent.pipeline.heard(&id).await.unwrap();
    agent.pipeline.heard(&id).await.unwrap();
    agent.pipeline.heard("no such thing").await.unwrap();
    assert!(agent.pipeline.tend().await.unwrap().settled.is_empty());
}

#[tokio::test]
async fn what_is_over_is_put_away_and_still_not_done_again() {
    let world = World::with_cart();
    let agent = world.live(settings());
    begin(&world, "run").await;
    let action = world.scale("cart", 5);
    let first = submit(&world, &agent, "run", &action).await;
    let open = || async { world.documents.list("intent/open/").await.unwrap().len() };
    assert_eq!(open().await, 1);
    world.pass(&agent, Duration::from_secs(1200)).await;
    assert_eq!(open().await, 0);
    assert_eq!(submit(&world, &agent, "run", &action).await, first);
    // As long as its run goes on, whatever the clock says.
    world.clock.advance(Duration::from_secs(100 * 24 * 3600));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(submit(&world, &agent, "run", &action).await, first);
    assert_eq!(world.cluster.state().done.len(), 1);
    cancel(&world, "run").await;
    world.clock.advance(Duration::from_secs(3600));
    agent.pipeline.tend().await.unwrap();
    assert!(agent.pipeline.intents().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_document_that_cannot_be_read_holds_up_no_other() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent, "run").await;
    for (key, body) in [
        ("intent/open/0", json!({"of": "another version"})),
        ("intent/open/zz", json!("damaged")),
        ("intent/over/1", json!(null)),
    ] {
        world.documents.put(key, None, &body).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(4 * 24 * 3600));
    let tended = agent.pipeline.tend().await.unwrap();
    assert_eq!(tended.settled, [id]);
    let failed: Vec<&str> = tended.failed.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(failed, ["0", "zz", "intent/over/1"]);
    assert!(tended.failed[0].1.to_string().contains("intent/open/0"));
    let intents = agent.pipeline.intents().await.unwrap();
    assert_eq!(intents.iter().filter(|intent| intent.is_err()).count(), 3);
}

#[tokio::test]
async fn what_waits_costs_its_run_nothing() {
    let mut world = World::with_cart();
    world.budgets = Budgets::default().with_calls(3);
    let agent = world.live(settings());
    let id = ask(&world, &agent, "run").await;
    assert_eq!(agent.engine.spent("run").calls, 1);
    agent.engine.stop().engage("a drill");
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    agent.engine.stop().release();
    world.cluster.state().no_rights = true;
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(60));
        agent.pipeline.tend().await.unwrap();
    }
    world.cluster.state().no_rights = false;
    world.clock.advance(Duration::from_secs(60));
    agent.pipeline.tend().await.unwrap();
    assert_eq!(world.replicas("cart"), 9);
    assert_eq!(agent.engine.spent("run").calls, 1);
    assert_eq!(agent.engine.spent(&format!("intent/{id}")).calls, 0);
}

#[tokio::test]
async fn what_is_held_up_is_looked_at_less_and_less_often() {
    let world = World::with_cart();
    let agent = world.live(settings());
    let id = ask(&world, &agent, "run").await;
    world.cluster.state().no_rights = true;
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    let looked = || world.recorded().iter().filter(|kind| *kind == "observe").count();
    let before = looked();
    for _ in 0..600 {
        world.clock.advance(Duration::from_secs(1));
        agent.pipeline.tend().await.unwrap();
    }
    let looks = looked() - before;
    assert!((10..20).contains(&looks), "{looks} looks in ten minutes");
}

/// The object has another label than the one that it was judged by, and its status moves under the write.
#[tokio::test]
async fn what_moves_under_a_write_is_judged_anew() {
    let world = World::with_cart();
    world.cluster.state().faults = [Fault::Touched].into();
    world.cluster.state().when_touched = Some(|state| {
        state.labels = [("env".to_owned(), "production".to_owned())].into();
    });
    let agent = world.live(settings());
    let submitted = submit(&world, &agent, "run", &world.scale("cart", 8)).await;
    let Settlement::Failed { reason } = settled(submitted) else {
        panic!()
    };
    assert!(reason.contains("another write now"), "{reason}");
    assert!(world.cluster.state().done.is_empty());
}

/// The object's circuit ends the trying; where that is set to bear everything, a bound does.
#[tokio::test]
async fn what_never_comes_through_is_given_up() {
    let mut patient = settings();
    patient.breaker.failures = std::num::NonZeroU32::MAX;
    for (settings, why, requests) in [
        (settings(), "breaker.object", 12),
        (patient, "writes.too_often", 16),
    ] {
        let world = World::with_cart();
        world.cluster.state().faults = vec![Fault::LostBefore; 1000].into();
        let agent = world.live(settings);
        let action = world.scale("cart", 5);
        let submitted = submit(&world, &agent, "run", &action).await;
        assert!(matches!(submitted, Submitted::UnderWay { .. }));
        world.pass(&agent, Duration::from_secs(3600)).await;
        let Settlement::Failed { reason } = settled(submit(&world, &agent, "run", &action).await) else {
            panic!()
        };
        assert!(reason.contains(why), "{reason}");
        assert_eq!(world.cluster.state().calls["perform"], requests, "{why}");
    }
}

/// A carrier that can be cut off, and that knows what it showed.
#[derive(Default)]
struct Chat {
    is_cut: Mutex<bool>,
    shown: Mutex<Vec<&'static str>>,
    votes: Mutex<Vec<Vote>>,
}

impl Chat {
    fn cut(&self, cut: bool) {
        *self.is_cut.lock().unwrap() = cut;
    }

    fn reach(&self) -> Result<(), PostError> {
        match *self.is_cut.lock().unwrap() {
            true => Err(PostError::Unavailable {
                carrier: Carrier::Slack,
                reason: "cut".to_owned(),
                source: None,
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Post for Chat {
    fn carrier(&self) -> Carrier {
        Carrier::Slack
    }

    async fn show(&self, _cx: &ToolContext, _shown: &Shown, state: &State) -> Result<(), PostError> {
        self.reach()?;
        self.shown.lock().unwrap().push(state.name());
        Ok(())
    }

    async fn collect(&self, _cx: &ToolContext, _shown: &Shown) -> Result<Vec<Vote>, PostError> {
        self.reach()?;
        Ok(self.votes.lock().unwrap().clone())
    }
}

fn with_chat(world: &World) -> (world::Agent, Arc<Chat>) {
    let chat = Arc::new(Chat::default());
    let board = Board::new().with(chat.clone());
    let mut settings = settings();
    let group = settings.approvals.groups.pop().unwrap();
    settings.approvals.groups.push(group.with(Carrier::Slack, "cy"));
    (world.live_with(settings, board), chat)
}

#[tokio::test]
async fn no_yes_is_used_while_a_no_may_lie_where_nobody_can_look() {
    let world = World::with_cart();
    let (agent, chat) = with_chat(&world);
    let id = ask(&world, &agent, "run").await;
    chat.cut(true);
    let submitted = vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    assert!(matches!(submitted, Submitted::Waiting { .. }), "{submitted:?}");
    world.pass(&agent, Duration::from_secs(1200)).await;
    assert_eq!(world.replicas("cart"), 4);
    let events = world.audit.events();
    let held = events.iter().filter(|event| event.kind == AuditKind::Guard);
    assert_eq!(held.count(), 1, "on record once");
    let digest = agent
        .pipeline
        .intent(&id)
        .await
        .unwrap()
        .asked
        .unwrap()
        .request
        .binding
        .digest();
    let no = Vote::new("cy", Verdict::Deny, digest, Carrier::Slack, world.clock.now());
    chat.votes.lock().unwrap().push(no);
    chat.cut(false);
    agent.pipeline.tend().await.unwrap();
    let Some(Settlement::Refused(refusal)) = settlement(&agent, &id).await else {
        panic!()
    };
    assert_eq!(refusal.rule, "approval.denied");
}

#[tokio::test]
async fn what_could_not_be_shown_is_shown_later_and_nothing_twice() {
    let world = World::with_cart();
    let (agent, chat) = with_chat(&world);
    chat.cut(true);
    let id = ask(&world, &agent, "run").await;
    assert!(chat.shown.lock().unwrap().is_empty());
    chat.cut(false);
    world.pass(&agent, Duration::from_secs(900)).await;
    assert_eq!(*chat.shown.lock().unwrap(), ["pending"]);
    vote(&world, &agent, &id, "ann", Verdict::Approve).await.unwrap();
    world.pass(&agent, Duration::from_secs(900)).await;
    assert_eq!(*chat.shown.lock().unwrap(), ["pending", "used"]);
    assert_eq!(world.replicas("cart"), 9);
}

#[tokio::test]
async fn what_servers_say_is_redacted_before_it_is_handed_on() {
    let world = World::with_cart();
    world.cluster.state().kept_by = Some("Application shop password=hunter2".to_owned());
    let agent = world.live(settings());
    let submitted = submit(&world, &agent, "run", &world.scale("cart", 5)).await;
    let Settlement::Refused(refusal) = settled(submitted) else {
        panic!()
    };
    assert_eq!(refusal.rule, "owner.gitops");
    assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
}

#[test]
fn settings_that_protect_nothing_are_refused() {
    type Change = fn(&mut Settings);
    let cases: [(&str, Change); 9] = [
        ("time", |settings| settings.time = SignedDuration::ZERO),
        ("time", |settings| settings.time = SignedDuration::from_hours(1)),
        ("watch_for", |settings| {
            settings.watch_for = SignedDuration::from_secs(-1)
        }),
        ("remember_for", |settings| {
            settings.remember_for = SignedDuration::from_hours(25)
        }),
        ("approvals.wait", |settings| {
            settings.approvals.wait = SignedDuration::ZERO
        }),
        ("approvals.wait_at_once", |settings| {
            settings.approvals.wait_at_once = SignedDuration::from_hours(48);
        }),
        ("hands", |settings| settings.hands.push("*".to_owned())),
        ("approvals.groups", |settings| {
            settings.approvals.groups = vec![crate::approval::Group::new("nobody")];
        }),
        ("breaker", |settings| {
            settings.breaker.flap_window = SignedDuration::ZERO
        }),
    ];
    assert_eq!(settings().check(), Ok(()));
    assert_eq!(Settings::default().check(), Ok(()));
    for (place, change) in cases {
        let mut settings = settings();
        change(&mut settings);
        let error = settings.check().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place}: ")), "{place}: {error}");
    }
}
