//! A moment in the past, as a time or as how long ago.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time (`2026-03-01T10:00:00Z`), or how long ago (`30m`, `2h 30m`, `1d`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Since {
    /// A moment.
    Time(Timestamp),
    /// How long ago.
    Ago(SignedDuration),
}

/// A text that is neither a time nor a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time, for example 2026-03-01T10:00:00Z, or how long ago, for example 30m")]
pub struct ParseSinceError;

impl Since {
    /// The moment, seen from `now`.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for Since {
    type Err = ParseSinceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(time) = text.parse() {
            return Ok(Self::Time(time));
        }
        // Days have 24 hours here, as in all monitoring.
        if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
            return Ok(Self::Ago(SignedDuration::from_hours(
                i64::from(days).saturating_mul(24),
            )));
        }
        match text.parse::<SignedDuration>() {
            Ok(duration) if !duration.is_negative() => Ok(Self::Ago(duration)),
            _ => Err(ParseSinceError),
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Ago(duration) => write!(f, "{duration:#}"),
        }
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Since {
    fn schema_name() -> Cow<'static, str> {
        "Since".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time (2026-03-01T10:00:00Z), or how long ago (30m, 2h, 1d)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_and_durations() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"),
            ("30m", "2026-03-01T09:30:00Z"),
            ("2h", "2026-03-01T08:00:00Z"),
            ("1d", "2026-02-28T10:00:00Z"),
            ("90s", "2026-03-01T09:58:30Z"),
            ("PT1H", "2026-03-01T09:00:00Z"),
        ] {
            let since: Since = text.parse().unwrap();
            assert_eq!(since.resolve(now).to_string(), expected, "{text}");
            assert_eq!(since.to_string().parse(), Ok(since), "{text}");
        }
        for text in ["", "yesterday", "-5m", "5", "999999999999999999999h"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
        assert_eq!(
            "4294967295d".parse::<Since>().unwrap().resolve(now),
            Timestamp::MIN
        );
    }
}
