//! Samples as they were scraped, in as few queries as the limits of an answer allow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use claw_core::gate::ObserveError;
use claw_core::report::Window;
use claw_core::tool::ToolErrorKind;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::series::{Labels, Series, escape};
use claw_metrics::tools::{QueryPrometheus, QueryPrometheusInput};
use jiff::SignedDuration;

use super::{may_ask, not_asked};
use crate::incident::case::Case;
use crate::incident::steps::{heard, is_silent, settle};

/// Names in one query; more would make its text long for servers and people.
const NAMES_PER_QUERY: usize = 40;
/// Queries under way at a time.
const CONCURRENT: usize = 4;
/// A time is not halved into shorter ones.
const SHORTEST: SignedDuration = SignedDuration::from_mins(2);
/// Queries of one reading.
const MAX_QUERIES: usize = 64;

/// Metrics that are asked for together, over one span of time.
#[derive(Clone, Debug)]
struct Chunk {
    names: Vec<String>,
    span: Window,
}

impl Chunk {
    /// Each half of the names or, of one name, of the time; `None` for one name over a time that is short already.
    fn halves(&self) -> Option<[Self; 2]> {
        let Window { start, end } = self.span;
        if self.names.len() > 1 {
            let (first, second) = self.names.split_at(self.names.len() / 2);
            return Some([first, second].map(|names| Self {
                names: names.to_vec(),
                span: self.span,
            }));
        }
        let half = end.duration_since(start) / 2;
        let middle = start.checked_add(half).ok().filter(|_| half >= SHORTEST)?;
        let [first, second] = [Window { start, end: middle }, Window { start: middle, end }];
        Some([first, second].map(|span| Self {
            names: self.names.clone(),
            span,
        }))
    }
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The series, each once.
    pub(super) series: BTreeMap<Labels, Series>,
    /// Metrics with more series than one answer may have. Some of theirs are missing.
    pub(super) too_large: Vec<String>,
    /// Metrics of which a piece of the time is missing, wholly or for some of their series.
    pub(super) partial: BTreeSet<String>,
}

/// Reads the samples of metrics. What does not fit into one answer is asked for in halves.
pub(super) async fn read(
    cx: &StepContext,
    case: &mut Case,
    names: &[String],
    selector: Option<&str>,
    spans: &[Window],
) -> Result<Read, StepError> {
    let mut queue: VecDeque<Chunk> = names
        .chunks(NAMES_PER_QUERY)
        .flat_map(|names| {
            spans.iter().map(|span| Chunk {
                names: names.to_vec(),
                span: *span,
            })
        })
        .collect();
    let mut found = Read::default();
    let mut left = MAX_QUERIES;
    while !queue.is_empty() && left > 0 && may_ask(cx, case) {
        // Few at a time: a source that does not answer is not asked for the rest.
        let wave: Vec<Chunk> = queue.drain(..queue.len().min(left).min(CONCURRENT)).collect();
        left = left.saturating_sub(wave.len());
        let answers = futures::future::join_all(wave.into_iter().map(|chunk| async {
            let input = query(&chunk, selector);
            let why = "which metrics moved when the trouble began";
            (chunk, cx.observe::<QueryPrometheus>(input, why).await)
        }))
        .await;
        // Whichever of them is looked at first: a source that answered one is there.
        for (_, answer) in &answers {
            heard::<QueryPrometheus>(case, answer);
        }
        for (chunk, answer) in answers {
            let too_large = match &answer {
                Ok(answer) => answer.truncated,
                Err(error) => is_too_large(error),
            };
            // As many series as one answer may have are no fewer in half the time.
            let many = chunk.names.len() == 1
                && matches!(&answer, Ok(answer) if points(&answer.series) < QueryPrometheus::MAX_POINTS / 2);
            // What takes too long together may be had one by one.
            let slow = chunk.names.len() > 1
                && matches!(&answer, Err(ObserveError::Tool(error))
                    if error.kind() == ToolErrorKind::Timeout && !is_silent::<QueryPrometheus>(cx, case, error));
            if let Some(halves) = chunk.halves().filter(|_| slow || (too_large && !many)) {
                queue.extend(halves);
                continue;
            }
            if too_large || answer.is_err() {
                found.lacks(&chunk, spans);
            }
            if too_large {
                found.too_large.extend(chunk.names);
            }
            let Some(answer) = settle::<QueryPrometheus>(cx, case, answer)? else {
                // For what is too large the server is asked to compute something.
                case.series_unread |= !too_large;
                continue;
            };
            for warning in answer.warnings {
                case.gap(
                    "query_prometheus",
                    format!("the server warns: {warning}"),
                    "see the server's own log",
                );
            }
            answer.series.into_iter().for_each(|series| found.add(series));
        }
    }
    if !queue.is_empty() {
        let names: BTreeSet<&String> = queue.iter().flat_map(|chunk| &chunk.names).collect();
        let names = names.len();
        if may_ask(cx, case) {
            case.series_unread = true;
            case.gap(
                "query_prometheus",
                format!("{names} metrics have too many series to be read in {MAX_QUERIES} queries"),
                "narrow the alert to a workload, or ask for them by hand",
            );
        } else {
            not_asked(case, &format!("{names} metrics were not read"));
        }
    }
    for chunk in &queue {
        found.lacks(chunk, spans);
    }
    found.too_large.sort();
    found.too_large.dedup();
    Ok(found)
}

