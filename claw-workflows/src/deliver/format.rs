//! The forms in which a report can be written to a file or a terminal.

use std::fmt;
use std::str::FromStr;

use claw_core::report::Report;
use serde::{Deserialize, Serialize};

use super::html::RenderError;
use super::{html, json, markdown, text};

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// For terminals.
    Text,
    /// For tickets.
    Markdown,
    /// For machines: the whole report.
    Json,
    /// For browsers, with pictures.
    Html,
}

impl Format {
    /// All forms.
    pub const ALL: [Self; 4] = [Self::Text, Self::Markdown, Self::Json, Self::Html];

    /// The name by which people ask for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Html => "html",
        }
    }

    /// The file name's extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Html => "html",
        }
    }

    /// The report in this form. `options` are for [`Format::Text`]. Only HTML can fail.
    pub fn render(self, report: &Report, options: text::Options) -> Result<String, RenderError> {
        match self {
            Self::Text => Ok(text::render(report, options)),
            Self::Markdown => Ok(markdown::render(report)),
            Self::Json => Ok(json::render(report)),
            Self::Html => html::render(report),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no form of that name.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is not a form of the report; use text, markdown, json or html")]
pub struct ParseFormatError {
    name: String,
}

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| ParseFormatError {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
        }
        assert!(
            "pdf"
                .parse::<Format>()
                .unwrap_err()
                .to_string()
                .contains("text, markdown, json or html")
        );
    }
}
