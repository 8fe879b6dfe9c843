//! Where alerts go.

use std::fs::{self, File};

use serde_json::{Value, json};

use super::write_yaml;
use crate::error::Error;
use crate::run::RunFolder;

/// The list of webhooks, from which the configuration is written.
const WEBHOOKS: &str = "config/webhooks.json";

/// Writes Alertmanager's configuration: every alert goes to every one of `webhooks`, soon.
pub(crate) fn write(run: &RunFolder, webhooks: &[String]) -> Result<(), Error> {
    run.write(WEBHOOKS, json!(webhooks).to_string().as_bytes())?;
    write_yaml(run, "config/alertmanager.yaml", &alertmanager(webhooks))
}

/// Changes the list of webhooks. Suites that do so at the same time wait for each other.
pub(crate) fn change(run: &RunFolder, change: impl FnOnce(&mut Vec<String>)) -> Result<(), Error> {
    let path = run.path().join("config/webhooks.lock");
    let lock = File::create(&path).map_err(Error::io("write", &path))?;
    lock.lock().map_err(Error::io("lock", &path))?;
    let text = fs::read(run.path().join(WEBHOOKS)).unwrap_or_default();
    let mut webhooks = serde_json::from_slice(&text).unwrap_or_default();
    change(&mut webhooks);
    write(run, &webhooks)
}

fn alertmanager(webhooks: &[String]) -> Value {
    let hooks: Vec<_> = webhooks
        .iter()
        .map(|url| json!({ "url": url, "send_resolved": true }))
        .collect();
    json!({
        "route": {
            "receiver": "webhooks",
            "group_by": ["alertname", "namespace"],
            "group_wait": "1s",
            "group_interval": "5s",
            "repeat_interval": "1h",
        },
        "receivers": [{ "name": "webhooks", "webhook_configs": hooks }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_webhook_gets_every_alert() {
        let config = alertmanager(&["http://a".to_owned(), "http://b".to_owned()]);
        let hooks = config["receivers"][0]["webhook_configs"].as_array().unwrap();
        assert_eq!(hooks.len(), 2);
        assert_eq!(hooks[1]["url"], "http://b");
    }

    #[test]
    fn webhooks_come_and_go_by_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        write(&run, &["http://a".to_owned()]).unwrap();
        change(&run, |webhooks| webhooks.push("http://b".to_owned())).unwrap();
        change(&run, |webhooks| webhooks.retain(|url| url != "http://a")).unwrap();
        let text = fs::read_to_string(run.file("config/alertmanager.yaml")).unwrap();
        assert!(text.contains("http://b") && !text.contains("http://a"), "{text}");
    }
}
