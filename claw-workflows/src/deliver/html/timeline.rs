//! Picture of the incident in time: a lane each for changes, symptoms, alerts and events.

use serde::Serialize;

use super::measure::{BOLD, LEAST, fitted, px, width};
use crate::deliver::untrusted;
use crate::deliver::view::{TimelineEntry, View};
use crate::deliver::words;

mod labels;
mod scale;

use labels::Wish;
use scale::Scale;

const WIDTH: f64 = 1070.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 26.0;
const AXIS: f64 = 24.0;
/// Room for the marks of a lane.
const MARKS: f64 = 26.0;
/// Height of a row of labels.
const ROW: f64 = 15.0;
const ROWS: usize = 5;
const FONT: f64 = 11.0;
/// Marks closer than this are one mark with a number.
const NEAR: f64 = 16.0;
/// Widest label.
const LABEL: f64 = 320.0;
/// How far a label stands from the line that leads to it.
const BESIDE: f64 = 4.0;
/// Entries that a mark tells when pointed at.
const TOLD: usize = 8;

/// The picture; all coordinates are in pixels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Picture {
    width: i32,
    /// Width below which text would be too small to read.
    least: i32,
    height: i32,
    left: i32,
    right: i32,
    top: i32,
    axis: i32,
    ticks: Vec<Tick>,
    onset: Option<Onset>,
    lanes: Vec<Lane>,
    /// How many entries there are, in words.
    count: String,
    /// One sentence for those who cannot see the picture.
    description: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Tick {
    x: i32,
    label: String,
    anchor: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Onset {
    x: i32,
    label: String,
    label_x: i32,
    anchor: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Lane {
    key: &'static str,
    label: &'static str,
    count: usize,
    top: i32,
    middle: i32,
    height: i32,
    marks: Vec<Mark>,
}

/// One entry, or several that lie close together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Mark {
    x: i32,
    y: i32,
    count: usize,
    /// `count` as it fits into the mark.
    number: String,
    /// Half of the mark's width.
    half: i32,
    severity: &'static str,
    told: String,
    label: Option<Label>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Label {
    x: i32,
    y: i32,
    anchor: &'static str,
    text: String,
    /// Where the line from the mark to the label ends.
    leader: i32,
}

impl Picture {
    /// `None` where there is nothing to show.
    pub(super) fn new(view: &View, start: i64, end: i64, since: Option<i64>) -> Option<Self> {
        if view.timeline.is_empty() {
            return None;
        }
        let seconds: Vec<_> = view
            .timeline
            .iter()
            .map(|entry| entry.second)
            .chain(since)
            .collect();
        let scale = Scale::new(start, end, &seconds, LEFT, WIDTH - RIGHT);
        let mut lanes = Vec::new();
        let mut top = TOP;
        for (key, label) in [
            ("change", "Changes"),
            ("symptom", "Symptoms"),
            ("alert", "Alerts"),
            ("event", "Events"),
        ] {
            let entries: Vec<_> = view.timeline.iter().filter(|entry| entry.lane == key).collect();
            if !entries.is_empty() {
                let lane = lane(key, label, &entries, &scale, top);
                top += f64::from(lane.height);
                lanes.push(lane);
            }
        }
        let onset = since.and_then(|second| scale.x(second)).map(|x| {
            let label = match &view.since {
                Some(since) => format!("onset {}", since.short),
                None => "onset".to_owned(),
            };
            let fits = x + width(&label, FONT) + 6.0 < WIDTH;
            Onset {
                x: px(x),
                label_x: px(if fits { x + 4.0 } else { x - 4.0 }),
                anchor: if fits { "start" } else { "end" },
                label,
            }
        });
        let counts: Vec<_> = lanes
            .iter()
            .map(|lane| format!("{} {}", lane.count, lane.label.to_lowercase()))
            .collect();
        Some(Self {
            width: px(WIDTH),
            least: px(WIDTH * LEAST),
            height: px(top + AXIS),
            left: px(LEFT),
            right: px(WIDTH - RIGHT),
            top: px(TOP),
            axis: px(top),
            ticks: ticks(&scale),
            onset,
            count: words::count(view.timeline.len(), "entry", "entries"),
            description: format!(
                "Timeline from {} to {}: {}. All entries are listed below the picture.",
                view.window_start.full,
                view.window_end.full,
                counts.join(", ")
            ),
            lanes,
        })
    }
}

fn ticks(scale: &Scale) -> Vec<Tick> {
    scale
        .ticks()
        .into_iter()
        .map(|(x, label)| {
            let half = width(&label, FONT) / 2.0;
            let anchor = if x + half > WIDTH {
                "end"
            } else if x - half < 0.0 {
                "start"
            } else {
                "middle"
            };
            Tick {
                x: px(x),
                label,
                anchor,
            }
        })
        .collect()
}

fn lane(key: &'static str, label: &'static str, entries: &[&TimelineEntry], scale: &Scale, top: f64) -> Lane {
    let middle = top + MARKS / 2.0;
    let clusters = clusters(entries, scale);
    let wishes: Vec<_> = clusters.iter().map(Cluster::wish).collect();
    let placed = labels::place(&wishes, ROWS);
    let rows = placed
        .iter()
        .flatten()
        .map(|row| row.saturating_add(1))
        .max()
        .unwrap_or(0);
    let height = MARKS + ROW * rows as f64 + 6.0;
    let marks = clusters
        .iter()
        .zip(&wishes)
        .zip(placed)
        .map(|((cluster, wish), row)| {
            let number = match cluster.entries.len() {
                0 | 1 => String::new(),
                n @ 2..=999 => n.to_string(),
                _ => "999+".to_owned(),
            };
            Mark {
                x: px(cluster.x),
                y: px(middle),
                count: cluster.entries.len(),
                half: px(width(&number, 10.0) / 2.0 + 4.0).max(8),
                number,
                severity: cluster.worst().map_or("info", |entry| entry.severity),
                told: cluster.told(),
                label: row.map(|row| Label::new(wish, row, top + MARKS)),
            }
        })
        .collect();
    Lane {
        key,
        label,
        count: entries.len(),
        top: px(top),
        middle: px(middle),
        height: px(height),
        marks,
    }
}

impl Label {
    fn new(wish: &Wish, row: usize, top: f64) -> Self {
        let y = top + ROW * row as f64 + FONT;
        Self {
            x: px(if wish.anchor == "start" {
                wish.x + BESIDE
            } else {
                wish.x - BESIDE
            }),
            y: px(y),
            anchor: wish.anchor,
            text: wish.text.clone(),
            leader: px(y - FONT + 1.0),
        }
    }
}

/// Entries that share a mark.
struct Cluster<'a> {
    x: f64,
    entries: Vec<&'a TimelineEntry>,
    /// `‹` or `›` where the entries lie outside of the picture.
    outside: Option<char>,
}

impl<'a> Cluster<'a> {
    /// The gravest entry, the first of equals.
    fn worst(&self) -> Option<&'a TimelineEntry> {
        self.entries
            .iter()
            .copied()
            .min_by_key(|entry| grade(entry.severity))
    }

    fn told(&self) -> String {
        let mut lines: Vec<_> = self
            .entries
            .iter()
            .take(TOLD)
            .map(|entry| format!("{} {}: {}", entry.time.short, entry.entity.full(), entry.text))
            .collect();
        let more = self.entries.len().saturating_sub(TOLD);
        if more > 0 {
            lines.push(format!(
                "… and {}",
                words::count(more, "more entry", "more entries")
            ));
        }
        lines.join("\n")
    }

    /// The label, to the right of the mark, or to the left of one at the right edge.
    fn wish(&self) -> Wish {
        let text = self.label();
        let grade = self.worst().map_or(9, |entry| grade(entry.severity));
        // The gravest are written in bold.
        let length = width(&text, FONT) * if grade == 0 { BOLD } else { 1.0 };
        let fits = self.x + length + BESIDE < WIDTH;
        Wish {
            x: self.x,
            from: if fits {
                self.x
            } else {
                self.x - length - 8.0 - BESIDE
            },
            to: if fits {
                self.x + length + 8.0 + BESIDE
            } else {
                self.x
            },
            anchor: if fits { "start" } else { "end" },
            grade,
            text,
        }
    }

    fn label(&self) -> String {
        let Some(entry) = self.worst() else {
            return String::new();
        };
        let name = entry.entity.path.rsplit('/').next().unwrap_or_default();
        let name = untrusted::ellipsis(name, 20);
        let place = match self.outside {
            Some(mark) => format!("{mark} {} ", entry.time.full.get(..16).unwrap_or_default()),
            None => String::new(),
        };
        let more = match self.entries.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n.saturating_sub(1)),
        };
        let text = format!("{place}{name}: {}", entry.text);
        format!("{}{more}", fitted(&text, LABEL - width(&more, FONT), FONT))
    }
}

fn grade(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "warning" => 1,
        _ => 2,
    }
}

fn clusters<'a>(entries: &[&'a TimelineEntry], scale: &Scale) -> Vec<Cluster<'a>> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    for entry in entries {
        let (x, outside) = match scale.x(entry.second) {
            Some(x) => (x, None),
            None => (
                scale.edge(entry.second),
                Some(if entry.second < scale.start() {
                    '‹'
                } else {
                    '›'
                }),
            ),
        };
        match clusters.last_mut() {
            Some(last) if last.outside == outside && x - last.x < NEAR => last.entries.push(entry),
            Some(last) if x - last.x < NEAR => {
                // An entry outside of the picture and one at its edge: next to each other, not on top.
                let x = (last.x + NEAR).min(WIDTH - RIGHT);
                clusters.push(Cluster {
                    x,
                    entries: vec![entry],
                    outside,
                });
            }
            _ => clusters.push(Cluster {
                x,
                entries: vec![entry],
                outside,
            }),
        }
    }
    clusters
}

#[cfg(test)]
mod tests;
