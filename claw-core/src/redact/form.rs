//! Secrets that can be told by their form, whatever stands around them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{base64, marker, replace, value};

/// One form.
struct Form {
    marker: String,
    regex: Regex,
    verify: fn(&str) -> bool,
}

/// Kind, pattern (its group `secret`, if it has one, is what is replaced), and what else must hold.
///
/// `\b` stands only at the ends: the glance leaves it out. No pattern matches quotes, backslashes or control
/// characters, so that a match in a string is a match in its JSON text; the one exception is private keys.
type Known = (&'static str, &'static str, fn(&str) -> bool);

const FORMS: [Known; 27] = [
    ("private-key", PRIVATE_KEY, always),
    ("private-key", PRIVATE_KEY_ENDS, always),
    (
        "jwt",
        r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,3}",
        always,
    ),
    (
        "aws-access-key",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
        always,
    ),
    (
        "signature",
        r"X-(?:Amz|Goog)-Signature=(?P<secret>[0-9A-Fa-f]{32,})",
        always,
    ),
    (
        "signature",
        r"[?&;]sig=(?P<secret>[A-Za-z0-9%+/=_\-]{20,})",
        always,
    ),
    (
        "github-token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})",
        always,
    ),
    (
        "gitlab-token",
        r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|oas|agent|imt|ffct|wt)-[A-Za-z0-9_\-]{16,}",
        has_digit_or_upper,
    ),
    (
        "slack-token",
        r"\b(?:xox[abeoprsd]-[A-Za-z0-9\-]{8,}|xapp-[0-9]-[A-Za-z0-9\-]{8,})",
        has_digit_or_upper,
    ),
    (
        "slack-webhook",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9_/+\-]+)",
        always,
    ),
    (
        "webhook",
        r"discord(?:app)?\.com/api/webhooks/(?P<secret>[0-9]+/[A-Za-z0-9_\-]+)",
        always,
    ),
    (
        "webhook",
        r"webhook\.office\.com/webhookb2/(?P<secret>[A-Za-z0-9_/@\-]+)",
        always,
    ),
    ("google-api-key", r"\bAIza[A-Za-z0-9_\-]{30,}", always),
    (
        "google-oauth-token",
        r"\b(?:ya29\.[A-Za-z0-9_\-]{20,}|GOCSPX-[A-Za-z0-9_\-]{20,})",
        always,
    ),
    ("azure-client-secret", AZURE_SECRET, always),
    ("stripe-key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}", always),
    ("api-key", r"\bsk-[A-Za-z0-9_\-]{20,}", is_mixed),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{30,}", always),
    ("pypi-token", r"\bpypi-[A-Za-z0-9_\-]{50,}", always),
    ("docker-token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_\-]{16,}", always),
    ("vault-token", r"\bhv[sbr]\.[A-Za-z0-9_\-]{20,}", always),
    ("grafana-token", r"\bgl(?:sa|c)_[A-Za-z0-9_=+/\-]{20,}", always),
    (
        "cloud-token",
        r"\b(?:do[opr]_v1_[a-f0-9]{40,}|dapi[a-f0-9]{32}|hf_[A-Za-z0-9]{30,})",
        always,
    ),
    (
        "sendgrid-key",
        r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",
        always,
    ),
    (
        "token",
        r"(?i)\bbearer[ \t]+(?P<secret>[A-Za-z0-9._~+/=\-]{8,})",
        is_bearer,
    ),
    (
        "password",
        r"(?i)\bbasic[ \t]+(?P<secret>[A-Za-z0-9._~+/=\-]{8,})",
        base64::is_user_and_password,
    ),
    ("password", URL_PASSWORD, value::is_filled_in),
];

/// A block that is cut off ends with the text.
const PRIVATE_KEY: &str = r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)";
const PRIVATE_KEY_BEGINS: &str = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY";
/// What is left where the beginning is cut off. What stands before it is for `pem` to find.
const PRIVATE_KEY_ENDS: &str = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----";

const AZURE_SECRET: &str = r"\b[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}";
/// Without the part that may begin with anything, which would make the search slow.
const AZURE_SECRET_CORE: &str = r"Q~[A-Za-z0-9_~.\-]{31}";

/// `scheme://user:password@host`.
const URL_PASSWORD: &str =
    r#"://[^\s\x00-\x1f:/?#@"'<>\\]*:(?P<secret>[^\s\x00-\x1f/?#"'<>\\]+)@[A-Za-z0-9\[_.$\-]"#;

static COMPILED: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let form = |(kind, pattern, verify): &Known| {
        // Letters of other alphabets next to a token are not part of it.
        let regex = Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).ok()?;
        Some(Form {
            marker: marker(kind),
            regex,
            verify: *verify,
        })
    };
    FORMS.iter().filter_map(form).collect()
});

/// All forms at once, in a string or in its JSON text.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let loose = |(_, pattern, _): &Known| match *pattern {
        PRIVATE_KEY => PRIVATE_KEY_BEGINS.to_owned(),
        AZURE_SECRET => AZURE_SECRET_CORE.to_owned(),
        other => format!(
            "(?:{})",
            other
                .replace(r"\b", "")
                .replace("?P<secret>", "?:")
                // JSON within JSON has more than one backslash before the letter.
                .replace(r"[ \t]+", r"(?:[ \t]|\\+t)+")
        ),
    };
    Regex::new(&FORMS.iter().map(loose).collect::<Vec<_>>().join("|")).ok()
});

/// Whether there may be a secret of a known form in a string, or in JSON text.
pub(super) fn any(text: &str) -> bool {
    ANY.as_ref().is_none_or(|regex| regex.is_match(text))
}

pub(super) fn redact(text: &str) -> Option<String> {
    if !any(text) {
        return None;
    }
    let mut current: Option<String> = None;
    for form in COMPILED.iter() {
        let secret = |found: &Captures<'_>| {
            let part = found.name("secret").or_else(|| found.get(0))?;
            (form.verify)(part.as_str()).then(|| part.range())
        };
        if let Some(next) = replace(
            current.as_deref().unwrap_or(text),
            &form.regex,
            &form.marker,
            secret,
        ) {
            current = Some(next);
        }
    }
    current
}

fn always(_: &str) -> bool {
    true
}

fn has_digit_or_upper(text: &str) -> bool {
    let tail = text.get(5..).unwrap_or_default();
    tail.bytes()
        .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Names of objects are of lower-case words; keys have everything.
fn is_mixed(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// "bearer authentication" is not a token.
fn is_bearer(text: &str) -> bool {
    let word = text
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'.');
    !word || text.len() >= 40
}

#[cfg(test)]
pub(super) fn all_compile() -> bool {
    COMPILED.len() == FORMS.len() && ANY.is_some()
}
