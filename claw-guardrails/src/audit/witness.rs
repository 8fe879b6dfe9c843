//! The audit log of the API server as a witness: what it saw of the agent's account, and what this log says, are the same
//! requests, one to one.

use std::collections::BTreeMap;
use std::fmt;

use claw_core::audit::{AuditKind, AuditReceipt};
use claw_core::execute::ActionId;
use serde::Deserialize;
use serde_json::Value;

use super::entry::{Entry, Record};

/// The stage at which a request is over: of each there is one line with it.
const OVER: &str = "ResponseComplete";

/// What an agent writes of its own, and not by permits: by which it leads, and by which it asks. Requests for them are in its
/// log as those of its other calls.
const OWN: [(&str, &str); 3] = [
    ("coordination.k8s.io", "leases"),
    ("claw.dev", "approvals"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
];

/// One request, as a line of an API server's audit log has it (`audit.k8s.io/v1`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Witnessed {
    /// Its id.
    pub id: String,
    /// On whose behalf.
    pub user: String,
    /// The verb of the API: `get`, `list`, `patch`.
    pub verb: String,
    /// API group; empty for the core group, and for what is about no object.
    pub group: String,
    /// Resource in plural, with the subresource: `pods/eviction`. Empty for what is about no object.
    pub resource: String,
    /// The namespace, where there is one.
    pub namespace: Option<String>,
    /// The name, where the request names one object.
    pub name: Option<String>,
    /// Whether it was one that changes nothing by its form: a dry run.
    pub is_dry_run: bool,
    /// Path and query.
    pub uri: String,
}

impl Witnessed {
    /// Reads a line. `None` for one that is not about the end of a request.
    ///
    /// # Errors
    /// When the line is none of an audit log.
    pub fn parse(line: &str) -> Result<Option<Self>, serde_json::Error> {
        let line: Line = serde_json::from_str(line)?;
        if line.stage != OVER {
            return Ok(None);
        }
        let object = line.object_ref.unwrap_or_default();
        let text = |text: String| (!text.is_empty()).then_some(text);
        let resource = match object.subresource.as_str() {
            "" => object.resource,
            subresource => format!("{}/{subresource}", object.resource),
        };
        // Deletions say so in their body, which is there where the policy has it recorded.
        let in_body = line.request_object.as_ref().and_then(|body| body.get("dryRun"));
        Ok(Some(Self {
            is_dry_run: line.uri.contains("dryRun=All") || in_body.is_some_and(Value::is_array),
            id: line.id,
            user: line.user.username,
            verb: line.verb,
            group: object.api_group,
            resource,
            namespace: text(object.namespace),
            name: text(object.name),
            uri: line.uri,
        }))
    }

    /// Whether only a permit allows it.
    fn is_permitted_only(&self) -> bool {
        let writes = matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        );
        let resource = self.resource.split('/').next().unwrap_or_default();
        writes && !self.is_dry_run && !OWN.contains(&(self.group.as_str(), resource))
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
    #[serde(default)]
    user: User,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default)]
    request_object: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    resource: String,
    api_group: String,
    subresource: String,
    namespace: String,
    name: String,
}

/// A request that is not in both logs, once, as the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The API server had it from the account, and no record here tells of it.
    Unrecorded(Box<Witnessed>),
    /// A record here says that it was answered, and the API server knows nothing of it.
    Unwitnessed {
        /// Its id.
        id: String,
        /// The record.
        sequence: u64,
    },
    /// Several records here, or several lines there, have the same id.
    Twice {
        /// The id.
        id: String,
    },
    /// It changed something, and is no write that was permitted.
    Unpermitted(Box<Witnessed>),
    /// A write is another one than the record that permits it says.
    OtherWrite {
        /// What the record permits.
        permitted: String,
        /// What the API server had.
        witnessed: Box<Witnessed>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrecorded(it) => write!(f, "no record tells of {} {} ({})", it.verb, it.uri, it.id),
            Self::Unwitnessed { id, sequence } => {
                write!(
                    f,
                    "the API server knows nothing of {id}, which record {sequence} says that it answered"
                )
            }
            Self::Twice { id } => write!(f, "{id} is there more than once"),
            Self::Unpermitted(it) => write!(f, "no record permits {} {} ({})", it.verb, it.uri, it.id),
            Self::OtherWrite {
                permitted,
                witnessed: it,
            } => {
                write!(
                    f,
                    "permitted was {permitted}, written {} {} ({})",
                    it.verb, it.uri, it.id
                )
            }
        }
    }
}

