//! Approvals at the terminal of whoever runs the agent.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Post, PostError, Shown, State, Verdict, Vote};
use jiff::Timestamp;

use super::words;

const CARRIER: Carrier = Carrier::Terminal;
/// How much of a digest has to be typed, in characters. More may be.
const TYPED: usize = 6;

/// Where a person sits.
pub trait Console: Send + Sync {
    /// Whether somebody sits there, and not a file or a pipe.
    fn is_terminal(&self) -> bool;

    /// Shows text.
    fn say(&self, text: &str);

    /// The lines that were typed since it was asked last. Does not wait.
    fn typed(&self) -> Vec<String>;
}

/// Asks at the terminal: whoever approves types the beginning of the digest.
///
/// The voter is the one that the agent's program says it is: the user who is logged in. What was typed before a request was shown
/// is nothing that was said of it.
pub struct TerminalPrompt {
    console: Arc<dyn Console>,
    user: String,
    asked: Mutex<BTreeMap<String, Option<Vote>>>,
}

impl fmt::Debug for TerminalPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalPrompt")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl TerminalPrompt {
    /// Asks `user` at `console`.
    pub fn new(console: Arc<dyn Console>, user: impl Into<String>) -> Self {
        Self {
            console,
            user: user.into(),
            asked: Mutex::default(),
        }
    }

    /// Reads what was typed, and gives it to the requests that it is about.
    fn read(&self, asked: &mut BTreeMap<String, Option<Vote>>, now: Timestamp) {
        for line in self.console.typed() {
            let line = line.trim();
            let (verdict, beginning) = match line.split_once(' ') {
                Some(("no", rest)) => (Verdict::Deny, rest.trim()),
                _ => (Verdict::Approve, line),
            };
            if line.is_empty() {
                continue;
            }
            let mut meant: Vec<_> = asked
                .iter_mut()
                .filter(|(digest, _)| beginning.len() >= TYPED && digest.starts_with(beginning))
                .collect();
            match meant.as_mut_slice() {
                [(digest, vote)] => {
                    let digest = digest.as_str();
                    if matches!(&**vote, Some(vote) if vote.verdict == Verdict::Deny) {
                        self.console
                            .say(&format!("you said no to {}, and that stands", glance(digest)));
                        continue;
                    }
                    **vote = Some(Vote::new(&*self.user, verdict, digest, CARRIER, now));
                    let said = match verdict {
                        Verdict::Approve => "you said yes to",
                        Verdict::Deny => "you said no to",
                    };
                    self.console.say(&format!("{said} {}", glance(digest)));
                }
                [] => self.console.say(&format!(
                    "nothing that is asked begins so; type {TYPED} characters of a digest, or `no` and those"
                )),
                _ => self
                    .console
                    .say("more than one begins so; type more of the digest"),
            }
        }
    }
}

#[async_trait]
impl Post for TerminalPrompt {
    fn carrier(&self) -> Carrier {
        CARRIER
    }

    async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError> {
        if !self.console.is_terminal() {
            return Err(nobody());
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // What was typed up to now was about what was shown up to now.
        self.read(&mut asked, cx.clock.now());
        match state {
            State::Pending if !asked.contains_key(&shown.digest) => {
                asked.insert(shown.digest.clone(), None);
                let text = words::lines(shown).join("\n");
                let how = format!(
                    "To approve, type the first {TYPED} characters of the digest; to deny, `no` and those."
                );
                self.console.say(&format!("{text}\n{how}"));
            }
            State::Pending | State::Approved { .. } => {}
            settled => {
                if asked.remove(&shown.digest).is_some() {
                    let said = words::state(settled);
                    self.console.say(&format!("{}: {said}", glance(&shown.digest)));
                }
            }
        }
        Ok(())
    }

    async fn collect(&self, cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError> {
        if !self.console.is_terminal() {
            return Err(nobody());
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(&mut asked, cx.clock.now());
        let vote = asked.get(&shown.digest).cloned().flatten();
        Ok(vote.into_iter().collect())
    }
}

fn glance(digest: &str) -> String {
    digest.chars().take(words::GLANCE).collect()
}

fn nobody() -> PostError {
    PostError::Refused {
        carrier: CARRIER,
        remedy: "nobody sits at the terminal; run the agent at one, or use another carrier".to_owned(),
        source: None,
    }
}

/// The terminal of this process: standard input and standard error.
pub struct SystemConsole {
    lines: Mutex<Receiver<String>>,
}

impl fmt::Debug for SystemConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemConsole").finish_non_exhaustive()
    }
}

impl SystemConsole {
    /// Begins to read standard input, if it is a terminal, on a thread of its own that ends with the process.
    pub fn new() -> Self {
        let (send, lines) = channel();
        if std::io::stdin().is_terminal() {
            // Waiting for a line cannot be cancelled.
            std::thread::spawn(move || {
                let typed = std::io::stdin().lock().lines();
                for line in typed.map_while(Result::ok) {
                    if send.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            lines: Mutex::new(lines),
        }
    }
}

impl Default for SystemConsole {
    fn default() -> Self {
        Self::new()
    }
}

impl Console for SystemConsole {
    fn is_terminal(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    fn say(&self, text: &str) {
        // A terminal that is gone shows in what is typed: nothing.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn typed(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.try_iter().collect()
    }
}
