//! Settings are honoured or refused, and show no secret.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::outside::{Settings, SettingsError};

fn all() -> Value {
    json!({
        "channels": {
            "incidents": {"slack": {"channel": "C042", "token_file": "slack"}},
            "chat": {"slack_webhook": {"url_file": "url"}},
            "tickets": {"webhook": {"url_file": "url", "secret_file": "key"}},
        },
        "pipelines": {
            "deploy-cart": {
                "via": {"github_actions": {"owner": "acme", "repository": "shop", "workflow": "deploy.yml",
                    "ref": "main", "action_input": "claw_action", "token_file": "github"}},
                "inputs": {"version": {"required": true}},
            },
            "rollback": {"via": {"gitlab": {"project": "acme/shop", "ref": "main", "token_file": "gitlab"}}},
            "build": {"via": {"webhook": {"url_file": "url", "secret_file": "key"}}},
        },
    })
}

fn secret(path: &Path) -> Result<SecretString, std::io::Error> {
    match path.to_str() {
        Some("absent") => Err(std::io::ErrorKind::NotFound.into()),
        Some("url") => Ok(SecretString::from("https://hooks.example/s3cret")),
        _ => Ok(SecretString::from("s3cret-s3cret-s3cret-s3cret")),
    }
}

fn executors(value: Value) -> Result<String, String> {
    let settings: Settings = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let (notifier, trigger) = settings
        .executors(secret)
        .map_err(|error: SettingsError| error.to_string())?;
    let names: Vec<&str> = notifier.names().chain(trigger.names()).collect();
    assert!(!format!("{notifier:?} {trigger:?}").contains("s3cret"));
    Ok(names.join(" "))
}

#[test]
fn every_provider_can_be_configured() {
    assert_eq!(
        executors(all()).as_deref(),
        Ok("chat incidents tickets build deploy-cart rollback")
    );
    assert_eq!(executors(json!({})).as_deref(), Ok(""));
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (pointer, value, reason) in [
        (
            "/channels/incidents/slack/token",
            json!("xoxb"),
            "unknown field `token`",
        ),
        (
            "/channels/incidents/slack/token_file",
            json!("absent"),
            "channels.incidents: the secret cannot be read",
        ),
        (
            "/channels/incidents/slack/base_url",
            json!("nowhere"),
            "channels.incidents cannot be used",
        ),
        (
            "/channels/In cidents",
            json!({"slack_webhook": {"url_file": "url"}}),
            "channels has a name",
        ),
        ("/channels/x", json!({"teams": {}}), "unknown variant `teams`"),
        (
            "/pipelines/deploy-cart/inputs/a b",
            json!({}),
            "pipelines.deploy-cart.inputs: at most",
        ),
        (
            "/pipelines/deploy-cart/inputs/claw_action",
            json!({}),
            "is set aside for the action's id",
        ),
        (
            "/pipelines/deploy-cart/inputs/version/requird",
            json!(true),
            "unknown field `requird`",
        ),
        (
            "/pipelines/deploy-cart/via/github_actions/owner",
            json!("a/b"),
            "pipelines.deploy-cart cannot be used",
        ),
        (
            "/pipelines/rollback/via/gitlab/project",
            json!("../x"),
            "pipelines.rollback cannot be used",
        ),
    ] {
        let mut settings = all();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        settings.pointer_mut(parent).unwrap()[key] = value;
        let error = executors(settings).unwrap_err();
        assert!(error.contains(reason), "{pointer}: {error}");
    }
}