/// What came of comparing the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// Requests of the account that are in both logs.
    pub both: u64,
    /// Of these, writes by permits.
    pub writes: u64,
    /// Requests that are in this log alone: no answer came to them, and they did not reach the server.
    pub unanswered: u64,
    /// Permits whose write did not reach the server.
    pub unused_permits: u64,
    /// Requests of the account by verb and resource, those in both logs.
    pub by_kind: BTreeMap<String, u64>,
    /// What is not as it should be.
    pub mismatches: Vec<Mismatch>,
}

impl Comparison {
    /// Whether each request is in both logs, once.
    pub fn is_exact(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// What this log says of one request.
struct Said {
    sequence: u64,
    answered: bool,
    /// What it writes, where it is a write by a permit.
    permitted: Option<Permitted>,
    met: bool,
}

struct Permitted {
    verb: String,
    kind: String,
    namespace: Option<String>,
    name: String,
}

impl Permitted {
    fn of(action: &Value) -> Option<Self> {
        let text = |place: &str| action.pointer(place)?.as_str().map(str::to_owned);
        Some(Self {
            verb: text("/verb")?,
            kind: text("/target/kind")?,
            namespace: text("/target/namespace"),
            name: text("/target/name")?,
        })
    }

    fn is(&self, seen: &Witnessed) -> bool {
        let (verb, resource) = match self.verb.as_str() {
            "evict" => ("create", "pods/eviction".to_owned()),
            // Plurals are formed at the end: `policies`, `ingresses`.
            verb => (verb, self.kind.to_ascii_lowercase()),
        };
        let mut stem = resource.clone();
        stem.pop();
        // What is created is named by its body alone, which need not be recorded there.
        let same_name = seen.name.as_ref().is_none_or(|name| *name == self.name);
        seen.verb == verb && seen.resource.starts_with(&stem) && seen.namespace == self.namespace && same_name
    }
}

impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.namespace.as_deref().unwrap_or_default();
        write!(f, "{} {} {place}/{}", self.verb, self.kind, self.name)
    }
}

/// Compares the requests of an account in two logs: takes in the records of this one, then the lines of the API server's, in
/// any order, and tells what is not in both. The lines have to reach from before the first record to after the last one; give
/// those of other users along, too, since a request whose credentials were refused has no user.
///
/// It takes memory for the ids of all requests of this log.
#[derive(Default)]
pub struct Witness {
    said: BTreeMap<String, Said>,
    comparison: Comparison,
    account: String,
    others: std::collections::BTreeSet<String>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("account", &self.account)
            .field("requests", &self.said.len())
            .finish_non_exhaustive()
    }
}

impl Witness {
    /// For requests of this user of the API server.
    pub fn of(account: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            ..Self::default()
        }
    }

    /// Takes in a record of this log.
    pub fn record(&mut self, record: &Record) {
        let Entry::Event(event) = &record.entry else {
            return;
        };
        let sequence = record.sequence;
        for (id, answered) in event.requests.iter().flat_map(|requests| requests.ids()) {
            self.say(id, sequence, answered, None);
        }
        // Messages and pipelines are no requests to an API server.
        let target = (event.kind == AuditKind::Permit).then(|| Permitted::of(&event.input));
        let outside =
            event.input.get("api_version").and_then(Value::as_str) == Some(claw_core::outside::API_VERSION);
        if let Some(permitted) = target.flatten().filter(|_| !outside) {
            let receipt = AuditReceipt {
                sequence,
                hash: record.hash.clone(),
            };
            // Whether it was answered, or sent at all, is for the record of its outcome to say.
            let id = ActionId::of(&receipt).request_id();
            self.say(id, sequence, false, Some(permitted));
        }
    }

    fn say(&mut self, id: String, sequence: u64, answered: bool, permitted: Option<Permitted>) {
        let said = Said {
            sequence,
            answered,
            permitted,
            met: false,
        };
        if self.said.insert(id.clone(), said).is_some() {
            self.comparison.mismatches.push(Mismatch::Twice { id });
        }
    }

    /// Takes in a request of the API server's log.
    pub fn witnessed(&mut self, seen: Witnessed) {
        let own = seen.user == self.account;
        let Some(said) = self.said.get_mut(&seen.id) else {
            if own {
                let mismatch = Mismatch::Unrecorded(Box::new(seen));
                self.comparison.mismatches.push(mismatch);
            }
            return;
        };
        if !own {
            // Refused before it was known whose it was.
            self.others.insert(seen.id);
            return;
        }
        if std::mem::replace(&mut said.met, true) {
            self.comparison.mismatches.push(Mismatch::Twice { id: seen.id });
            return;
        }
        let comparison = &mut self.comparison;
        comparison.both += 1;
        let kind = match seen.resource.as_str() {
            "" => "other paths",
            resource => resource,
        };
        let dry = if seen.is_dry_run { " (dry run)" } else { "" };
        *comparison
            .by_kind
            .entry(format!("{} {kind}{dry}", seen.verb))
            .or_default() += 1;
        match &said.permitted {
            Some(permitted) if permitted.is(&seen) && !seen.is_dry_run => comparison.writes += 1,
            Some(permitted) => comparison.mismatches.push(Mismatch::OtherWrite {
                permitted: permitted.to_string(),
                witnessed: Box::new(seen),
            }),
            None if seen.is_permitted_only() => {
                comparison.mismatches.push(Mismatch::Unpermitted(Box::new(seen)));
            }
            None => {}
        }
    }

    /// What came of it.
    pub fn compare(mut self) -> Comparison {
        for (id, said) in self.said {
            if said.met || self.others.contains(&id) {
                continue;
            }
            match (said.permitted, said.answered) {
                (Some(_), _) => self.comparison.unused_permits += 1,
                (None, false) => self.comparison.unanswered += 1,
                (None, true) => self.comparison.mismatches.push(Mismatch::Unwitnessed {
                    id,
                    sequence: said.sequence,
                }),
            }
        }
        self.comparison
    }
}

