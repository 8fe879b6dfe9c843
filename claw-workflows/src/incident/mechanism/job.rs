//! Jobs that fail, and schedules that start none.

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Active, Event, Object as _, Workload};
use jiff::{SignedDuration, Timestamp};

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Runs of one schedule begin within so long of the same time of day.
const ABOUT: SignedDuration = SignedDuration::from_mins(30);
/// How long before the trouble a schedule may have been changed that shows itself once a week.
const SHOWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A Job that ran out of its time (`job_deadline_exceeded`) or failed as often as it may (`job_failed`; why, its pods tell),
/// and a CronJob that is suspended (`cronjob_suspended`), has a schedule that cannot be read (`cronjob_schedule_invalid`) or was
/// changed to another hour (`cronjob_schedule_changed`), has missed too many starts (`cronjob_schedule_missed`) or waits for a
/// run that does not end (`cronjob_blocked`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Jobs;

impl Mechanism for Jobs {
    fn id(&self) -> &'static str {
        "job"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &[
            "job_deadline_exceeded",
            "job_failed",
            "job_suspended",
            "cronjob_suspended",
            "cronjob_schedule_invalid",
            "cronjob_schedule_changed",
            "cronjob_schedule_missed",
            "cronjob_blocked",
        ]
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        facts
            .case
            .objects
            .workloads
            .iter()
            .flat_map(|workload| match workload.kind.as_str() {
                "Job" => of_job(facts, workload).into_iter().collect(),
                "CronJob" => of_cron_job(facts, workload),
                _ => Vec::new(),
            })
            .collect()
    }
}

fn of_job(facts: &Facts<'_>, job: &Workload) -> Option<Candidate> {
    let entity = job.entity();
    let owner = facts.top_of(&entity);
    let asked = asked_about(facts, &entity) || asked_about(facts, &owner);
    let failed = ["Failed", "FailureTarget"]
        .into_iter()
        .filter_map(|kind| job.condition(kind))
        .find(|condition| condition.is_true());
    if let Some(failed) = failed {
        let since = failed.last_transition_time;
        let recent = since.is_none_or(|since| since >= facts.case.window.start);
        if !recent && !asked {
            return None;
        }
        let statement = format!("failed ({}): {}", failed.reason, clip(&failed.message, 200));
        let seen = vec![facts.object(job, since, statement)];
        return Some(if failed.reason == "DeadlineExceeded" {
            let allowed = job.spec.active_deadline_seconds;
            let allowed = allowed.map_or_else(String::new, |seconds| format!(" of {seconds} s"));
            Candidate::new(
                "job_deadline_exceeded",
                owner,
                format!("{entity} was ended because it took longer than its deadline{allowed}"),
            )
            .aspect(job.metadata.name.clone())
            .clue("job ran out of its time", 2.8, seen)
            .since(since)
            .hurting([entity.clone()])
            .derived(0.4)
            .advise(again(
                &entity,
                format!("Give {entity} more time, or find what made it slow"),
            ))
        } else {
            Candidate::new(
                "job_failed",
                owner,
                format!(
                    "{entity} failed ({}): {}",
                    failed.reason,
                    clip(&failed.message, 160)
                ),
            )
            .aspect(job.metadata.name.clone())
            .clue("job failed as often as it may", 1.5, seen)
            .since(since)
            .hurting([entity.clone()])
            .derived(0.9)
            .general()
            .advise(again(
                &entity,
                format!("Mend what the pods of {entity} failed at, and start it again"),
            ))
        });
    }
    (job.spec.suspend && asked).then(|| {
        let since = job
            .condition("Suspended")
            .and_then(|condition| condition.last_transition_time);
        let seen = vec![facts.object(job, since, "is suspended")];
        Candidate::new("job_suspended", entity.clone(), format!("{entity} is suspended"))
            .clue("job is suspended", 3.0, seen)
            .since(since)
            .advise(resume(&entity))
    })
}

