//! A setting was changed, and errors that began then speak of it.

mod concern;
mod effect;
mod line;
mod text;

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_metrics::logs::indicators::Indicator;
use jiff::SignedDuration;

use super::named_hosts::is_nobody;
use super::rollback::roll_back;
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, SKEW, clip};
use crate::incident::logs::{Digest, Pattern, host_of};
use concern::Concern;
use effect::{Effect, Where};
use line::Line;
use text::{FAINT, mention};

/// For how long a setting may have been in effect before the first error that it brought.
const WITHIN: SignedDuration = SignedDuration::from_hours(2);
/// Errors that begin so soon after the change speak the more for it.
const SOON: SignedDuration = SignedDuration::from_mins(10);
/// What is taken from a mention by somebody else than the workload that was changed.
const BY_ANOTHER: f64 = 0.5;
/// What is taken from a mention where it is not known which of the settings was changed.
const ANY_OF_THEM: f64 = 0.6;

/// A change of a variable, argument, security context, port or configuration file after which errors began that name the
/// setting or its value, or that such a change is known to bring about.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangedSetting;

impl Mechanism for ChangedSetting {
    fn id(&self) -> &'static str {
        "changed_setting"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let window = facts.case.window;
        facts
            .case
            .changes
            .iter()
            .filter(|change| change.time >= window.start && change.time <= window.end)
            .filter(|change| !matches!(change.kind, ChangeKind::Scale | ChangeKind::Node))
            .filter_map(|change| judge(facts, change))
            .collect()
    }
}

/// An entry that a change is linked to.
struct Link<'a> {
    weight: f64,
    why: String,
    setting: String,
    writer: EntityRef,
    entry: (&'a Digest, &'a Pattern),
    after: SignedDuration,
    mentions: bool,
}

fn judge(facts: &Facts<'_>, change: &Change) -> Option<Candidate> {
    let concern = Concern::of(facts, change)?;
    let mut links: Vec<Link<'_>> = Vec::new();
    for digest in &facts.case.logs {
        let writer = facts.unit_of(&digest.pod);
        let Some(at) = concern.place(&writer) else {
            continue;
        };
        for pattern in &digest.patterns {
            let Some(after) = follows(facts, change, &writer, pattern) else {
                continue;
            };
            let found = mentioned(change, &concern, digest, pattern, at);
            let caused = caused(facts, change, &concern, &writer, pattern, at);
            links.extend([found, caused].into_iter().flatten().map(|found| Link {
                weight: found.weight,
                why: found.why,
                setting: found.setting,
                mentions: found.mentions,
                writer: writer.clone(),
                entry: (digest, pattern),
                after,
            }));
        }
    }
    links.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| a.writer.cmp(&b.writer))
    });
    let best = links.first()?;
    Some(candidate(facts, change, &concern, best, &links))
}

/// How long after the change the entries began; `None` where they did before, or long after.
fn follows(
    facts: &Facts<'_>,
    change: &Change,
    writer: &EntityRef,
    pattern: &Pattern,
) -> Option<SignedDuration> {
    let after = |pattern: &Pattern| {
        let first = pattern.first.or(facts.case.began)?;
        Some(first.duration_since(change.time))
    };
    let this = after(pattern).filter(|after| *after >= -SKEW && *after <= WITHIN)?;
    // Another pod may have logged the same before.
    let known = facts
        .case
        .logs
        .iter()
        .filter(|digest| facts.unit_of(&digest.pod) == *writer)
        .flat_map(|digest| &digest.patterns)
        .filter(|other| other.template == pattern.template)
        .any(|other| after(other).is_some_and(|after| after < -SKEW));
    (!known).then(|| this.max(SignedDuration::ZERO))
}

/// What links a change to an entry.
struct Found {
    weight: f64,
    why: String,
    setting: String,
    mentions: bool,
}