fn points(series: &[Series]) -> usize {
    series.iter().map(|series| series.points.len()).sum()
}

impl Read {
    /// Notes that a piece was not read, or not with all series. Over the whole time at once those that are there are whole.
    fn lacks(&mut self, piece: &Chunk, spans: &[Window]) {
        if spans != [piece.span] {
            self.partial.extend(piece.names.iter().cloned());
        }
    }

    /// Adds earlier samples of the series that are known. What could not be had of them is no loss.
    pub(super) fn look_back(&mut self, earlier: Self) {
        for series in earlier.series.into_values() {
            if self.series.contains_key(&series.labels) {
                self.add(series);
            }
        }
    }

    /// Adds a series, or the samples of one that is known.
    fn add(&mut self, new: Series) {
        let points = match self.series.remove(&new.labels) {
            Some(known) => {
                let mut points = known.points;
                points.extend(new.points);
                points
            }
            None => new.points,
        };
        let series = Series::new(new.labels.clone(), points);
        self.series.insert(new.labels, series);
    }
}

/// Whether less might be had for the asking: too many bytes, or more samples than the server allows.
fn is_too_large(error: &ObserveError) -> bool {
    match error {
        ObserveError::Tool(error) => {
            matches!(
                error.kind(),
                ToolErrorKind::TooLarge | ToolErrorKind::InvalidInput
            )
        }
        _ => false,
    }
}

/// Raw samples with their own times: a range query would repeat samples that are further apart than its steps.
fn query(chunk: &Chunk, selector: Option<&str>) -> QueryPrometheusInput {
    let names: Vec<String> = chunk.names.iter().map(|name| escape(name).into_owned()).collect();
    let rest = selector
        .map(|selector| format!(",{selector}"))
        .unwrap_or_default();
    let seconds = chunk
        .span
        .end
        .duration_since(chunk.span.start)
        .as_secs()
        .max(1)
        .saturating_add(1);
    let mut input =
        QueryPrometheusInput::instant(format!("{{__name__=~\"{}\"{rest}}}[{seconds}s]", names.join("|")));
    input.time = Some(chunk.span.end);
    input
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn chunk(names: &[&str], minutes: i64) -> Chunk {
        Chunk {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            span: Window {
                start: Timestamp::UNIX_EPOCH,
                end: Timestamp::from_second(60 * minutes).unwrap(),
            },
        }
    }

    #[test]
    fn names_are_halved_before_the_time_and_a_short_time_is_not() {
        let [first, second] = chunk(&["a", "b", "c"], 9).halves().unwrap();
        assert_eq!((first.names.len(), second.names.len()), (1, 2));
        let [first, second] = first.halves().unwrap();
        assert_eq!(first.names, second.names);
        assert_eq!(first.span.end, second.span.start, "no sample lies between");
        assert!(chunk(&["a"], 3).halves().is_none());
    }
}
