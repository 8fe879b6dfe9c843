//! `limits:`, `breaker:` and the times of the pipeline.

use claw_core::yaml::{Fields, Node, ProblemKind, Problems, boolean, texts};
use claw_guardrails::{breaker, pipeline, radius};

use super::values::{count, duration, number};

/// Takes the bounds out of `writing:`.
pub(super) fn take(fields: &mut Fields<'_, '_>) -> pipeline::Settings {
    let mut settings = pipeline::Settings::default();
    if let Some(limits) = fields.optional("limits", limits) {
        settings.action = limits.action.unwrap_or(settings.action);
        settings.run = limits.run.unwrap_or_else(|| settings.action.clone());
        settings.hour = limits.hour.unwrap_or(settings.hour);
    }
    if let Some(breaker) = fields.optional("breaker", breaker_of) {
        settings.breaker = breaker;
    }
    if let Some(hands) = fields.optional("hands", texts) {
        settings.hands = hands.into_iter().map(|hand| hand.value).collect();
    }
    for (key, into) in [
        ("watch_for", &mut settings.watch_for),
        ("time", &mut settings.time),
        ("remember_for", &mut settings.remember_for),
    ] {
        if let Some(time) = fields.optional(key, duration) {
            *into = time;
        }
    }
    settings
}

/// Limits that were written.
#[derive(Default)]
struct Written {
    action: Option<radius::Limits>,
    run: Option<radius::Limits>,
    hour: Option<radius::Limits>,
}

fn limits(node: &Node, path: &str, problems: &mut Problems) -> Option<Written> {
    let usual = pipeline::Settings::default();
    let mut fields = Fields::open(node, path, problems)?;
    let written = Written {
        action: fields.optional("action", |node, path, problems| {
            limits_of(node, path, problems, usual.action)
        }),
        run: fields.optional("run", |node, path, problems| {
            limits_of(node, path, problems, usual.run)
        }),
        hour: fields.optional("hour", |node, path, problems| {
            limits_of(node, path, problems, usual.hour)
        }),
    };
    fields.finish();
    Some(written)
}

fn limits_of(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    mut limits: radius::Limits,
) -> Option<radius::Limits> {
    let mut fields = Fields::open(node, path, problems)?;
    for (key, into) in [
        ("objects", &mut limits.objects),
        ("namespaces", &mut limits.namespaces),
        ("pods", &mut limits.pods),
        ("nodes", &mut limits.nodes),
        ("zones", &mut limits.zones),
    ] {
        if let Some(found) = fields.optional(key, number(0, 1_000_000)) {
            *into = found;
        }
    }
    if let Some(percent) = fields.optional("endpoints_percent", number(0, 100)) {
        limits.endpoints_percent = u8::try_from(percent).unwrap_or(100);
    }
    if let Some(lost) = fields.optional("persistent_data", boolean) {
        limits.persistent_data = lost;
    }
    fields.finish();
    Some(limits)
}

fn breaker_of(node: &Node, path: &str, problems: &mut Problems) -> Option<breaker::Settings> {
    let mut settings = breaker::Settings::default();
    let mut fields = Fields::open(node, path, problems)?;
    for (key, into) in [
        ("failures", &mut settings.failures),
        ("regressions", &mut settings.regressions),
        ("conflicts", &mut settings.conflicts),
    ] {
        if let Some(found) = fields.optional(key, count) {
            *into = found;
        }
    }
    for (key, into) in [
        ("window", &mut settings.window),
        ("flap_window", &mut settings.flap_window),
        ("open_for", &mut settings.open_for),
        ("open_at_most", &mut settings.open_at_most),
    ] {
        if let Some(time) = fields.optional(key, duration) {
            *into = time;
        }
    }
    fields.finish();
    if let Err(error) = settings.check() {
        problems.add(
            ProblemKind::InvalidValue,
            node.place,
            path,
            error.to_string(),
            "set both, or leave out the one that does not fit",
        );
        return None;
    }
    Some(settings)
}
