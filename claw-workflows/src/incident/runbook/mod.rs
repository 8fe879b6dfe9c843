//! Runbooks: what operators wrote down about alerts and causes.
//!
//! A runbook is a Markdown file that begins with YAML between two lines of three hyphens:
//!
//! ```markdown
//! ---
//! title: Orders are not taken
//! match:
//!   alert: [OrderErrorRateHigh, Order*Slow]
//!   labels:
//!     namespace: shop-*
//!   mechanism: [pool_exhausted]
//! tools:
//!   - name: describe_events
//!     input:
//!       namespace: "{{namespace}}"
//! ---
//! Look at the payment provider's status page first.
//! ```
//!
//! Those that fit the alert are followed: their tool calls are made, through the gate like every read, and the report shows
//! what came of them. Those that fit a cause are named when the causes are known. The text is for people; nothing is
//! concluded from it.

mod follow;
mod front;
mod name;
mod pattern;
mod template;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use claw_core::definition::misfits;
use claw_core::registry::Registry;
use claw_core::tool::Effect;
use claw_core::yaml::{self, DefinitionError, Place, ProblemKind, Problems, did_you_mean, quoted};
use serde_json::{Map, Value};

use crate::trigger::Alert;
use pattern::Pattern;

/// Most files of one folder.
const MOST_FILES: usize = 500;
/// What a folder of runbooks may hold besides.
const NO_RUNBOOK: &str = "README.md";

/// The runbooks of an agent.
#[derive(Clone, Debug, Default)]
pub struct Runbooks(Vec<Runbook>);

#[derive(Clone, Debug)]
struct Runbook {
    title: String,
    /// The file.
    place: String,
    fits: Fits,
    calls: Vec<Call>,
    text: String,
}

/// What a runbook is about.
#[derive(Clone, Debug, Default)]
struct Fits {
    alerts: Vec<Pattern>,
    labels: BTreeMap<String, Pattern>,
    mechanisms: Vec<Pattern>,
}

impl Fits {
    /// Whether it is about such an alert. Its name and its labels have to fit, as far as there is something said of them.
    fn alert(&self, alert: &Alert) -> bool {
        let name = alert.name().unwrap_or_default();
        let named = self.alerts.is_empty() || self.alerts.iter().any(|pattern| pattern.fits(name));
        let labelled = self
            .labels
            .iter()
            .all(|(label, pattern)| alert.label(label).is_some_and(|value| pattern.fits(value)));
        let says_something = !(self.alerts.is_empty() && self.labels.is_empty());
        says_something && named && labelled
    }

    fn mechanism(&self, id: &str) -> bool {
        self.mechanisms.iter().any(|pattern| pattern.fits(id))
    }
}

/// A tool call that a runbook asks for. Texts of its input may hold placeholders.
#[derive(Clone, Debug)]
struct Call {
    tool: String,
    place: Place,
    /// Key in the file, for messages.
    path: String,
    input: Map<String, Value>,
}

/// A folder of runbooks cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunbooksError {
    /// The folder cannot be listed.
    #[error("the runbooks in {folder} cannot be listed; check the name of the folder and its permissions")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There are too many.
    #[error("{folder} has more than {MOST_FILES} runbooks; is it the right folder?")]
    TooMany {
        /// The folder.
        folder: PathBuf,
    },
    /// What stands in one of them is wrong.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

impl Runbooks {
    /// Reads the `.md` files of a folder, but for a `README.md`, in the order of their names. Blocks while it reads.
    ///
    /// # Errors
    /// If the folder or a file cannot be read, or a runbook says what cannot be honoured. Whether tools can do what it asks for
    /// is seen when an agent is assembled.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, RunbooksError> {
        let folder = folder.as_ref();
        let unlisted = |source| RunbooksError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let mut files: BTreeSet<PathBuf> = BTreeSet::new();
        for entry in std::fs::read_dir(folder).map_err(unlisted)? {
            let path = entry.map_err(unlisted)?.path();
            let is_markdown = path.extension().is_some_and(|ending| ending == "md");
            let is_one = is_markdown && path.file_name().is_some_and(|name| name != NO_RUNBOOK);
            if is_one && path.is_file() {
                files.insert(path);
            }
        }
        if files.len() > MOST_FILES {
            return Err(RunbooksError::TooMany {
                folder: folder.to_owned(),
            });
        }
        let mut all = Vec::new();
        let mut problems = Vec::new();
        for file in files {
            let bytes = yaml::read(&file)?;
            let (runbook, found) = front::parse(&file.display().to_string(), &bytes)?;
            all.extend(runbook);
            problems.push(found);
        }
        Ok(yaml::gather(problems, Self(all))?)
    }

    /// Reads one runbook; `file` is the name that it and its problems are shown under.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DefinitionError> {
        let (runbook, problems) = front::parse(file, bytes)?;
        problems.or(Self(runbook.into_iter().collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether tools can do what the runbooks ask for: each call is of a tool that reads, with an input that fits it. Tools in
    /// `reads` may be without their source in this agent; then their calls are gaps in reports.
    ///
    /// # Errors
    /// With every call that cannot be made.
    pub fn check(&self, tools: &Registry, reads: &BTreeSet<&'static str>) -> Result<(), DefinitionError> {
        let files = self.0.iter().map(|runbook| {
            let mut problems = Problems::of(&runbook.place);
            for call in &runbook.calls {
                call.check(tools, reads, &mut problems);
            }
            problems
        });
        yaml::gather(files, ())
    }
}

impl Call {
    fn check(&self, tools: &Registry, reads: &BTreeSet<&'static str>, problems: &mut Problems) {
        let path = &self.path;
        let Some(tool) = tools.get(&self.tool) else {
            if !reads.contains(self.tool.as_str()) {
                let observing = tools.iter().filter(|tool| tool.effect() == Effect::Read);
                let known: BTreeSet<&str> = observing
                    .map(|tool| tool.name())
                    .chain(reads.iter().copied())
                    .collect();
                let message = format!("no tool {} is registered", quoted(&self.tool));
                let remedy = did_you_mean(&self.tool, known);
                problems.add(ProblemKind::UnknownName, self.place, path, message, remedy);
            }
            return;
        };
        if tool.effect() != Effect::Read {
            problems.add(
                ProblemKind::Mismatch,
                self.place,
                path,
                format!("{} proposes a change, and runbooks only look", quoted(&self.tool)),
                "remove the call, and say in the text what a person is to do",
            );
            return;
        }
        for misfit in misfits(&tool.spec(), &self.input, template::is_open) {
            let path = match &misfit.argument {
                Some(argument) => format!("{path}.input.{argument}"),
                None => path.clone(),
            };
            problems.add(
                ProblemKind::Mismatch,
                self.place,
                path,
                misfit.message,
                misfit.remedy,
            );
        }
    }
}
