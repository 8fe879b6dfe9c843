//! What a pipeline may be started with.

use std::collections::BTreeMap;

use claw_core::outside::{MAX_VALUE, PipelineRun};
use serde::{Deserialize, Serialize};

/// The inputs that a pipeline takes, by name. Others are refused.
pub type Inputs = BTreeMap<String, Input>;

/// One input of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Input {
    /// Whether it has to be given. Not unless set: the pipeline then has a value of its own.
    pub required: bool,
    /// The values that it may have. Any text unless set.
    pub one_of: Vec<String>,
    /// The longest value, in bytes. 256 unless set, and never more than [`MAX_VALUE`].
    pub max_bytes: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            required: false,
            one_of: Vec::new(),
            max_bytes: 256,
        }
    }
}

impl Input {
    /// One that has to be given.
    pub fn required() -> Self {
        Self {
            required: true,
            ..Self::default()
        }
    }

    /// Restricts it to these values.
    #[must_use]
    pub fn one_of<V: Into<String>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.one_of = values.into_iter().map(Into::into).collect();
        self
    }

    fn accepts(&self, value: &str) -> bool {
        value.len() <= self.max_bytes.min(MAX_VALUE)
            && !value.chars().any(char::is_control)
            && (self.one_of.is_empty() || self.one_of.iter().any(|allowed| allowed == value))
    }
}

/// What is wrong with the inputs of a run, in words that do not repeat values. Nothing, if they are as declared.
pub(super) fn check(declared: &Inputs, run: &PipelineRun) -> Result<(), String> {
    let names = || match declared.len() {
        0 => "it takes none".to_owned(),
        _ => format!(
            "it takes {}",
            declared.keys().cloned().collect::<Vec<_>>().join(", ")
        ),
    };
    for (name, value) in &run.inputs {
        let Some(input) = declared.get(name) else {
            return Err(format!(
                "an input is given that the pipeline does not declare; {}",
                names()
            ));
        };
        if !input.accepts(value) {
            return Err(match input.one_of.as_slice() {
                [] => format!(
                    "the input {name} has to be one line of at most {} bytes",
                    input.max_bytes.min(MAX_VALUE)
                ),
                allowed => format!("the input {name} has to be one of: {}", allowed.join(", ")),
            });
        }
    }
    let missing = |(name, input): &(&String, &Input)| input.required && !run.inputs.contains_key(*name);
    match declared.iter().find(missing) {
        Some((name, _)) => Err(format!("the input {name} is missing")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(inputs: &[(&str, &str)]) -> Option<String> {
        let declared = Inputs::from([
            ("version".to_owned(), Input::required()),
            (
                "environment".to_owned(),
                Input::default().one_of(["staging", "test"]),
            ),
        ]);
        let inputs = inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let run = PipelineRun {
            inputs: inputs.collect(),
        };
        check(&declared, &run).err()
    }

    #[test]
    fn inputs_are_as_they_are_declared_or_refused() {
        assert_eq!(wrong(&[("version", "1.2"), ("environment", "test")]), None);
        assert_eq!(wrong(&[("version", "")]), None, "empty is a value");
        for (inputs, reason) in [
            (&[("environment", "test")][..], "the input version is missing"),
            (
                &[("version", "1\n2")],
                "the input version has to be one line of at most 256 bytes",
            ),
            (
                &[("version", "1"), ("environment", "prod")],
                "the input environment has to be one of: staging, test",
            ),
            (
                &[("version", "1"), ("ref", "evil")],
                "an input is given that the pipeline does not declare; it takes environment, version",
            ),
        ] {
            assert_eq!(wrong(inputs).as_deref(), Some(reason));
        }
        let long = "1".repeat(257);
        assert!(wrong(&[("version", &long)]).is_some());
    }

    #[test]
    fn no_declaration_goes_beyond_what_an_action_holds() {
        let generous = Input {
            max_bytes: usize::MAX,
            ..Input::default()
        };
        assert!(generous.accepts(&"1".repeat(MAX_VALUE)));
        assert!(!generous.accepts(&"1".repeat(MAX_VALUE + 1)));
    }
}
