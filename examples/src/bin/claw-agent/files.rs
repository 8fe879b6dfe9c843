//! Small files that people hand in: alerts, tokens, addresses that are secrets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use claw_workflows::writing::settings::Secret;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::connect;
use crate::failure::Failure;

/// Largest alert, in bytes. A thousand alerts take about two million.
const MAX_ALERT: u64 = 32 << 20;
/// Largest secret, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// The body of a webhook from a file, or from standard input where the path is `-`.
pub(crate) fn alert(path: &Path) -> Result<(Vec<u8>, Value), Failure> {
    let bytes = if path == Path::new("-") {
        limited(io::stdin().lock(), MAX_ALERT)
    } else {
        File::open(path).and_then(|file| limited(file, MAX_ALERT))
    };
    let bytes = bytes.map_err(|error| {
        Failure::new(
            format!("the alert {} cannot be read", path.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            format!(
                "{}:{}:{}: the alert is not JSON",
                path.display(),
                error.line(),
                error.column()
            ),
            "give the body that Alertmanager's webhook_config sends",
        )
    })?;
    Ok((bytes, value))
}

/// A list of alerts from a file, or from standard input where the path is `-`.
pub(crate) fn alerts(path: &Path) -> Result<String, Failure> {
    let bytes = if path == Path::new("-") {
        limited(io::stdin().lock(), MAX_ALERT)
    } else {
        File::open(path).and_then(|file| limited(file, MAX_ALERT))
    };
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    text.map_err(|error| {
        Failure::new(
            format!("the alerts {} cannot be read", path.display()),
            "check its name and its permissions",
        )
        .because(error)
    })
}

/// A secret from a file: one line, without the line's end. `what` says what it is: `token`, `Slack URL`.
pub(crate) fn secret(path: &Path, what: &str) -> Result<SecretString, Failure> {
    let wrong = |reason: &str, remedy: &str| {
        Failure::new(
            format!("the file {} holds no {what}: {reason}", path.display()),
            remedy,
        )
    };
    let bytes = File::open(path)
        .and_then(|file| limited(file, MAX_SECRET))
        .map_err(|error| {
            Failure::new(
                format!("the file {} with the {what} cannot be read", path.display()),
                "check its name and its permissions",
            )
            .because(error)
        })?;
    let text =
        String::from_utf8(bytes).map_err(|_| wrong("it is no text", "write the bare value into it"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong("it is empty", "write the value into it"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(
            "it has spaces, several lines or characters that are not ASCII",
            "write the bare value into it, and nothing else",
        ));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Text of several lines that is secret.
pub(crate) fn secret_lines(path: &Path, what: &str) -> Result<SecretString, Failure> {
    let bytes = File::open(path).and_then(|file| limited(file, MAX_SECRET));
    let bytes = bytes.map_err(|error| {
        Failure::new(
            format!("the file {} with the {what} cannot be read", path.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(
            format!("the file {} holds no {what}: it is no text", path.display()),
            "write one line for each person: a name, a space, a token",
        )
    })?;
    Ok(SecretString::from(text))
}

/// A secret that settings name.
pub(crate) fn named(place: &Secret, what: &str) -> Result<SecretString, Failure> {
    match place {
        Secret::File(path) => secret(path, what),
        _ => Ok(SecretString::from(
            of_environment(place, what)?.expose_secret().trim().to_owned(),
        )),
    }
}

/// Text of several lines that settings name.
pub(crate) fn named_lines(place: &Secret, what: &str) -> Result<SecretString, Failure> {
    match place {
        Secret::File(path) => secret_lines(path, what),
        _ => of_environment(place, what),
    }
}

fn of_environment(place: &Secret, what: &str) -> Result<SecretString, Failure> {
    let found = match place {
        Secret::Environment(name) => connect::variable(name),
        _ => None,
    };
    let text = found.and_then(|value| value.into_string().ok());
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => Ok(SecretString::from(text)),
        None => Err(Failure::new(
            format!("{place} holds no {what}"),
            "set it where the agent is started, or name a file in the settings",
        )),
    }
}

/// Makes the folder that `file` lies in.
pub(crate) fn make_folder_of(file: &Path) -> Result<(), Failure> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => make_folder(folder),
        _ => Ok(()),
    }
}

/// Makes a folder, unless it is there.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(
            format!("the folder {} cannot be made", folder.display()),
            "choose another place, or let the agent write there",
        )
        .because(error)
    })
}

fn limited(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        let reason = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}
