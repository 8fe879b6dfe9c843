use claw_guardrails::approval::{Board, Carrier, PostError};

use super::*;
use crate::approval::{SystemConsole, TerminalPrompt, words};

#[tokio::test]
async fn people_see_what_they_decide_on() {
    let world = World::new().await;
    let text = words::lines(&world.shown).join("\n");
    let text = text.replace(&world.shown.digest, "DIGEST");
    insta::assert_snapshot!(text, @r"
    patch Deployment shop/cart
      request: req-1
      cluster: cluster-1
      why: load
      then: 6 replicas
      changes:
        spec.replicas: 3 → 6
      reaches:
        1 objects change or end, in shop
        0 pods end or are made anew
      rules:
        production
      merges: shop/manifests#7 at 0123456789abcdef0123456789abcdef01234567
      needed: one person of on-call, from 2026-03-01T11:00:00Z on also of leads
      until: 2026-03-02T10:00:00Z
      digest: DIGEST
    ");
}

#[tokio::test]
async fn what_a_terminal_would_act_on_is_not_shown() {
    let mut world = World::new().await;
    world.shown.reason = "a\u{1b}[2Jb\u{202e}c\nd".to_owned();
    let text = words::lines(&world.shown).join("\n");
    assert!(text.contains("  why: ab\u{fffd}c d\n"), "{text:?}");
}

#[tokio::test]
async fn carriers_that_nobody_sits_at_fail_alone() {
    let world = World::new().await;
    // Tests have no terminal.
    let terminal = TerminalPrompt::new(Arc::new(SystemConsole::new()), "kim");
    let board = Board::new().with(Arc::new(terminal)).with(world.http.clone());
    let failed = board.show(&world.cx(), &world.shown, &State::Pending).await;
    let [failed] = failed.as_slice() else {
        panic!("{failed:?}");
    };
    assert!(
        matches!(
            failed,
            PostError::Refused {
                carrier: Carrier::Terminal,
                ..
            }
        ),
        "{failed}"
    );
    assert!(!failed.is_retryable());
}
