//! Series made ready to be compared.

use claw_core::report::Window;
use jiff::{SignedDuration, Timestamp};

use super::derive::REQUEST_RATE;
use super::detect::DetectOptions;
use crate::classify::{
    BadDirection, Classification, Kind, Measure, Role, Servers, Stat, Subject, Unit, classify,
    entity_from_name, subject_of,
};
use crate::series::{Labels, Point, Series, interval};
use crate::stats::{self, Floor};

/// How many usual intervals without a sample separate what was before from what comes after.
pub(super) const HOLE: i32 = 6;

/// A series made ready: counters as rates, with what its name and labels tell.
pub(super) struct Prepared<'a> {
    pub(super) series: &'a Series,
    pub(super) class: Classification,
    pub(super) subject: Subject,
    pub(super) points: Vec<Point>,
    pub(super) floor: Floor,
}

/// How many series of one metric have samples before and in an incident.
#[derive(Default)]
pub(super) struct Presence {
    pub(super) before: usize,
    pub(super) during: usize,
}

impl Presence {
    pub(super) fn add(&mut self, prepared: &Prepared<'_>, incident: &Window, baseline: Option<&Window>) {
        self.before += usize::from(!prepared.reference(incident, baseline).is_empty());
        self.during += usize::from(!prepared.series.slice(incident).is_empty());
    }
}

impl<'a> Prepared<'a> {
    pub(super) fn new(series: &'a Series, servers: &Servers, options: &DetectOptions) -> Option<Self> {
        let mut class = classify(series.name(), &series.labels);
        let raw =
            class.kind == Kind::Histogram || matches!(class.stat, Stat::Bucket | Stat::Sum | Stat::Spread);
        if raw || class.bad_direction == BadDirection::Neither {
            return None;
        }
        let subject = subject(series, options, |labels| servers.subject_of(labels))?;
        if class.kind == Kind::Gauge && may_count(class) && stats::counts_up(&series.points) {
            class.kind = Kind::Counter;
        }
        let points: Vec<Point> = match class.kind {
            Kind::Counter => stats::rates(&series.points),
            _ => series
                .points
                .iter()
                .copied()
                .filter(|point| point.1.is_finite())
                .collect(),
        };
        // Requests that are taken together are counted as each of their counters is.
        let counted = match series.label("stat") {
            Some(REQUEST_RATE) => Classification {
                kind: Kind::Counter,
                ..class
            },
            _ => class,
        };
        let floor = floor(counted, &points);
        Some(Self {
            series,
            class,
            subject,
            points,
            floor,
        })
    }

    /// The same of a series that varies by chance as well, by one standard deviation of `noise`.
    pub(super) fn varying_by(mut self, noise: f64) -> Self {
        self.floor.by_chance = noise;
        self
    }

    /// Whether it is told what a series is about. What means nothing by itself need not say so.
    pub(super) fn names_entity(series: &Series, options: &DetectOptions) -> bool {
        let class = classify(series.name(), &series.labels);
        class.bad_direction == BadDirection::Neither || subject(series, options, subject_of).is_some()
    }

    pub(super) fn within(&self, window: &Window) -> &[Point] {
        let from = self.points.partition_point(|point| point.0 < window.start);
        let to = self.points.partition_point(|point| point.0 <= window.end);
        self.points.get(from..to).unwrap_or(&[])
    }

    pub(super) fn before(&self, time: Timestamp) -> &[Point] {
        let to = self.points.partition_point(|point| point.0 < time);
        self.points.get(..to).unwrap_or(&[])
    }

    pub(super) fn reference(&self, incident: &Window, baseline: Option<&Window>) -> &[Point] {
        match baseline {
            Some(window) => self.within(window),
            None => self.before(incident.start),
        }
    }

