//! Finds the samples of one series in a metrics file, without reading values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::metrics::{MetricsFile, MetricsFormat};

/// A series by name and labels, as evidence names it: `name{label="value",…}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Series {
    name: Option<String>,
    labels: BTreeMap<String, String>,
}

impl Series {
    /// Reads the series at the beginning of `text`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let end = text
            .find(|letter: char| letter == '{' || letter.is_whitespace())
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let mut series = Self {
            name: (!name.is_empty()).then(|| name.to_owned()),
            labels: BTreeMap::new(),
        };
        if let Some(labels) = rest.trim_start().strip_prefix('{') {
            series.read_labels(labels)?;
        }
        series.name = series.labels.remove("__name__").or(series.name);
        series.name.is_some().then_some(series)
    }

    fn read_labels(&mut self, text: &str) -> Option<()> {
        let mut rest = text.trim_start();
        while !rest.starts_with('}') {
            let key = if let Some(quoted) = rest.strip_prefix('"') {
                let (key, after) = unquote(quoted)?;
                rest = after.trim_start();
                key
            } else {
                let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace())?;
                let (key, after) = rest.split_at(end);
                rest = after.trim_start();
                key.to_owned()
            };
            match rest.strip_prefix('=') {
                Some(after) => {
                    let (value, after) = unquote(after.trim_start().strip_prefix('"')?)?;
                    rest = after.trim_start();
                    self.labels.insert(key, value);
                }
                // A quoted name without a value is the metric's own name.
                None => self.name = Some(key),
            }
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Some(())
    }

    /// Whether `other` has this name and at least these labels.
    fn covers(&self, other: &Self) -> bool {
        self.name == other.name
            && self
                .labels
                .iter()
                .all(|(key, value)| other.labels.get(key) == Some(value))
    }

    /// The text of the file without the series, and how many samples or series went; `None` when there are none.
    pub(super) fn cut(&self, file: &MetricsFile, text: &str) -> Option<(String, usize)> {
        match file.format {
            MetricsFormat::OpenMetrics => self.cut_text(text),
            MetricsFormat::QueryResult => self.cut_json(&file.name, text),
        }
    }

    fn cut_text(&self, text: &str) -> Option<(String, usize)> {
        let name = self.name.as_deref()?;
        if !text.contains(name) {
            return None;
        }
        let mut removed = 0_usize;
        let mut kept = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let hit = !line.starts_with('#')
                && line.contains(name)
                && Self::parse(line).is_some_and(|series| self.covers(&series));
            if hit {
                removed = removed.saturating_add(1);
            } else {
                kept.push_str(line);
            }
        }
        (removed > 0).then_some((kept, removed))
    }

    fn cut_json(&self, file: &str, text: &str) -> Option<(String, usize)> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        // Aggregated results have no name of their own; the file's stands for it.
        let stem = file.rsplit('/').next()?.strip_suffix(".json")?;
        let removed = self.cut_results(&mut value, stem);
        (removed > 0).then(|| (value.to_string(), removed))
    }

    fn cut_results(&self, value: &mut Value, stem: &str) -> usize {
        match value {
            Value::Array(items) => {
                let before = items.len();
                items.retain(|item| !self.is_metric(item.get("metric"), stem));
                let mut removed = before.saturating_sub(items.len());
                for item in items {
                    removed = removed.saturating_add(self.cut_results(item, stem));
                }
                removed
            }
            Value::Object(map) => ["data", "result"]
                .into_iter()
                .filter_map(|key| map.get_mut(key).map(|value| self.cut_results(value, stem)))
                .fold(0, usize::saturating_add),
            _ => 0,
        }
    }

    fn is_metric(&self, metric: Option<&Value>, stem: &str) -> bool {
        let Some(Value::Object(metric)) = metric else {
            return false;
        };
        let labels: BTreeMap<String, String> = metric
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let mut other = Self {
            name: Some(stem.to_owned()),
            labels,
        };
        other.name = other.labels.remove("__name__").or(other.name);
        self.covers(&other)
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at.saturating_add(1)..)?)),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::content::Content;
    use super::*;

    fn file(name: &str, format: MetricsFormat) -> MetricsFile {
        MetricsFile {
            name: name.to_owned(),
            format,
            content: Content::text(""),
        }
    }

    #[test]
    fn reads_series_in_every_spelling() {
        let expected = Series::parse(r#"m{a="1",b="x \"y\" z"}"#).unwrap();
        assert_eq!(expected.labels["b"], "x \"y\" z");
        for text in [
            r#"m{b="x \"y\" z",a="1"} 5 17"#,
            r#"m { b="x \"y\" z", a="1", } 5"#,
            r#"{__name__="m",a="1",b="x \"y\" z"}"#,
            r#"{"m",a="1","b"="x \"y\" z"} 5"#,
        ] {
            assert_eq!(Series::parse(text).as_ref(), Some(&expected), "{text}");
        }
        for text in ["", "{}", "m{a=\"", "m{a}", "m{a=1}", "m{=}", "m{\"a"] {
            assert!(Series::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn cuts_samples_of_one_series_only() {
        let text = "# TYPE m gauge\nm{pod=\"a\",ns=\"x\"} 1 10\nm{pod=\"ab\",ns=\"x\"} 1 10\nm2{pod=\"a\"} 1 10\n# EOF\n";
        let series = Series::parse("m{pod=\"a\"}").unwrap();
        let (kept, removed) = series
            .cut(&file("m.om", MetricsFormat::OpenMetrics), text)
            .unwrap();
        assert_eq!(removed, 1);
        assert_eq!(kept, text.replace("m{pod=\"a\",ns=\"x\"} 1 10\n", ""));
    }

    #[test]
    fn cuts_results_of_queries() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[]},{"metric":{"__name__":"other","pod":"a"},"values":[]}]}}"#;
        let series = Series::parse("rate{pod=\"a\"}").unwrap();
        let json = file("deep/rate.json", MetricsFormat::QueryResult);
        let (kept, removed) = series.cut(&json, text).unwrap();
        assert_eq!(removed, 1);
        assert!(kept.contains("other"));
        assert!(series.cut(&json, "not json").is_none());
    }
}
