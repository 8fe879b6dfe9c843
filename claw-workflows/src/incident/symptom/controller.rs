//! What is amiss in what controllers are told: names that nobody has, schedules that never come, work that is put off.
//!
//! What is written wrong and hurts nobody yet is information; it weighs more once pods are missing for it.

use claw_core::evidence::Severity;
use claw_k8s::model::{Object, Pod, Workload};

use super::finding::finding;
use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::{Facts, names};

/// Everything that is amiss in a workload's specification.
pub(super) fn specification(facts: &Facts<'_>, workload: &Workload) -> Vec<Symptom> {
    let mut found = Vec::new();
    match workload.kind.as_str() {
        "StatefulSet" => stateful_set(facts, workload, &mut found),
        "Job" => job(facts, workload, &mut found),
        "CronJob" => cron_job(facts, workload, &mut found),
        _ => {}
    }
    found.extend(pull_secret(facts, workload));
    found
}

fn is_short(workload: &Workload) -> bool {
    workload.desired().is_some_and(|wanted| workload.ready() < wanted)
}

fn stateful_set(facts: &Facts<'_>, set: &Workload, found: &mut Vec<Symptom>) {
    let ns = set.metadata.ns();
    let severity = if is_short(set) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let service = &set.spec.service_name;
    if !service.is_empty() && facts.case.knows_all("Service", ns) && facts.service(ns, service).is_none() {
        let statement = format!("names Service {service}, which does not exist");
        found.push(finding(
            facts,
            set,
            "statefulset.service_missing",
            Severity::Info,
            None,
            statement,
        ));
    }
    // A recording without classes does not tell that there are none.
    if !facts.case.objects.storage_classes.is_empty() {
        let classes = names(&facts.case.objects.storage_classes, "");
        let wanted = set
            .spec
            .volume_claim_templates
            .iter()
            .filter_map(|claim| claim.spec.storage_class_name.as_ref())
            .find(|class| !class.is_empty() && !classes.contains(*class));
        if let Some(class) = wanted {
            let statement = format!("claims volumes of storage class {class}, which does not exist");
            found.push(finding(
                facts,
                set,
                "statefulset.storage_class_missing",
                severity,
                None,
                statement,
            ));
        }
    }
    if !is_short(set) || !facts.case.knows_all("Pod", ns) {
        return;
    }
    let pods: Vec<&Pod> = facts.pods_of(&set.entity()).to_vec();
    if pods.is_empty() {
        let statement = "has none of its pods, not even the first";
        found.push(finding(
            facts,
            set,
            "statefulset.pod_missing",
            Severity::Warning,
            None,
            statement,
        ));
    }
    // Pods are made in order: one that does not run keeps back those after it.
    if let Some(pod) = pods.iter().find(|pod| pod.status.phase != "Running") {
        let statement = format!("its pod {} is {}", pod.metadata.name, pod.status.phase);
        found.push(finding(
            facts,
            set,
            "statefulset.pod_not_running",
            Severity::Warning,
            None,
            statement,
        ));
    }
}

fn job(facts: &Facts<'_>, job: &Workload, found: &mut Vec<Symptom>) {
    if job.spec.suspend {
        found.push(finding(
            facts,
            job,
            "job.suspended",
            Severity::Info,
            None,
            "is suspended",
        ));
    }
}

fn cron_job(facts: &Facts<'_>, job: &Workload, found: &mut Vec<Symptom>) {
    if job.spec.suspend {
        found.push(finding(
            facts,
            job,
            "cronjob.suspended",
            Severity::Info,
            None,
            "is suspended",
        ));
    }
    let told = facts.event(&job.entity(), |event| {
        matches!(
            event.reason.as_str(),
            "UnparseableSchedule" | "InvalidSchedule" | "UnknownTimeZone"
        )
    });
    found.extend(missed_starts(facts, job));
    // A recording may leave the schedule out.
    let schedule = job.spec.schedule.as_str();
    if told.is_some() || !schedule.is_empty() && !is_schedule(schedule) {
        let statement = match schedule {
            "" => "its schedule cannot be read".to_owned(),
            written => format!("its schedule `{written}` cannot be read"),
        };
        let mut symptom = finding(
            facts,
            job,
            "cronjob.bad_schedule",
            Severity::Warning,
            None,
            statement,
        );
        symptom
            .evidence
            .extend(told.map(|event| facts.event_evidence(event)));
        found.push(symptom);
    }
    if job
        .spec
        .starting_deadline_seconds
        .is_some_and(|seconds| seconds < 0)
    {
        let statement = "its starting deadline is negative, so it never starts";
        found.push(finding(
            facts,
            job,
            "cronjob.negative_deadline",
            Severity::Warning,
            None,
            statement,
        ));
    }
}

/// Starts that a CronJob misses again and again, as its controller says of late.
fn missed_starts(facts: &Facts<'_>, job: &Workload) -> Option<Symptom> {
    let told = facts.event(&job.entity(), |event| {
        let once = event.reason == "MissSchedule";
        matches!(event.reason.as_str(), "TooManyMissedTimes" | "FailedNeedsStart")
            || once && event.count() > 1
    })?;
    let last = told.last_seen();
    let recent = last.is_none_or(|last| last >= facts.case.window.start);
    // One that was started since has caught up.
    let started = job.status.last_schedule_time;
    let over = started.zip(last).is_some_and(|(started, last)| started > last);
    if job.spec.suspend || over || !recent {
        return None;
    }
    let statement = format!("misses its starts{}", said(&told.message));
    let mut symptom = finding(
        facts,
        job,
        "cronjob.starts_missed",
        Severity::Warning,
        told.first_seen(),
        statement,
    );
    symptom.evidence.push(facts.event_evidence(told));
    Some(symptom)
}

