//! `bundle.json`: what was recorded, where and when.

use std::collections::BTreeSet;
use std::path::Path;

use claw_core::report::{Gap, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kinds::RecordedKind;
use super::problem::BundleError;

/// The version of the format that this crate writes and reads.
pub const VERSION: u32 = 1;

/// The contents of `bundle.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format: 1.
    pub version: u32,
    /// Name of the case, unique among the cases that somebody keeps together.
    pub case: String,
    /// Name of the cluster.
    pub cluster: String,
    /// When the objects were read: the present, as far as a replay is concerned.
    pub collected_at: Timestamp,
    /// The time that logs, metrics and changes cover.
    pub window: Window,
    /// When things went wrong; `None` where nobody told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// A time when all was well, to compare with. It may lie long before the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Window>,
    /// What somebody wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The namespaces that the recording is about; empty where it is about all. What they depend on may lie in others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
    /// The kinds that were recorded: of these, an object that is not there did not exist. `None` where nobody told; see
    /// [`Bundle::recorded_kinds`](super::Bundle::recorded_kinds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<RecordedKind>>,
    /// What the recorder could not see, or was given no source of. `None` where nobody told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaps: Option<Vec<Gap>>,
}

/// When things went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Since when.
    pub start: Timestamp,
    /// Until when; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
}

impl Manifest {
    /// Reads `bundle.json`. Unknown keys, missing keys, wrong types and spans that end before they start are errors
    /// with line and column.
    ///
    /// # Errors
    /// [`BundleError::Manifest`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, BundleError> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| BundleError::Manifest {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            reason: describe(&error),
        })?;
        manifest.validate().map_err(|(key, reason)| {
            let (line, column) = place(text, key);
            BundleError::Manifest {
                path: path.to_owned(),
                line,
                column,
                reason,
            }
        })?;
        Ok(manifest)
    }

    fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.version != VERSION {
            let reason = format!(
                "version {} is not known; this program reads version {VERSION}",
                self.version
            );
            return Err(("version", reason));
        }
        for (key, text) in [("case", &self.case), ("cluster", &self.cluster)] {
            if text.trim().is_empty() {
                return Err((key, format!("`{key}` is empty; give it a name")));
            }
        }
        let window = ("window", self.window.start, Some(self.window.end));
        let incident = self
            .incident
            .map(|incident| ("incident", incident.start, incident.end));
        let baseline = self
            .baseline
            .map(|window| ("baseline", window.start, Some(window.end)));
        for (key, start, end) in [Some(window), incident, baseline].into_iter().flatten() {
            if let Some(end) = end
                && end < start
            {
                return Err((key, format!("`{key}` ends at {end}, before it starts at {start}")));
            }
        }
        Ok(())
    }
}

/// The error without the place, which is told apart from it.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// Line and column, from 1, of the first occurrence of the key.
fn place(text: &str, key: &str) -> (usize, usize) {
    let quoted = format!("\"{key}\"");
    text.lines()
        .zip(1..)
        .find_map(|(line, number)| {
            line.find(&quoted)
                .map(|at| (number, line.chars().count().min(at).saturating_add(1)))
        })
        .unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
  "version": 1,
  "case": "cart",
  "cluster": "shop",
  "collected_at": "2026-03-01T10:00:00Z",
  "window": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"},
  "incident": {"start": "2026-03-01T09:30:00Z"}
}"#;

    fn error(text: &str) -> String {
        Manifest::parse(Path::new("bundle.json"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn reads_a_manifest() {
        let manifest = Manifest::parse(Path::new("bundle.json"), GOOD).unwrap();
        assert_eq!(manifest.case, "cart");
        assert_eq!(manifest.incident.unwrap().end, None);
        assert_eq!(manifest.baseline, None);
    }

    #[test]
    fn names_the_place_of_an_error() {
        let text = error(&GOOD.replace("\"case\"", "\"kase\""));
        assert!(text.starts_with("bundle.json:3:"), "{text}");
        assert!(text.contains("kase"), "{text}");
        let text = error(&GOOD.replace("2026-03-01T10:00:00Z\",", "yesterday\","));
        assert!(text.starts_with("bundle.json:5:"), "{text}");
        let text = error(&GOOD.replace("\"version\": 1", "\"version\": 2"));
        assert_eq!(
            text,
            "bundle.json:2:3: version 2 is not known; this program reads version 1"
        );
        let text = error(&GOOD.replace("\"end\": \"2026-03-01T10", "\"end\": \"2026-02-01T10"));
        assert!(text.starts_with("bundle.json:6:3: `window` ends at"), "{text}");
        assert!(error("").contains("EOF"));
        assert!(error(&GOOD.replace("cart", " ")).contains("`case` is empty"));
    }
}
