//! Takes what looks like a secret out of pod specs before they leave a tool.
//!
//! Environment variables are lists of `name` and `value`, so a redactor that looks at keys would miss them.

use std::borrow::Cow;

use crate::model::{Pod, PodSpec, Workload};

/// Stands for a value that is not shown.
pub(crate) const REDACTED: &str = "[redacted:env]";

/// Stands for the credentials of a URL.
const REDACTED_CREDENTIALS: &str = "[redacted]";

/// Removes secrets from a pod.
pub(super) fn pod(pod: &mut Pod) {
    spec(&mut pod.spec);
}

/// Removes secrets from a workload's template.
pub(super) fn workload(workload: &mut Workload) {
    spec(&mut workload.spec.template.spec);
    if let Some(job) = &mut workload.spec.job_template {
        spec(&mut job.spec.template.spec);
    }
}

fn spec(spec: &mut PodSpec) {
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        for variable in &mut container.env {
            if let Some(value) = &mut variable.value {
                let shown = shown_value(&variable.name, value).into_owned();
                *value = shown;
            }
        }
        arguments(&mut container.command);
        arguments(&mut container.args);
    }
}

/// `--password=x`, and `--password x` over two arguments.
fn arguments(arguments: &mut [String]) {
    let mut hide_next = false;
    for argument in arguments {
        let is_flag = argument.starts_with('-');
        if hide_next && !is_flag {
            REDACTED.clone_into(argument);
        } else if let Some((flag, value)) = argument.split_once('=') {
            *argument = format!("{flag}={}", shown_value(flag, value));
        } else {
            *argument = without_credentials(argument).into_owned();
        }
        hide_next = is_flag && !argument.contains('=') && names_secret(argument);
    }
}

/// The value of a variable as it may be shown.
pub(crate) fn shown_value<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if names_secret(name) && !value.is_empty() {
        Cow::Borrowed(REDACTED)
    } else {
        without_credentials(value)
    }
}

/// Whether a name says that its value is secret, and not where to find it.
pub(crate) fn names_secret(name: &str) -> bool {
    let words: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let secret = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "credential",
        "signingkey",
        "encryptionkey",
    ]
    .iter()
    .any(|word| words.contains(word))
        || words.ends_with("pwd")
        || words.ends_with("pass");
    let place = [
        "file",
        "path",
        "dir",
        "name",
        "url",
        "uri",
        "host",
        "endpoint",
        "ttl",
        "expiry",
        "expiration",
        "issuer",
        "audience",
        "enabled",
        "timeout",
        "seconds",
    ]
    .iter()
    .any(|word| words.ends_with(word));
    secret && !place
}

/// Text in which no URL has a user name or password.
pub(crate) fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | ','))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        out.push_str(before);
        out.push_str("://");
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(REDACTED_CREDENTIALS);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hides_values_whose_names_say_so() {
        let mut pod: Pod = serde_json::from_value(json!({"spec": {"containers": [{
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB_URL", "value": "postgres://app:hunter2@db:5432/x"},
                    {"name": "TOKEN_FILE", "value": "/run/token"}, {"name": "MODE", "value": "fast"}, {"name": "API_TOKEN", "value": ""}],
            "command": ["run", "--api-key", "hunter2", "--verbose"],
            "args": ["--secret=hunter2", "--to=http://u:hunter2@host", "-p", "80"]}]}}))
        .unwrap();
        super::pod(&mut pod);
        let text = serde_json::to_string(&pod).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let app = &pod.spec.containers[0];
        let value = |index: usize| app.env[index].value.clone().unwrap_or_default();
        assert_eq!(value(1), "postgres://[redacted]@db:5432/x");
        assert_eq!(
            (value(2).as_str(), value(3).as_str(), value(4).as_str()),
            ("/run/token", "fast", "")
        );
        assert_eq!(app.command[3], "--verbose");
        assert_eq!(app.args[2..], ["-p", "80"]);
    }

    proptest::proptest! {
        #[test]
        fn urls_keep_everything_but_credentials(host in "[a-z]{1,9}", user in "[a-z]{1,9}", secret in "[A-Z]{4,9}") {
            let text = format!("x={user} y=s://{user}:{secret}@{host}:80/p?q=1 z=t://{host}");
            let shown = without_credentials(&text).into_owned();
            proptest::prop_assert!(!shown.contains(&secret));
            let expected = format!("x={user} y=s://[redacted]@{host}:80/p?q=1 z=t://{host}");
            proptest::prop_assert_eq!(shown, expected);
        }
    }
}
