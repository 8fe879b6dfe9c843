//! Both logs, read and compared.

use std::path::Path;
use std::time::Duration;

use claw_guardrails::audit::{Comparison, Entry, Filter, Record, Witness, Witnessed, each_record};
use claw_testbed::suite::{Part, wait_until};

use crate::scene::Scene;

/// The server's log is written in batches.
const WRITTEN: Duration = Duration::from_secs(20);

/// How many requests a log tells of.
pub(crate) fn count(log: &Path) -> u64 {
    let mut found = 0;
    each_record(log, &Filter::default(), |record, _| {
        if let Entry::Event(event) = &record.entry {
            found += event.requests.as_ref().map_or(0, |requests| requests.count);
        }
        true
    })
    .unwrap();
    found
}

/// A record that tells of requests.
pub(crate) struct Told {
    pub(crate) sequence: u64,
    /// Whether one of them was answered.
    pub(crate) arrived: bool,
}

/// The records that tell of requests.
pub(crate) fn told(log: &Path) -> Vec<Told> {
    let mut found = Vec::new();
    each_record(log, &Filter::default(), |record, _| {
        let Entry::Event(event) = &record.entry else {
            return true;
        };
        if let Some(requests) = &event.requests {
            found.push(Told {
                sequence: record.sequence,
                arrived: requests.ids().any(|(_, answered)| answered),
            });
        }
        true
    })
    .unwrap();
    found
}

/// Compares the agent's log, as far as `takes` wants its records, with all of the server's.
pub(crate) async fn compared(scene: &Scene, log: &Path, takes: impl Fn(&Record) -> bool) -> Comparison {
    let mut witness = Witness::of(scene.account.user());
    each_record(log, &Filter::default(), |record, _| {
        if takes(record) {
            witness.record(record);
        }
        true
    })
    .unwrap();
    for seen in scene.witnessed().await {
        witness.witnessed(seen);
    }
    witness.compare()
}

impl Scene {
    /// All that the server's log has by now.
    async fn witnessed(&self) -> Vec<Witnessed> {
        let log = self.testbed.part(Part::AuditLog).unwrap();
        // What is logged is in order: once this is there, all that came before is.
        let mark = format!("/version?mark={}", claw_testbed::machine::secret(8).unwrap());
        self.testbed.api().status(&mark).await.unwrap();
        wait_until(WRITTEN, "the server's audit log", async || {
            let text = tokio::fs::read_to_string(log).await.unwrap();
            let mut seen = Vec::new();
            for line in text.lines() {
                // The last one may be under way.
                if let Ok(Some(witnessed)) = Witnessed::parse(line) {
                    seen.push(witnessed);
                }
            }
            Ok(match seen.iter().any(|it| it.uri == mark) {
                true => Ok(seen),
                false => Err(format!("{} lines", seen.len())),
            })
        })
        .await
        .unwrap()
    }
}
