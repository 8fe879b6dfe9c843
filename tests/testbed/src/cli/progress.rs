//! What a person sees while something is under way: a line on standard error that changes, or several that stay.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that says what is going on. Gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Something whose length is not known.
    pub(crate) fn start() -> Self {
        Self::with(ProgressBar::new_spinner(), "{spinner} {msg} ({elapsed})")
    }

    /// `length` things.
    pub(crate) fn of(length: u64, what: &str) -> Self {
        let progress = Self::with(ProgressBar::new(length), "{msg} {bar:30} {pos}/{len} ({elapsed})");
        if let Some(bar) = &progress.bar {
            bar.set_message(what.to_owned());
        }
        progress
    }

    fn with(bar: ProgressBar, template: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: None };
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar: Some(bar) }
    }

    /// Says what happens now. Without a terminal each is a line of its own.
    pub(crate) fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => {
                let _ = writeln!(std::io::stderr(), "{message}");
            }
        }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// So many are done.
    pub(crate) fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
