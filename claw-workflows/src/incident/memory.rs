//! How containers use their memory, as series tell: whether it rises steadily, falls back at once, and how near its limit it
//! comes. A signal says that a series moved; this says in which form.

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Source, SourceKind};
use claw_core::report::Window;
use claw_metrics::classify::{Kind, Measure, Stat, Unit, classify, subject_of};
use claw_metrics::series::{Labels, Point, Series};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Fewer samples tell no form.
const FEW: usize = 8;
/// Falling to less than this share of what it was at once, memory was given back whole: the process ended.
const DROP: f64 = 0.6;
/// What falls from less than this share of the peak is no process that was full.
const FULL: f64 = 0.6;
/// Rising steadily, it grows to so many times as much between two ends.
const GROWTH: f64 = 1.2;
/// And so large a share of the steps go up.
const UPWARD: f64 = 0.7;

/// The memory of one container, or of what the series is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// What the series is about.
    pub entity: EntityRef,
    /// The container, where labels name it.
    pub container: String,
    /// The series.
    pub source: String,
    /// The highest value, in bytes or as a share.
    pub peak: f64,
    /// How much it may use, in the same unit, where that is measured.
    pub limit: Option<f64>,
    /// When it fell to nearly nothing at once.
    pub drops: Vec<Timestamp>,
    /// Whether it rises steadily, from start to end or between two drops.
    pub rises: bool,
    /// From when on it rises steadily.
    pub since: Option<Timestamp>,
    /// How often the container was started again meanwhile, where that is counted.
    pub restarts: u32,
    /// How often it is counted that it was killed for memory.
    pub kills: u32,
}

impl MemoryUse {
    /// The highest share of its limit.
    pub fn share(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0.0)?;
        Some(self.peak / limit)
    }

    /// The evidence that the container ended.
    pub fn ends(&self) -> Evidence {
        let times = |count: u32| {
            if count == 1 {
                "once".to_owned()
            } else {
                format!("{count} times")
            }
        };
        let what = if self.kills > 0 {
            format!("was killed for memory {}", times(self.kills))
        } else {
            format!("was started again {}", times(self.restarts))
        };
        self.told(self.drops.first().copied(), what)
    }

    /// The evidence that this is.
    pub fn evidence(&self) -> Evidence {
        let near = self.share().map_or_else(String::new, |share| {
            format!(", up to {:.0} % of its limit", 100.0 * share)
        });
        let drops = match self.drops.len() {
            0 => String::new(),
            1 => ", and falls back at once".to_owned(),
            times => format!(", and falls back at once {times} times"),
        };
        let form = if self.rises { "rises steadily" } else { "rises" };
        let time = self.since.or(self.drops.first().copied());
        self.told(time, format!("memory {form}{near}{drops}"))
    }

    fn told(&self, time: Option<Timestamp>, statement: String) -> Evidence {
        Evidence::new(
            self.entity.clone(),
            time,
            statement,
            Source::new(SourceKind::Metric, self.source.clone()),
            "query_prometheus",
            format!("{}|{}|{:?}", self.source, self.peak, self.drops).as_bytes(),
        )
    }
}

/// What the series of a window tell of the use of memory.
pub(super) fn uses(series: &[Series], window: &Window) -> Vec<MemoryUse> {
    let limits: Vec<(&Series, f64)> = series.iter().filter_map(|series| limit(series, window)).collect();
    let counted = |measure: Measure| -> Vec<(&Series, u32)> {
        let all = series.iter();
        all.filter_map(|series| growth(series, measure, window)).collect()
    };
    let (restarts, kills) = (counted(Measure::Restarts), counted(Measure::OutOfMemory));
    series
        .iter()
        .filter_map(|series| {
            let of_this = |counted: &[(&Series, u32)]| {
                let same = counted
                    .iter()
                    .filter(|(of, _)| same_container(&of.labels, &series.labels));
                same.map(|(_, count)| *count).max().unwrap_or(0)
            };
            Some(MemoryUse {
                restarts: of_this(&restarts),
                kills: of_this(&kills),
                ..of(series, &limits, window)?
            })
        })
        .collect()
}

/// By how much a count of such ends has grown.
fn growth<'a>(series: &'a Series, measure: Measure, window: &Window) -> Option<(&'a Series, u32)> {
    if classify(series.name(), &series.labels).measure != measure {
        return None;
    }
    let values = series.values(window);
    let steps = values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(from, to)| to - from);
    let grown: f64 = steps.filter(|step| *step > 0.0).sum();
    // Counts of the kubelet grow by one; a rate or a share of something is no count.
    (grown >= 1.0).then_some((series, grown.min(1e6) as u32))
}

/// A series that says how much memory a container may use.
fn limit<'a>(series: &'a Series, window: &Window) -> Option<(&'a Series, f64)> {
    let name = series.name().to_lowercase();
    let of_memory = name.contains("memory") || series.label("resource") == Some("memory");
    if classify(series.name(), &series.labels).measure != Measure::Limit
        || !of_memory
        || !name.contains("limit")
    {
        return None;
    }
    let values = series.values(window);
    // Where there is no limit, some exporters say zero or a number beyond any machine.
    let value = values.last().copied()?;
    (value > 0.0 && value < 1e15).then_some((series, value))
}

