//! Where alerts go.

use serde_json::{Value, json};

use super::write_yaml;
use crate::error::Error;
use crate::run::RunFolder;

/// Writes Alertmanager's configuration: every alert goes to every one of `webhooks`, soon.
pub(crate) fn write(run: &RunFolder, webhooks: &[String]) -> Result<(), Error> {
    write_yaml(run, "config/alertmanager.yaml", &alertmanager(webhooks))
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
}
