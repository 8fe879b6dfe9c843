//! Times at which a workflow runs by itself.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use crate::yaml::{Fields, invalid, text, wrong_type};
use crate::yaml::{Located, Problems};
use crate::yaml::{Node, Value, quoted};

/// A cron pattern of five fields (minute, hour, day of month, month, day of week) in a time zone, UTC unless given.
///
/// A local time that the clock skips is taken as the first moment after the gap; one that comes twice is taken once.
#[derive(Clone, Debug)]
pub struct Schedule {
    pattern: String,
    cron: Cron,
    zone: TimeZone,
    zone_name: String,
}

impl Schedule {
    /// The pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The time zone's name.
    pub fn time_zone(&self) -> &str {
        &self.zone_name
    }

    /// The first moment after `time` that the pattern names; `None` at the end of time.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = time.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&time, false).ok()?;
        Some(next.timestamp())
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.zone_name == other.zone_name
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Schedule", 2)?;
        fields.serialize_field("cron", &self.pattern)?;
        fields.serialize_field("time_zone", &self.zone_name)?;
        fields.end()
    }
}

/// Reads a schedule: a pattern, or a mapping of `cron` and `time_zone`.
pub(super) fn read(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Schedule>> {
    let (pattern, zone) = match &node.value {
        Value::Text(_) => (cron(node, path, problems)?, None),
        Value::Map(_) => {
            let mut fields = Fields::open(node, path, problems)?;
            let pattern = fields.required("cron", "`cron: \"0 9 * * MON\"`", cron);
            let given = fields.has("time_zone");
            let zone = fields.optional("time_zone", time_zone);
            fields.finish();
            if given && zone.is_none() {
                return None;
            }
            (pattern?, zone)
        }
        _ => {
            let example = "a cron pattern in quotes: \"0 9 * * MON\"";
            wrong_type(
                node,
                path,
                "a cron pattern, or a mapping of `cron` and `time_zone`",
                example,
                problems,
            );
            return None;
        }
    };
    let (pattern, cron) = pattern;
    let (zone, zone_name) = zone.unwrap_or_else(|| (TimeZone::UTC, "UTC".to_owned()));
    Some(Located {
        value: Schedule {
            pattern,
            cron,
            zone,
            zone_name,
        },
        place: node.place,
    })
}

fn cron(node: &Node, path: &str, problems: &mut Problems) -> Option<(String, Cron)> {
    const REMEDY: &str = "write minute, hour, day of month, month and day of week: \"0 9 * * MON\"";
    let pattern = text(node, path, problems)?.value;
    // Patterns are short; longer ones only cost time.
    if pattern.len() > 200 {
        invalid(
            node,
            path,
            "the cron pattern is longer than 200 bytes",
            REMEDY,
            problems,
        );
        return None;
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    let cron = match parser.parse(&pattern) {
        Ok(cron) => cron,
        Err(error) => {
            let message = format!("{} is no cron pattern ({})", quoted(&pattern), reason(&error));
            invalid(node, path, message, REMEDY, problems);
            return None;
        }
    };
    // From any fixed moment: a pattern that comes at all comes again within the cycle of leap years.
    let any = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    if cron.find_next_occurrence(&any, false).is_err() {
        let message = format!(
            "the cron pattern {} names a day that never comes",
            quoted(&pattern)
        );
        invalid(
            node,
            path,
            message,
            "correct the day of month or the month",
            problems,
        );
        return None;
    }
    Some((pattern, cron))
}

/// The error's text, which may quote the pattern, on one line.
fn reason(error: &CronError) -> String {
    let text = match error {
        CronError::InvalidPattern(text)
        | CronError::IllegalCharacters(text)
        | CronError::ComponentError(text) => text.clone(),
        other => other.to_string(),
    };
    text.trim_end_matches('.')
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn time_zone(node: &Node, path: &str, problems: &mut Problems) -> Option<(TimeZone, String)> {
    let name = text(node, path, problems)?.value;
    match TimeZone::get(&name) {
        Ok(zone) => Some((zone, name)),
        Err(_) => {
            let message = format!("{} is no time zone that this machine knows", quoted(&name));
            let remedy =
                "write a name as `Europe/Berlin` or `UTC`; in a small image, install the tzdata package";
            invalid(node, path, message, remedy, problems);
            None
        }
    }
}
