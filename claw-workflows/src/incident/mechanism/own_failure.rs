//! A workload that runs fails by something of its own that its log names.

use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

use super::crash::DEPENDENCY;
use super::said::{Said, said};
use super::{Area, Mechanism, brought};
use crate::incident::callees::Callees;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::Pattern;
use crate::incident::relay::{relayed_from, spoken_of};

/// How soon after a change the errors have to begin for it to count.
const SOON: SignedDuration = SignedDuration::from_hours(1);

/// What a log names that is neither an end of the process nor somebody else's: a table that is not there, a file system that
/// cannot be written, a name that the other side does not know. What ends over it is said by [`super::crash`].
///
/// Where the other side is named and the fault is there (it does not offer what is asked for, it wants to be paid), that one
/// is put forward.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnFailure;

impl Mechanism for OwnFailure {
    fn id(&self) -> &'static str {
        "own_failure"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "schema_mismatch",
            "name_unknown",
            "read_only_filesystem",
            "permission_denied",
            "file_missing",
            "message_too_large",
            "not_paid",
            "not_offered",
        ]
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let own = KINDS.iter().flat_map(|kind| {
            said(facts, |pattern| kind.is_told(pattern))
                .into_iter()
                .filter_map(move |said| candidate(facts, kind, &said))
        });
        let callees = Callees::of(facts);
        let others = facts
            .complaints()
            .iter()
            .filter_map(|complaint| of_another(facts, &callees, complaint));
        own.chain(others).collect()
    }
}

/// A way to fail.
struct Kind {
    shows: Indicator,
    id: &'static str,
    words: &'static str,
    remedy: &'static str,
    weight: f64,
}

static KINDS: [Kind; 7] = [
    Kind {
        shows: Indicator::SchemaMismatch,
        id: "schema_mismatch",
        words: "asks for what the schema of its database does not have",
        remedy: "Run the migration that this version needs, or go back to the version before it",
        weight: 2.0,
    },
    Kind {
        shows: Indicator::NameUnknown,
        id: "name_unknown",
        words: "asks for a database, role, bucket, topic or subject that is not there",
        remedy: "Correct the name, or make what it names",
        weight: 2.0,
    },
    Kind {
        shows: Indicator::ReadOnly,
        id: "read_only_filesystem",
        words: "writes to a file system that cannot be written",
        remedy: "Mount a volume where it writes, or let it write there",
        weight: 2.0,
    },
    Kind {
        shows: Indicator::PermissionDenied,
        id: "permission_denied",
        words: "is refused access to something",
        remedy: "Give it the right that its log names, or the user that has it",
        weight: 1.6,
    },
    Kind {
        shows: Indicator::FileNotFound,
        id: "file_missing",
        words: "does not find a file",
        remedy: "Provide the file that its log names, or correct the path",
        weight: 1.6,
    },
    Kind {
        shows: Indicator::TooLarge,
        id: "message_too_large",
        words: "sends or gets more at once than is taken",
        remedy: "Raise the limit at both sides, or send less at once",
        weight: 1.6,
    },
    Kind {
        shows: Indicator::NotPaid,
        id: "not_paid",
        words: "has a licence or plan that ended",
        remedy: "Renew the licence or plan that its log names",
        weight: 2.0,
    },
];

impl Kind {
    fn is_told(&self, pattern: &Pattern) -> bool {
        pattern.indicates(&[self.shows]) && !pattern.fatal && !pattern.indicates(DEPENDENCY)
    }
}

fn candidate(facts: &Facts<'_>, kind: &Kind, said: &Said<'_>) -> Option<Candidate> {
    let workload = &said.workload;
    let entries = || said.entries.iter().map(|(_, pattern)| *pattern);
    // Another host is asked to be paid, and names of hosts stand in no message about oneself.
    let of_host = |pattern: &Pattern| {
        let mut indications = pattern.indications.iter();
        kind.shows == Indicator::NotPaid && indications.any(|indication| indication.target.is_some())
    };
    let own = entries().any(|pattern| !of_host(pattern) && relayed_from(facts, workload, pattern).is_none());
    let ended = said.entries.iter().all(|(digest, _)| digest.previous);
    let since = said.since(facts).filter(|_| own && !ended)?;
    let change = brought::newest(facts, workload, None, Some(since))
        .filter(|change| since.duration_since(change.time) <= SOON);
    // Some programs log such things on any day.
    if change.is_none() && !entries().any(|pattern| pattern.emerged) {
        return None;
    }
    let found = Candidate::new(
        kind.id,
        workload.clone(),
        format!("{workload} {}: {}", kind.words, clip(said.sample(), 160)),
    )
    .clue("its log says what fails", kind.weight, said.evidence(facts))
    .since(Some(since))
    .hurting(said.hurt(facts))
    .derived(0.3);
    let found = match change {
        Some(change) => brought::blame(
            facts,
            found,
            change,
            ("fails since a change", 1.2),
            "It did not fail in this way before",
        ),
        None => found,
    };
    Some(found.advise(Advice::new(
        format!("{} ({workload})", kind.remedy),
        "Its requests fail at this",
    )))
}

