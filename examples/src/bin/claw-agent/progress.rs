//! What a person at a terminal sees while a run is under way.

use std::io::IsTerminal as _;
use std::time::Duration;

use claw_workflows::runtime::Runner;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

/// A line on standard error that says what is going on; nothing where that is no terminal. Gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    watcher: Option<JoinHandle<()>>,
}

impl Progress {
    /// A line that says `message`.
    pub(crate) fn start(message: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, watcher: None }
    }

    /// Says from now on what `runner` does.
    pub(crate) fn watch(&mut self, runner: &Runner) {
        let (mut events, bar) = (runner.watch(), self.bar.clone());
        self.watcher = Some(tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) => {
                        bar.set_message(format!("{}: {}", event.step.replace('_', " "), event.message))
                    }
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break,
                }
            }
        }));
    }

    /// Says `message`.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
        self.bar.finish_and_clear();
    }
}
