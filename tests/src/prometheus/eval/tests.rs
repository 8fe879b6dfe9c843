mod basics;
mod binary_operations;
mod functions;
mod properties;

use super::*;

/// A store from lines such as `http_requests_total{job="api"} 0+10x5`: one sample every `step` seconds, starting at
/// zero. `a+bxn` is `a` and then `n` times `b` more; `_` is no sample, `stale` is the end of the series.
fn load(step: i64, lines: &str) -> Store {
    let mut store = Store::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let split = line
            .find('}')
            .map_or_else(|| line.find(' ').unwrap(), |at| at + 1);
        let (selector, values) = line.split_at(split);
        let selector = parse_selector(selector).unwrap();
        let name = selector
            .name
            .iter()
            .map(|name| ("__name__".to_owned(), name.clone()));
        let labels =
            Labels::new(name.chain(selector.matchers.matchers.into_iter().map(|m| (m.name, m.value))));
        let mut points = Vec::new();
        let mut time = 0;
        for word in values.split_whitespace() {
            for value in expand(word) {
                if let Some(value) = value {
                    points.push((time, value));
                }
                time += step * 1000;
            }
        }
        store.insert(labels, points);
    }
    store
}

fn expand(word: &str) -> Vec<Option<f64>> {
    if word == "_" {
        return vec![None];
    }
    if word == "stale" {
        return vec![Some(crate::prometheus::STALE)];
    }
    if let Some((start, rest)) = word.split_once('+').filter(|(start, _)| !start.is_empty()) {
        let (by, times) = rest.split_once('x').unwrap();
        let (start, by): (f64, f64) = (start.parse().unwrap(), by.parse().unwrap());
        return (0..=times.parse::<u32>().unwrap())
            .map(|n| Some(start + by * f64::from(n)))
            .collect();
    }
    vec![Some(word.parse().unwrap())]
}

/// The result of an instant query at a number of seconds, one `{labels} value` a line.
fn ask(store: &Store, query: &str, seconds: i64) -> Vec<String> {
    match instant(store, query, seconds * 1000, &Options::default())
        .unwrap()
        .value
    {
        Value::Vector(samples) => samples
            .iter()
            .map(|s| format!("{} {}", s.labels, short(s.point.1)))
            .collect(),
        Value::Scalar(point) => vec![short(point.1)],
        other => panic!("{other:?}"),
    }
}

/// The only value of an instant query.
fn value(store: &Store, query: &str, seconds: i64) -> f64 {
    match instant(store, query, seconds * 1000, &Options::default())
        .unwrap()
        .value
    {
        Value::Vector(samples) if samples.len() == 1 => samples[0].point.1,
        Value::Scalar(point) => point.1,
        other => panic!("{query}: {other:?}"),
    }
}

/// The result of a range query: labels and `seconds=value` for each point.
fn ask_range(store: &Store, query: &str, (start, end): (i64, i64), step: i64) -> Vec<String> {
    match range(
        store,
        query,
        (start * 1000, end * 1000),
        step * 1000,
        &Options::default(),
    )
    .unwrap()
    .value
    {
        Value::Matrix(series) => series
            .iter()
            .map(|s| {
                let points: Vec<String> = s
                    .points
                    .iter()
                    .map(|p| format!("{}={}", p.0 / 1000, short(p.1)))
                    .collect();
                format!("{} {}", s.labels, points.join(" "))
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn refusal(store: &Store, query: &str) -> String {
    instant(store, query, 0, &Options::default())
        .unwrap_err()
        .to_string()
}

fn short(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    if rounded.is_finite() {
        format!("{rounded}")
    } else {
        crate::prometheus::number::plain(value)
    }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}
