//! The report as one HTML file: no script, no outside asset, light and dark, fit to be printed.
//!
//! Everything is written by templates that escape whatever they insert, pictures included; on top of that the page
//! forbids itself scripts and outside content by a content security policy.

mod bars;
mod layout;
mod measure;
mod page;
mod timeline;
mod topology;

use std::sync::LazyLock;

use claw_core::report::Report;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use page::Page;

/// A page could not be written; a defect of its template.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be written as HTML")]
pub struct RenderError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The report as an HTML document.
pub fn render(report: &Report) -> Result<String, RenderError> {
    static ENVIRONMENT: LazyLock<Result<Environment<'static>, String>> =
        LazyLock::new(|| environment().map_err(|error| format!("{error:#}")));
    let environment = ENVIRONMENT.as_ref().map_err(|error| RenderError {
        source: error.as_str().into(),
    })?;
    environment
        .get_template("report.html")
        .and_then(|template| template.render(Serde(Page::new(report))))
        .map_err(|error| RenderError {
            source: Box::new(error),
        })
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    for (name, source) in [
        ("report.html", include_str!("templates/report.html")),
        ("parts.html", include_str!("templates/parts.html")),
        ("style.css", include_str!("templates/style.css")),
        ("timeline.svg", include_str!("templates/timeline.svg")),
        ("topology.svg", include_str!("templates/topology.svg")),
        ("bars.svg", include_str!("templates/bars.svg")),
    ] {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

#[cfg(test)]
mod tests;