fn of_cron_job(facts: &Facts<'_>, cron_job: &Workload) -> Vec<Candidate> {
    let entity = cron_job.entity();
    let mut found = Vec::new();
    let edited = recent_change::before_trouble(facts, &entity, None, |_| true);
    if cron_job.spec.suspend && (edited.is_some() || asked_about(facts, &entity)) {
        let last = cron_job.status.last_schedule_time;
        let mut candidate = Candidate::new(
            "cronjob_suspended",
            entity.clone(),
            format!("{entity} is suspended, so that it starts nothing"),
        )
        .clue(
            "schedule is suspended",
            3.0,
            vec![state(facts, cron_job, "is suspended")],
        )
        .since(edited.map(|change| change.time).or(last));
        if let Some(change) = edited {
            candidate = candidate
                .clue("edited before", 1.0, vec![facts.change_evidence(change)])
                .brought_by(Some(&change.reference));
        }
        found.push(candidate.advise(resume(&entity)));
        return found;
    }
    for (id, what, weight, words) in [
        (
            "cronjob_schedule_invalid",
            "has a schedule or time zone that cannot be read",
            4.0,
            &[
                "UnparseableSchedule",
                "UnParseableCronJobSchedule",
                "InvalidSchedule",
                "UnknownTimeZone",
            ][..],
        ),
        (
            "cronjob_schedule_missed",
            "has missed too many of its starts",
            3.2,
            &["TooManyMissedTimes", "FailedNeedsStart", "MissSchedule"],
        ),
    ] {
        let told = events(facts, &entity, |event| {
            words.contains(&event.reason.as_str())
                || id == "cronjob_schedule_invalid" && event.message.starts_with("unparseable schedule")
        });
        if told.is_empty() {
            continue;
        }
        let said = told.last().map_or("", |event| event.message.as_str());
        let mut candidate = Candidate::new(
            id,
            entity.clone(),
            format!(
                "{entity} ({}) {what}: {}",
                cron_job.spec.schedule,
                clip(said, 160)
            ),
        )
        .since(told.iter().filter_map(|event| event.first_seen()).min())
        .clue("its controller says so", weight, witness::of_events(facts, told));
        if let Some(change) = edited {
            candidate = candidate
                .clue("edited before", 1.0, vec![facts.change_evidence(change)])
                .brought_by(Some(&change.reference));
        }
        let namespace = cron_job.metadata.ns();
        found.push(
            candidate.advise(
                Advice::new(
                    format!("Correct schedule, time zone or startingDeadlineSeconds of {entity}"),
                    "Nothing is started before they can be kept to",
                )
                .command(format!(
                    "kubectl -n {namespace} edit cronjob/{}",
                    cron_job.metadata.name
                )),
            ),
        );
    }
    found.extend(blocked(facts, cron_job));
    found.extend(moved(facts, cron_job));
    found
}

/// Somebody changed the schedule or its time zone, and runs are due at another hour than people wait for them.
fn moved(facts: &Facts<'_>, cron_job: &Workload) -> Option<Candidate> {
    let entity = cron_job.entity();
    let began = facts.case.began.unwrap_or(facts.case.window.end);
    // A schedule shows itself at the next time at which a run was due.
    let change = facts.any_change_before(&entity, Some(began), |change| {
        began.duration_since(change.time) <= SHOWS && change.detail.iter().any(|line| about_schedule(line))
    })?;
    let hours = apart(facts, cron_job, change.time);
    let asked = asked_about(facts, &entity);
    if !asked && hours.is_none() {
        return None;
    }
    let lines = change.detail.iter().filter(|line| about_schedule(line));
    let what = lines.map(String::as_str).collect::<Vec<_>>().join("; ");
    let mut found = Candidate::new(
        "cronjob_schedule_changed",
        entity.clone(),
        format!(
            "the schedule of {entity} was changed ({}), and it runs at another time than before",
            clip(&what, 160)
        ),
    )
    .clue("schedule was changed", 2.4, vec![facts.change_evidence(change)])
    .since(Some(change.time))
    .brought_by(Some(&change.reference));
    if let Some(hours) = hours {
        let statement = format!("last ran {hours} h earlier or later in the day than before");
        found = found.clue(
            "runs at another hour",
            1.2,
            vec![state(facts, cron_job, &statement)],
        );
    } else if let Some(last) = cron_job.status.last_schedule_time.filter(|last| *last > began) {
        let statement = format!("ran at {last} only");
        found = found.clue(
            "ran after it was waited for",
            1.0,
            vec![state(facts, cron_job, &statement)],
        );
    }
    let namespace = cron_job.metadata.ns();
    Some(
        found.advise(
            Advice::new(
                format!("Set schedule and time zone of {entity} back, and start the run that is missing"),
                "It is due at another time of the day until then",
            )
            .command(format!(
                "kubectl -n {namespace} edit cronjob/{0}; kubectl -n {namespace} create job --from=cronjob/{0} {0}-by-hand",
                cron_job.metadata.name
            )),
        ),
    )
}

/// Whether a line of a difference, `path: old → new`, is about when a CronJob runs.
fn about_schedule(line: &str) -> bool {
    let path = line
        .split_once(": ")
        .map_or(line, |(path, _)| path)
        .to_lowercase();
    let name = path.rsplit(['.', '/']).next().unwrap_or_default();
    matches!(name.trim().replace('_', "").as_str(), "timezone" | "schedule")
}

