//! Parameters of requests: names and values, times, durations.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use jiff::Timestamp;
use promql_parser::util::parse_duration;

use super::super::number;
use super::reply::ApiError;

/// More than this is refused.
const MAX_FORM_BYTES: usize = 10 << 20;
/// Units of durations.
const UNITS: [&str; 7] = ["ms", "s", "m", "h", "d", "w", "y"];

/// The parameters of a request: those of a form in its body first, then those of the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_form = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let mut all = Vec::new();
        if is_form {
            let body = axum::body::to_bytes(request.into_body(), MAX_FORM_BYTES)
                .await
                .map_err(|_| ApiError::bad_data("error parsing form values: request body too large"))?;
            all.extend(form_urlencoded::parse(&body).into_owned());
        }
        all.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Ok(Self(all))
    }
}

impl Params {
    /// The first value of a parameter; none if it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// A time in milliseconds since 1970.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name)
            .map(|text| {
                let problem = || format!("invalid time value for '{name}': {}", no_time(text));
                time(text).ok_or_else(|| in_parameter(name, &problem()))
            })
            .transpose()
    }

    pub(super) fn required_time(&self, name: &str) -> Result<i64, ApiError> {
        let text = self.get(name).unwrap_or_default();
        time(text).ok_or_else(|| in_parameter(name, &no_time(text)))
    }

    /// The longest time that the answer may take, in milliseconds.
    pub(super) fn timeout(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get("timeout") else {
            return Ok(None);
        };
        let timeout = duration(text).map_err(|problem| in_parameter("timeout", &problem))?;
        match u64::try_from(timeout) {
            Ok(timeout) if timeout > 0 => Ok(Some(timeout)),
            _ => {
                let shown = number::seconds(timeout);
                Err(in_parameter(
                    "timeout",
                    &format!("timeout must be positive, got {shown}s"),
                ))
            }
        }
    }

    /// How old a sample may be, in milliseconds; what is not positive is for the server to choose.
    pub(super) fn lookback(&self) -> Result<Option<i64>, ApiError> {
        let problem =
            |problem| ApiError::bad_data(format!("error parsing lookback delta duration: {problem}"));
        let given = self.get("lookback_delta").map(duration);
        Ok(given
            .transpose()
            .map_err(problem)?
            .filter(|lookback| *lookback > 0))
    }

    /// The distance of steps in milliseconds.
    pub(super) fn step(&self) -> Result<i64, ApiError> {
        duration(self.get("step").unwrap_or_default()).map_err(|problem| in_parameter("step", &problem))
    }

    /// A number of results, where none and any negative number mean all.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let count: i64 = text
            .parse()
            .map_err(|_| ApiError::bad_data(format!("{name} must be a number")))?;
        Ok(usize::try_from(count).ok())
    }

    /// A number of results; zero means no limit.
    pub(super) fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let limit: i64 = text
            .parse()
            .map_err(|_| in_parameter(name, &format!("strconv.Atoi: parsing {text:?}: invalid syntax")))?;
        match usize::try_from(limit) {
            Ok(limit) => Ok(Some(limit).filter(|limit| *limit > 0)),
            Err(_) => Err(in_parameter(name, "limit must be non-negative")),
        }
    }
}

fn in_parameter(name: &str, problem: &str) -> ApiError {
    ApiError::bad_data(format!("invalid parameter {name:?}: {problem}"))
}

fn no_time(text: &str) -> String {
    format!("cannot parse {text:?} to a valid timestamp")
}

/// Seconds since 1970 with decimals, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => millis(seconds),
        Err(_) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
    }
}

/// Seconds with decimals, or a duration such as `1h30m`, in milliseconds; or what is wrong with it.
fn duration(text: &str) -> Result<i64, String> {
    let problem = || format!("cannot parse {text:?} to a valid duration");
    let digits = text.contains(|c: char| c.is_ascii_digit());
    match text.parse::<f64>() {
        // Digits that make no number that fits are none.
        Ok(seconds) if digits && seconds.is_infinite() => Err(problem()),
        Ok(seconds) => millis(seconds).ok_or_else(|| format!("{}. It overflows int64", problem())),
        // Digits only up to here, so the parser cannot be led to a number that it cannot hold.
        // Nothing of a unit, which the parser does not take.
        Err(_) if text.strip_prefix('0').is_some_and(|unit| UNITS.contains(&unit)) => Ok(0),
        Err(_) => parse_duration(text)
            .ok()
            .and_then(|duration| i64::try_from(duration.as_millis()).ok())
            .ok_or_else(problem),
    }
}

/// Whole milliseconds, for amounts that a time can have.
#[allow(clippy::cast_possible_truncation)]
fn millis(seconds: f64) -> Option<i64> {
    (seconds.abs() < 9.0e12).then(|| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_dates() {
        assert_eq!(time("1435781430.781"), Some(1_435_781_430_781));
        assert_eq!(time("2015-07-01T20:10:30.781Z"), Some(1_435_781_430_781));
        assert_eq!(time("2015-07-01T22:10:30.781+02:00"), Some(1_435_781_430_781));
        for bad in ["", "now", "NaN", "inf", "1e300", "2015-07-01"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_seconds_or_units() {
        assert_eq!(duration("15"), Ok(15_000));
        assert_eq!(duration("0.5"), Ok(500));
        assert_eq!(duration("1h30m"), Ok(5_400_000));
        assert_eq!(duration("-1"), Ok(-1_000));
        assert_eq!(duration("0s"), Ok(0));
        for bad in ["", "5x", "m", "1e400"] {
            let problem = duration(bad).unwrap_err();
            assert!(problem.ends_with("to a valid duration"), "{problem}");
        }
        for bad in ["infinity", "NaN", "-Inf", "1e18"] {
            let problem = duration(bad).unwrap_err();
            assert!(problem.ends_with("It overflows int64"), "{problem}");
        }
    }
}
