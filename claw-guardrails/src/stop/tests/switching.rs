use claw_core::audit::{AuditError, AuditEvent, AuditReceipt};
use claw_core::gate::Arbiter as _;

use super::*;
use crate::engine::{Config, Engine};

#[tokio::test]
async fn survives_a_restart_and_is_released_by_a_person_who_is_recorded() {
    let place = place();
    let before = place.switch();
    let felt = before.stop().token();
    before.engage("ann", "the release\nmisbehaves").await.unwrap();
    assert!(felt.is_cancelled());
    before.engage("bob", "too").await.unwrap();

    let after = place.switch();
    assert!(after.stop().check().is_ok(), "nothing was read yet");
    after.take_up().await.unwrap();
    assert_eq!(
        after.stop().reason().as_deref(),
        Some("the release misbehaves (ann)")
    );
    let status = after.status().await.unwrap();
    assert_eq!(status.mark.as_ref().map(|mark| mark.by.as_str()), Some("ann"));

    let mark = after.release("carol", "rolled back").await.unwrap();
    assert_eq!(Some(mark), status.mark);
    assert!(after.stop().check_write().is_ok());
    let later = place.switch();
    later.take_up().await.unwrap();
    assert!(later.stop().check_write().is_ok());
    assert_eq!(
        place.recorded(),
        recorded(&[
            (AuditKind::Stop, "ann"),
            (AuditKind::Stop, "ann"),
            (AuditKind::Release, "carol")
        ])
    );
    assert_eq!(place.audit.events()[2].why, "rolled back");
}

#[tokio::test]
async fn nobody_releases_namelessly_or_what_is_not_engaged() {
    let place = place();
    let switch = place.switch();
    assert!(matches!(
        switch.release("ann", "why not").await,
        Err(SwitchError::NotEngaged)
    ));
    switch.engage("ann", "").await.unwrap();
    for (by, reason) in [("", "a"), ("a", " \n")] {
        assert!(matches!(
            switch.release(by, reason).await,
            Err(SwitchError::Anonymous)
        ));
    }
    assert_eq!(
        switch.stop().reason().as_deref(),
        Some("no reason was given (ann)")
    );
}

#[tokio::test]
async fn a_mark_that_is_taken_away_by_hand_releases_nothing_and_comes_back() {
    let place = place();
    let switch = place.switch();
    switch.engage("ann", "look first").await.unwrap();
    place.marks().remove().unwrap();
    switch.take_up().await.unwrap();
    assert!(switch.stop().check().is_err());
    let mark = place.marks().read().unwrap().unwrap();
    assert_eq!(mark.reason, "look first (ann)");
}

#[tokio::test]
async fn a_mark_that_cannot_be_understood_is_one() {
    for text in ["", "{", "{\"since\": 1}", "null", "\u{0}"] {
        let place = place();
        std::fs::write(place.path("stop.json"), text).unwrap();
        let switch = place.switch();
        switch.take_up().await.unwrap();
        assert!(
            switch.stop().reason().unwrap().contains("cannot be understood"),
            "{text}"
        );
        switch.release("ann", "looked at it").await.unwrap();
        assert!(!place.path("stop.json").exists());
    }
}

#[tokio::test]
async fn an_order_releases_the_stop_that_was_seen_and_no_later_one() {
    let place = place();
    let switch = place.switch();
    switch.engage("ann", "first").await.unwrap();
    let order = Order {
        by: "bob".to_owned(),
        reason: "it is over".to_owned(),
        mark: place.marks().read().unwrap().unwrap(),
        refused: None,
    };
    place.marks().give(&order).unwrap();
    switch.take_up().await.unwrap();
    assert!(switch.stop().check().is_ok());
    assert_eq!(place.marks().order().unwrap(), None);

    // The same order comes too late for the next stop.
    switch.engage("ann", "second").await.unwrap();
    place.marks().give(&order).unwrap();
    switch.take_up().await.unwrap();
    assert!(switch.stop().check().is_err());
    let answer = place.marks().order().unwrap().unwrap();
    assert!(answer.refused.unwrap().contains("engaged anew"));
    // It was answered, and is not looked at again.
    switch.take_up().await.unwrap();
    let releases = place
        .recorded()
        .into_iter()
        .filter(|(kind, _)| *kind == AuditKind::Release);
    assert_eq!(releases.count(), 1);
    // What is no order is none.
    std::fs::write(place.path("stop.release.json"), "{\"by\": \"x\"}").unwrap();
    switch.take_up().await.unwrap();
    assert!(switch.stop().check().is_err());
}

/// A log that takes nothing.
struct Full;

#[async_trait::async_trait]
impl AuditLog for Full {
    async fn append(&self, _: AuditEvent) -> Result<AuditReceipt, AuditError> {
        Err(AuditError {
            reason: "the disk is full".to_owned(),
            source: None,
        })
    }
}

#[tokio::test]
async fn without_a_record_it_is_engaged_and_never_released() {
    let place = place();
    let switch = place.switch_with(Arc::new(Full));
    assert!(matches!(
        switch.engage("ann", "now").await,
        Err(SwitchError::Audit(_))
    ));
    assert!(switch.stop().check().is_err() && place.path("stop.json").exists());
    assert!(matches!(
        switch.release("ann", "a").await,
        Err(SwitchError::Audit(_))
    ));
    assert!(switch.stop().check().is_err() && place.path("stop.json").exists());
}

#[tokio::test]
async fn without_a_place_for_the_mark_it_is_engaged_all_the_same() {
    let place = place();
    let switch = Switch::new(
        Stop::new(),
        place.path("absent"),
        Arc::<MemoryAuditLog>::clone(&place.audit),
        place.clock.clone(),
    );
    let error = switch.engage("ann", "now").await.unwrap_err();
    assert!(matches!(error, SwitchError::Mark(_)), "{error}");
    assert!(switch.stop().check().is_err());
    assert_eq!(place.recorded(), recorded(&[(AuditKind::Stop, "ann")]));
}

#[tokio::test]
async fn secrets_in_reasons_are_not_kept() {
    let place = place();
    place
        .switch()
        .engage("ann", "postgres://shop:hunter2@db:5432/orders leaks")
        .await
        .unwrap();
    let kept = std::fs::read_to_string(place.path("stop.json")).unwrap();
    assert!(
        !kept.contains("hunter2") && !place.audit.text().contains("hunter2"),
        "{kept}"
    );
}

#[tokio::test]
async fn the_engine_feels_the_switch() {
    let place = place();
    let engine = Engine::new(Config::default(), place.clock.clone());
    let switch = Switch::new(
        engine.stop().clone(),
        place.folder.path(),
        Arc::<MemoryAuditLog>::clone(&place.audit),
        place.clock.clone(),
    );
    let under_way = engine.stopped();
    switch.engage("ann", "now").await.unwrap();
    assert!(under_way.is_cancelled() && engine.stop().check_write().is_err());
}