/// By how many hours of the day the last run is off the last one before `change`, where that is at least one. What ran more
/// or less often than once a day has no hour of its own.
fn apart(facts: &Facts<'_>, cron_job: &Workload, change: Timestamp) -> Option<i64> {
    let entity = cron_job.entity();
    let runs = facts.owned_by(&entity);
    let started = |job: &Workload| job.status.start_time.or(job.metadata.creation_timestamp);
    let mut earlier: Vec<Timestamp> = runs.filter_map(started).filter(|time| *time < change).collect();
    earlier.sort();
    let daily = !earlier.is_empty()
        && earlier.windows(2).all(|pair| match pair {
            [one, next] => (next.duration_since(*one) - DAY).abs() <= ABOUT,
            _ => false,
        });
    let before = *earlier.last().filter(|_| daily && earlier.len() > 1)?;
    let last = cron_job.status.last_schedule_time.filter(|time| *time > change)?;
    let off = last.duration_since(before).as_hours().rem_euclid(24);
    let off = off.min(24 - off);
    (off >= 1).then_some(off)
}

/// A run that does not end keeps the next ones from being started.
fn blocked(facts: &Facts<'_>, cron_job: &Workload) -> Option<Candidate> {
    let entity = cron_job.entity();
    let told = events(facts, &entity, |event| event.reason == "JobAlreadyActive");
    if cron_job.spec.concurrency_policy != "Forbid" || cron_job.status.active.count() == 0 {
        return None;
    }
    let active = match &cron_job.status.active {
        Active::Jobs(jobs) => jobs.first().map(|job| job.name.clone()),
        _ => None,
    }?;
    let active = EntityRef::namespaced("Job", cron_job.metadata.ns(), active);
    let started = facts.workload(&active).and_then(|job| job.status.start_time);
    if told.is_empty() && !(asked_about(facts, &entity) && begins_before(started, facts.case.began)) {
        return None;
    }
    let began = started.map_or_else(String::new, |time| {
        format!(", which has been running since {time}")
    });
    let mut seen = witness::of_events(facts, told.iter().copied());
    seen.push(state(
        facts,
        cron_job,
        "forbids a second run beside the one that is under way",
    ));
    Some(
        Candidate::new(
            "cronjob_blocked",
            entity.clone(),
            format!("{entity} starts nothing because of {active}{began}"),
        )
        .clue("waits for a run that does not end", 2.2, seen)
        .since(
            told.iter()
                .filter_map(|event| event.first_seen())
                .min()
                .or(started),
        )
        .hurting([active.clone()])
        .derived(0.4)
        .advise(
            Advice::new(
                format!("Find what {active} waits for, or end it; give it activeDeadlineSeconds"),
                "With concurrencyPolicy Forbid one run that hangs keeps all others from starting",
            )
            .command(format!(
                "kubectl -n {} describe job/{}",
                cron_job.metadata.ns(),
                active.name
            )),
        ),
    )
}

fn begins_before(started: Option<Timestamp>, began: Option<Timestamp>) -> bool {
    started.zip(began).is_some_and(|(started, began)| started < began)
}

fn events<'a>(facts: &Facts<'a>, entity: &EntityRef, test: impl Fn(&Event) -> bool) -> Vec<&'a Event> {
    let start = facts.case.window.start;
    let all = facts.events_of(entity).iter().copied();
    all.filter(|event| event.last_seen().is_none_or(|time| time >= start) && test(event))
        .collect()
}

fn asked_about(facts: &Facts<'_>, entity: &EntityRef) -> bool {
    facts.case.subject.contains(entity)
}

fn state(facts: &Facts<'_>, workload: &Workload, statement: &str) -> Evidence {
    facts.object(workload, workload.status.last_schedule_time, statement)
}

fn resume(entity: &EntityRef) -> Advice {
    Advice::new(
        format!("Resume {entity}, if nobody holds it on purpose"),
        "It starts nothing until then",
    )
    .command(format!(
        "kubectl -n {} patch {}/{} -p '{{\"spec\":{{\"suspend\":false}}}}'",
        entity.namespace.as_deref().unwrap_or("default"),
        entity.kind.to_lowercase(),
        entity.name
    ))
}