/// What the other side does not offer, or wants to be paid for.
fn of_another(facts: &Facts<'_>, callees: &Callees, complaint: &Complaint<'_>) -> Option<Candidate> {
    let (_, pattern) = complaint.entries.first()?;
    let (id, words) = match complaint.kind {
        Indicator::Unimplemented => ("not_offered", "does not offer what it is asked for"),
        Indicator::NotPaid => ("not_paid", "wants to be paid before it answers"),
        _ => return None,
    };
    let other = match &complaint.target {
        Target::Known(entity) | Target::External(entity) => entity.clone(),
        Target::Unnamed if complaint.kind == Indicator::Unimplemented => {
            spoken_of(facts, callees, &complaint.workload, &pattern.sample)?
        }
        _ => return None,
    };
    let found = Candidate::new(
        id,
        other.clone(),
        format!(
            "{other} {words}, says {}: {}",
            complaint.workload,
            clip(&pattern.sample, 160)
        ),
    )
    .clue("its callers say so", 2.2, complaint.evidence(facts))
    .since(complaint.since())
    .hurting([complaint.workload.clone()])
    .derived(0.2);
    let change = brought::newest(facts, &other, None, complaint.since())
        .zip(complaint.since())
        .filter(|(change, since)| since.duration_since(change.time) <= SOON);
    let found = match change {
        Some((change, _)) => brought::blame(
            facts,
            found,
            change,
            ("fails since a change", 1.2),
            "Its callers were answered before",
        ),
        None => found,
    };
    Some(found.advise(Advice::new(
        format!(
            "Look what {other} runs and serves, and what {} asks it for",
            complaint.workload
        ),
        "It answers, and refuses what it is asked for",
    )))
}

#[cfg(test)]
mod tests {
    use claw_core::change::ChangeKind;
    use serde_json::json;

    use super::super::fixture;
    use super::OwnFailure;
    use crate::incident::testing::of;

    /// What is put forward where `stock`, which calls `rates`, logs `text`.
    fn found(text: &str, emerged: bool, changed: bool) -> Vec<(&'static str, String)> {
        let names = ["stock", "rates"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
            "services": names.map(|name| fixture::service("shop", name, json!({"port": 80}))),
        }));
        fixture::call(&mut case, "stock", "rates");
        fixture::log(&mut case, "stock-7d9f8b6c5-x1", &format!("ERROR {text}"));
        for pattern in case.logs.iter_mut().flat_map(|digest| &mut digest.patterns) {
            pattern.emerged = emerged;
            pattern.fatal = false;
        }
        if changed {
            let mut change = fixture::change("2026-05-01T09:50:00Z", &fixture::deployment("stock"), &[]);
            change.kind = ChangeKind::Deploy;
            case.changes.push(change);
        }
        of(&OwnFailure, &case)
            .into_iter()
            .map(|found| (found.mechanism, found.entity.name))
            .collect()
    }

    #[test]
    fn what_its_own_log_names_is_its_own_where_it_is_new() {
        for (text, id) in [
            (
                "relation \"items_v2\" does not exist (SQLSTATE 42P01)",
                "schema_mismatch",
            ),
            ("Error 1049 (42000): Unknown database 'shop_eu'", "name_unknown"),
            (
                "EROFS: read-only file system, open '/app/tmp/x'",
                "read_only_filesystem",
            ),
            (
                "permission denied for table items (SQLSTATE 42501)",
                "permission_denied",
            ),
            (
                "open /etc/app/fares.yaml: no such file or directory",
                "file_missing",
            ),
            ("license expired on 2026-08-31", "not_paid"),
        ] {
            let expected = [(id, "stock".to_owned())];
            assert_eq!(found(text, true, false), expected, "{text}");
            assert_eq!(found(text, false, true), expected, "{text}");
            assert!(found(text, false, false).is_empty(), "{text}");
        }
        assert!(found("dial tcp 10.0.0.1:80: connection refused", true, true).is_empty());
    }

    #[test]
    fn what_the_other_side_does_not_offer_is_the_other_sides() {
        let text = "rpc error: code = Unimplemented desc = unknown service rates.Rates";
        assert_eq!(found(text, true, false), [("not_offered", "rates".to_owned())]);
        let text = "rpc error: code = Unimplemented desc = unknown service fares.Fares";
        assert!(found(text, true, false).is_empty());
        let text = "POST https://api.sms.example/v1: 402 Payment Required";
        assert_eq!(
            found(text, true, false),
            [("not_paid", "api.sms.example".to_owned())]
        );
    }
}
