//! What was seen, and what is concluded from it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::{hex, sha256};
use crate::entity::EntityRef;

/// Identifies one piece of evidence: `E-` and twelve hexadecimal digits derived from its content, so that the same
/// observation has the same id in every run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EvidenceId(String);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of place that a piece of evidence was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SourceKind {
    /// A Kubernetes object; locator `Kind/namespace/name` (`Kind//name` when cluster-scoped).
    Object,
    /// A Kubernetes event; locator `namespace/event-name`.
    Event,
    /// Log lines; locator `namespace/pod/container` (with `.previous` for the terminated container).
    Log,
    /// A time series; locator `name{label="value",…}`.
    Metric,
    /// A change (rollout, config edit, commit); locator is the change's reference.
    Change,
    /// A call edge; locator `from->to`.
    Topology,
    /// The alert itself; locator is its fingerprint or name.
    Alert,
}

/// Where a piece of evidence can be read again. Written as `kind:locator`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// What kind of place it is.
    pub kind: SourceKind,
    /// The place; see [`SourceKind`] for the form.
    pub locator: String,
}

impl Source {
    /// A source of any kind.
    pub fn new(kind: SourceKind, locator: impl Into<String>) -> Self {
        Self {
            kind,
            locator: locator.into(),
        }
    }

    /// The object `entity`.
    pub fn object(entity: &EntityRef) -> Self {
        let ns = entity.namespace.as_deref().unwrap_or("");
        Self::new(
            SourceKind::Object,
            format!("{}/{ns}/{}", entity.kind, entity.name),
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SourceKind::Object => "object",
            SourceKind::Event => "event",
            SourceKind::Log => "log",
            SourceKind::Metric => "metric",
            SourceKind::Change => "change",
            SourceKind::Topology => "topology",
            SourceKind::Alert => "alert",
        };
        write!(f, "{kind}:{}", self.locator)
    }
}

/// A source was not written as `kind:locator`.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an evidence source; write kind:locator, for example object:Pod/shop/cart-1")]
pub struct ParseSourceError {
    text: String,
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSourceError {
            text: text.to_owned(),
        };
        let (kind, locator) = text.split_once(':').ok_or_else(error)?;
        let kind = match kind {
            "object" => SourceKind::Object,
            "event" => SourceKind::Event,
            "log" => SourceKind::Log,
            "metric" => SourceKind::Metric,
            "change" => SourceKind::Change,
            "topology" => SourceKind::Topology,
            "alert" => SourceKind::Alert,
            _ => return Err(error()),
        };
        Ok(Self::new(kind, locator))
    }
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// One observed fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Stable id, derived from entity, time, source and statement: the same fact has the same id, whichever tool saw it.
    pub id: EvidenceId,
    /// What the fact is about.
    pub entity: EntityRef,
    /// When it was so; `None` where the source has no time.
    pub time: Option<Timestamp>,
    /// The fact in one sentence.
    pub statement: String,
    /// Where it can be read again.
    pub source: Source,
    /// The tool call that saw it.
    pub tool: String,
    /// SHA-256 of the raw observation, hexadecimal.
    pub digest: String,
}

impl Evidence {
    /// Evidence with its id and digest derived from the content. `raw` is the observation as the source gave it.
    pub fn new(
        entity: EntityRef,
        time: Option<Timestamp>,
        statement: impl Into<String>,
        source: Source,
        tool: impl Into<String>,
        raw: &[u8],
    ) -> Self {
        let statement = statement.into();
        let digest = sha256(raw);
        let mut hash = Sha256::new();
        for part in [
            entity.to_string(),
            time.map_or_else(String::new, |t| t.to_string()),
            source.to_string(),
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(statement.as_bytes());
        let id = EvidenceId(format!(
            "E-{}",
            hex(&hash.finalize()).get(..12).unwrap_or_default()
        ));
        Self {
            id,
            entity,
            time,
            statement,
            source,
            tool: tool.into(),
            digest,
        }
    }
}

/// How bad a finding is for the users of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing, no effect on users.
    Info,
    /// Degraded or at risk.
    Warning,
    /// Users are affected.
    Critical,
}

/// Something that is not as it should be: a symptom of an incident, an over-sized request, a violated check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What kind of finding, stable and machine-readable: `pod.oom_killed`.
    pub id: String,
    /// What it is about.
    pub entity: EntityRef,
    /// How bad it is.
    pub severity: Severity,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// The finding in one sentence.
    pub statement: String,
    /// What shows it.
    pub evidence: Vec<EvidenceId>,
}

/// One named weight in a hypothesis' score. The sum of all terms is the score in log-odds (natural logarithm).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Term {
    /// Name of the weight.
    pub name: String,
    /// Contribution in log-odds; negative speaks against.
    pub log_odds: f64,
    /// The evidence that the term rests on.
    pub evidence: Vec<EvidenceId>,
}

/// A possible root cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hypothesis {
    /// 1 is the most probable.
    pub rank: u32,
    /// What is at fault.
    pub entity: EntityRef,
    /// The cause in one sentence.
    pub cause: String,
    /// Id in the mechanism catalogue.
    pub mechanism: String,
    /// Calibrated probability, 0 to 1.
    pub confidence: f64,
    /// How the score came about, term by term.
    pub terms: Vec<Term>,
    /// What speaks for it.
    pub evidence: Vec<EvidenceId>,
    /// What speaks against it.
    pub against: Vec<EvidenceId>,
    /// What would have helped to judge it but could not be seen.
    pub unseen: Vec<String>,
    /// Entities whose trouble this cause explains.
    pub explains: Vec<EntityRef>,
}

#[cfg(test)]
mod tests;