fn of(series: &Series, limits: &[(&Series, f64)], window: &Window) -> Option<MemoryUse> {
    let class = classify(series.name(), &series.labels);
    let share = matches!(class.unit, Unit::Ratio | Unit::Percent);
    if class.measure != Measure::Memory
        || class.kind != Kind::Gauge
        || class.stat != Stat::Value
        || !(share || class.unit == Unit::Bytes)
    {
        return None;
    }
    let subject = subject_of(&series.labels).filter(|subject| subject.peer.is_none())?;
    if subject.entity.kind == "Node" {
        return None;
    }
    let points: Vec<Point> = series
        .slice(window)
        .iter()
        .copied()
        .filter(|point| point.1.is_finite())
        .collect();
    let peak = points.iter().map(|point| point.1).fold(0.0, f64::max);
    if points.len() < FEW || peak <= 0.0 {
        return None;
    }
    let (drops, since) = form(&points, peak);
    let rises = since.is_some();
    let whole = if class.unit == Unit::Percent { 100.0 } else { 1.0 };
    let limit = if share {
        Some(whole)
    } else {
        limits
            .iter()
            .find(|(of, _)| same_container(&of.labels, &series.labels))
            .map(|(_, value)| *value)
    };
    (rises || !drops.is_empty()).then(|| MemoryUse {
        entity: subject.entity,
        container: series.label("container").unwrap_or_default().to_owned(),
        source: series.selector(),
        peak,
        limit,
        drops,
        rises,
        since,
        restarts: 0,
        kills: 0,
    })
}

/// When the values fell back at once, and from when on they rise steadily, where they do: over the whole time, or in most of
/// the pieces between two drops.
fn form(points: &[Point], peak: f64) -> (Vec<Timestamp>, Option<Timestamp>) {
    let mut drops = Vec::new();
    let mut pieces: Vec<Vec<Point>> = vec![Vec::new()];
    let mut last: Option<f64> = None;
    for point in points {
        if last.is_some_and(|last| point.1 < DROP * last && last >= FULL * peak) {
            drops.push(point.0);
            pieces.push(Vec::new());
        }
        last = Some(point.1);
        if let Some(piece) = pieces.last_mut() {
            piece.push(*point);
        }
    }
    let long: Vec<&Vec<Point>> = pieces.iter().filter(|piece| piece.len() >= FEW / 2).collect();
    let rising: Vec<&Vec<Point>> = long.iter().copied().filter(|piece| is_rising(piece)).collect();
    let mostly = !rising.is_empty() && rising.len() * 2 > long.len();
    let since = rising
        .first()
        .and_then(|piece| piece.first())
        .map(|point| point.0);
    (drops, since.filter(|_| mostly))
}

/// Whether values go up step by step, and not at once: half of the way is not taken by one step.
fn is_rising(piece: &[Point]) -> bool {
    let (Some(first), Some(end)) = (piece.first(), piece.last()) else {
        return false;
    };
    let steps: Vec<f64> = piece
        .iter()
        .zip(piece.iter().skip(1))
        .map(|(from, to)| to.1 - from.1)
        .collect();
    let up = steps.iter().filter(|step| **step > 0.0).count() as f64;
    let largest = steps.iter().copied().fold(0.0, f64::max);
    let grown = end.1 - first.1;
    end.1 >= GROWTH * first.1 && up >= UPWARD * steps.len() as f64 && largest < 0.5 * grown
}

/// Whether two series are about the same container.
fn same_container(a: &Labels, b: &Labels) -> bool {
    let mut named = false;
    let same = ["namespace", "pod", "container", "service", "deployment"]
        .iter()
        .all(|label| match (a.get(*label), b.get(*label)) {
            (Some(x), Some(y)) => {
                named |= *label != "namespace";
                x == y
            }
            _ => true,
        });
    same && named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::at;

    fn series(name: &str, values: &[f64]) -> Series {
        let labels = [
            ("__name__", name),
            ("namespace", "shop"),
            ("pod", "cart-7d9f8b6c5-x1"),
            ("container", "app"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (0..).zip(values).map(|(minute, value)| (at(60 * minute), *value));
        Series::new(labels.into_iter().collect(), points.collect())
    }

    fn told(values: &[f64], limit: Option<f64>) -> Option<(usize, bool, bool)> {
        let mut all = vec![series("container_memory_working_set_bytes", values)];
        all.extend(
            limit.map(|limit| series("container_spec_memory_limit_bytes", &vec![limit; values.len()])),
        );
        let window = Window {
            start: at(-60),
            end: at(7200),
        };
        let found = uses(&all, &window);
        let only = found.first()?;
        let near = only.share().is_some_and(|share| share > 0.85);
        Some((only.drops.len(), only.rises, near))
    }

    #[test]
    fn a_saw_tooth_up_to_the_limit_is_told_from_a_leak_and_from_what_is_usual() {
        let tooth = |height: f64| {
            (0..10)
                .map(move |step| 100.0 + height * f64::from(step))
                .collect::<Vec<_>>()
        };
        let saw = [tooth(40.0), tooth(40.0), tooth(40.0)].concat();
        assert_eq!(told(&saw, Some(500.0)), Some((2, true, true)));
        assert_eq!(told(&saw, Some(4000.0)), Some((2, true, false)));
        assert_eq!(told(&saw, None), Some((2, true, false)));
        let leak: Vec<f64> = (0..30).map(|step| 100.0 + 12.0 * f64::from(step)).collect();
        assert_eq!(told(&leak, Some(500.0)), Some((0, true, true)));
        // To another level at once, or up and down as a cache or a collector of garbage has it.
        let step: Vec<f64> = (0..30)
            .map(|step| if step < 15 { 100.0 } else { 400.0 })
            .collect();
        assert_eq!(told(&step, Some(500.0)), None);
        let even: Vec<f64> = (0..30).map(|step| 300.0 + 40.0 * f64::from(step % 4)).collect();
        assert_eq!(told(&even, Some(500.0)), None);
    }
}
