//! What was asked of the API server, by its audit log.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{Part, Testbed, wait_until};
use crate::error::Error;
use crate::machine;

/// The log is written in batches.
const WRITTEN: Duration = Duration::from_secs(20);

/// One request, answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// Its name, which the answer carried in the header `Audit-Id`.
    pub id: String,
    /// The verb of the API: `get`, `list`, `watch`, `create`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// What it was about, with group and subresource as in roles: `pods`, `pods/log`, `deployments.apps`. Empty for paths that
    /// are no objects.
    pub resource: String,
    /// The status of the answer.
    pub code: u16,
}

impl AuditEvent {
    /// A parameter of its query, as it was sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.uri.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .next()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    id: String,
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    resource: String,
    api_group: String,
    subresource: String,
}

impl Object {
    fn name(self) -> String {
        let mut name = self.resource;
        for (separator, part) in [('/', self.subresource), ('.', self.api_group)] {
            if !part.is_empty() {
                name.push(separator);
                name.push_str(&part);
            }
        }
        name
    }
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Everything that `user` has asked so far, oldest first. `None` where the API server's audit log is absent, with a line that
/// names `test`.
///
/// # Errors
/// When the log cannot be read, or is not written up to now in time.
pub async fn audit_events_of(
    testbed: &Testbed,
    user: &str,
    test: &str,
) -> Result<Option<Vec<AuditEvent>>, Error> {
    let Some(log) = testbed.need(Part::AuditLog, test) else {
        return Ok(None);
    };
    // What is logged is in order: once this is there, all that came before is.
    let mark = format!("/version?mark={}", machine::secret(8)?);
    testbed.api().status(&mark).await?;
    let all = wait_until(WRITTEN, "the audit log", async || {
        let lines = read(Path::new(log))?;
        let marked = lines.iter().any(|line| line.uri == mark);
        Ok(if marked {
            Ok(lines)
        } else {
            Err(format!("{} events", lines.len()))
        })
    })
    .await?;
    let complete = |line: &Line| line.stage == "ResponseComplete" && line.user.username == user;
    Ok(Some(
        all.into_iter()
            .filter(complete)
            .map(|line| AuditEvent {
                id: line.id,
                verb: line.verb,
                uri: line.uri,
                resource: line.object_ref.name(),
                code: line.response_status.code,
            })
            .collect(),
    ))
}

fn read(log: &Path) -> Result<Vec<Line>, Error> {
    let text = std::fs::read_to_string(log).map_err(Error::io("read", log))?;
    // The last line may be under way.
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_their_whole_name() {
        let event = AuditEvent {
            id: "a".to_owned(),
            verb: "list".to_owned(),
            uri: "/api/v1/pods?labelSelector=limit%3D1&limit=500".to_owned(),
            resource: "pods".to_owned(),
            code: 200,
        };
        assert_eq!(event.parameter("limit"), Some("500"));
        assert_eq!(event.parameter("continue"), None);
    }
}
