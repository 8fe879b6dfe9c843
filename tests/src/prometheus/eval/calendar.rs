//! Parts of a date in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The function of this name that takes a date apart.
pub(super) fn part(name: &str) -> Option<fn(DateTime) -> f64> {
    Some(match name {
        "minute" => |date| date.minute().into(),
        "hour" => |date| date.hour().into(),
        "day_of_week" => |date| date.weekday().to_sunday_zero_offset().into(),
        "day_of_month" => |date| date.day().into(),
        "day_of_year" => |date| date.day_of_year().into(),
        "days_in_month" => |date| date.days_in_month().into(),
        "month" => |date| date.month().into(),
        "year" => |date| date.year().into(),
        _ => return None,
    })
}

/// The date at a number of seconds since 1970, fractions cut off. None for a number that is no date.
pub(super) fn date(seconds: f64) -> Option<DateTime> {
    if !seconds.is_finite() {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // saturates, which is no date either
    let whole = seconds.trunc() as i64;
    Timestamp::from_second(whole)
        .ok()
        .map(|time| TimeZone::UTC.to_datetime(time))
}
