//! Takes secrets out of the labels of metrics.

use std::borrow::Cow;

use claw_core::redact::Redactor;
use serde_json::Value;

use super::metrics::MetricsFormat;

/// The text of a metrics file, without secrets in its labels.
pub(super) fn without_secrets(redactor: &Redactor, format: MetricsFormat, text: &str) -> String {
    match format {
        MetricsFormat::OpenMetrics => text
            .split_inclusive('\n')
            .map(|line| match redactor.redact(line) {
                Cow::Borrowed(line) => Cow::Borrowed(line),
                // Something in it is secret. What: the labels tell, and the rest of the line has to stay as it is.
                Cow::Owned(_) => Cow::Owned(labels_of_line(redactor, line)),
            })
            .collect(),
        MetricsFormat::QueryResult if !redactor.may_hold_secret(text) => text.to_owned(),
        MetricsFormat::QueryResult => match serde_json::from_str(text) {
            Ok(mut value) => {
                labels_of_series(redactor, &mut value);
                value.to_string()
            }
            Err(_) => redactor.redact(text).into_owned(),
        },
    }
}

/// `name{label="value",…} 1`
fn labels_of_line(redactor: &Redactor, line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("=\"") {
        let (value, tail) = after.split_at(end_of_value(after));
        let name = before
            .rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .next()
            .unwrap_or_default();
        out.push_str(before);
        out.push_str("=\"");
        out.push_str(&shown(redactor, name, value));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The place of the quote that ends a value.
fn end_of_value(text: &str) -> usize {
    let mut escaped = false;
    text.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })
    .unwrap_or(text.len())
}

fn labels_of_series(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner {
                    Value::Object(labels) if key == "metric" => {
                        for (name, label) in labels {
                            if let Value::String(text) = label {
                                *text = shown(redactor, name, text).into_owned();
                            }
                        }
                    }
                    inner => labels_of_series(redactor, inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| labels_of_series(redactor, item)),
        _ => {}
    }
}

fn shown<'a>(redactor: &Redactor, name: &str, value: &'a str) -> Cow<'a, str> {
    match name {
        // The name of a Secret, as kube-state-metrics labels what it counts.
        "secret" => redactor.redact(value),
        _ => redactor.redact_named(name, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lose_secrets_and_keep_the_rest() {
        let text = "# HELP up Whether it is up.\n\
            up{instance=\"http://u:hunter2@db:9\",job=\"a \\\"b\\\"\",api_token=\"hunter2\"} 1 1700000000\n\
            kube_secret_info{secret=\"db-password\"} 1\n\
            tokens_total{path=\"/run/token\"} 5\n# EOF\n";
        let shown = without_secrets(&Redactor::new(), MetricsFormat::OpenMetrics, text);
        assert_eq!(
            shown,
            text.replace("u:hunter2", "u:[redacted:password]")
                .replace("\"hunter2\"", "\"[redacted:token]\"")
        );
        let json = r#"{"data":{"result":[{"metric":{"password":"hunter2","secret":"db"},"values":[[1700000000.5,"1"]]}]}}"#;
        let shown = without_secrets(&Redactor::new(), MetricsFormat::QueryResult, json);
        assert_eq!(shown, json.replace("hunter2", "[redacted:password]"));
    }
}
