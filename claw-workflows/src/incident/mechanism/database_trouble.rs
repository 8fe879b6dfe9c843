//! A database that is locked, full, read-only or not up.

mod holders;

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;

use super::databases::Databases;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::Complaint;
use crate::incident::facts::{Facts, clip};
use holders::{Waiting, holders};

/// What a database, or those who use it, say of its state. Its candidates carry the mechanism that the words speak for:
/// `database_locked`, `database_full`, `database_read_only` or `database_unavailable`.
#[derive(Clone, Copy, Debug)]
pub(super) struct DatabaseTrouble;

impl Mechanism for DatabaseTrouble {
    fn id(&self) -> &'static str {
        "database_trouble"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "database_full",
            "database_locked",
            "database_read_only",
            "database_unavailable",
        ]
    }

    fn area(&self) -> Area {
        Area::Dependency
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let told: Vec<(&Complaint<'_>, State)> = facts
            .complaints()
            .iter()
            .filter(|complaint| complaint.kind == Indicator::DatabaseTrouble)
            .filter_map(|complaint| Some((complaint, State::of(complaint)?)))
            .collect();
        if told.is_empty() {
            return Vec::new();
        }
        let databases = Databases::of(facts);
        let told: Vec<Told<'_, '_>> = told
            .into_iter()
            .filter_map(|(complaint, state)| Some((complaint, state, databases.meant(facts, complaint)?)))
            .collect();
        told.iter()
            .flat_map(|of| of_complaint(facts, &databases, of, &told))
            .collect()
    }
}

/// Whether a text in lower case speaks of locks, and not only of blocks or clocks.
fn speaks_of_locks(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| {
        let before = word.split_once("lock").map(|(before, _)| before);
        before.is_some_and(|before| !before.ends_with(['b', 'c']))
    })
}

/// A complaint, what it says, and of which database.
type Told<'f, 'a> = (&'f Complaint<'a>, State, EntityRef);

/// What is wrong with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Locked,
    Full,
    ReadOnly,
    Down,
    /// Statements are ended because they take longer than they may: as a rule for the locks of another.
    Slow,
}

impl State {
    /// What the entries of a complaint say. That statements take too long says least: it is the effect of the rest.
    fn of(complaint: &Complaint<'_>) -> Option<Self> {
        let mut told = complaint
            .entries
            .iter()
            .map(|(_, pattern)| Self::told(&pattern.sample));
        let first = told.next()?;
        Some(match first {
            Self::Slow => told.find(|state| *state != Self::Slow).unwrap_or(first),
            _ => first,
        })
    }

    fn told(text: &str) -> Self {
        let text = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        // A disk that is broken is not full.
        if says(&["input/output error", "i/o error"]) {
            return Self::Down;
        }
        // A disk that is full makes some databases read-only.
        if says(&[
            "extend",
            "write to file",
            "is full",
            "disk full",
            "no space",
            "watermark",
            "allow delete",
            "maxmemory",
            "circuit_breaking",
        ]) {
            Self::Full
        } else if says(&[
            "read-only",
            "readonly",
            "read only",
            "not primary",
            "not the primary",
            "notwritableprimary",
            "misconf",
        ]) {
            Self::ReadOnly
        } else if speaks_of_locks(&text) || says(&["ora-00054", "ora-00060", "serialize", "conflict"]) {
            Self::Locked
        } else if says(&["statement timeout", "statement execution time", "maxtimems"]) {
            Self::Slow
        } else {
            Self::Down
        }
    }

    fn mechanism(self) -> &'static str {
        match self {
            Self::Locked => "database_locked",
            Self::Full => "database_full",
            Self::ReadOnly => "database_read_only",
            Self::Down | Self::Slow => "database_unavailable",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Locked => "transactions wait for each other's locks",
            Self::Full => "has no space left to write to",
            Self::ReadOnly => "takes no writes",
            Self::Down => "is not up, has no leader or cannot use its disk",
            Self::Slow => "does not get done with statements in the time that they have",
        }
    }

    fn advice(self, database: &EntityRef) -> Advice {
        match self {
            Self::Locked => Advice::new(
                format!("Find the transaction that holds the locks in {database}, and end it"),
                "All others wait until it commits or is cancelled",
            ),
            Self::Full => Advice::new(
                format!("Give {database} more space, or free some"),
                "It refuses writes until there is space",
            ),
            Self::ReadOnly => Advice::new(
                format!(
                    "Look at the role of {database}: send writes to the primary, or make it writable again"
                ),
                "A replica, or a database that protects itself, refuses writes",
            ),
            Self::Down => Advice::new(
                format!(
                    "Look at {database}: it is starting, stopping, recovering, or without a leader or a disk that works"
                ),
                "Its users work again when it does",
            ),
            Self::Slow => Advice::new(
                format!("Look at what runs in {database}, and at who waits for whom"),
                "Statements take long for locks of others, for want of resources, or for their plans",
            ),
        }
    }
}

