//! What the agent printed, and what it has to be.

use std::time::Duration;

use serde_json::Value;

use crate::scene::IMAGE;

/// How long the agent goes on after its time, to write down what it knows.
const GRACE: Duration = Duration::from_secs(5);
/// How long it looks whether there is a cluster at all, before its time begins.
const LOOK: Duration = Duration::from_secs(15);
/// What a busy machine takes besides.
pub(crate) const SLACK: Duration = Duration::from_secs(5);

/// What the agent printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Investigated {
    /// The cause that there is.
    pub(crate) mechanism: &'static str,
    pub(crate) code: i32,
    /// Null where there is none.
    pub(crate) report: Value,
    /// What it said beside the report.
    pub(crate) said: String,
    pub(crate) took: Duration,
}

/// What a report says that it could not see, a line each.
pub(crate) fn gaps(report: &Value) -> Vec<String> {
    let gaps = report["gaps"].as_array().into_iter().flatten();
    let text = |gap: &Value, field: &str| gap[field].as_str().unwrap_or_default().to_owned();
    gaps.map(|gap| {
        let [source, reason, remedy] = ["source", "reason", "remedy"].map(|field| text(gap, field));
        format!("{source}: {reason}; {remedy}")
    })
    .collect()
}

/// Whether a report names the missing image as the first cause.
pub(crate) fn names_the_cause(report: &Value) -> bool {
    first_cause(report) == IMAGE.mechanism
}

fn first_cause(report: &Value) -> &str {
    report["hypotheses"][0]["mechanism"].as_str().unwrap_or_default()
}

impl Investigated {
    pub(crate) fn gaps(&self) -> Vec<String> {
        gaps(&self.report)
    }

    /// That the report names the cause first, with the exit code that stands for that.
    pub(crate) fn assert_cause(&self) {
        assert_eq!(first_cause(&self.report), self.mechanism, "{self:#?}");
        assert!(matches!(self.code, 0 | 4), "{self:#?}");
    }

    /// That nothing is missing that `usual` has.
    pub(crate) fn assert_as(&self, usual: &Self) {
        self.assert_cause();
        assert_eq!(self.gaps(), usual.gaps());
        assert_eq!(self.code, usual.code);
    }

    /// That a gap begins with each of `sources`, and says all of `said`.
    pub(crate) fn assert_gap(&self, sources: &[&str], said: &[&str]) {
        let gaps = self.gaps();
        for source in sources {
            let start = format!("{source}: ");
            let found = gaps
                .iter()
                .any(|gap| gap.starts_with(&start) && said.iter().all(|said| gap.contains(said)));
            assert!(found, "{source} with {said:?} is not among {gaps:#?}");
        }
    }

    /// That a report came in time: within `limit`, and what goes before and after.
    pub(crate) fn assert_in_time(&self, limit: Duration) {
        assert!(!self.report.is_null(), "{self:#?}");
        let most = LOOK + limit + GRACE + SLACK;
        assert!(self.took <= most, "{:?} for {limit:?}", self.took);
    }

    /// That the command failed in one line, which says all of `said`.
    pub(crate) fn assert_failed(&self, said: &[&str]) {
        assert_eq!((self.code, self.report.is_null()), (1, true), "{self:#?}");
        let last = self.said.trim_end().lines().next_back().unwrap_or_default();
        for said in said {
            assert!(last.contains(said), "{said} is not in {last}");
        }
    }
}
