//! Results of queries as JSON, written by hand because there may be millions of samples.

use super::super::eval::Value;
use super::super::labels::Labels;
use super::super::number;
use super::super::store::Point;

/// The `data` of an answer to a query.
pub(super) fn data(value: &Value) -> String {
    let mut out = String::new();
    let (kind, write): (_, &dyn Fn(&mut String)) = match value {
        Value::Scalar(p) => ("scalar", &|out| point(out, *p)),
        Value::Text(time, text) => ("string", &|out| {
            out.push_str(&format!("[{},{}]", number::seconds(*time), json_text(text)));
        }),
        Value::Vector(samples) => ("vector", &|out| {
            list(out, samples, |out, sample| {
                metric(out, &sample.labels);
                out.push_str(r#","value":"#);
                point(out, sample.point);
                out.push('}');
            });
        }),
        Value::Matrix(series) => ("matrix", &|out| {
            list(out, series, |out, series| {
                metric(out, &series.labels);
                out.push_str(r#","values":"#);
                list(out, &series.points, |out, p| point(out, *p));
                out.push('}');
            });
        }),
    };
    out.push_str(&format!(r#"{{"resultType":"{kind}","result":"#));
    write(&mut out);
    out.push('}');
    out
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn metric(out: &mut String, labels: &Labels) {
    out.push_str(r#"{"metric":{"#);
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&json_text(name));
        out.push(':');
        out.push_str(&json_text(value));
    }
    out.push('}');
}

fn point(out: &mut String, (time, value): Point) {
    out.push('[');
    out.push_str(&number::seconds(time));
    out.push_str(",\"");
    out.push_str(&number::sample(value));
    out.push_str("\"]");
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
