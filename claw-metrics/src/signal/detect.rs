use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::report::Window;
use jiff::{SignedDuration, Timestamp};

use super::derive::{Parts, derive_from, origin};
use super::prepare::{HOLE, Prepared, Presence};
use super::text::amount;
use super::{Direction, MAX_RATIO, Shape, Signal};
use crate::classify::{BadDirection, Kind, Measure, Servers, Subject, Unit};
use crate::series::{Labels, NAME_LABEL, Point, Series, finite, interval, selector};
use crate::stats::{self, MAX_SCORE, Reference};

/// How sensitive detection is.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectOptions {
    /// Smallest score of a signal. 4 robust standard deviations by default.
    pub min_score: f64,
    /// How long before the incident window an onset may lie. Half an hour by default; at least the length of the window.
    pub lookback: SignedDuration,
    /// Whether a series without a label that names an entity belongs to the one that its name begins with
    /// (`checkout_latency_p99_ms`, `FrontendLatencyP95`). On by default.
    pub entity_from_name: bool,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self {
            min_score: 4.0,
            lookback: SignedDuration::from_mins(30),
            entity_from_name: true,
        }
    }
}

/// Samples right before an incident that a step is seen by.
const FEWEST_RECENT: usize = 3;
/// Score of a series that ended or began: certain, but of unknown size.
const PRESENCE_SCORE: f64 = 8.0;

/// Whether and how `series` changed in `incident`.
///
/// It is compared with `baseline`, which may lie anywhere in the past, or with all samples before the incident. Where there is a
/// baseline and there are samples right before the incident too, a change has to show against both to count in full: what has
/// drifted since a baseline of long ago is no news. Counters count as rates. `None` if nothing changed by
/// [`DetectOptions::min_score`], if there is nothing to compare with, if no entity is known, or if the values mean nothing
/// (facts, moments, raw parts of histograms; see [`derive`](fn@super::derive)).
pub fn detect(
    series: &Series,
    incident: &Window,
    baseline: Option<&Window>,
    options: &DetectOptions,
) -> Option<Signal> {
    detect_prepared(
        &Prepared::new(series, &Servers::of([&series.labels]), options)?,
        incident,
        baseline,
        options,
        None,
    )
}

/// [`detect`] on many series, those that are derived from them ([`derive`](fn@super::derive)) included, and on which of them ended or began.
///
/// Ordered by score from high to low, then by entity and metric.
pub fn detect_all(
    series: &[Series],
    incident: &Window,
    baseline: Option<&Window>,
    options: &DetectOptions,
) -> Vec<Signal> {
    survey(series, incident, baseline, options).signals
}

/// What comparing many series came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Survey {
    /// Series that changed, as [`detect_all`] orders them.
    pub signals: Vec<Signal>,
    /// Series with samples before and in the incident, whether they changed or not. Those that were derived count as well.
    pub compared: usize,
    /// What those series are about, and what they measure of it, without those of call edges.
    pub measured: BTreeSet<(EntityRef, Measure)>,
    /// Series of the incident that had nothing to be compared with: neither they nor others of their metric have samples
    /// before it.
    pub without_past: usize,
    /// Series that mean something and name no entity.
    pub without_entity: usize,
}

/// [`detect_all`], and how much of what was there could be compared at all.
pub fn survey(
    series: &[Series],
    incident: &Window,
    baseline: Option<&Window>,
    options: &DetectOptions,
) -> Survey {
    let servers = Servers::of(series.iter().map(|series| &series.labels));
    let usual = |time: Timestamp| match baseline {
        Some(window) => window.start <= time && time <= window.end,
        None => time < incident.start,
    };
    let derived = derive_from(series, &servers, &usual);
    let parts = Parts::of(&derived);
    let raw = series.iter().map(|series| (series, 0.0));
    let computed = derived.iter().map(|derived| (&derived.series, derived.noise));
    let all: Vec<Prepared<'_>> = raw
        .chain(computed)
        .filter_map(|(series, noise)| Some(Prepared::new(series, &servers, options)?.varying_by(noise)))
        .collect();
    let mut presence: BTreeMap<&str, Presence> = BTreeMap::new();
    for prepared in &all {
        presence
            .entry(prepared.series.name())
            .or_default()
            .add(prepared, incident, baseline);
    }
    let mut survey = Survey {
        without_entity: series
            .iter()
            .filter(|series| !Prepared::names_entity(series, options))
            .count(),
        ..Survey::default()
    };
    let whole = |prepared: &&Prepared<'_>| !parts.contains(&prepared.series.labels, prepared.class.measure);
    for prepared in all.iter().filter(whole) {
        let siblings = presence.get(prepared.series.name());
        let (before, during) = siblings.map_or((0, 0), |siblings| (siblings.before, siblings.during));
        if !prepared.reference(incident, baseline).is_empty() {
            survey.compared += usize::from(during > 0);
            if prepared.subject.peer.is_none() && !prepared.within(incident).is_empty() {
                let of = prepared.subject.entity.clone();
                survey.measured.insert((of, prepared.class.measure));
            }
        } else if before == 0 && !prepared.within(incident).is_empty() {
            survey.without_past += 1;
        }
        survey
            .signals
            .extend(detect_prepared(prepared, incident, baseline, options, siblings));
    }
    survey.signals.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.entity.cmp(&b.entity))
            .then_with(|| a.metric.cmp(&b.metric))
    });
    survey
}

