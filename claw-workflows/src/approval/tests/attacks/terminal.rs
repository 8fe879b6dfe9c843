//! On the prompt at a terminal.

use std::sync::Mutex;

use super::*;
use crate::approval::{Console, TerminalPrompt};

/// A terminal at which these lines are typed, the first ones before anything is shown.
#[derive(Default)]
pub(super) struct Typed {
    absent: bool,
    lines: Mutex<Vec<String>>,
}

impl Console for Typed {
    fn is_terminal(&self) -> bool {
        !self.absent
    }

    fn say(&self, _: &str) {}

    fn typed(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

pub(super) async fn by_terminal(attacks: &mut Attacks) {
    struct Scene<'a> {
        user: &'a str,
        absent: bool,
        before: &'a [&'a str],
        after: &'a [&'a str],
    }
    let outcome = async |scene: Scene<'_>| {
        let mut world = World::new().await;
        let lines = |lines: &[&str]| {
            let digest = &world.shown.digest;
            let typed = lines.iter().map(|line| {
                line.replace("SIX", &digest[..6])
                    .replace("FIVE", &digest[..5])
                    .replace("CAPITALS", &digest.to_uppercase())
            });
            typed.collect::<Vec<String>>()
        };
        let console = Arc::new(Typed {
            absent: scene.absent,
            lines: Mutex::new(lines(scene.before)),
        });
        let terminal = TerminalPrompt::new(console.clone(), scene.user);
        let _ = terminal.show(&world.cx(), &world.shown, &State::Pending).await;
        console.lines.lock().unwrap().extend(lines(scene.after));
        let votes = terminal
            .collect(&world.cx(), &world.shown)
            .await
            .unwrap_or_default();
        world.count(votes).is_some()
    };
    let kim = || Scene {
        user: "kim",
        absent: false,
        before: &[],
        after: &["SIX"],
    };
    assert!(outcome(kim()).await, "without an attack it is an approval");
    for (name, scene) in [
        (
            "terminal: typed before it was shown",
            Scene {
                before: &["SIX"],
                after: &[],
                ..kim()
            },
        ),
        (
            "terminal: five characters",
            Scene {
                after: &["FIVE"],
                ..kim()
            },
        ),
        (
            "terminal: another digest",
            Scene {
                after: &["000000"],
                ..kim()
            },
        ),
        (
            "terminal: yes",
            Scene {
                after: &["yes", "y", "", "approve"],
                ..kim()
            },
        ),
        (
            "terminal: in capitals",
            Scene {
                after: &["CAPITALS"],
                ..kim()
            },
        ),
        (
            "terminal: no, then yes",
            Scene {
                after: &["no SIX", "SIX"],
                ..kim()
            },
        ),
        (
            "terminal: yes, then no",
            Scene {
                after: &["SIX", "no SIX"],
                ..kim()
            },
        ),
        (
            "terminal: more than the digest",
            Scene {
                after: &["SIX please"],
                ..kim()
            },
        ),
        (
            "terminal: a pipe",
            Scene {
                absent: true,
                ..kim()
            },
        ),
        ("terminal: a stranger", Scene { user: "eve", ..kim() }),
        ("terminal: whoever has asked", Scene { user: "pat", ..kim() }),
        (
            "terminal: root",
            Scene {
                user: "root",
                ..kim()
            },
        ),
    ] {
        attacks.push((name, outcome(scene).await));
    }
}
