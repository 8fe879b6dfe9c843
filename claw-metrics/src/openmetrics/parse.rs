use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::line::{Sample, sample, unescape};
use crate::series::{Labels, NAME_LABEL, Point, Series, from_seconds};
use crate::source::Metadata;

/// How much is read of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most series. 200,000 by default.
    pub series: usize,
    /// Most samples. 20 million by default.
    pub samples: usize,
    /// Longest line in bytes. 64 KiB by default.
    pub line_bytes: usize,
    /// Most problems that are listed; further ones are only counted. 100 by default.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series: 200_000,
            samples: 20_000_000,
            line_bytes: 64 * 1024,
            problems: 100,
        }
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line number from 1 on; 0 if it concerns the whole text.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// What a text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The series, ordered by labels, their points by time.
    pub series: Vec<Series>,
    /// Type, unit and help by the name of the metric family.
    pub metadata: BTreeMap<String, Metadata>,
    /// What could not be read, in the order of lines.
    pub problems: Vec<Problem>,
    /// How many lines could not be read, listed or not.
    pub bad_lines: usize,
    /// Samples without a timestamp. They tell nothing about time and are left out.
    pub without_time: usize,
}

/// Reads OpenMetrics or Prometheus text with timestamps.
///
/// OpenMetrics writes seconds, the older Prometheus format milliseconds, and files do not always say which they are: a whole
/// number of 100 thousand millions or more is taken for milliseconds. (As seconds it would lie beyond the year 5000.) Exemplars,
/// comments and blank lines are skipped, lines may end in CRLF. `_created` samples are left out.
pub fn parse_text(text: &str) -> Parsed {
    parse_text_with(text, Limits::default())
}

/// [`parse_text`] with other limits. What lies beyond them is left out and reported.
pub fn parse_text_with(text: &str, limits: Limits) -> Parsed {
    let mut reader = Reader {
        limits,
        ..Reader::default()
    };
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !reader.line(index + 1, line) {
            break;
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    limits: Limits,
    /// Lines of one series mostly share the text before the value, so it is looked up before it is read as labels.
    by_text: HashMap<&'a str, usize>,
    by_labels: HashMap<Labels, usize>,
    points: Vec<(Labels, Vec<Point>)>,
    samples: usize,
    metadata: BTreeMap<String, Metadata>,
    problems: Vec<Problem>,
    bad_lines: usize,
    without_time: usize,
}

impl<'a> Reader<'a> {
    /// Reads one line. `false` ends the reading.
    fn line(&mut self, number: usize, line: &'a str) -> bool {
        if line.len() > self.limits.line_bytes {
            self.problem(
                number,
                format!("the line is longer than {} bytes", self.limits.line_bytes),
            );
            return true;
        }
        let line = line.trim_start_matches([' ', '\t', '\u{feff}']);
        if line.is_empty() {
            return true;
        }
        if let Some(comment) = line.strip_prefix('#') {
            if comment.trim() == "EOF" {
                return true; // concatenated files have one in the middle
            }
            self.comment(comment);
            return true;
        }
        match sample(line) {
            Ok(sample) => self.sample(number, sample),
            Err(what) => {
                self.problem(number, what.to_owned());
                true
            }
        }
    }

    fn comment(&mut self, comment: &str) {
        let mut words = comment.trim_start().splitn(3, [' ', '\t']);
        let (Some(keyword), Some(name)) = (words.next(), words.next()) else {
            return;
        };
        let rest = words.next().unwrap_or("").trim();
        if !matches!(keyword, "TYPE" | "UNIT" | "HELP") || self.metadata.len() >= self.limits.series {
            return;
        }
        let metadata = self.metadata.entry(name.to_owned()).or_default();
        match keyword {
            "TYPE" => metadata.kind = rest.to_owned(),
            "UNIT" => metadata.unit = rest.to_owned(),
            _ => metadata.help = unescape(rest).into_owned(),
        }
    }

    fn sample(&mut self, number: usize, sample: Sample<'a>) -> bool {
        let Some(timestamp) = sample.timestamp else {
            self.without_time = self.without_time.saturating_add(1);
            return true;
        };
        let Some(time) = time(timestamp) else {
            self.problem(
                number,
                "the timestamp is not a number of seconds or milliseconds in range".to_owned(),
            );
            return true;
        };
        if sample.name.ends_with("_created") {
            return true;
        }
        if self.samples >= self.limits.samples {
            self.problem(
                number,
                format!(
                    "there are more than {} samples; the rest is left out",
                    self.limits.samples
                ),
            );
            return false;
        }
        let value = sample.value;
        let Some(index) = self.series(&sample) else {
            self.problem(
                number,
                format!("there are more than {} series", self.limits.series),
            );
            return true;
        };
        if let Some((_, points)) = self.points.get_mut(index) {
            points.push((time, value));
            self.samples += 1;
        }
        true
    }

    fn series(&mut self, sample: &Sample<'a>) -> Option<usize> {
        if let Some(index) = self.by_text.get(sample.key) {
            return Some(*index);
        }
        let mut labels: Labels = sample
            .labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        if !sample.name.is_empty() {
            labels.insert(NAME_LABEL.to_owned(), sample.name.to_string());
        }
        let index = match self.by_labels.get(&labels) {
            Some(index) => *index,
            None if self.points.len() >= self.limits.series => return None,
            None => {
                self.points.push((labels.clone(), Vec::new()));
                self.by_labels.insert(labels, self.points.len() - 1);
                self.points.len() - 1
            }
        };
        self.by_text.insert(sample.key, index);
        Some(index)
    }

    fn problem(&mut self, line: usize, what: String) {
        self.bad_lines = self.bad_lines.saturating_add(1);
        if self.problems.len() < self.limits.problems {
            self.problems.push(Problem { line, what });
        }
    }

    fn finish(self) -> Parsed {
        let mut series: Vec<Series> = self
            .points
            .into_iter()
            .map(|(labels, points)| Series::new(labels, points))
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Parsed {
            series,
            metadata: self.metadata,
            problems: self.problems,
            bad_lines: self.bad_lines,
            without_time: self.without_time,
        }
    }
}

/// A timestamp in seconds, or in milliseconds if it is whole and too large for seconds.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(whole) = text.parse::<i64>() {
        return match whole.unsigned_abs() >= 100_000_000_000 {
            true => Timestamp::from_millisecond(whole).ok(),
            false => Timestamp::from_second(whole).ok(),
        };
    }
    from_seconds(text.parse().ok()?)
}
