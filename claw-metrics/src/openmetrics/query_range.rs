//! Results of Prometheus' HTTP API, as the server returned them.

use serde::Deserialize;

use crate::prometheus::Envelope;
use crate::series::Series;
use crate::source::SourceError;

/// A file does not hold the result of a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryRangeError {
    /// It is not JSON, or not of the form that Prometheus answers with.
    #[error(
        "not the answer to a Prometheus query at line {line} column {column}; save the body of /api/v1/query_range"
    )]
    Form {
        /// Line from 1 on.
        line: usize,
        /// Column from 1 on.
        column: usize,
        /// The underlying error.
        #[source]
        source: serde_json::Error,
    },
    /// It is an error that Prometheus answered with, or its result makes no sense.
    #[error("the saved answer holds no samples")]
    Answer(#[source] SourceError),
}

/// Reads the body of a range query (or an instant query), or several of them in an array. Series are ordered by labels; those
/// with equal labels, from several answers, are joined.
pub fn parse_query_range_json(json: &[u8]) -> Result<Vec<Series>, QueryRangeError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum File {
        Many(Vec<Envelope>),
        One(Envelope),
    }
    // An untagged enum would read everything into memory twice and lose the place of an error.
    let form = |source: serde_json::Error| QueryRangeError::Form {
        line: source.line(),
        column: source.column(),
        source,
    };
    let many = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let file = match many {
        true => File::Many(serde_json::from_slice(json).map_err(form)?),
        false => File::One(serde_json::from_slice(json).map_err(form)?),
    };
    let answers = match file {
        File::Many(answers) => answers,
        File::One(answer) => vec![answer],
    };
    let mut all: std::collections::BTreeMap<_, Vec<_>> = Default::default();
    for answer in answers {
        for series in answer
            .into_answer(usize::MAX)
            .map_err(QueryRangeError::Answer)?
            .series
        {
            all.entry(series.labels).or_default().extend(series.points);
        }
    }
    Ok(all
        .into_iter()
        .map(|(labels, points)| Series::new(labels, points))
        .collect())
}