fn detect_prepared(
    prepared: &Prepared<'_>,
    incident: &Window,
    baseline: Option<&Window>,
    options: &DetectOptions,
    siblings: Option<&Presence>,
) -> Option<Signal> {
    let reference = prepared.reference(incident, baseline);
    let during = prepared.within(incident);
    let episode = prepared.episode(incident, options.lookback);
    if during.is_empty() {
        return vanished(prepared, reference, incident, siblings?);
    }
    let zeros;
    let reference = match reference.is_empty() {
        true if siblings.is_some_and(|siblings| siblings.before > 0) => {
            if !silent_when_fine(prepared.class.measure) {
                return appeared(prepared, during, siblings?);
            }
            // A series of failures that was not there has not counted any.
            zeros = during.iter().map(|point| (point.0, 0.0)).collect::<Vec<_>>();
            &zeros
        }
        _ => reference,
    };
    let usual = finite(reference);
    let values = finite(during);
    let mut deviation = stats::deviation(&usual, &values, prepared.floor)?;
    // A baseline of its own, and samples right before the incident: what differs only from the old baseline is drift.
    let recent: Vec<f64> = episode
        .iter()
        .filter(|point| point.0 < incident.start)
        .map(|point| point.1)
        .collect();
    if baseline.is_some_and(|window| window.end < incident.start) && recent.len() >= 8 {
        let against_recent = stats::deviation(&recent, &values, prepared.floor)?;
        let same_way = against_recent.up == deviation.up;
        let score = if same_way { against_recent.score } else { 0.0 };
        deviation.score = deviation.score.min(score.max(0.4 * deviation.score));
    }
    // A wide baseline, of days and nights, hides a clear step. One that leads further than all that was seen before is news.
    if deviation.score < options.min_score
        && recent.len() >= FEWEST_RECENT
        && let Some(step) = stats::step(&usual, &recent, &values, prepared.floor)
        && step.score >= options.min_score
    {
        deviation = step;
    }
    let trend = steady(prepared, episode);
    let (shape, score) = match trend {
        Some(score) if score >= options.min_score => (Shape::Trend, score.max(deviation.score)),
        _ => (Shape::Shift, deviation.score),
    };
    if score < options.min_score {
        return None;
    }
    let direction = if deviation.up {
        Direction::Up
    } else {
        Direction::Down
    };
    let spot = Reference {
        baseline: deviation.baseline,
        spread: deviation.spread,
        observed: deviation.observed,
    };
    let found = stats::onset(episode, spot, incident.start);
    let gap = interval(episode).map_or(0.0, |gap| gap.as_secs_f64());
    let (onset, uncertainty) = match found {
        Some(stats::Onset {
            at,
            after: Some(after),
        }) => (Some(at), at.duration_since(after).as_secs_f64()),
        _ => (None, gap),
    };
    Some(Signal {
        onset,
        onset_uncertainty: uncertainty,
        baseline_samples: count(usual.len()),
        incident_samples: count(values.len()),
        ..signal(
            prepared,
            direction,
            shape,
            score,
            deviation.baseline,
            deviation.observed,
        )
    })
}

fn signal(
    prepared: &Prepared<'_>,
    direction: Direction,
    shape: Shape,
    score: f64,
    baseline: f64,
    observed: f64,
) -> Signal {
    let harmful = match prepared.class.bad_direction {
        BadDirection::Up => direction == Direction::Up,
        BadDirection::Down => direction == Direction::Down,
        BadDirection::Both => true,
        BadDirection::Neither => false,
    };
    let ratio = match (baseline == 0.0, observed == 0.0) {
        (_, true) if baseline == 0.0 => 1.0,
        (true, _) => MAX_RATIO,
        _ => (observed / baseline).clamp(0.0, MAX_RATIO),
    };
    Signal {
        entity: prepared.subject.entity.clone(),
        peer: prepared.subject.peer.clone(),
        related: prepared.subject.related.clone(),
        metric: prepared.series.selector(),
        label: label(&prepared.series.labels, &prepared.subject),
        source: selector(&origin(&prepared.series.labels)),
        measure: prepared.class.measure,
        classification: prepared.class,
        direction,
        shape,
        harmful,
        onset: None,
        onset_uncertainty: 0.0,
        score: score.clamp(0.0, MAX_SCORE),
        baseline,
        observed,
        ratio,
        baseline_samples: 0,
        incident_samples: 0,
    }
}

