//! The documents of the specification as printed, and everything that can be wrong with a document.

mod agent;
mod binding;
mod hostile;
mod parsing;