#[cfg(test)]
mod tests {
    use claw_core::audit::AuditEvent;
    use claw_core::requests::Requested;
    use serde_json::json;

    use super::super::tests::event;
    use super::*;

    const ME: &str = "system:serviceaccount:claw:agent";

    fn record(sequence: u64, event: AuditEvent) -> Record {
        Record {
            sequence,
            prev: String::new(),
            entry: Entry::Event(Box::new(event)),
            hash: format!("{sequence:064}"),
        }
    }

    fn requested(value: Value) -> AuditEvent {
        let requests: Requested = serde_json::from_value(value).unwrap();
        AuditEvent {
            requests: Some(requests),
            ..event("run", "get_pods")
        }
    }

    fn permit() -> AuditEvent {
        let target = json!({"kind": "NetworkPolicy", "namespace": "shop", "name": "cart"});
        AuditEvent {
            kind: AuditKind::Permit,
            input: json!({"verb": "patch", "target": target, "api_version": "networking.k8s.io/v1"}),
            ..event("run", "Patch NetworkPolicy shop/cart")
        }
    }

    fn line(id: &str, verb: &str, resource: &str, name: &str) -> Witnessed {
        let line = json!({"auditID": id, "stage": "ResponseComplete", "verb": verb, "requestURI": "/x",
            "user": {"username": ME}, "objectRef": {"resource": resource, "namespace": "shop", "name": name}});
        Witnessed::parse(&line.to_string()).unwrap().unwrap()
    }

    fn compared(records: Vec<AuditEvent>, lines: Vec<Witnessed>) -> Comparison {
        let mut witness = Witness::of(ME);
        for (sequence, event) in records.into_iter().enumerate() {
            witness.record(&record(sequence as u64, event));
        }
        for line in lines {
            witness.witnessed(line);
        }
        witness.compare()
    }

    fn whole() -> (Vec<AuditEvent>, Vec<Witnessed>) {
        let records = vec![
            requested(json!({"name": "a.1", "count": 3, "unanswered": [1, 2]})),
            permit(),
            requested(json!({"name": "a.2", "count": 1, "renamed": [{"number": 0, "id": "uuid"}]})),
        ];
        let write = format!("claw-{:032}", 0);
        let lines = vec![
            line("a.1.0", "list", "pods", ""),
            line("a.1.2", "list", "pods", ""),
            line(&write, "patch", "networkpolicies", "cart"),
            line("uuid", "get", "pods", "cart-1"),
            Witnessed {
                user: "somebody".to_owned(),
                ..line("other", "list", "pods", "")
            },
        ];
        (records, lines)
    }

    #[test]
    fn logs_that_tell_the_same_are_one_to_one() {
        let (records, lines) = whole();
        let compared = compared(records, lines);
        assert!(compared.is_exact(), "{:?}", compared.mismatches);
        assert_eq!((compared.both, compared.writes, compared.unanswered), (4, 1, 1));
        assert_eq!(compared.by_kind["list pods"], 2);
    }

