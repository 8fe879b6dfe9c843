//! Time series: labels and timed values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use claw_core::report::Window;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels of a series by name. The metric's own name is under [`NAME_LABEL`].
pub type Labels = BTreeMap<String, String>;

/// The label that holds a metric's name.
pub const NAME_LABEL: &str = "__name__";

/// One point of a series: time and value. The value may be NaN or infinite.
pub type Point = (Timestamp, f64);

/// One time series.
///
/// Points are in order of time, one a moment. [`Series::new`] sees to that; code that fills `points` itself has to keep to it.
///
/// As JSON, points are `[seconds, value]` pairs with seconds since 1970, and values that JSON numbers cannot hold are
/// the strings `"NaN"`, `"+Inf"` and `"-Inf"`:
///
/// ```
/// use claw_metrics::series::Series;
/// let json = r#"{"labels":{"__name__":"up","pod":"cart-1"},"points":[[1661140280,1.0],[1661140340.5,"NaN"]]}"#;
/// let series: Series = serde_json::from_str(json)?;
/// assert_eq!(series.selector(), r#"up{pod="cart-1"}"#);
/// assert_eq!(serde_json::to_string(&series)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Labels, the name included.
    pub labels: Labels,
    /// `[seconds since 1970, value]` in order of time.
    #[serde(with = "wire")]
    #[schemars(with = "Vec<(f64, serde_json::Value)>")]
    pub points: Vec<Point>,
}

impl Series {
    /// A series of `points` in any order. Of several points at one moment the last given one stays.
    pub fn new(labels: Labels, mut points: Vec<Point>) -> Self {
        if !points.is_sorted_by(|a, b| a.0 < b.0) {
            points.sort_by_key(|point| point.0); // stable: equal moments keep their order
            points.reverse();
            points.dedup_by_key(|point| point.0);
            points.reverse();
        }
        Self { labels, points }
    }

    /// The metric's name; empty for the result of an expression.
    pub fn name(&self) -> &str {
        self.label(NAME_LABEL).unwrap_or("")
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// `name{label="value",…}` with labels in order, as PromQL would select this series.
    pub fn selector(&self) -> String {
        selector(&self.labels)
    }

    /// The points with `window.start <= time <= window.end`.
    pub fn slice(&self, window: &Window) -> &[Point] {
        let from = self.points.partition_point(|point| point.0 < window.start);
        let to = self.points.partition_point(|point| point.0 <= window.end);
        self.points.get(from..to).unwrap_or(&[])
    }

    /// The points with a time before `time`.
    pub fn before(&self, time: Timestamp) -> &[Point] {
        let to = self.points.partition_point(|point| point.0 < time);
        self.points.get(..to).unwrap_or(&[])
    }

    /// The finite values within `window`, in order of time.
    pub fn values(&self, window: &Window) -> Vec<f64> {
        finite(self.slice(window))
    }

    /// The usual distance between points: the median gap. `None` below two points.
    pub fn interval(&self) -> Option<SignedDuration> {
        interval(&self.points)
    }

    /// From the first to the last point; `None` without points.
    pub fn span(&self) -> Option<Window> {
        Some(Window {
            start: self.points.first()?.0,
            end: self.points.last()?.0,
        })
    }
}

/// `name{label="value",…}` with labels in order.
pub fn selector(labels: &Labels) -> String {
    let mut out = labels.get(NAME_LABEL).cloned().unwrap_or_default();
    let mut first = true;
    for (name, value) in labels.iter().filter(|(name, _)| *name != NAME_LABEL) {
        out.push(if first { '{' } else { ',' });
        first = false;
        let _ = write!(out, "{name}=\"{}\"", escape(value));
    }
    match (first, out.is_empty()) {
        (true, true) => "{}".to_owned(),
        (true, false) => out,
        (false, _) => out + "}",
    }
}

/// `value` as it stands between double quotes in PromQL, LogQL and OpenMetrics text.
pub fn escape(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 8);
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The finite values of `points`.
pub fn finite(points: &[Point]) -> Vec<f64> {
    points
        .iter()
        .map(|point| point.1)
        .filter(|value| value.is_finite())
        .collect()
}

/// The median gap between points in order of time.
pub fn interval(points: &[Point]) -> Option<SignedDuration> {
    let mut gaps: Vec<_> = points
        .iter()
        .zip(points.iter().skip(1))
        .map(|(a, b)| b.0.duration_since(a.0))
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// A moment given in seconds since 1970, rounded to milliseconds. `None` outside the range of [`Timestamp`].
pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let milliseconds = (seconds * 1e3).round();
    // Timestamps reach from year -9999 to 9999; that is within 2^53 milliseconds, so the cast is exact.
    if !(-4e14..4e14).contains(&milliseconds) {
        return None;
    }
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

/// Seconds since 1970, exact to the millisecond.
pub fn to_seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

/// A sample value as Prometheus writes it in JSON and text: `1.5`, `NaN`, `+Inf`, `-Inf`.
pub(crate) fn parse_value(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" | "NAN" | "+NaN" | "-NaN" => Some(f64::NAN),
        "+Inf" | "Inf" | "inf" | "+inf" | "+Infinity" | "Infinity" => Some(f64::INFINITY),
        "-Inf" | "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        // `f64::from_str` also knows spellings such as `infinity`; a number starts with a digit, sign or point.
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => {
            text.parse().ok()
        }
        _ => None,
    }
}

/// The inverse of [`parse_value`].
pub(crate) fn write_value(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

mod wire {
    use serde::de::Error as _;
    use serde::ser::SerializeSeq as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Point, from_seconds, parse_value, to_seconds, write_value};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Value {
        Number(f64),
        Text(String),
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Seconds {
        Whole(i64),
        Fraction(f64),
    }

    pub(super) fn serialize<S: Serializer>(points: &[Point], serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(points.len()))?;
        for (time, value) in points {
            let seconds = match time.as_millisecond() % 1000 {
                0 => Seconds::Whole(time.as_millisecond() / 1000),
                _ => Seconds::Fraction(to_seconds(*time)),
            };
            let value = match value.is_finite() {
                true => Value::Number(*value),
                false => Value::Text(write_value(*value)),
            };
            seq.serialize_element(&(seconds, value))?;
        }
        seq.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Point>, D::Error> {
        let raw: Vec<(f64, Value)> = Vec::deserialize(deserializer)?;
        let points = raw
            .into_iter()
            .map(|(seconds, value)| {
                let time = from_seconds(seconds)
                    .ok_or_else(|| D::Error::custom("time of a point is out of range"))?;
                let value = match value {
                    Value::Number(value) => value,
                    Value::Text(text) => parse_value(&text).ok_or_else(|| {
                        D::Error::custom("value of a point is neither a number, NaN nor an infinity")
                    })?,
                };
                Ok((time, value))
            })
            .collect::<Result<Vec<_>, D::Error>>()?;
        Ok(super::Series::new(super::Labels::new(), points).points)
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