/// A series that ended before or in the incident although half of its metric's series went on.
fn vanished(
    prepared: &Prepared<'_>,
    reference: &[Point],
    incident: &Window,
    siblings: &Presence,
) -> Option<Signal> {
    let usual = finite(reference);
    let (last, _) = prepared.before(incident.start).last()?;
    let gap = interval(reference)?;
    let recent = incident.start.duration_since(*last) <= gap.checked_mul(HOLE)?;
    let missed = incident.end.duration_since(*last) > gap.checked_mul(3)?;
    if usual.len() < 5 || !recent || !missed || siblings.during < 2 || siblings.during * 2 < siblings.before {
        return None;
    }
    Some(Signal {
        onset: last.checked_add(gap).ok(),
        onset_uncertainty: gap.as_secs_f64(),
        baseline_samples: count(usual.len()),
        harmful: true,
        ..signal(
            prepared,
            Direction::Down,
            Shape::Vanished,
            PRESENCE_SCORE,
            stats::median(&usual)?,
            0.0,
        )
    })
}

/// A series that began in the incident although half of its metric's series were there before.
fn appeared(prepared: &Prepared<'_>, during: &[Point], siblings: &Presence) -> Option<Signal> {
    let values = finite(during);
    if values.len() < 2 || siblings.before * 2 < siblings.during {
        return None;
    }
    Some(Signal {
        onset: Some(during.first()?.0),
        onset_uncertainty: interval(during)?.as_secs_f64(),
        incident_samples: count(values.len()),
        harmful: false,
        ..signal(
            prepared,
            Direction::Up,
            Shape::Appeared,
            PRESENCE_SCORE / 2.0,
            0.0,
            stats::median(&values)?,
        )
    })
}

/// Score of a steady movement of something that leaks or piles up, if it explains the samples better than a step does.
fn steady(prepared: &Prepared<'_>, episode: &[Point]) -> Option<f64> {
    let piles = matches!(
        prepared.class.measure,
        Measure::Memory
            | Measure::Disk
            | Measure::Queue
            | Measure::Connections
            | Measure::Handles
            | Measure::Saturation
    );
    if !piles || episode.len() < 12 {
        return None;
    }
    let trend = stats::trend(episode)?;
    let growth = trend.to - trend.from;
    let floor = (0.10 * trend.from.abs()).max(4.0 * prepared.floor.absolute.max(prepared.floor.by_chance));
    if growth.abs() < floor || trend.residual * 6.0 > growth.abs() {
        return None;
    }
    let step = stats::change_point(episode)?;
    let around_step: Vec<f64> = episode
        .iter()
        .map(|point| {
            let level = if point.0 < step.at {
                step.before_level
            } else {
                step.after_level
            };
            (point.1 - level).abs()
        })
        .collect();
    (trend.residual < 0.7 * stats::median(&around_step)?).then_some(trend.z.abs())
}

/// Measures whose series often exist only once something went wrong.
fn silent_when_fine(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::Errors
            | Measure::NetworkErrors
            | Measure::Restarts
            | Measure::OutOfMemory
            | Measure::Evictions
    )
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Labels that say how a series came to be, not what it is about.
const PLUMBING: [&str; 16] = [
    "cluster",
    "endpoint",
    "id",
    "image",
    "instance",
    "job",
    "metrics_path",
    "name",
    "namespace",
    "node",
    "pod",
    "prometheus",
    "prometheus_replica",
    "service",
    "uid",
    "le",
];
/// Labels in one label; more are left out.
const MAX_LABELS: usize = 4;

/// The metric with the labels that tell the series apart from others of the same entity.
fn label(labels: &Labels, subject: &Subject) -> String {
    let entities = || {
        std::iter::once(&subject.entity)
            .chain(&subject.peer)
            .chain(&subject.related)
    };
    let names_it = |value: &String| {
        entities().any(|entity| entity.name == *value || entity.namespace.as_ref() == Some(value))
    };
    let own: Labels = labels
        .iter()
        .filter(|(name, value)| !PLUMBING.contains(&name.as_str()) && !names_it(value))
        .filter(|(name, _)| name.as_str() != NAME_LABEL)
        .take(MAX_LABELS)
        .chain(labels.get_key_value(NAME_LABEL))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    selector(&own)
}

pub(super) fn statement(signal: &Signal) -> String {
    let what = &signal.label;
    let unit = match signal.classification.kind {
        Kind::Counter => match signal.classification.unit {
            Unit::Bytes => Unit::BytesPerSecond,
            Unit::Seconds if signal.measure == Measure::Cpu => Unit::Cores,
            _ => Unit::PerSecond,
        },
        _ => signal.classification.unit,
    };
    let from = amount(signal.baseline, unit);
    let to = amount(signal.observed, unit);
    let since = signal
        .onset
        .map_or_else(String::new, |onset| format!(" since {onset}"));
    match (signal.shape, signal.direction) {
        (Shape::Vanished, _) => format!("{what} has no samples{since} (before: {from})"),
        (Shape::Appeared, _) => format!("{what} began{since} at {to}"),
        (Shape::Trend, Direction::Up) => format!("{what} grew steadily from {from} to {to}{since}"),
        (Shape::Trend, Direction::Down) => format!("{what} declined steadily from {from} to {to}{since}"),
        (Shape::Shift, Direction::Up) => format!("{what} rose from {from} to {to}{since}"),
        (Shape::Shift, Direction::Down) => format!("{what} fell from {from} to {to}{since}"),
    }
}