/// Whether a schedule has the form of one: a word such as `@daily`, or five fields, after a time zone where one is written.
fn is_schedule(text: &str) -> bool {
    let mut text = text.trim();
    if let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
        text = rest.split_once(' ').map_or("", |(_, rest)| rest.trim());
    }
    if let Some(word) = text.strip_prefix('@') {
        let word = word.split_whitespace().next().unwrap_or_default();
        return matches!(
            word,
            "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly" | "every"
        );
    }
    let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fields: Vec<&str> = text.split_whitespace().collect();
    let fits = |(field, (least, most)): (&&str, (u32, u32))| {
        let of_bounds = |part: &str| match part.parse::<u32>() {
            Ok(number) => (least..=most).contains(&number),
            Err(_) => is_name(part),
        };
        field.split(',').all(|part| {
            // A step may be larger than what it steps over.
            let (range, step) = part.split_once('/').unwrap_or((part, "1"));
            let stepped = step.parse::<u32>().is_ok_and(|step| step > 0);
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            stepped && (matches!(range, "*" | "?") || of_bounds(from) && of_bounds(to))
        })
    };
    fields.len() == bounds.len() && fields.iter().zip(bounds).all(fits)
}

/// `MON`, `jan`
fn is_name(part: &str) -> bool {
    part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A login for images that is not there. It matters once an image has to be fetched.
fn pull_secret(facts: &Facts<'_>, workload: &Workload) -> Option<Symptom> {
    let ns = workload.metadata.ns();
    if !facts.case.knows_all("Secret", ns) {
        return None;
    }
    let spec = &workload.template().spec;
    let missing = spec
        .image_pull_secrets
        .iter()
        .find(|secret| !facts.has_secret(ns, &secret.name))?;
    let severity = if is_short(workload) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let statement = format!("names pull secret {}, which does not exist", missing.name);
    Some(finding(
        facts,
        workload,
        "workload.pull_secret_missing",
        severity,
        None,
        statement,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_schedule, specification};
    use crate::incident::facts::Facts;
    use crate::incident::testing::{at, case, event, object};

    #[test]
    fn a_schedule_that_was_not_recorded_is_none_that_cannot_be_read() {
        let statements = |schedule: &str, told: bool| -> Vec<String> {
            let mut case = case();
            let job = json!({"kind": "CronJob", "spec": {"schedule": schedule}});
            case.objects.workloads.push(object("nightly", job));
            if told {
                event(&mut case, "CronJob", "nightly", "UnparseableSchedule", "no", -30);
            }
            let facts = Facts::new(&case);
            let found = specification(&facts, &case.objects.workloads[0]);
            found.into_iter().map(|symptom| symptom.statement).collect()
        };
        assert_eq!(statements("", false), [""; 0]);
        assert_eq!(statements("", true), ["its schedule cannot be read"]);
        assert_eq!(
            statements("0 3 * * 7", false),
            ["its schedule `0 3 * * 7` cannot be read"]
        );
        assert_eq!(statements("*/60 * * * *", false), [""; 0]);
        assert_eq!(
            statements("*/60 * * * *", true),
            ["its schedule `*/60 * * * *` cannot be read"]
        );
    }

    #[test]
    fn starts_that_are_missed_of_late_are_a_symptom() {
        let ids = |reason: &str,
                   second: i64,
                   status: serde_json::Value,
                   suspend: bool|
         -> Vec<&'static str> {
            let mut case = case();
            let job = json!({"kind": "CronJob", "spec": {"schedule": "*/5 * * * *", "suspend": suspend}, "status": status});
            case.objects.workloads.push(object("rates", job));
            event(
                &mut case,
                "CronJob",
                "rates",
                reason,
                "too many missed start times",
                second,
            );
            let facts = Facts::new(&case);
            let found = specification(&facts, &case.objects.workloads[0]);
            found.into_iter().map(|symptom| symptom.id).collect()
        };
        let missed = "cronjob.starts_missed";
        assert_eq!(ids("TooManyMissedTimes", -30, json!({}), false), [missed]);
        assert_eq!(ids("FailedNeedsStart", -30, json!({}), false), [missed]);
        // Once it was late, long ago, before its last start, and on purpose.
        assert_eq!(ids("MissSchedule", -30, json!({}), false), [""; 0]);
        assert_eq!(ids("FailedNeedsStart", -90_000, json!({}), false), [""; 0]);
        let started = json!({"lastScheduleTime": at(-10)});
        assert_eq!(ids("FailedNeedsStart", -30, started, false), [""; 0]);
        assert!(!ids("FailedNeedsStart", -30, json!({}), true).contains(&missed));
    }

    #[test]
    fn schedules_are_told_from_what_is_none() {
        for good in [
            "*/5 * * * *",
            "0 3 * * MON-FRI",
            "@daily",
            "@every 1h",
            "TZ=Europe/Oslo 0 3 1,15 jan *",
            "0-30/5 * * * 6",
            "*/60 * * * *",
            "0 */36 1-31/2 * sun",
        ] {
            assert!(is_schedule(good), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "61 * * * *",
            "0 25 * * *",
            "0 3 * * 7",
            "0 3 0 * *",
            "*/0 * * * *",
            "1/2/3 * * * *",
            "@dayly",
            "every hour",
            "0 3 * * *  *",
        ] {
            assert!(!is_schedule(bad), "{bad}");
        }
    }
}
