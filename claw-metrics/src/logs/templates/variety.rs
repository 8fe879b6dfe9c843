//! How soon a place in a template is taken for a variable.

use super::quotes::is_method;

/// What kind of word it is; decides how soon its place is taken for a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Punctuation, or a word that never varies: a log level, a method of HTTP.
    Fixed,
    /// Letters.
    Plain,
    /// Letters with dots, hyphens, underscores, slashes or inner capitals.
    Identifier,
}

/// How many different words a place must show before it counts as variable: a word of `class` stands there, `before` stands in
/// front of it, and so many `others` are left to tell the template by.
pub(super) fn needed(class: Class, before: &str, others: usize) -> usize {
    let usual = match (class, before) {
        (Class::Fixed, _) => return usize::MAX,
        (_, "=") | (Class::Identifier, _) => 4,
        (Class::Plain, ":") => 5,
        (Class::Plain, _) => 6,
    };
    match others {
        0 => usize::MAX,
        1 => usual * 3,
        _ => usual,
    }
}

pub(super) fn class_of(word: &str) -> Class {
    let level = matches!(
        word,
        "INFO"
            | "WARN"
            | "WARNING"
            | "ERROR"
            | "DEBUG"
            | "TRACE"
            | "FATAL"
            | "CRITICAL"
            | "NOTICE"
            | "SEVERE"
            | "info"
            | "warn"
            | "warning"
            | "error"
            | "debug"
            | "trace"
            | "fatal"
            | "critical"
            | "notice"
    );
    if level || is_method(word) || !word.chars().any(char::is_alphanumeric) {
        return Class::Fixed;
    }
    let inner_capital = word
        .bytes()
        .zip(word.bytes().skip(1))
        .any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let joined = word
        .trim_matches(['.', '-', '/', '_'])
        .contains(['.', '-', '_', '/', '\\', '$', '#']);
    if inner_capital || joined {
        Class::Identifier
    } else {
        Class::Plain
    }
}