fn again(job: &EntityRef, title: String) -> Advice {
    Advice::new(title, "A Job that failed is not tried again by itself").command(format!(
        "kubectl -n {0} describe job/{1}; kubectl -n {0} logs job/{1} --all-containers",
        job.namespace.as_deref().unwrap_or("default"),
        job.name
    ))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::Jobs;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, event, object, of};

    fn world(kind: &str, spec: Value, status: Value) -> Case {
        let mut case = case();
        let rest = json!({"kind": kind, "spec": spec, "status": status});
        case.objects.workloads.push(object("report", rest));
        case
    }

    fn ids(case: &Case) -> Vec<&'static str> {
        of(&Jobs, case)
            .iter()
            .map(|candidate| candidate.mechanism)
            .collect()
    }

    #[test]
    fn a_job_of_long_ago_matters_where_it_is_asked_about() {
        let failed = |reason: &str, second: i64| {
            let condition = json!({"type": "Failed", "status": "True", "reason": reason, "lastTransitionTime": at(second)});
            world("Job", json!({}), json!({"conditions": [condition]}))
        };
        assert_eq!(ids(&failed("DeadlineExceeded", -60)), ["job_deadline_exceeded"]);
        assert_eq!(ids(&failed("BackoffLimitExceeded", -60)), ["job_failed"]);
        let mut old = failed("BackoffLimitExceeded", -900_000);
        assert!(ids(&old).is_empty());
        old.subject.push(EntityRef::namespaced("Job", "shop", "report"));
        assert_eq!(ids(&old), ["job_failed"]);
    }

    #[test]
    fn a_suspended_schedule_matters_where_it_is_asked_about() {
        let mut case = world(
            "CronJob",
            json!({"schedule": "0 3 * * *", "suspend": true}),
            json!({}),
        );
        assert!(ids(&case).is_empty());
        case.subject
            .push(EntityRef::namespaced("CronJob", "shop", "report"));
        assert_eq!(ids(&case), ["cronjob_suspended"]);
    }

    #[test]
    fn controllers_say_what_is_wrong_with_a_schedule() {
        for (reason, message, id) in [
            (
                "UnparseableSchedule",
                "unparseable schedule: \"61 * * * *\" : end of range (61) above maximum (59)",
                "cronjob_schedule_invalid",
            ),
            (
                "UnknownTimeZone",
                "invalid timeZone: \"Mars/Base\": unknown time zone Mars/Base",
                "cronjob_schedule_invalid",
            ),
            (
                "TooManyMissedTimes",
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
                "cronjob_schedule_missed",
            ),
        ] {
            let mut case = world("CronJob", json!({"schedule": "61 * * * *"}), json!({}));
            event(&mut case, "CronJob", "report", reason, message, -60);
            assert_eq!(ids(&case), [id]);
        }
    }

    #[test]
    fn a_schedule_that_was_moved_is_missed_at_its_old_hour() {
        let with = |line: &str, asked: bool| {
            let status = json!({"lastScheduleTime": at(1200)});
            let mut case = world("CronJob", json!({"schedule": "0 6 * * *"}), status);
            let entity = EntityRef::namespaced("CronJob", "shop", "report");
            let mut change = crate::incident::testing::deploy(&entity, "chart@7", -40_000);
            change.detail = vec![line.to_owned()];
            case.changes.push(change);
            if asked {
                case.subject.push(entity);
            }
            ids(&case)
        };
        let moved = "spec.timeZone: Europe/Zurich → America/New_York";
        assert_eq!(with(moved, true), ["cronjob_schedule_changed"]);
        assert_eq!(
            with("spec.schedule: 0 4 * * * → 0 6 * * *", true),
            ["cronjob_schedule_changed"]
        );
        // Nobody waits for it; another field was changed.
        assert!(with(moved, false).is_empty());
        assert!(with("spec.concurrencyPolicy: Allow → Forbid", true).is_empty());
    }

    #[test]
    fn only_what_runs_once_a_day_has_an_hour_of_its_own() {
        // Runs before a change, so many hours apart; the one after it came three hours later in the day.
        let found = |apart: i64| {
            let status = json!({"lastScheduleTime": at(-600)});
            let mut case = world("CronJob", json!({"schedule": "0 6 * * *"}), status);
            let entity = EntityRef::namespaced("CronJob", "shop", "report");
            let mut change = crate::incident::testing::deploy(&entity, "chart@7", -40_000);
            change.detail = vec!["spec.schedule: a → b".to_owned()];
            case.changes.push(change);
            for run in 0..3 {
                case.objects.workloads.push(object(
                    &format!("report-{run}"),
                    json!({
                        "kind": "Job",
                        "metadata": {"ownerReferences": [{"kind": "CronJob", "name": "report", "controller": true}]},
                        "status": {"startTime": at(-600 - 27 * 3600 - run * apart * 3600)},
                    }),
                ));
            }
            ids(&case)
        };
        assert_eq!(found(24), ["cronjob_schedule_changed"]);
        assert!(found(1).is_empty());
        assert!(found(7 * 24).is_empty());
    }

    #[test]
    fn a_run_that_does_not_end_blocks_the_next() {
        let status = || json!({"active": [{"kind": "Job", "name": "report-1"}]});
        for (policy, fires) in [("Forbid", true), ("Allow", false)] {
            let mut case = world("CronJob", json!({"concurrencyPolicy": policy}), status());
            let message =
                "Not starting job because prior execution is running and concurrency policy is Forbid";
            event(&mut case, "CronJob", "report", "JobAlreadyActive", message, -60);
            assert_eq!(!ids(&case).is_empty(), fires, "{policy}");
        }
    }
}
