use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::line::is_name;
use crate::series::{NAME_LABEL, Series, escape, write_value};

/// `series` as OpenMetrics text with timestamps in seconds, one family a block, types unknown, ending in `# EOF`.
/// [`parse_text`](super::parse_text) gives the same series again, to the millisecond, but for series without points, which text
/// cannot express.
pub fn write_text(series: &[Series]) -> String {
    let mut families: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for series in series {
        families.entry(series.name()).or_default().push(series);
    }
    let mut out = String::new();
    for (_, mut family) in families {
        family.sort_by(|a, b| a.labels.cmp(&b.labels));
        for series in family {
            let key = key(series);
            for (time, value) in &series.points {
                let milliseconds = time.as_millisecond();
                let _ = write!(out, "{key} {} ", write_value(*value));
                let _ = match milliseconds % 1000 {
                    0 => writeln!(out, "{}", milliseconds / 1000),
                    _ => writeln!(out, "{}", Seconds(milliseconds)),
                };
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

/// Milliseconds as seconds with three decimals, without a detour over floating point.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", size / 1000, size % 1000)
    }
}

/// The part of a line that tells the series. Names that the plain form cannot hold are quoted.
fn key(series: &Series) -> String {
    let name = series.name();
    let plain = is_name(name);
    let mut out = if plain { name.to_owned() } else { String::new() };
    let quoted = |text: &str| format!("\"{}\"", escape(text));
    let labels: Vec<String> = (!plain && !name.is_empty())
        .then(|| quoted(name))
        .into_iter()
        .chain(
            series
                .labels
                .iter()
                .filter(|(label, _)| *label != NAME_LABEL)
                .map(|(label, value)| {
                    let label = if is_name(label) {
                        label.clone()
                    } else {
                        quoted(label)
                    };
                    format!("{label}=\"{}\"", escape(value))
                }),
        )
        .collect();
    if !labels.is_empty() || !plain {
        let _ = write!(out, "{{{}}}", labels.join(","));
    }
    out
}
