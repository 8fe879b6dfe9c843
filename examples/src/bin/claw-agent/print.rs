//! Results on standard output.

use std::io::{self, IsTerminal as _, Write as _};

use claw_core::registry::Registry;
use claw_core::report::{Report, Verdict};
use claw_workflows::deliver::{Format, text};
use serde::Serialize;

use crate::args::Output;
use crate::failure::{self, Failure};

impl Output {
    /// The form of a report.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Text => Format::Text,
            Self::Markdown => Format::Markdown,
            Self::Json => Format::Json,
            Self::Html => Format::Html,
        }
    }

    /// Refuses all forms but text.
    pub(crate) fn is_text(self, command: &str) -> Result<(), Failure> {
        match self {
            Self::Text => Ok(()),
            other => Err(Failure::arguments(
                format!("`{command}` does not print {}", other.format()),
                "leave --output out",
            )),
        }
    }

    /// Refuses forms that only reports have. `true` means JSON.
    pub(crate) fn is_json(self, command: &str) -> Result<bool, Failure> {
        match self {
            Self::Text => Ok(false),
            Self::Json => Ok(true),
            other => Err(Failure::arguments(
                format!("`{command}` does not print {}", other.format()),
                "use --output text or --output json",
            )),
        }
    }
}

/// Prints a report.
pub(crate) fn report(report: &Report, output: Output) -> Result<(), Failure> {
    out(&output.format().render(report, text_options())?)
}

/// How text looks on standard output.
fn text_options() -> text::Options {
    let terminal = io::stdout().is_terminal();
    let width = match console_width() {
        Some(width) if terminal => width,
        _ => text::Options::default().width,
    };
    text::Options {
        width,
        colour: terminal,
    }
}

fn console_width() -> Option<usize> {
    let width = comfy_table::Table::new().width()?;
    (width > 0).then(|| usize::from(width))
}

/// Prints a value as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        Failure::new("the result cannot be written as JSON", "report this").because(error)
    })?;
    out(&format!("{text}\n"))
}

/// Prints text. A reader that went away has seen enough.
pub(crate) fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            "standard output cannot be written",
            "check the disk that it goes to",
        )
        .because(error)),
        _ => Ok(()),
    }
}

/// Says something to the person at the terminal, on standard error.
pub(crate) fn say(text: &str) {
    // Nobody can be told when standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The exit code that a report stands for. A gap is important when its source is a tool that the agent has.
pub(crate) fn code(report: &Report, tools: &Registry) -> u8 {
    let important = report.gaps.iter().any(|gap| tools.get(&gap.source).is_some());
    match report.verdict {
        Verdict::Unknown => failure::UNKNOWN,
        _ if important => failure::GAPS,
        _ => 0,
    }
}