    /// The points up to the end of the incident that belong together with it: no longer before it than `lookback`, and without
    /// a hole.
    pub(super) fn episode(&self, incident: &Window, lookback: SignedDuration) -> &[Point] {
        let reach = lookback.max(incident.end.duration_since(incident.start));
        let from = incident.start.checked_sub(reach).unwrap_or(Timestamp::MIN);
        let points = self.within(&Window {
            start: from,
            end: incident.end,
        });
        let usual = interval(points).unwrap_or(SignedDuration::MAX);
        let hole = usual.checked_mul(HOLE).unwrap_or(SignedDuration::MAX);
        let first = points
            .iter()
            .zip(points.iter().skip(1))
            .rposition(|(a, b)| b.0 <= incident.start && b.0.duration_since(a.0) > hole)
            .map_or(0, |index| index + 1);
        points.get(first..).unwrap_or(&[])
    }
}

fn subject(
    series: &Series,
    options: &DetectOptions,
    told: impl Fn(&Labels) -> Option<Subject>,
) -> Option<Subject> {
    told(&series.labels).or_else(|| {
        let by_name = options.entity_from_name && Role::of(&series.labels) == Role::Work;
        let entity = entity_from_name(series.name()).filter(|_| by_name)?;
        Some(Subject {
            entity,
            peer: None,
            related: Vec::new(),
        })
    })
}

/// Measures that a gauge by name may really count.
fn may_count(class: Classification) -> bool {
    let counts = matches!(
        class.measure,
        Measure::Errors
            | Measure::Traffic
            | Measure::NetworkErrors
            | Measure::Network
            | Measure::Evictions
            | Measure::Restarts
            | Measure::OutOfMemory
            | Measure::DiskIo
            | Measure::LogVolume
            | Measure::CacheHits
            | Measure::Cpu
    );
    let level = matches!(
        class.unit,
        Unit::Ratio
            | Unit::Percent
            | Unit::PerSecond
            | Unit::PerMinute
            | Unit::BytesPerSecond
            | Unit::Cores
            | Unit::Millicores
    );
    counts && !level && class.stat == Stat::Value
}

/// What one standard deviation is at least: an amount that nobody would act on, a quarter of what they might.
fn floor(class: Classification, points: &[Point]) -> Floor {
    let largest = points.iter().map(|point| point.1.abs()).fold(0.0, f64::max);
    let of = |relative: f64, absolute: f64| Floor {
        relative,
        absolute,
        by_chance: 0.0,
    };
    let events_per_interval = |events: f64| {
        let seconds = interval(points).map_or(60.0, |gap| gap.as_secs_f64()).max(1.0);
        of(0.05, events / seconds)
    };
    if class.kind == Kind::Counter {
        return match (class.measure, class.unit) {
            (Measure::Restarts | Measure::OutOfMemory, _) => events_per_interval(0.1),
            (Measure::Cpu, Unit::Seconds) => of(0.05, 0.000_5),
            (_, Unit::Seconds) => of(0.05, 0.005),
            (_, Unit::Bytes) => of(0.05, 1024.0),
            _ => events_per_interval(0.5),
        };
    }
    let (relative, absolute) = match (class.unit, class.measure) {
        (Unit::Ratio, _) => (0.0, 0.0025),
        (Unit::Percent, _) => (0.0, 0.25),
        (_, Measure::Availability | Measure::State | Measure::OutOfMemory | Measure::Restarts) => {
            (0.05, 0.05)
        }
        (Unit::Seconds, Measure::Latency | Measure::Pauses) => (0.05, 0.000_5),
        (Unit::Seconds, _) => (0.05, 0.5),
        (Unit::Milliseconds, _) => (0.05, 0.5),
        (Unit::Microseconds, _) => (0.05, 500.0),
        (Unit::Nanoseconds, _) => (0.05, 500_000.0),
        (Unit::Bytes, Measure::Memory) => (0.03, 2.0 * 1024.0 * 1024.0),
        (Unit::Bytes, _) => (0.03, 64.0 * 1024.0),
        (Unit::BytesPerSecond, _) => (0.05, 256.0),
        (Unit::Cores, _) => (0.05, 0.000_5),
        (Unit::Millicores, _) => (0.05, 0.5),
        (Unit::PerSecond, _) => (0.05, 0.05),
        (Unit::PerMinute, _) => (0.05, 3.0),
        (Unit::Count, Measure::Replicas) => (0.02, 0.1),
        (Unit::Count, _) => (0.05, 0.25),
        (Unit::Unknown, _) => (0.05, 0.01 * largest),
    };
    of(relative, absolute)
}
