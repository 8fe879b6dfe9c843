//! An `Approval` object: what the agent asks, and what people have decided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the agent asks, as it stands in the object. Nobody can change it, the agent neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // made by whoever asks
pub struct ApprovalSpec {
    /// Digest of everything that the approval would be good for, 64 hexadecimal digits.
    pub digest: String,
    /// The action in a few words.
    pub title: String,
    /// What is done: `patch`, `create`, `delete`, `evict`.
    pub verb: String,
    /// To what.
    pub target: Target,
    /// The cluster, by the uid of its namespace `kube-system`.
    pub cluster: String,
    /// What would change, one field a line.
    pub diff: Vec<String>,
    /// Why it is proposed.
    pub reason: String,
    /// What will be so afterwards.
    pub expected: String,
    /// What speaks against it.
    pub warnings: Vec<String>,
    /// The rules that ask for an approval.
    pub rules: Vec<String>,
    /// How far it reaches, one axis a line.
    pub reach: Vec<String>,
    /// The pull request that is merged, where one is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pull_request: Option<NamedPullRequest>,
    /// How many people have to say yes.
    pub needed: u8,
    /// Who may decide, and from when on.
    pub asked: Vec<AskedGroup>,
    /// When it was asked.
    pub created: jiff::Timestamp,
    /// When it is over.
    pub expires: jiff::Timestamp,
}

/// The object that an action is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // made by whoever asks
pub struct Target {
    /// Its kind.
    pub kind: String,
    /// Its namespace, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A pull request at one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // made by whoever asks
pub struct NamedPullRequest {
    /// Owner and name.
    pub repository: String,
    /// Its number.
    pub number: u64,
    /// The commit at its head.
    pub head: String,
}

/// A group that may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs)] // made by whoever asks
pub struct AskedGroup {
    /// Its name.
    pub group: String,
    /// From when on.
    pub from: jiff::Timestamp,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)] // who does not say yes says no
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What a person has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// By which name the API server knows them.
    pub by: String,
    /// Yes or no.
    pub verdict: Verdict,
    /// What they looked at.
    pub digest: String,
}

/// An object is not the one that was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Approval {name} {what}; make the request anew")]
pub struct Distrust {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub what: &'static str,
}

/// One decision as it stands in the object, under the name of who has made it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    verdict: Verdict,
    digest: String,
    #[serde(default)]
    #[allow(dead_code)] // for people
    comment: Option<String>,
}

/// The decisions in `object`, which has to be the one with this uid and spec.
///
/// That each stands under the name of who has made it is the work of the [`Wall`](super::Wall): this alone proves nothing.
///
/// # Errors
/// When it is another object, asks for something else, or holds what the kind does not allow.
pub fn decisions(
    object: &Value,
    name: &str,
    uid: &str,
    spec: &ApprovalSpec,
) -> Result<Vec<Decision>, Distrust> {
    let distrust = |what| Distrust {
        name: name.to_owned(),
        what,
    };
    let text = |place: &str| object.pointer(place).and_then(Value::as_str);
    if text("/metadata/uid") != Some(uid) || text("/metadata/name") != Some(name) {
        return Err(distrust("was deleted and made anew"));
    }
    let stands = object.get("spec").map(ApprovalSpec::deserialize);
    if !stands.is_some_and(|stands| stands.is_ok_and(|stands| stands == *spec)) {
        return Err(distrust("asks for something else than what was asked"));
    }
    let Some(written) = object.get("decisions") else {
        return Ok(Vec::new());
    };
    let written = written.as_object();
    let written = written.ok_or_else(|| distrust("holds decisions that are none"))?;
    let mut all = Vec::new();
    for (by, decision) in written {
        let decision = Written::deserialize(decision);
        let decision = decision.map_err(|_| distrust("holds decisions that are none"))?;
        all.push(Decision {
            by: by.clone(),
            verdict: decision.verdict,
            digest: decision.digest,
        });
    }
    // Whatever order the map keeps.
    all.sort_by(|a, b| a.by.cmp(&b.by));
    Ok(all)
}