/// Whether the entry names what was changed.
fn mentioned(
    change: &Change,
    concern: &Concern,
    digest: &Digest,
    pattern: &Pattern,
    at: Where,
) -> Option<Found> {
    if at == Where::Callees {
        return None;
    }
    let text = format!("{} {}", pattern.sample, pattern.rest);
    let usual = |word: &str| {
        digest
            .usual
            .get(word)
            .is_some_and(|first| first.is_none_or(|first| first < change.time))
    };
    let lines = concern.lines.iter().filter_map(|line| Line::read(line));
    lines
        .filter(|line| !line.is_idle())
        .filter_map(|line| {
            let found = mention(&line, &text, usual, |word| concern.names.contains(word))?;
            let other = if at == Where::Own { 0.0 } else { BY_ANOTHER };
            let vague = if concern.certain { 0.0 } else { ANY_OF_THEM };
            Some(Found {
                weight: (found.weight - other - vague).max(0.2),
                why: format!("its errors name it ({})", found.words),
                setting: told(&line, concern.certain),
                mentions: true,
            })
        })
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// Whether such a change is known to bring about what the entry indicates.
fn caused(
    facts: &Facts<'_>,
    change: &Change,
    concern: &Concern,
    writer: &EntityRef,
    pattern: &Pattern,
    at: Where,
) -> Option<Found> {
    let shows = |effect: &Effect| {
        effect.at == at
            && pattern.indicates(effect.shows)
            && (!effect.of_nobody || names_nobody(pattern))
            && (at != Where::Callers || concern.is_meant(facts, writer, pattern))
    };
    if concern.service {
        let after = pattern.first.map(|first| first.duration_since(change.time));
        let soon = after.is_some_and(|after| after <= SOON);
        return (soon && shows(&effect::OF_SERVICE)).then(|| Found {
            weight: effect::OF_SERVICE.weight,
            why: "those who call it cannot since".to_owned(),
            setting: clip(&change.summary, 120),
            mentions: false,
        });
    }
    let lines = concern.lines.iter().filter_map(|line| Line::read(line));
    lines
        .filter(|line| concern.certain && !line.is_idle())
        .flat_map(|line| {
            effect::effects(&line)
                .into_iter()
                .map(move |effect| (line, effect))
        })
        .filter(|(line, effect)| shows(effect) && (!effect.of_nobody || may_speak_of(line, pattern)))
        .max_by(|(_, a), (_, b)| a.weight.total_cmp(&b.weight))
        .map(|(line, effect)| Found {
            weight: effect.weight,
            why: "such a change is known to bring these errors about".to_owned(),
            setting: told(&line, true),
            mentions: false,
        })
}

/// Whether an entry may be about a variable that was removed: one that asks for a setting names which.
fn may_speak_of(line: &Line<'_>, pattern: &Pattern) -> bool {
    let asks = pattern.indicates(&[Indicator::MissingConfig, Indicator::InvalidConfig]);
    !asks || pattern.sample.contains(line.key()) || pattern.rest.contains(line.key())
}

/// Whether an entry tells of a call without whom: the address was not set, or fell back to the caller itself.
fn names_nobody(pattern: &Pattern) -> bool {
    let mut named = pattern
        .indications
        .iter()
        .filter_map(|indication| indication.target.as_deref());
    named.all(|target| is_nobody(host_of(target)))
}

fn told(line: &Line<'_>, certain: bool) -> String {
    let value = |text: &str| {
        if text.is_empty() {
            "(none)".to_owned()
        } else {
            clip(text, 60)
        }
    };
    if certain {
        format!("{}: {} → {}", line.path, value(line.old), value(line.new))
    } else {
        format!("{} edited", line.key())
    }
}

fn candidate(
    facts: &Facts<'_>,
    change: &Change,
    concern: &Concern,
    best: &Link<'_>,
    links: &[Link<'_>],
) -> Candidate {
    let entity = concern.entity.clone();
    let (digest, pattern) = best.entry;
    let mut evidence = vec![facts.change_evidence(change), facts.log_evidence(digest, pattern)];
    let more = links.iter().filter(|link| link.writer != best.writer).take(2);
    evidence.extend(more.map(|link| facts.log_evidence(link.entry.0, link.entry.1)));
    evidence.dedup_by(|a, b| a.id == b.id);
    let faint = best.weight <= FAINT;
    let mut found = Candidate::new(
        "changed_setting",
        entity.clone(),
        format!(
            "{entity} was changed ({}), and {}: {} logs {}",
            best.setting,
            best.why,
            best.writer,
            clip(&pattern.sample, 160)
        ),
    )
    .aspect(best.setting.clone())
    .clue("errors since speak of what was changed", best.weight, evidence)
    .since(Some(change.time))
    .brought_by(Some(&change.reference))
    .hurting(
        links
            .iter()
            .map(|link| link.writer.clone())
            .filter(|writer| *writer != entity),
    )
    .derived(if faint { 0.5 } else { 0.1 });
    let other = |link: &&Link<'_>| link.mentions != best.mentions;
    if let Some(link) = links.iter().find(other) {
        let (digest, pattern) = link.entry;
        let seen = vec![facts.log_evidence(digest, pattern)];
        found = found.clue("they name it, and are what it brings about", 0.5, seen);
    }
    if !faint && best.after <= SOON {
        found = found.clue("they began right after", 0.5, Vec::new());
    }
    let reason = "The errors began with it and speak of it";
    let back = roll_back(facts, &entity, change, reason).unwrap_or_else(|| {
        Advice::new(
            format!("Take this change of {entity} back: {}", clip(&best.setting, 100)),
            reason,
        )
    });
    found.advise(back)
}

#[cfg(test)]
mod tests;
