//! A metric's name as words.

/// A name cut into lower-case words: `_`, `-`, `.`, `:`, `/`, white space and changes of case separate them.
#[derive(Debug)]
pub(super) struct Name {
    words: Vec<String>,
}

impl Name {
    pub(super) fn new(name: &str) -> Self {
        let mut words = Vec::new();
        let mut word = String::new();
        let chars: Vec<char> = name.chars().take(512).collect();
        for (index, &char) in chars.iter().enumerate() {
            if !char.is_alphanumeric() {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            let before = index.checked_sub(1).and_then(|i| chars.get(i)).copied();
            let after = chars.get(index + 1).copied();
            // `requestLatency` and `P95Latency` end a word before the capital, `CPUUsage` before the last one of a row.
            let starts = char.is_uppercase()
                && before.is_some_and(|b| {
                    b.is_lowercase()
                        || (b.is_numeric() && !(char == 'X' && after == Some('X')))
                        || (b.is_uppercase() && after.is_some_and(char::is_lowercase))
                });
            if starts && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(char.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
        Self { words }
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether one of `any` is among the words.
    pub(super) fn has(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }

    /// Whether `pair` stands in the name as neighbours.
    pub(super) fn has_pair(&self, first: &str, second: &str) -> bool {
        self.words
            .iter()
            .zip(self.words.iter().skip(1))
            .any(|(a, b)| a == first && b == second)
    }

    /// Whether a word starts with one of `any`.
    pub(super) fn has_start(&self, any: &[&str]) -> bool {
        self.words
            .iter()
            .any(|word| any.iter().any(|start| word.starts_with(start)))
    }

    pub(super) fn first(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn last(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// The name without its last word.
    pub(super) fn without_last(&self) -> Self {
        let mut words = self.words.clone();
        words.pop();
        Self { words }
    }
}

/// A quantile that words spell: `p95`, `p99_9`, `p999`, `95th`, `median`, `99_percentile`.
pub(super) fn quantile(name: &Name) -> Option<f64> {
    let words = name.words();
    words.iter().enumerate().find_map(|(index, word)| {
        let next = index
            .checked_add(1)
            .and_then(|i| words.get(i))
            .map_or("", String::as_str);
        if word == "median" {
            return Some(0.5);
        }
        let digits = if let Some(rest) = word.strip_prefix(['p', 'q']) {
            rest
        } else if matches!(word.as_str(), "latency" | "duration")
            && matches!(next, "50" | "75" | "90" | "95" | "99")
        {
            next
        } else if let Some(rest) = word
            .strip_suffix("th")
            .or_else(|| word.strip_suffix("percentile"))
        {
            rest
        } else if matches!(next, "percentile" | "pctl" | "th") {
            word
        } else if matches!(word.as_str(), "percentile" | "quantile" | "pct" | "upper") {
            next
        } else {
            return None;
        };
        if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // `p99_9` is 99.9 %, and so is `p999`.
        let fraction = if digits == "99" && next == "9" { "9" } else { "" };
        from_digits(&format!("{digits}{fraction}"))
    })
}

/// `95` is 0.95, `5` is 0.05, `999` is 0.999, `100` is 1.
fn from_digits(digits: &str) -> Option<f64> {
    let value: f64 = digits.parse().ok()?;
    let scaled = match digits.len() {
        1 | 2 => value / 100.0,
        3 if digits == "100" => 1.0,
        3 => value / 1e3,
        4 => value / 1e4,
        _ => value / 1e5,
    };
    (0.0..=1.0).contains(&scaled).then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_names_of_all_habits() {
        for (name, words) in [
            ("http_request_duration_seconds", "http request duration seconds"),
            ("FrontendLatencyP95", "frontend latency p95"),
            ("CPUUtilization", "cpu utilization"),
            (
                "node_memory_MemAvailable_bytes",
                "node memory mem available bytes",
            ),
            (
                "k8s.container.cpu_limit_utilization",
                "k8s container cpu limit utilization",
            ),
            ("job:http_errors:rate5m", "job http errors rate5m"),
            ("HTTPCode_Target_5XX_Count", "http code target 5xx count"),
            ("", ""),
            ("__", ""),
        ] {
            assert_eq!(Name::new(name).words().join(" "), words, "{name}");
        }
    }

    #[test]
    fn reads_quantiles() {
        for (name, expected) in [
            ("latency_p95_seconds", Some(0.95)),
            ("LatencyP50", Some(0.5)),
            ("latency_p99_9_ms", Some(0.999)),
            ("latency_p999", Some(0.999)),
            ("response_95th", Some(0.95)),
            ("latency_99_percentile", Some(0.99)),
            ("timer_upper_90", Some(0.9)),
            ("cart_latency-90", Some(0.9)),
            ("cart_latency_2", None),
            ("request_median_ms", Some(0.5)),
            ("latency_p100", Some(1.0)),
            ("pods_total", None),
            ("p", None),
            ("p1234567_latency", None),
            ("http2_requests", None),
        ] {
            assert_eq!(quantile(&Name::new(name)), expected, "{name}");
        }
    }
}