fn of_complaint(
    facts: &Facts<'_>,
    databases: &Databases,
    (complaint, state, database): &Told<'_, '_>,
    all: &[Told<'_, '_>],
) -> Vec<Candidate> {
    let (state, database) = (*state, database.clone());
    let same = || {
        let others = all
            .iter()
            .filter(|(_, told, of)| *told == state && *of == database);
        others.map(|(other, ..)| other)
    };
    let users: BTreeSet<EntityRef> = same()
        .map(|other| other.workload.clone())
        .filter(|user| *user != database)
        .collect();
    let since = same().filter_map(|other| other.since()).min();
    let telling = |sample: &str| State::told(sample) == state;
    let said = complaint
        .entries
        .iter()
        .find(|(_, pattern)| telling(&pattern.sample))
        .map(|(_, pattern)| clip(&pattern.sample, 160));
    let mut found = Candidate::new(
        state.mechanism(),
        database.clone(),
        format!("{database} {}: {}", state.words(), said.unwrap_or_default()),
    )
    .clue(
        "database is in trouble",
        if state == State::Slow { 1.4 } else { 2.4 },
        complaint.evidence(facts),
    )
    .since(since)
    .hurting(users.iter().cloned())
    .derived(match state {
        State::Down | State::Slow => 0.6,
        _ => 0.2,
    });
    let own = same().find(|other| other.workload == database);
    if let Some(own) = own {
        found = found.clue("it says so itself", 1.0, own.evidence(facts));
    }
    if users.len() > 1 {
        found = found.clue("several users complain", 0.8, Vec::new());
    }
    if let Some((change, _)) = recent_change::of_unit(facts, &database, since) {
        found = found
            .clue("changed before", 0.8, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
    }
    let mut candidates = Vec::new();
    if let (State::Locked | State::Slow, Some(since)) = (state, since) {
        let waiting = Waiting {
            complaint,
            users: &users,
            since,
            named: state == State::Locked,
        };
        candidates.extend(holders(facts, databases, &database, &waiting));
    }
    candidates.push(found.advise(state.advice(&database)));
    candidates
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::{DatabaseTrouble, State};
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    #[test]
    fn words_tell_the_state() {
        for (text, state) in [
            ("ERROR: deadlock detected", State::Locked),
            (
                "Lock wait timeout exceeded; try restarting transaction",
                State::Locked,
            ),
            (
                "could not extend file \"base/1\": No space left on device",
                State::Full,
            ),
            (
                "index [a] blocked by: [read-only / allow delete (api)]",
                State::Full,
            ),
            (
                "cannot execute INSERT in a read-only transaction",
                State::ReadOnly,
            ),
            (
                "MISCONF Redis is configured to save RDB snapshots",
                State::ReadOnly,
            ),
            ("FATAL: the database system is starting up", State::Down),
            (
                "could not write to file \"base/1/2\": Input/output error",
                State::Down,
            ),
            (
                "PANIC: could not write to file \"pg_wal/1\": No space left on device",
                State::Full,
            ),
            (
                "process 12 still waiting for ShareLock on transaction 7",
                State::Locked,
            ),
            (
                "index [logs] blocked by: [SERVICE_UNAVAILABLE/1/state not recovered]",
                State::Down,
            ),
            (
                "Deadlock found: index PRIMARY of table shop.orders, lock_mode X waiting",
                State::Locked,
            ),
            ("MongoServerError: not primary", State::ReadOnly),
            (
                "Process holding the lock: 1871. Wait queue: 2200, 2201.",
                State::Locked,
            ),
            ("canceling statement due to statement timeout", State::Slow),
        ] {
            assert_eq!(State::told(text), state, "{text}");
        }
    }

    fn case(more: &[Value]) -> Case {
        let mut pods = vec![
            fixture::pod("shop", "web", json!([{"name": "app"}])),
            fixture::pod("shop", "db", json!([{"name": "db"}])),
        ];
        pods.extend(more.iter().cloned());
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "db", json!([{"name": "db"}])),
                fixture::workload("shop", "api", json!([{"name": "app"}])),
            ],
            "pods": pods,
            "services": [
                fixture::service("shop", "db", json!({"port": 5432})),
                fixture::service("shop", "api", json!({"port": 80})),
            ],
        }));
        fixture::call(&mut case, "web", "db");
        fixture::call(&mut case, "web", "api");
        case
    }

    fn job(started: &str, host: &str) -> Value {
        json!({
            "metadata": {
                "name": "backfill-x1", "namespace": "shop", "labels": {},
                "ownerReferences": [{"kind": "Job", "name": "backfill", "controller": true}],
            },
            "spec": {"containers": [{"name": "job", "env": [{"name": "DB_HOST", "value": host}]}]},
            "status": {"phase": "Running", "startTime": started},
        })
    }

    fn blamed(case: &mut Case, line: &str) -> Vec<String> {
        fixture::log(case, "web-7d9f8b6c5-x1", line);
        of(&DatabaseTrouble, case)
            .into_iter()
            .map(|found| format!("{} {}", found.mechanism, found.entity.name))
            .collect()
    }

    const LOCKED: &str = "SQLSTATE 40P01: deadlock detected";

    #[test]
    fn an_unnamed_database_is_the_one_that_is_called() {
        assert_eq!(blamed(&mut case(&[]), LOCKED), ["database_locked db"]);
        let mut two = case(&[]);
        two.objects.services[1].spec.ports[0].port = 3306;
        assert!(blamed(&mut two, LOCKED).is_empty());
    }

    #[test]
    fn of_a_job_that_names_no_address_only_what_is_known_is_said() {
        let mut without = job("2026-05-01T09:50:00Z", "db");
        without["spec"]["containers"][0]["env"] = json!([]);
        for (job, told, may) in [
            (
                job("2026-05-01T09:50:00Z", "db"),
                "and uses Deployment shop/db",
                false,
            ),
            (without, "whom it uses is not known", true),
        ] {
            let mut case = case(&[job]);
            fixture::log(&mut case, "web-7d9f8b6c5-x1", LOCKED);
            let found = of(&DatabaseTrouble, &case);
            let job = found
                .iter()
                .find(|found| found.entity.name == "backfill")
                .unwrap();
            let evidence = job.clues.iter().flat_map(|clue| &clue.evidence);
            let said: Vec<&str> = evidence.map(|seen| seen.statement.as_str()).collect();
            assert!(said.iter().any(|said| said.ends_with(told)), "{said:?}");
            assert_eq!(job.cause.contains("may hold"), may, "{}", job.cause);
        }
    }

    #[test]
    fn a_job_that_began_shortly_before_holds_the_locks() {
        let holder = "database_locked backfill";
        let with = |started: &str, host: &str| {
            let found = blamed(&mut case(&[job(started, host)]), LOCKED);
            found.contains(&holder.to_owned())
        };
        assert!(with("2026-05-01T09:50:00Z", "db"));
        assert!(!with("2026-05-01T03:50:00Z", "db"));
        assert!(!with("2026-05-01T09:59:00Z", "api"));
        let full = blamed(
            &mut case(&[job("2026-05-01T09:50:00Z", "db")]),
            "could not extend file: No space left",
        );
        assert_eq!(full, ["database_full db"]);
    }
    #[test]
    fn who_holds_the_locks_is_told_by_what_the_database_logs_and_by_statements_that_take_too_long() {
        let locks = "process 2200 still waiting for AccessShareLock on relation 16402 after 1000.967 ms";
        for line in [locks, "canceling statement due to statement timeout"] {
            let mut case = case(&[job("2026-05-01T09:50:00Z", "db")]);
            fixture::log(&mut case, "db-7d9f8b6c5-x1", line);
            let found = of(&DatabaseTrouble, &case);
            let holder = found.iter().find(|found| found.entity.name == "backfill");
            let holder =
                holder.map(|found| (found.mechanism, fixture::clue(found, "database is in trouble")));
            let weight = if line == locks { 2.4 } else { 1.4 };
            assert_eq!(holder, Some(("database_locked", Some(weight))), "{line}");
        }
    }

    #[test]
    fn a_job_whose_pods_are_gone_is_known_by_its_object() {
        let with = |completed: Option<&str>| {
            let mut case = case(&[]);
            case.objects.workloads.push(
                serde_json::from_value(json!({
                    "kind": "Job",
                    "metadata": {"name": "backfill", "namespace": "shop"},
                    "spec": {"template": {"spec": {"containers": [
                        {"name": "job", "env": [{"name": "DATABASE_URL", "value": "postgres://app@db:5432/app"}]},
                    ]}}},
                    "status": {"startTime": "2026-05-01T09:50:00Z", "completionTime": completed},
                }))
                .unwrap(),
            );
            blamed(&mut case, LOCKED).contains(&"database_locked backfill".to_owned())
        };
        assert!(with(None));
        assert!(with(Some("2026-05-01T10:05:00Z")));
        // It had ended before anybody waited.
        assert!(!with(Some("2026-05-01T09:51:00Z")));
    }
}
