//! Renders reports and delivers them to people and services.
//!
//! One model, several renderers: [`text`] for terminals, [`markdown`], [`json`], [`html`] with pictures, [`slack`]
//! blocks. A [`Sink`] takes a report somewhere: [`slack::IncomingWebhook`], [`slack::PostMessage`],
//! [`file::FileSink`], [`stdout::Terminal`], [`webhook::GenericWebhook`].
//!
//! Text in a report was written by whoever runs a workload. Renderers take out control characters, terminal escapes and
//! characters that reorder text, and escape the rest for their format; a report can show hostile text, but not act it
//! out.

pub mod file;
mod format;
pub mod html;
pub mod json;
pub mod markdown;
pub mod sink;
pub mod slack;
pub mod stdout;
pub mod text;
mod transport;
pub(crate) mod untrusted;
mod view;
pub mod webhook;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod sample;

pub use format::{Format, ParseFormatError};
pub use sink::{DeliverError, Sink};
