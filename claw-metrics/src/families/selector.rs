//! Pieces of PromQL.

use crate::series::escape;

/// One label matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher(String);

impl Matcher {
    /// `label="value"`.
    pub(super) fn equal(label: &str, value: &str) -> Self {
        Self(format!("{label}=\"{}\"", escape(value)))
    }

    /// `label=~"pattern"`. The pattern is ours, never text from outside.
    pub(super) fn matches(label: &str, pattern: &str) -> Self {
        Self(format!("{label}=~\"{}\"", escape(pattern)))
    }

    /// A matcher as it stands in the catalogue.
    pub(super) fn literal(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The pods of a workload by the names that controllers give them: `cart-7d4b9c6f5-x2k8p` of a Deployment, `cart-x2k8p` of a
    /// DaemonSet or Job, `cart-0` of a StatefulSet, `cart` alone.
    pub(super) fn pods_of(label: &str, workload: &str) -> Self {
        let name = regex::escape(workload);
        Self::matches(
            label,
            &format!("{name}(-[a-z0-9]{{6,10}})?-[a-z0-9]{{5}}|{name}(-[0-9]+)?"),
        )
    }
}

/// `metric{a="b",…}`.
pub(super) fn select(metric: &str, matchers: &[Matcher]) -> String {
    match matchers {
        [] => metric.to_owned(),
        _ => {
            let inner: Vec<&str> = matchers.iter().map(|matcher| matcher.0.as_str()).collect();
            format!("{metric}{{{}}}", inner.join(","))
        }
    }
}

/// `rate(…) or rate(…)`, one for each way to select. Series that several ways select count once.
pub(super) fn rates(metric: &str, ways: &[Vec<Matcher>], window: u32) -> String {
    let rates: Vec<String> = ways
        .iter()
        .map(|matchers| format!("rate({}[{window}s])", select(metric, matchers)))
        .collect();
    rates.join(" or ")
}

/// `sum by (a, b) (…)`.
pub(super) fn sum(by: &[&str], of: &str) -> String {
    format!("sum by ({}) ({of})", by.join(", "))
}

/// Each of `ways` with each of `more`. With nothing in `more`, `ways` as they are.
pub(super) fn each(ways: &[Vec<Matcher>], more: &[Matcher]) -> Vec<Vec<Matcher>> {
    if more.is_empty() {
        return ways.to_vec();
    }
    ways.iter()
        .flat_map(|way| {
            more.iter().map(move |matcher| {
                let mut way = way.clone();
                way.push(matcher.clone());
                way
            })
        })
        .collect()
}
