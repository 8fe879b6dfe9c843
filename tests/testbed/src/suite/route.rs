//! Where the testbed's Alertmanager sends alerts.

use std::path::Path;

use serde_json::Value;

use super::{Part, Service, Testbed};
use crate::config;
use crate::error::Error;
use crate::run::RunFolder;

/// A webhook that gets every alert until [`AlertRoute::end`] is called.
#[derive(Debug)]
#[must_use = "alerts go there until the route is ended"]
pub struct AlertRoute {
    testbed: Testbed,
    url: String,
}

impl AlertRoute {
    /// Sends every alert to `url` too.
    ///
    /// # Errors
    /// When there is no Alertmanager of the testbed's own, or it does not take the change.
    pub async fn to(testbed: &Testbed, url: &str) -> Result<Self, Error> {
        let added = url.to_owned();
        if !change(testbed, "alerts by webhook", |webhooks| webhooks.push(added)).await? {
            return Err(Error::Unset {
                name: Part::Alertmanager.variable(),
            });
        }
        Ok(Self {
            testbed: testbed.clone(),
            url: url.to_owned(),
        })
    }

    /// Sends no more alerts there, so that Alertmanager does not go on trying.
    pub async fn end(self) -> Result<(), Error> {
        let Self { testbed, url } = self;
        change(&testbed, "the end of a route", |webhooks| {
            webhooks.retain(|known| *known != url);
        })
        .await
        .map(|_| ())
    }
}

/// Changes the list of webhooks, and has Alertmanager read it. Answers `false`, with a line that names `test`, where there
/// is no Alertmanager of the testbed's own.
pub(super) async fn change(
    testbed: &Testbed,
    test: &str,
    edit: impl FnOnce(&mut Vec<String>),
) -> Result<bool, Error> {
    let (Some(run), Some(url)) = (
        testbed.need(Part::Run, test),
        testbed.need(Part::Alertmanager, test),
    ) else {
        return Ok(false);
    };
    config::change_webhooks(&RunFolder::look(Path::new(run))?, edit)?;
    Service::at(url)?.post("/-/reload", &Value::Null).await?;
    Ok(true)
}
