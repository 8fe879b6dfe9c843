//! What is wrong with a definition, where, and what to do about it.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// Most problems that [`DefinitionError`] prints one by one.
const MOST_PRINTED: usize = 20;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value, and where it was written. Serialized as the bare value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub place: Place,
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// What sort of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file cannot be read, is too large, or is no text.
    Unreadable,
    /// The text is not YAML, or YAML of a kind that definitions do not use.
    Syntax,
    /// A key that definitions do not have.
    UnknownKey,
    /// A key that has to be there is not.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A value of the right type that makes no sense.
    InvalidValue,
    /// A tool that is not registered, or a workflow or step that does not exist.
    UnknownName,
    /// A name is defined twice.
    Duplicate,
    /// A tool's definition does not fit the registered tool.
    Mismatch,
    /// It means something, and this agent cannot do it yet.
    NotAvailable,
}

/// One thing that is wrong.
///
/// Displayed as `file:line:column: path: message; remedy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named by the caller.
    pub file: String,
    /// Where in the file; `None` when the problem is with the file as a whole.
    pub place: Option<Place>,
    /// What sort of problem.
    pub kind: ProblemKind,
    /// The key, from the top of the document: `workflow.steps[0].tools`; empty for the whole document.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{place}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}; {}", self.message, self.remedy)
    }
}

/// Definitions that cannot be used. Holds every problem that was found, by file and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DefinitionError {
    problems: Vec<Problem>,
}

impl DefinitionError {
    /// The problems, by file and place. There is at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn one(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MOST_PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        let rest = self.problems.len().saturating_sub(MOST_PRINTED);
        if rest > 0 {
            write!(f, "\nand {rest} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    /// None yet, of the file with this name.
    pub fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
        }
    }

    /// Adds one: what is wrong, where, in which key, and what to do about it.
    pub fn add(
        &mut self,
        kind: ProblemKind,
        place: impl Into<Option<Place>>,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found.push(Problem {
            file: self.file.clone(),
            place: place.into(),
            kind,
            path: path.into(),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// The problems as an error, or `value` when there are none.
    pub fn or<T>(self, value: T) -> Result<T, DefinitionError> {
        gather([self], value)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// The problems of several files as one error, or `value` when there are none.
pub fn gather<T>(files: impl IntoIterator<Item = Problems>, value: T) -> Result<T, DefinitionError> {
    let mut problems: Vec<Problem> = files.into_iter().flat_map(|file| file.found).collect();
    if problems.is_empty() {
        return Ok(value);
    }
    problems.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    problems.dedup();
    Err(DefinitionError { problems })
}

/// The remedy for a name that is not known: the one that was probably meant, or all there are.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(nearest) = nearest(name, &known) {
        return format!("did you mean `{nearest}`?");
    }
    match known.as_slice() {
        [] => "there are none to choose from".to_owned(),
        [only] => format!("the only one known is {only}"),
        several => format!("known are {}", several.join(", ")),
    }
}

/// The known name that differs by a slip of the pen: about one letter in three.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // Names of definitions are short; a long one is no slip, and comparing it would cost its length squared.
    if name.len() > 64 {
        return None;
    }
    let folded = name.to_lowercase().replace(['-', ' '], "_");
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let known = ["name", "tools", "instruction", "output"];
        assert_eq!(did_you_mean("instructions", known), "did you mean `instruction`?");
        assert_eq!(did_you_mean("Tools", known), "did you mean `tools`?");
        assert_eq!(did_you_mean("nmae", known), "did you mean `name`?");
    }

    #[test]
    fn another_word_is_not_a_slip() {
        assert_eq!(
            did_you_mean("retries", ["name", "tools"]),
            "known are name, tools"
        );
        assert_eq!(did_you_mean("x", ["name"]), "the only one known is name");
        assert_eq!(did_you_mean("x", []), "there are none to choose from");
    }

    #[test]
    fn hyphens_and_capitals_do_not_matter() {
        assert_eq!(
            did_you_mean("Max-Actions", ["max_actions"]),
            "did you mean `max_actions`?"
        );
    }

    #[test]
    fn many_problems_are_cut_with_a_count() {
        let mut problems = Problems::of("a.yaml");
        for line in 1..=25 {
            problems.add(
                ProblemKind::UnknownKey,
                Place { line, column: 1 },
                "",
                format!("problem {line}"),
                "fix it",
            );
        }
        let text = problems.or(()).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("\nand 5 more"), "{text}");
    }
}
