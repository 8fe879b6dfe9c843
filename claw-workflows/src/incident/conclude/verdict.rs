//! The answer in one word, one line, and one paragraph.

use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::report::Verdict;
use jiff::Timestamp;

use super::LIKELY;
use crate::deliver::words;
use crate::incident::candidate::Symptom;
use crate::incident::case::Case;
use crate::incident::facts::clip;
use crate::incident::rank::Ranked;
use crate::trigger::Alert;

/// The highest confidence where there is no answer.
const UNLIKELY: f64 = 0.9 * LIKELY;

pub(super) fn verdict(case: &Case, ranked: &[Ranked], symptoms: &[Symptom]) -> Verdict {
    // Where nothing could be seen, nothing was seen to be well, either; and an alert that fires is not about nothing. The
    // series that moved may be one that was not read.
    let firing = case.incident.alerts.iter().any(Alert::is_firing);
    let calm = if case.saw_anything() && !firing && !case.series_unread {
        Verdict::Healthy
    } else {
        Verdict::Unknown
    };
    let wrong = symptoms
        .iter()
        .any(|symptom| symptom.severity >= Severity::Warning);
    let confidence = |index: usize| {
        ranked
            .get(index)
            .map_or(0.0, |ranked| ranked.hypothesis.confidence)
    };
    // That an entity is short of something is no rival of why it is.
    let says_more = |a: &Ranked, b: &Ranked| {
        let one = &a.hypothesis;
        let by = b.explained_by.as_ref();
        one.entity == b.hypothesis.entity
            && by.is_some_and(|(mechanism, entity)| *mechanism == one.mechanism && *entity == one.entity)
    };
    let rivals =
        |a: &Ranked, b: &Ranked| a.explains.intersection(&b.explains).next().is_some() && !says_more(a, b);
    // A cause is one of something: what could go wrong and does not is no answer.
    if !wrong && !firing {
        return calm;
    }
    match (ranked.first(), ranked.get(1)) {
        (None, _) if wrong => Verdict::Unknown,
        (None, _) => calm,
        // Without objects nothing leads from one thing to another: what is wrong elsewhere is not known to be the cause.
        (Some(first), _)
            if confidence(0) < LIKELY || (first.misses_alert && case.objects.pods.is_empty()) =>
        {
            if wrong {
                Verdict::Unknown
            } else {
                calm
            }
        }
        (Some(first), Some(second)) if confidence(1) > confidence(0) * 0.75 && rivals(first, second) => {
            Verdict::Ambiguous
        }
        _ => Verdict::Cause,
    }
}

/// Where the verdict names no cause none may pass for one: the confidences keep their proportions, and stay below what is
/// likely. What would be the cause of something is not the cause of nothing.
pub(super) fn no_answer(ranked: &mut [Ranked]) {
    let highest = ranked
        .iter()
        .map(|ranked| ranked.hypothesis.confidence)
        .fold(0.0, f64::max);
    if highest < LIKELY {
        return;
    }
    for ranked in ranked {
        let scaled = ranked.hypothesis.confidence / highest * UNLIKELY;
        ranked.hypothesis.confidence = (scaled * 1000.0).floor() / 1000.0;
    }
}

pub(super) fn title(case: &Case, symptoms: &[Symptom], verdict: Verdict) -> String {
    if let Some(alert) = case.incident.alerts.first() {
        let said = ["summary", "message", "description"]
            .iter()
            .find_map(|key| alert.annotations.get(*key));
        let name = alert.name().unwrap_or("Alert");
        return said.map_or_else(|| name.to_owned(), |said| format!("{name}: {}", clip(said, 120)));
    }
    match (symptoms.first(), verdict) {
        (None, Verdict::Unknown) if case.saw_anything() => {
            "Nothing that was seen is wrong, and not all could be seen".to_owned()
        }
        (None, Verdict::Unknown) => "Nothing could be seen".to_owned(),
        (_, Verdict::Healthy) | (None, _) => "Nothing was seen to be wrong".to_owned(),
        (Some(symptom), _) => format!("{} {}", symptom.entity, clip(&symptom.statement, 100)),
    }
}

