//! Looks at the places from which the stop is asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::Clock;
use claw_core::requests::Chore;
use claw_core::stop::{StopSource, StopSourceError};
use claw_core::tool::ToolContext;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::Stop;
use super::switch::Switch;

/// What is said of the watch itself, and of the mark, where they cannot say anything.
const WATCH: &str = "the watch over the emergency stop";
const MARK: &str = "the mark of the emergency stop";

/// How long the disk is waited for before places are looked at again. What is under way goes on meanwhile.
const LONGEST: Duration = Duration::from_secs(15);

/// How often and how patiently places are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct WatchSettings {
    /// How long after one look the next one begins. 2 seconds unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub every: Duration,
    /// How long a look may take. 2 seconds unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub timeout: Duration,
    /// How long a place may be out of sight before nothing is written any more. One minute unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub patience: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            patience: Duration::from_secs(60),
        }
    }
}

impl WatchSettings {
    /// Sets [`every`](Self::every).
    #[must_use]
    pub fn with_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets [`patience`](Self::patience).
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A watch over places. Dropping it, or the end of [`run`](Self::run), leaves a stop that lets nothing be written.
#[must_use = "a watch that nobody runs sees nothing"]
pub struct Watch {
    switch: Switch,
    clock: Arc<dyn Clock>,
    settings: WatchSettings,
    places: Vec<Place>,
    chore: Option<Chore>,
    _end: End,
}

struct Place {
    source: Arc<dyn StopSource>,
    /// When it was last known whether it asks. By a timer, which does not jump when the machine's clock is set.
    seen: Option<Instant>,
    /// Whether it was said that it cannot be looked at.
    reported: bool,
}

/// Nobody looks any more.
struct End(Stop);

impl Drop for End {
    fn drop(&mut self) {
        self.0
            .set_blind(WATCH, Some("it has ended; start the agent again".to_owned()));
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.places.iter().map(|place| place.source.name()).collect();
        f.debug_struct("Watch")
            .field("settings", &self.settings)
            .field("places", &names)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch that engages by `switch` whatever `sources` ask for. From now on nothing is written until each was
    /// [looked](Self::look) at.
    pub fn new(
        switch: Switch,
        sources: impl IntoIterator<Item = Arc<dyn StopSource>>,
        clock: Arc<dyn Clock>,
        settings: WatchSettings,
    ) -> Self {
        let stop = switch.stop().clone();
        let places = sources.into_iter().map(|source| {
            stop.set_blind(source.name(), Some("it has not been looked at yet".to_owned()));
            Place {
                source,
                seen: None,
                reported: false,
            }
        });
        let places = places.collect();
        stop.set_blind(MARK, Some("it has not been looked at yet".to_owned()));
        Self {
            switch,
            clock,
            settings,
            places,
            chore: None,
            _end: End(stop),
        }
    }

    /// Has the requests recorded that looks send to an API server. A log that takes no records holds up no look.
    pub fn recorded_as(mut self, chore: Chore) -> Self {
        self.chore = Some(chore);
        self
    }

    /// Looks at every place once, all at the same time. To be called before the agent does anything; [`run`](Self::run) goes on.
    pub async fn look(&mut self, cancel: &CancellationToken) {
        // A mark that is there engages the stop even where no place can be looked at.
        self.look_at_mark().await;
        let requests = match &self.chore {
            Some(chore) => chore.requests().await,
            None => Default::default(),
        };
        let cx = ToolContext {
            clock: Arc::clone(&self.clock),
            deadline: self.clock.deadline(self.settings.timeout),
            cancel: cancel.clone(),
            requests,
        };
        let timeout = self.settings.timeout;
        // On tasks of their own, so that one which panics is one that cannot be looked at.
        let mut looks = JoinSet::new();
        for (index, place) in self.places.iter().enumerate() {
            let (source, cx) = (Arc::clone(&place.source), cx.clone());
            looks.spawn(async move {
                let looked = tokio::time::timeout(timeout, source.look(&cx)).await;
                let late = || error(format!("it took longer than {timeout:?}; see what holds it up"));
                (index, looked.unwrap_or_else(|_| Err(late())))
            });
        }
        let mut answers: Vec<Option<_>> = self.places.iter().map(|_| None).collect();
        loop {
            let looked = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                looked = looks.join_next() => looked,
            };
            match looked {
                None => break,
                // Whose it was is told by that no answer came.
                Some(Err(_)) => {}
                Some(Ok((index, answer))) => {
                    if let Some(slot) = answers.get_mut(index) {
                        *slot = Some(answer);
                    }
                }
            }
        }
        for (place, answer) in self.places.iter_mut().zip(answers) {
            let answer = answer.unwrap_or_else(|| Err(error("looking at it failed; report this".to_owned())));
            place.judge(&self.switch, self.settings.patience, answer).await;
        }
    }

    /// Looks again and again until `cancel` fires.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = self.clock.sleep(self.settings.every) => {}
            }
            self.look(&cancel).await;
        }
        if let Some(chore) = &self.chore
            && let Ok(Err(error)) = tokio::time::timeout(LONGEST, chore.record()).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the last looks for the emergency stop are not recorded");
        }
    }

    async fn look_at_mark(&self) {
        let stop = self.switch.stop();
        let trouble = match within(LONGEST, self.switch.take_up()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(late) => Some(late),
        };
        if let Some(trouble) = &trouble {
            tracing::error!(trouble, "the mark of the emergency stop");
        }
        stop.set_blind(MARK, trouble);
    }
}

impl Place {
    /// What an answer means for the stop.
    async fn judge(
        &mut self,
        switch: &Switch,
        patience: Duration,
        answer: Result<Option<String>, StopSourceError>,
    ) {
        let name = self.source.name();
        let stop = switch.stop();
        match answer {
            Ok(asked) => {
                self.seen = Some(Instant::now());
                if std::mem::take(&mut self.reported) {
                    tracing::info!(source = name, "it can be looked at again");
                }
                stop.set_asking(name, asked.clone());
                if let Some(reason) = asked {
                    // Engaged in memory as soon as it is asked, whatever comes of the rest.
                    let trouble = match within(LONGEST, switch.engage(name, &reason)).await {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(error.to_string()),
                        Err(late) => Some(late),
                    };
                    if let Some(trouble) = trouble {
                        tracing::error!(
                            trouble,
                            source = name,
                            "the emergency stop is engaged, and more than that failed"
                        );
                    }
                }
                // Last, so that nothing is written between the two.
                stop.set_blind(name, None);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.reported, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        source = name,
                        "whether the emergency stop is asked for there is not known"
                    );
                }
                let fresh = self.seen.is_some_and(|seen| seen.elapsed() < patience);
                if !fresh && stop.set_blind(name, Some(error.to_string())) {
                    switch.record_blind(name, &error.to_string()).await;
                }
            }
        }
    }
}

/// The outcome of what is done with the disk, unless that hangs: then the watch goes on, and the work with it.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    let done = tokio::time::timeout(limit, work).await;
    done.map_err(|_| format!("the disk did not answer within {limit:?}; see what holds it up"))
}

fn error(reason: String) -> StopSourceError {
    StopSourceError { reason, source: None }
}
