//! Parameters of requests.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use promql_parser::util::parse_duration;

use super::logql::LogqlError;
use super::store::{Direction, Span, nanoseconds};

/// More than this is refused.
const MAX_FORM_BYTES: usize = 10 << 20;
/// More lines than this are refused.
const MAX_LIMIT: usize = 5_000;
const DEFAULT_LIMIT: usize = 100;

/// A request that cannot be answered. Loki explains itself in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadRequest(pub(super) String);

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0).into_response()
    }
}

impl From<LogqlError> for BadRequest {
    fn from(error: LogqlError) -> Self {
        Self(error.to_string())
    }
}

/// The parameters of a request: those of a form in its body first, then those of the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = BadRequest;

    async fn from_request(request: Request, _: &S) -> Result<Self, BadRequest> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = axum::body::to_bytes(request.into_body(), MAX_FORM_BYTES)
            .await
            .map_err(|_| BadRequest("http: request body too large".to_owned()))?;
        let all = form_urlencoded::parse(&body).chain(form_urlencoded::parse(query.as_bytes()));
        Ok(Self(
            all.map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        ))
    }
}

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn all<'p>(&'p self, names: &'p [&str]) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(|(n, _)| names.contains(&n.as_str()))
            .map(|(_, value)| value.as_str())
    }

    /// `start` and `end`, by default the time `back` before `now`.
    pub(super) fn span(&self, now: i64, back: Duration) -> Result<Span, BadRequest> {
        let end = self.time("end")?.unwrap_or(now);
        let back = match self.get("since") {
            Some(text) => parse_duration(text)
                .map_err(|error| BadRequest(format!("could not parse 'since' parameter: {error}")))?,
            None => back,
        };
        let back = i64::try_from(back.as_nanos()).unwrap_or(i64::MAX);
        // A query of the past reaches as far back as one of the present.
        let start = self
            .time("start")?
            .unwrap_or_else(|| end.min(now).saturating_sub(back));
        if end < start {
            return Err(BadRequest(
                "end timestamp must not be before or equal to start time".to_owned(),
            ));
        }
        Ok(Span { start, end })
    }

    pub(super) fn limit(&self) -> Result<usize, BadRequest> {
        let Some(text) = self.get("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        let limit: i64 = text
            .parse()
            .map_err(|_| BadRequest(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))?;
        match usize::try_from(limit) {
            Ok(limit) if limit > MAX_LIMIT => Err(BadRequest(format!(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {MAX_LIMIT})"
            ))),
            Ok(limit) if limit > 0 => Ok(limit),
            _ => Err(BadRequest("limit must be a positive value".to_owned())),
        }
    }

    pub(super) fn direction(&self) -> Result<Direction, BadRequest> {
        match self.get("direction").map(str::to_ascii_lowercase).as_deref() {
            None | Some("backward") => Ok(Direction::Backward),
            Some("forward") => Ok(Direction::Forward),
            Some(other) => Err(BadRequest(format!("invalid direction {other:?}"))),
        }
    }

    /// Nanoseconds since 1970, seconds if there are at most ten digits or decimals, or RFC 3339.
    fn time(&self, name: &str) -> Result<Option<i64>, BadRequest> {
        self.get(name)
            .map(|text| {
                time(text).ok_or_else(|| BadRequest(format!("could not parse '{name}' parameter: {text:?}")))
            })
            .transpose()
    }
}

fn time(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return if text.len() <= 10 {
            number.checked_mul(1_000_000_000)
        } else {
            Some(number)
        };
    }
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        #[allow(clippy::cast_possible_truncation)] // checked before
        return (seconds.abs() < 9.2e9).then(|| (seconds * 1e9).round() as i64);
    }
    text.parse::<Timestamp>().ok().map(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_come_in_four_forms() {
        let expected = Some(1_772_359_200_000_000_000);
        for text in [
            "1772359200000000000",
            "1772359200",
            "1772359200.0",
            "2026-03-01T10:00:00Z",
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
        for text in ["", "now", "1e300.0", "99999999999999999999"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
