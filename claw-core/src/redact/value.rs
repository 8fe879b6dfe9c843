//! Whether what stands after a secret's name is the secret.

use super::name::Noun;
use super::{base64, is_marker};

/// How name and value stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As key and value of JSON.
    Json,
    /// In quotes, or between tags.
    Quoted,
    /// `name=value`, `--name value`.
    Assigned,
    /// `name:value`.
    Joined,
    /// `name: value`; `true` if more words follow, as in a sentence.
    Colon(bool),
}

/// Words that tell about a secret in a message.
const PROSE: [&str; 40] = [
    "a",
    "an",
    "and",
    "are",
    "authentication",
    "bad",
    "cannot",
    "denied",
    "empty",
    "enabled",
    "disabled",
    "error",
    "expired",
    "failed",
    "failure",
    "for",
    "has",
    "in",
    "incorrect",
    "invalid",
    "is",
    "mismatch",
    "missing",
    "must",
    "not",
    "of",
    "ok",
    "rejected",
    "required",
    "revoked",
    "set",
    "the",
    "to",
    "too",
    "unauthorized",
    "undefined",
    "unexpected",
    "unknown",
    "unset",
    "wrong",
];

pub(super) fn is_secret(noun: Noun, form: Form, value: &str) -> bool {
    if !is_filled_in(value) {
        return false;
    }
    match noun {
        Noun::Auth => return base64::is_user_and_password(value),
        Noun::Connection if form != Form::Json || is_plain_address(value) => return false,
        Noun::Cookie => return value.contains('=') || form == Form::Json,
        _ => {}
    }
    let lower = value.to_ascii_lowercase();
    if matches!(
        lower.as_str(),
        "true" | "false" | "null" | "nil" | "none" | "undefined" | "yes" | "no"
    ) {
        return false;
    }
    if noun != Noun::Password && value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    match form {
        Form::Json => true,
        Form::Quoted => !is_path(value),
        Form::Assigned | Form::Joined => !is_name(noun, value),
        Form::Colon(more) => {
            let word = value
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
            let told = word && (more || noun == Noun::Credential) || PROSE.contains(&lower.as_str());
            // "non-existent secret key: DB_PASSWORD" says where, not what.
            let place = matches!(noun, Noun::Key | Noun::Secret) && super::name::noun(value).is_some();
            !told && !place && !is_name(noun, value)
        }
    }
}

/// Whether it is more than a mask, or a name to be filled in later.
pub(super) fn is_filled_in(value: &str) -> bool {
    value.chars().any(char::is_alphanumeric) && !is_marker(value) && !is_mask(value) && !is_reference(value)
}

/// `***`, `xxxxx`, `<hidden>`.
fn is_mask(value: &str) -> bool {
    let bytes = value.as_bytes();
    let same = bytes.iter().all(|byte| {
        bytes
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case(byte))
    });
    let hidden = ["redacted", "hidden", "masked", "omitted", "sensitive", "elided"];
    let word = value.trim_matches(['<', '>', '(', ')', '*']).to_ascii_lowercase();
    same && bytes.len() >= 3 && bytes.first().is_some_and(|byte| matches!(byte, b'x' | b'X'))
        || hidden.contains(&word.as_str())
}

/// A name to be filled in later: `$(DB_PASSWORD)`, `${X}`, `$X`, `{{ .Values.password }}`, `%s`, `<token>`.
fn is_reference(value: &str) -> bool {
    let inner = |open: &str, close: &str| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    let upper = |text: &str| name(text) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    inner("$(", ")").is_some_and(name)
        || inner("${", "}").is_some_and(name)
        || value.strip_prefix('$').is_some_and(upper)
        || inner("{{", "}}").is_some_and(|text| !text.contains("}}"))
        || inner("<", ">").is_some_and(name)
        || matches!(value, "%s" | "%v" | "%q")
}

/// The name of a file or, where a secret may be an object, of an object.
fn is_name(noun: Noun, value: &str) -> bool {
    is_path(value) || noun == Noun::Secret && is_object_name(value)
}

/// The name of a file: lower-case words between slashes.
fn is_path(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('/') else {
        return false;
    };
    let part = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'/' | b'.' | b'-' | b'_')
    };
    rest.bytes().all(part) && rest.contains('/')
        // The home of somebody, the root.
        || value.starts_with("/home/")
}

/// Words and small numbers joined by hyphens: `db-credentials`, `shop/db-credentials`.
fn is_object_name(value: &str) -> bool {
    let part = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_lowercase()) && part.len() >= 2
            || part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty()
    };
    value.contains(['-', '/', '.']) && value.split(['-', '/', '.']).all(part)
}

/// A URL that holds no password.
fn is_plain_address(value: &str) -> bool {
    let scheme = value.split_once("://").is_some_and(|(scheme, _)| {
        scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
    });
    scheme && !value.contains('@') && !value.contains('=')
}
