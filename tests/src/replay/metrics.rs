//! The samples of a recording, as the store of the simulated Prometheus.

use claw_core::report::Gap;
use claw_k8s::bundle::{Bundle, MetricsFile, MetricsFormat};
use claw_metrics::openmetrics::{parse_query_range_json, parse_text};
use claw_metrics::series::{NAME_LABEL, Series};

use crate::prometheus::{Labels, Store};

/// The recorded samples, and what of them could not be read.
pub fn store(bundle: &Bundle) -> (Store, Vec<Gap>) {
    let mut store = Store::new();
    let mut gaps = Vec::new();
    for file in &bundle.metrics {
        let (series, problems) = series(file);
        gaps.extend(problems.into_iter().map(|reason| Gap {
            source: "bundle".to_owned(),
            reason: format!("metrics/{}: {reason}", file.name),
            remedy: "right the file, or collect the bundle again".to_owned(),
        }));
        for one in series {
            let points = one
                .points
                .iter()
                .map(|(time, value)| (time.as_millisecond(), *value));
            store.insert(Labels::new(one.labels.clone()), points);
        }
    }
    (store, gaps)
}

fn series(file: &MetricsFile) -> (Vec<Series>, Vec<String>) {
    let text = match file.content.read() {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![format!("it cannot be read ({error})")]),
    };
    match file.format {
        MetricsFormat::OpenMetrics => {
            let parsed = parse_text(&text);
            let mut problems: Vec<String> = parsed
                .problems
                .iter()
                .map(|problem| format!("line {}: {}", problem.line, problem.what))
                .collect();
            let unlisted = parsed.bad_lines.saturating_sub(parsed.problems.len());
            if unlisted > 0 {
                problems.push(format!("{unlisted} further lines cannot be read"));
            }
            if parsed.without_time > 0 {
                problems.push(format!("{} samples have no time; left out", parsed.without_time));
            }
            (parsed.series, problems)
        }
        MetricsFormat::QueryResult => match parse_query_range_json(text.as_bytes()) {
            Ok(series) => (
                series
                    .into_iter()
                    .map(|series| named(series, &file.name))
                    .collect(),
                Vec::new(),
            ),
            Err(error) => (Vec::new(), vec![error.to_string()]),
        },
        _ => (Vec::new(), vec!["its format is not known".to_owned()]),
    }
}

/// The answer to an expression has no name of its own; the file's stands for it.
fn named(mut series: Series, file: &str) -> Series {
    if series.name().is_empty() {
        let stem = file.rsplit('/').next().unwrap_or(file);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let name: String = stem
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == ':' {
                    letter
                } else {
                    '_'
                }
            })
            .collect();
        series.labels.insert(NAME_LABEL.to_owned(), name);
    }
    series
}
