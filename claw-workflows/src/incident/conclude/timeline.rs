//! What happened when.

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::report::{Lane, TimelineEntry};
use jiff::Timestamp;

use crate::incident::candidate::Symptom;
use crate::incident::case::Case;
use crate::incident::facts::clip;

/// Entries that a report shows.
const MAX_ENTRIES: usize = 500;

/// Changes, symptoms, warnings and alerts of the window in the order of their times.
pub(super) fn timeline(case: &Case, symptoms: &[Symptom], onset: Option<Timestamp>) -> Vec<TimelineEntry> {
    let inside = |time: &Timestamp| *time >= case.window.start && *time <= case.window.end;
    let mut entries: Vec<TimelineEntry> = Vec::new();
    for change in case.changes.iter().filter(|change| inside(&change.time)) {
        entries.push(TimelineEntry {
            time: change.time,
            lane: Lane::Change,
            entity: change.entity.clone(),
            text: clip(&change.summary, 120),
            severity: Severity::Info,
        });
    }
    for symptom in symptoms {
        if let Some(time) = symptom.since.filter(|time| inside(time)) {
            entries.push(TimelineEntry {
                time,
                lane: Lane::Symptom,
                entity: symptom.entity.clone(),
                text: clip(&symptom.statement, 120),
                severity: symptom.severity,
            });
        }
    }
    for event in case.objects.events.iter().filter(|event| event.is_warning()) {
        if let Some(time) = event.first_seen().filter(|time| inside(time)) {
            entries.push(TimelineEntry {
                time,
                lane: Lane::Event,
                entity: event.about(),
                text: format!("{}: {}", event.reason, clip(&event.message, 100)),
                severity: Severity::Warning,
            });
        }
    }
    for alert in &case.incident.alerts {
        entries.push(TimelineEntry {
            time: alert.starts_at,
            lane: Lane::Alert,
            entity: case
                .subject
                .first()
                .cloned()
                .unwrap_or_else(|| EntityRef::cluster("Alert", alert.name().unwrap_or("alert"))),
            text: alert.name().unwrap_or("alert").to_owned(),
            severity: Severity::Critical,
        });
    }
    // Where there is too much, events go first, and of them those furthest from the onset.
    let distance = |entry: &TimelineEntry| onset.map(|onset| entry.time.duration_since(onset).abs());
    entries.sort_by_key(|entry| (entry.lane == Lane::Event, distance(entry)));
    entries.truncate(MAX_ENTRIES);
    entries.sort_by(|a, b| (a.time, a.lane, &a.entity, &a.text).cmp(&(b.time, b.lane, &b.entity, &b.text)));
    entries.dedup();
    entries
}
