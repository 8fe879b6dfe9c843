//! Parameters of requests: names and values, times, durations.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use jiff::Timestamp;
use promql_parser::util::parse_duration;

use super::reply::ApiError;

/// More than this is refused.
const MAX_FORM_BYTES: usize = 10 << 20;

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
            .map(|text| time(text).ok_or_else(|| invalid(name, text, "timestamp")))
            .transpose()
    }

    pub(super) fn required_time(&self, name: &str) -> Result<i64, ApiError> {
        self.time(name)?.ok_or_else(|| invalid(name, "", "timestamp"))
    }

    /// A length of time in milliseconds.
    pub(super) fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name)
            .map(|text| duration(text).ok_or_else(|| invalid(name, text, "duration")))
            .transpose()
    }

    pub(super) fn required_duration(&self, name: &str) -> Result<i64, ApiError> {
        self.duration(name)?.ok_or_else(|| invalid(name, "", "duration"))
    }

    /// A number of results; zero means no limit.
    pub(super) fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let limit: i64 = text.parse().map_err(|_| {
            ApiError::bad_data(format!(
                "invalid parameter {name:?}: strconv.Atoi: parsing {text:?}: invalid syntax"
            ))
        })?;
        match usize::try_from(limit) {
            Ok(limit) => Ok(Some(limit).filter(|limit| *limit > 0)),
            Err(_) => Err(ApiError::bad_data(format!(
                "invalid parameter {name:?}: {name} must be non-negative"
            ))),
        }
    }
}

fn invalid(name: &str, text: &str, kind: &str) -> ApiError {
    ApiError::bad_data(format!(
        "invalid parameter {name:?}: cannot parse {text:?} to a valid {kind}"
    ))
}

/// Seconds since 1970 with decimals, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => millis(seconds),
        Err(_) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
    }
}

/// Seconds with decimals, or a duration such as `1h30m`.
fn duration(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => millis(seconds),
        // Digits only up to here, so the parser cannot be led to a number that it cannot hold.
        Err(_) => i64::try_from(parse_duration(text).ok()?.as_millis()).ok(),
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
        assert_eq!(duration("15"), Some(15_000));
        assert_eq!(duration("0.5"), Some(500));
        assert_eq!(duration("1h30m"), Some(5_400_000));
        assert_eq!(duration("-1"), Some(-1_000));
        for bad in ["", "5x", "m", "1e400", "infinity"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