pub(super) fn summary(
    case: &Case,
    absent: &[EntityRef],
    first: Option<&Ranked>,
    symptoms: &[Symptom],
    verdict: Verdict,
    onset: Option<Timestamp>,
) -> String {
    let since = onset
        .map(|time| format!(" since {}", time.strftime("%H:%M:%S UTC")))
        .unwrap_or_default();
    let wrong = symptoms
        .iter()
        .filter(|symptom| symptom.severity >= Severity::Warning)
        .count();
    let mut text = match wrong {
        0 if !case.saw_anything() => "Nothing could be seen.".to_owned(),
        0 if verdict == Verdict::Unknown && !case.incident.alerts.iter().any(Alert::is_firing) => {
            "Nothing that was seen is wrong, but not all series could be compared.".to_owned()
        }
        0 if verdict == Verdict::Unknown => "The alert fires, and nothing that was seen is wrong.".to_owned(),
        // There is an answer all the same: what would bring such an alert about was found.
        0 if first.is_some() => "The alert fires, and no symptom of it was seen.".to_owned(),
        0 => "Nothing was seen to be wrong.".to_owned(),
        1 => format!("One thing is wrong{since}."),
        _ => format!("{wrong} things are wrong{since}."),
    };
    match (first, verdict) {
        (Some(first), Verdict::Ambiguous) => text.push_str(&format!(
            " Several causes are about as likely; the first is: {} ({:.0} %).",
            first.hypothesis.cause,
            first.hypothesis.confidence * 100.0
        )),
        (Some(first), _) => {
            text.push_str(&format!(
                " {} cause: {} ({:.0} %).",
                if words::is_likely(first.hypothesis.confidence) {
                    "Likely"
                } else {
                    "Possible"
                },
                first.hypothesis.cause,
                first.hypothesis.confidence * 100.0
            ));
            // A cause is looked for all the same: the name may be misspelt.
            if let [gone, ..] = absent
                && absent.len() == case.subject.len()
            {
                text.push_str(&format!(
                    " That is not connected with {gone}, which was asked about and does not exist."
                ));
            }
            if let Some(advice) = first.advice.first() {
                text.push_str(&format!(" {}.", advice.title));
            }
        }
        (None, Verdict::Unknown) if wrong > 0 => text.push_str(" What was seen does not say why."),
        (None, _) => {}
    }
    if !case.gaps.is_empty() {
        text.push_str(&format!(
            " {} source{} could not be seen.",
            case.gaps.len(),
            if case.gaps.len() == 1 { "" } else { "s" }
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use claw_core::report::{Report, Verdict, Window};
    use claw_metrics::series::Series;
    use claw_metrics::signal;

    use super::{Case, LIKELY};
    use crate::incident::conclude;
    use crate::incident::testing::{at, case, deploy};
    use crate::incident::weights::Weights;

    /// A deploy of `cart`, and right after it a metric that rises.
    fn report(metric: &str) -> Report {
        report_about(metric, &[])
    }

    /// The same, in a run about these Services.
    fn report_about(metric: &str, subject: &[&str]) -> Report {
        report_of(case(), metric, subject)
    }

    fn report_of(mut case: Case, metric: &str, subject: &[&str]) -> Report {
        let service = |name: &&str| EntityRef::namespaced("Service", "shop", *name);
        case.subject.extend(subject.iter().map(service));
        let labels = [("__name__", metric), ("service", "cart"), ("namespace", "shop")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-60..30).map(|minute| (at(60 * minute), if minute < 0 { 0.1 } else { 0.9 }));
        let series = Series::new(labels.into_iter().collect(), points.collect());
        let incident = Window {
            start: at(0),
            end: at(1800),
        };
        let signal = signal::detect(&series, &incident, None, &Default::default());
        case.signals.push(signal.unwrap());
        case.series_read = 1;
        case.changes = vec![deploy(
            &EntityRef::namespaced("Service", "shop", "cart"),
            "new",
            -120,
        )];
        conclude::report(&case, "test", &Weights::default())
    }

    #[test]
    fn without_objects_the_trouble_of_one_is_not_the_cause_of_that_of_another() {
        let metric = "service_latency_seconds";
        assert_eq!(report_about(metric, &["cart"]).verdict, Verdict::Cause);
        let other = report_about(metric, &["mailer"]);
        assert_eq!(other.verdict, Verdict::Unknown);
        assert!(!other.hypotheses.is_empty(), "what was seen is shown");
        assert!(other.hypotheses.iter().all(|found| found.confidence < LIKELY));
    }

    #[test]
    fn an_answer_does_not_stand_beside_that_nothing_is_wrong() {
        let mut alerted = case();
        let alert = serde_json::json!({"fingerprint": "a", "starts_at": at(0)});
        alerted
            .incident
            .alerts
            .push(serde_json::from_value(alert).unwrap());
        let busy = report_of(alerted, "cpu_usage_cores", &[]);
        assert_eq!(busy.verdict, Verdict::Cause);
        assert!(
            busy.summary
                .starts_with("The alert fires, and no symptom of it was seen. "),
            "{}",
            busy.summary
        );
        assert!(busy.summary.contains(" Likely cause: "), "{}", busy.summary);
    }

    #[test]
    fn where_nothing_is_wrong_nothing_is_blamed() {
        let slow = report("service_latency_seconds");
        assert_eq!(slow.verdict, Verdict::Cause);
        assert!(slow.hypotheses[0].confidence >= LIKELY && slow.changes[0].blamed);
        // More work is done, and nobody feels it.
        let busy = report("cpu_usage_cores");
        assert_eq!(busy.verdict, Verdict::Healthy);
        assert!(!busy.hypotheses.is_empty(), "the test needs a candidate");
        assert!(busy.hypotheses.iter().all(|found| found.confidence < LIKELY));
        assert!(busy.changes.iter().all(|change| !change.blamed));
        assert_eq!(busy.recommendations, []);
    }
}
