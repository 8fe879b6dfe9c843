//! Single values.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_core::yaml::{Fields, Node, ProblemKind, Problems, Value, invalid, text, wrong_type};
use jiff::SignedDuration;

use super::Secret;

/// What is wrong is said, and the name goes with it; values are quoted, as no secret is among them.
pub(super) fn word_of(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    text(node, path, problems).map(|text| text.value)
}

/// A file, beside the one that names it unless it says otherwise.
pub(super) fn file(base: &Path) -> impl Fn(&Node, &str, &mut Problems) -> Option<PathBuf> {
    let base = base.to_owned();
    move |node, path, problems| Some(base.join(word_of(node, path, problems)?))
}

/// The folder that a file lies in; never nothing, so that a path that begins with it begins with a folder.
pub(super) fn folder_of(file: &str) -> PathBuf {
    match Path::new(file).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A duration that is longer than zero: `15m`, `72h`, `PT15M`.
pub(super) fn duration(node: &Node, path: &str, problems: &mut Problems) -> Option<SignedDuration> {
    const REMEDY: &str = "write hours, minutes or seconds: 72h, 15m, 1h30m, 10s";
    let Value::Text(written) = &node.value else {
        wrong_type(node, path, "a duration", "one with its unit: 15m", problems);
        return None;
    };
    match written.parse::<SignedDuration>() {
        Ok(time) if time.is_positive() => Some(time),
        Ok(_) => {
            invalid(node, path, "the time is not longer than zero", REMEDY, problems);
            None
        }
        Err(_) => {
            let message = format!("{} is no duration", claw_core::yaml::quoted(written));
            invalid(node, path, message, REMEDY, problems);
            None
        }
    }
}

/// The same, as timers have it.
pub(super) fn time(node: &Node, path: &str, problems: &mut Problems) -> Option<Duration> {
    duration(node, path, problems).map(SignedDuration::unsigned_abs)
}

/// A whole number within bounds.
pub(super) fn number(least: u32, most: u32) -> impl Fn(&Node, &str, &mut Problems) -> Option<u32> {
    move |node, path, problems| {
        let Value::Integer(value) = node.value else {
            wrong_type(
                node,
                path,
                "a whole number",
                &format!("a number: {least}"),
                problems,
            );
            return None;
        };
        let found = u32::try_from(value)
            .ok()
            .filter(|value| (least..=most).contains(value));
        if found.is_none() {
            let remedy = format!("write {least} to {most}");
            invalid(node, path, format!("{value} is out of bounds"), remedy, problems);
        }
        found
    }
}

/// A whole number that is not zero.
pub(super) fn count(node: &Node, path: &str, problems: &mut Problems) -> Option<NonZeroU32> {
    number(1, 1_000_000)(node, path, problems).and_then(NonZeroU32::new)
}

/// The address of an API.
pub(super) fn url(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let address = word_of(node, path, problems)?;
    let good = ["https://", "http://"].iter().any(|scheme| {
        address
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', ' ', '?', '#']))
    });
    if !good {
        let remedy = "write one that begins with https://, without a password or a query in it";
        invalid(node, path, "that is no address of an API", remedy, problems);
    }
    good.then_some(address)
}

/// A secret by `KEY_file` or `KEY_env`; exactly one of the two, or none where it is not needed.
pub(super) fn secret(
    fields: &mut Fields<'_, '_>,
    (file_key, env_key): (&'static str, &'static str),
    at: &Node,
    path: &str,
    base: &Path,
) -> Option<Secret> {
    let both = fields.has(file_key) && fields.has(env_key);
    let neither = !fields.has(file_key) && !fields.has(env_key);
    let from_file = fields.optional(file_key, file(base)).map(Secret::File);
    let from_variable = fields.optional(env_key, variable).map(Secret::Environment);
    if both {
        fields.problems().add(
            ProblemKind::InvalidValue,
            at.place,
            path,
            format!("there are both `{file_key}` and `{env_key}`"),
            "keep one of the two",
        );
        return None;
    }
    if neither {
        fields.problems().add(
            ProblemKind::MissingKey,
            at.place,
            path,
            format!("the key `{file_key}` or `{env_key}` is missing"),
            format!(
                "add `{file_key}:` with the file that holds it, or `{env_key}:` with the environment variable"
            ),
        );
    }
    from_file.or(from_variable)
}

/// The name of an environment variable.
fn variable(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let Value::Text(name) = &node.value else {
        wrong_type(
            node,
            path,
            "the name of an environment variable",
            "the bare name: SLACK_TOKEN",
            problems,
        );
        return None;
    };
    let good = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !good {
        // It may be the secret itself, so it is not repeated.
        let message = "that is no name of an environment variable";
        let remedy =
            "write the name alone, in capitals: SLACK_TOKEN; the secret itself is never written here";
        invalid(node, path, message, remedy, problems);
    }
    good.then(|| name.clone())
}