    #[test]
    fn whatever_is_missing_on_either_side_is_found() {
        let (records, lines) = whole();
        for gone in 0..records.len() {
            let (mut records, lines) = whole();
            records.remove(gone);
            let found = compared(records, lines).mismatches;
            assert!(
                matches!(&*found, [Mismatch::Unrecorded(_), ..]),
                "{gone}: {found:?}"
            );
        }
        // The first and the fourth were answered.
        for gone in [0, 3] {
            let (records, mut lines) = whole();
            lines.remove(gone);
            let found = compared(records, lines).mismatches;
            assert!(
                matches!(&*found, [Mismatch::Unwitnessed { .. }]),
                "{gone}: {found:?}"
            );
        }
        let mut twice = lines.clone();
        twice.push(lines[0].clone());
        let found = compared(records.clone(), twice).mismatches;
        assert!(matches!(&*found, [Mismatch::Twice { .. }]), "{found:?}");
        let with_some = Comparison {
            mismatches: found,
            ..Comparison::default()
        };
        assert!(!with_some.is_exact());
        let mut told_twice = records.clone();
        told_twice.push(records[0].clone());
        let found = compared(told_twice, lines).mismatches;
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_write_is_the_one_that_was_permitted() {
        let (records, lines) = whole();
        let write = &lines[2];
        let changed: [fn(&mut Witnessed); 4] = [
            |it| it.verb = "delete".to_owned(),
            |it| it.name = Some("other".to_owned()),
            |it| it.namespace = None,
            |it| it.resource = "pods".to_owned(),
        ];
        for change in changed {
            let mut other = write.clone();
            change(&mut other);
            let mut lines = lines.clone();
            lines[2] = other;
            let found = compared(records.clone(), lines).mismatches;
            assert!(matches!(&*found, [Mismatch::OtherWrite { .. }]), "{found:?}");
        }
        // One that hides among reads.
        let mut hidden = lines.clone();
        hidden[0].verb = "patch".to_owned();
        let found = compared(records.clone(), hidden).mismatches;
        assert!(matches!(&*found, [Mismatch::Unpermitted(_)]), "{found:?}");
        let mut tried = lines;
        tried[0] = Witnessed {
            verb: "patch".to_owned(),
            is_dry_run: true,
            ..tried[0].clone()
        };
        assert!(compared(records, tried).is_exact());
    }

    #[test]
    fn an_eviction_is_what_is_created_of_a_pod() {
        let permit = AuditEvent {
            input: json!({"verb": "evict", "target": {"kind": "Pod", "namespace": "shop", "name": "cart-1"},
                "api_version": "v1"}),
            ..permit()
        };
        let write = format!("claw-{:032}", 0);
        let evicted = line(&write, "create", "pods/eviction", "cart-1");
        let found = compared(vec![permit.clone()], vec![evicted]);
        assert!(found.is_exact() && found.writes == 1, "{found:?}");
        let deleted = line(&write, "delete", "pods", "cart-1");
        let found = compared(vec![permit], vec![deleted]).mismatches;
        assert!(matches!(&*found, [Mismatch::OtherWrite { .. }]), "{found:?}");
    }

    #[test]
    fn what_the_server_was_not_asked_or_did_not_let_in_is_counted_and_no_mismatch() {
        let (records, mut lines) = whole();
        // The write did not reach it.
        lines.remove(2);
        // It refused the credentials of an answered request.
        lines[0].user = String::new();
        let found = compared(records, lines);
        assert!(found.is_exact(), "{found:?}");
        assert_eq!((found.both, found.writes), (2, 0));
        assert_eq!((found.unused_permits, found.unanswered), (1, 1));
    }

    #[test]
    fn a_mismatch_names_the_request_and_what_is_wrong_with_it() {
        let seen = || Box::new(line("a.1", "patch", "deployments", "cart"));
        for (mismatch, text) in [
            (Mismatch::Unrecorded(seen()), "no record tells of patch /x (a.1)"),
            (
                Mismatch::Unwitnessed {
                    id: "a.1".to_owned(),
                    sequence: 7,
                },
                "the API server knows nothing of a.1, which record 7 says that it answered",
            ),
            (
                Mismatch::Twice { id: "a.1".to_owned() },
                "a.1 is there more than once",
            ),
            (Mismatch::Unpermitted(seen()), "no record permits patch /x (a.1)"),
            (
                Mismatch::OtherWrite {
                    permitted: Permitted::of(&permit().input).unwrap().to_string(),
                    witnessed: seen(),
                },
                "permitted was patch NetworkPolicy shop/cart, written patch /x (a.1)",
            ),
        ] {
            assert_eq!(mismatch.to_string(), text);
        }
    }

    #[test]
    fn lines_are_read_as_the_api_server_writes_them() {
        let deletion = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
            "auditID": "a", "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/a",
            "verb": "delete", "user": {"username": ME, "groups": []},
            "objectRef": {"resource": "pods", "namespace": "shop", "name": "a", "apiVersion": "v1"},
            "requestObject": {"kind": "DeleteOptions", "dryRun": ["All"]}});
        let read = Witnessed::parse(&deletion.to_string()).unwrap().unwrap();
        assert!(read.is_dry_run && read.resource == "pods" && read.name.as_deref() == Some("a"));
        let begun = json!({"auditID": "a", "stage": "ResponseStarted", "requestURI": "/", "verb": "get"});
        assert_eq!(Witnessed::parse(&begun.to_string()).unwrap(), None);
        assert!(Witnessed::parse("no").is_err());
    }
}
