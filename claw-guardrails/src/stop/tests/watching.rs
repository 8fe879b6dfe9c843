//! Time is paused: what would take minutes takes none.

use std::sync::Mutex;

use async_trait::async_trait;
use claw_core::clock::Clock;
use claw_core::stop::{StopSource, StopSourceError};
use tokio_util::sync::CancellationToken;

use super::*;

/// What a look at a place brings.
#[derive(Clone)]
enum Says {
    Nothing,
    Stop(&'static str),
    Unreadable,
    Hangs,
    Panics,
}

/// A place that says what it is told to.
struct Fake(Mutex<Says>);

impl Fake {
    fn new(says: Says) -> Arc<Self> {
        Arc::new(Self(Mutex::new(says)))
    }

    fn says(&self, says: Says) {
        *self.0.lock().unwrap() = says;
    }
}

#[async_trait]
impl StopSource for Fake {
    fn name(&self) -> &'static str {
        "the fake"
    }

    async fn look(&self, _: &ToolContext) -> Result<Option<String>, StopSourceError> {
        let says = self.0.lock().unwrap().clone();
        match says {
            Says::Nothing => Ok(None),
            Says::Stop(reason) => Ok(Some(reason.to_owned())),
            Says::Unreadable => Err(StopSourceError {
                reason: "it is away".to_owned(),
                source: None,
            }),
            Says::Hangs => std::future::pending().await,
            Says::Panics => panic!("a defect"),
        }
    }
}

/// Waits as long as the paused time says.
#[derive(Debug)]
struct Timer(Arc<ManualClock>);

#[async_trait]
impl Clock for Timer {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
        tokio::time::sleep(duration).await;
    }
}

/// A watch over one place that has been looked at once, and the token that ends it.
async fn watched(place: &Place, source: &Arc<Fake>) -> (Switch, CancellationToken) {
    let switch = place.switch();
    let source: Arc<dyn StopSource> = Arc::<Fake>::clone(source);
    let clock = Arc::new(Timer(place.clock.clone()));
    let mut watch = Watch::new(switch.clone(), [source], clock, WatchSettings::default());
    assert_eq!(
        switch.stop().check_write().unwrap_err().rule,
        "stop.blind",
        "nothing was seen yet"
    );
    let cancel = CancellationToken::new();
    watch.look(&cancel).await;
    tokio::spawn(watch.run(cancel.clone()));
    (switch, cancel)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

fn rule(switch: &Switch) -> Option<String> {
    switch.stop().check_write().err().map(|refusal| refusal.rule)
}

#[tokio::test(start_paused = true)]
async fn what_a_place_asks_for_is_felt_within_two_looks_and_stays() {
    let place = place();
    let source = Fake::new(Says::Nothing);
    let (switch, _cancel) = watched(&place, &source).await;
    assert_eq!(rule(&switch), None);
    source.says(Says::Stop("the release misbehaves"));
    seconds(5).await;
    assert_eq!(
        switch.stop().reason().as_deref(),
        Some("the release misbehaves (the fake)")
    );
    // A person cannot release it while it is asked for, and need not hurry: nothing releases itself.
    let refused = switch.release("ann", "it is over").await.unwrap_err();
    assert!(matches!(refused, SwitchError::StillAsked { .. }), "{refused}");
    source.says(Says::Nothing);
    seconds(3600).await;
    assert_eq!(rule(&switch).as_deref(), Some("stop.engaged"));
    switch.release("ann", "it is over").await.unwrap();
    seconds(60).await;
    assert_eq!(rule(&switch), None);
    // Once each, however often it was looked at.
    assert_eq!(
        place.recorded(),
        recorded(&[(AuditKind::Stop, "the fake"), (AuditKind::Release, "ann")])
    );
}

#[tokio::test(start_paused = true)]
async fn a_place_out_of_sight_stops_nothing_at_first_and_writing_after_a_minute() {
    for trouble in [Says::Unreadable, Says::Hangs, Says::Panics] {
        let place = place();
        let source = Fake::new(Says::Nothing);
        let (switch, _cancel) = watched(&place, &source).await;
        source.says(trouble);
        seconds(50).await;
        assert_eq!(rule(&switch), None);
        seconds(20).await;
        assert_eq!(rule(&switch).as_deref(), Some("stop.blind"));
        assert!(switch.stop().check().is_ok(), "reading goes on");
        assert!(switch.stop().reason().is_none());
        // It goes on by itself: nobody had asked for a stop.
        source.says(Says::Nothing);
        seconds(5).await;
        assert_eq!(rule(&switch), None);
        assert_eq!(place.recorded(), recorded(&[(AuditKind::Refuse, "the fake")]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_never_seen_lets_nothing_be_written() {
    let place = place();
    let source = Fake::new(Says::Unreadable);
    let (switch, _cancel) = watched(&place, &source).await;
    assert_eq!(rule(&switch).as_deref(), Some("stop.blind"));
    source.says(Says::Nothing);
    seconds(5).await;
    assert_eq!(rule(&switch), None);
}

#[tokio::test(start_paused = true)]
async fn the_command_of_another_process_is_felt() {
    let place = place();
    let source = Fake::new(Says::Nothing);
    let (switch, _cancel) = watched(&place, &source).await;
    let mark = Mark {
        since: Timestamp::UNIX_EPOCH,
        by: "ann".to_owned(),
        reason: "now".to_owned(),
    };
    place.marks().write(&mark).unwrap();
    seconds(5).await;
    assert_eq!(switch.stop().reason().as_deref(), Some("now (ann)"));
    let order = Order {
        by: "bob".to_owned(),
        reason: "over".to_owned(),
        mark,
        refused: None,
    };
    place.marks().give(&order).unwrap();
    seconds(5).await;
    assert_eq!(rule(&switch), None);
    assert_eq!(
        place.recorded(),
        recorded(&[(AuditKind::Stop, "ann"), (AuditKind::Release, "bob")])
    );
}

#[tokio::test(start_paused = true)]
async fn after_its_end_nothing_is_written() {
    let place = place();
    let source = Fake::new(Says::Nothing);
    let (switch, cancel) = watched(&place, &source).await;
    assert_eq!(rule(&switch), None);
    cancel.cancel();
    seconds(1).await;
    assert_eq!(rule(&switch).as_deref(), Some("stop.blind"));
    // Also where a look is under way.
    let source = Fake::new(Says::Hangs);
    let (switch, cancel) = watched(&place, &source).await;
    seconds(3).await;
    cancel.cancel();
    seconds(1).await;
    assert!(switch.stop().blind().keys().any(|name| name.contains("watch")));
}

#[test]
fn settings_are_read_strictly() {
    let read = |text: &str| serde_json::from_str::<WatchSettings>(text);
    assert_eq!(read("{}").unwrap(), WatchSettings::default());
    assert_eq!(
        read(r#"{"every": "1s"}"#).unwrap(),
        WatchSettings::default().with_every(Duration::from_secs(1))
    );
    assert!(read(r#"{"evry": "1s"}"#).is_err());
}
