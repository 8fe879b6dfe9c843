//! What people are shown of a request.

use claw_core::action::{Action, Verb};
use claw_core::canonical::for_digest;
use claw_core::digest::sha256;
use claw_core::entity::EntityRef;
use claw_core::execute::Rehearsal;
use claw_core::radius::BlastRadius;
use claw_core::redact::Redactor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::pull_request::PullRequest;
use super::request::Request;

/// Most lines of a list that are shown.
const MOST_LINES: usize = 200;
/// Longest line, in characters.
const LONGEST_LINE: usize = 1000;
/// Longest id: carriers make names of it.
const LONGEST_ID: usize = 63;

/// What people are shown of a request. It is made once, and every carrier shows the same.
///
/// Its texts are on one line each, without control characters, and cut to a bounded length; what was left out is said.
/// Some of them come from the cluster: each carrier escapes them for the place that it shows them in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Shown {
    /// The request, by its name: letters, digits and hyphens.
    pub id: String,
    /// Digest of everything that the approval would be good for; each vote names it.
    pub digest: String,
    /// The action in a few words: `patch Deployment shop/cart`.
    pub title: String,
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub target: EntityRef,
    /// The cluster, by the uid of its namespace `kube-system`.
    pub cluster: String,
    /// What would change, one field a line, without secrets.
    pub diff: Vec<String>,
    /// Why it is proposed.
    pub reason: String,
    /// What will be so afterwards.
    pub expected: String,
    /// What speaks against it.
    pub warnings: Vec<String>,
    /// The rules that ask for an approval, one a line.
    pub rules: Vec<String>,
    /// How far it reaches, one axis a line.
    pub reach: Vec<String>,
    /// The pull request that the action merges, where it does.
    pub pull_request: Option<PullRequest>,
    /// How many people have to say yes.
    pub needed: u8,
    /// Who may decide, and from when on.
    pub asked: Vec<Asked>,
    /// When the request was made.
    pub created: Timestamp,
    /// When it is over; what is not decided by then is denied.
    pub expires: Timestamp,
}

/// A group that may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Asked {
    /// Its name.
    pub group: String,
    /// From when on.
    pub from: Timestamp,
}

/// People would be shown something else than what the approval is good for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShownError {
    /// The request is for something else.
    #[error(
        "the request {id} is not for what would be shown: {what} is another one; make the request from the same action and rehearsal"
    )]
    NotBound {
        /// The request.
        id: String,
        /// What differs.
        what: &'static str,
    },
    /// The id is none that carriers can make a name of.
    #[error(
        "{id:?} cannot be the id of a request; use at most {LONGEST_ID} lower-case letters, digits and hyphens, with no hyphen at either end"
    )]
    Id {
        /// The id, cut.
        id: String,
    },
}

impl Shown {
    /// The same without what `redactor` takes for secrets.
    #[must_use]
    pub fn redacted(mut self, redactor: &Redactor) -> Self {
        let lists = [
            &mut self.diff,
            &mut self.warnings,
            &mut self.rules,
            &mut self.reach,
        ];
        let lines = lists.into_iter().flatten();
        for text in lines.chain([&mut self.title, &mut self.reason, &mut self.expected]) {
            *text = redactor.redact(text).into_owned();
        }
        self
    }

