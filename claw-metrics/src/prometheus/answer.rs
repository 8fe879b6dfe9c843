//! The JSON of Prometheus' HTTP API.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::SERVICE;
use crate::series::{Labels, Point, Series, from_seconds, parse_value};
use crate::source::{Answer, Detail, SourceError};

/// What every endpoint answers with.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T = Data> {
    status: Status,
    #[serde(default = "none")]
    data: Option<T>,
    #[serde(default, rename = "errorType")]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    infos: Option<Vec<String>>,
}

fn none<T>() -> Option<T> {
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

impl<T> Envelope<T> {
    /// The data and the warnings, or the error that the server answered with.
    pub(crate) fn into_data(self) -> Result<(T, Vec<String>), SourceError> {
        if self.status == Status::Error {
            return Err(error(
                self.error_type.as_deref().unwrap_or(""),
                self.error.unwrap_or_default(),
            ));
        }
        let data = self.data.ok_or_else(|| malformed("it has no `data`"))?;
        // Infos are said on a line of their own by the server; to a reader both say what to mind.
        let warnings = self.warnings.into_iter().chain(self.infos).flatten().collect();
        Ok((data, warnings))
    }
}

impl Envelope {
    /// The series, ordered by labels, at most `limit` of them.
    pub(crate) fn into_answer(self, limit: usize) -> Result<Answer, SourceError> {
        let (data, warnings) = self.into_data()?;
        let mut series = data.series()?;
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        let total = series.len();
        series.truncate(limit);
        Ok(Answer {
            series,
            warnings,
            total,
        })
    }
}

/// The server's own kinds of errors decide whether another query may help.
pub(super) fn error(error_type: &str, message: String) -> SourceError {
    let detail = Detail(message);
    let rejected = |error_type| SourceError::Rejected {
        service: SERVICE,
        error_type,
        detail: detail.clone(),
    };
    let gave_up = |error_type| SourceError::GaveUp {
        service: SERVICE,
        error_type,
        detail: detail.clone(),
    };
    let unable = |error_type| SourceError::Unable {
        service: SERVICE,
        error_type,
        detail: detail.clone(),
    };
    match error_type {
        "bad_data" => rejected("bad_data"),
        "execution" => rejected("execution"),
        "not_found" => rejected("not_found"),
        "timeout" => gave_up("timeout"),
        "canceled" => gave_up("canceled"),
        "unavailable" => unable("unavailable"),
        "internal" => unable("internal"),
        "too_many_requests" => unable("too_many_requests"),
        _ => rejected("unknown"),
    }
}

pub(super) fn malformed(what: impl Into<String>) -> SourceError {
    SourceError::Malformed {
        service: SERVICE,
        what: what.into(),
    }
}

/// `data` of a query.
#[derive(Debug, Deserialize)]
pub(crate) struct Data {
    #[serde(rename = "resultType")]
    result_type: ResultType,
    result: Samples,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ResultType {
    Matrix,
    Vector,
    Scalar,
    String,
}

impl Data {
    fn series(self) -> Result<Vec<Series>, SourceError> {
        match (self.result_type, self.result) {
            (ResultType::String, _) => Err(malformed("it is a string; ask for numbers")),
            (ResultType::Scalar, Samples::Scalar(point)) => Ok(vec![Series {
                labels: Labels::new(),
                points: vec![point],
            }]),
            (ResultType::Matrix | ResultType::Vector, Samples::Series(series)) => Ok(series),
            _ => Err(malformed("`result` does not fit `resultType`")),
        }
    }
}

/// `result` of a query: an array of series, or one `[time, "value"]`.
#[derive(Debug)]
enum Samples {
    Series(Vec<Series>),
    Scalar(Point),
    Text,
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SamplesVisitor;

        impl<'de> Visitor<'de> for SamplesVisitor {
            type Value = Samples;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("series or a sample")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Samples, A::Error> {
                let mut series = Vec::new();
                while let Some(element) = seq.next_element_seed(Element)? {
                    match element {
                        ElementValue::Series(one) => series.push(one),
                        ElementValue::Time(time) => {
                            let value: ValueText = seq.next_element()?.unwrap_or_default();
                            while seq.next_element::<IgnoredAny>()?.is_some() {}
                            return match point(time, &value.0) {
                                Some(point) => Ok(Samples::Scalar(point)),
                                None => Ok(Samples::Text),
                            };
                        }
                    }
                }
                Ok(Samples::Series(series))
            }
        }
        deserializer.deserialize_seq(SamplesVisitor)
    }
}

struct Element;

enum ElementValue {
    Series(Series),
    Time(f64),
}

impl<'de> DeserializeSeed<'de> for Element {
    type Value = ElementValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ElementValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = ElementValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series or a time in seconds")
    }

    fn visit_f64<E>(self, value: f64) -> Result<ElementValue, E> {
        Ok(ElementValue::Time(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<ElementValue, E> {
        Ok(ElementValue::Time(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<ElementValue, E> {
        Ok(ElementValue::Time(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ElementValue, A::Error> {
        let mut labels = Labels::new();
        let mut points = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metric" => labels = map.next_value()?,
                "values" => {
                    let Points(values) = map.next_value()?;
                    points.extend(values);
                }
                "value" => {
                    let Sample(point) = map.next_value()?;
                    points.extend(point);
                }
                // Native histograms (`histograms`) have no single value; their count and sum can be asked for in PromQL.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(ElementValue::Series(Series::new(labels, points)))
    }
}

/// `[[time, "value"], …]` without the samples that are no numbers.
struct Points(Vec<Point>);

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PointsVisitor;
        impl<'de> Visitor<'de> for PointsVisitor {
            type Value = Points;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("samples")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Points, A::Error> {
                let mut points = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(11_000));
                while let Some(Sample(point)) = seq.next_element()? {
                    points.extend(point);
                }
                Ok(Points(points))
            }
        }
        deserializer.deserialize_seq(PointsVisitor)
    }
}

/// `[time, "value"]`. `None` for a time out of range.
struct Sample(Option<Point>);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (time, value): (f64, ValueText) = Deserialize::deserialize(deserializer)?;
        match parse_value(&value.0) {
            Some(_) => Ok(Self(point(time, &value.0))),
            None => Err(serde::de::Error::custom(
                "the value of a sample is neither a number, NaN nor an infinity",
            )),
        }
    }
}

/// A value as text; some compatible servers write numbers.
#[derive(Default)]
struct ValueText(String);

impl<'de> Deserialize<'de> for ValueText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = ValueText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value as text")
            }

            fn visit_str<E>(self, value: &str) -> Result<ValueText, E> {
                Ok(ValueText(value.to_owned()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<ValueText, E> {
                Ok(ValueText(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<ValueText, E> {
                Ok(ValueText(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<ValueText, E> {
                Ok(ValueText(value.to_string()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

fn point(time: f64, value: &str) -> Option<Point> {
    Some((from_seconds(time)?, parse_value(value)?))
}