    /// What people are shown of `request`, which has to be for exactly this action with this outcome.
    ///
    /// # Errors
    /// When it is for something else, or its id is no name.
    pub fn of(
        request: &Request,
        action: &Action,
        rehearsal: &Rehearsal,
        radius: &BlastRadius,
        rules: impl IntoIterator<Item = String>,
    ) -> Result<Self, ShownError> {
        let binding = &request.binding;
        if !is_name(&request.id) {
            return Err(ShownError::Id {
                id: line(&request.id.chars().take(LONGEST_ID).collect::<String>()),
            });
        }
        let same = [
            (binding.verb == action.verb, "the verb"),
            (binding.target == action.target, "the target"),
            (binding.api_version == action.api_version, "the API version"),
            (binding.uid == action.uid, "the object"),
            (binding.patch == sha256(for_digest(&action.patch)), "the patch"),
            (binding.outcome == rehearsal.outcome, "the outcome"),
        ];
        if let Some((_, what)) = same.into_iter().find(|(same, _)| !same) {
            let id = request.id.clone();
            return Err(ShownError::NotBound { id, what });
        }
        let mut warnings = rehearsal.warnings.clone();
        let unplanned = rehearsal.unplanned.iter();
        warnings
            .extend(unplanned.map(|field| format!("{field} would change, which the action does not name")));
        for (owner, fields) in &rehearsal.taken_over {
            warnings.push(format!("{owner} has set {}", fields.join(", ")));
        }
        Ok(Self {
            id: request.id.clone(),
            digest: binding.digest(),
            title: line(&format!("{} {}", word(action.verb), action.target)),
            verb: action.verb,
            target: action.target.clone(),
            cluster: binding.cluster.clone(),
            diff: lines(rehearsal.diff.clone()),
            reason: line(&action.reason),
            expected: line(&action.expected),
            warnings: lines(warnings),
            rules: lines(rules),
            reach: lines(reach(radius)),
            pull_request: PullRequest::of(action),
            needed: request.terms.needed.max(binding.approvers).max(1),
            asked: asked(request),
            created: request.created,
            expires: binding.expires,
        })
    }
}

/// The verb as people say it.
fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Patch => "patch",
        Verb::Create => "create",
        Verb::Delete => "delete",
        Verb::Evict => "evict",
        _ => "write to",
    }
}

/// What is a DNS label is a name everywhere that a carrier needs one.
pub(super) fn is_name(id: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty()
        && id.len() <= LONGEST_ID
        && id.chars().all(good)
        && !id.starts_with('-')
        && !id.ends_with('-')
}

fn asked(request: &Request) -> Vec<Asked> {
    let terms = &request.terms;
    let mut from = request.created;
    let mut all = Vec::new();
    for group in &terms.groups {
        all.push(Asked {
            group: line(&group.name),
            from,
        });
        from = from.checked_add(terms.turn()).unwrap_or(Timestamp::MAX);
    }
    all
}

/// How far an action reaches, in words.
fn reach(radius: &BlastRadius) -> Vec<String> {
    fn counted(count: Option<u32>, what: &str) -> String {
        match count {
            Some(count) => format!("{count} {what}"),
            None => format!("not known: {what}"),
        }
    }
    let namespaces: Vec<&str> = radius.namespaces().into_iter().collect();
    let place = match namespaces.is_empty() {
        true => "in no namespace".to_owned(),
        false => format!("in {}", namespaces.join(", ")),
    };
    let mut all = vec![
        format!("{} objects change or end, {place}", radius.objects.len()),
        counted(radius.pods, "pods end or are made anew"),
    ];
    for (service, endpoints) in &radius.services {
        all.push(match endpoints {
            Some(count) => format!(
                "{service}: {} of {} ready endpoints may go",
                count.affected, count.ready
            ),
            None => format!("{service}: not known: how many ready endpoints may go"),
        });
    }
    for (budget, left) in &radius.disruptions {
        all.push(format!(
            "{budget}: {}",
            counted(*left, "more pods may be missing")
        ));
    }
    if radius.nodes != Some(0) {
        all.push(counted(radius.nodes, "nodes lose pods or take no more"));
        all.push(counted(radius.zones, "zones that those lie in"));
    }
    match radius.persistent_data {
        Some(false) => {}
        Some(true) => all.push("something is lost that cannot be had again".to_owned()),
        None => all.push("not known: whether something is lost that cannot be had again".to_owned()),
    }
    all.extend(radius.unseen.iter().map(|what| format!("not seen: {what}")));
    all
}

/// As many lines as are shown, and how many are left out.
fn lines(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.into_iter().map(|text| line(&text)).collect();
    let more = all.len().saturating_sub(MOST_LINES);
    if more > 0 {
        // The last place is for the count.
        all.truncate(MOST_LINES.saturating_sub(1));
        all.push(format!("(and {} lines more)", more.saturating_add(1)));
    }
    all
}

/// Text on one line, without what a reader cannot see.
fn line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = visible.take(LONGEST_LINE).collect();
    if text.chars().nth(LONGEST_LINE).is_some() {
        cut.push('…');
    }
    cut
}
