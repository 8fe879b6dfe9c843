//! `claw-agent audit replay`: the judgements in a log, made again.

use std::fmt::Write as _;

use claw_core::audit::AuditKind;
use claw_guardrails::audit::{Entry, Filter, each_record};
use claw_guardrails::pipeline::{Replayed, replay as judge_again};
use serde::Serialize;

use crate::args::{AuditReplayArguments, Output};
use crate::failure::{self, Failure};
use crate::print;

/// One judgement, made again.
#[derive(Serialize)]
struct Again {
    sequence: u64,
    run: String,
    subject: String,
    #[serde(flatten)]
    replayed: Replayed,
}

pub(crate) fn replay(given: &AuditReplayArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("audit replay")?;
    let mut filter = Filter::default();
    filter.run.clone_from(&given.run);
    filter.kinds = vec![AuditKind::Intend];
    let mut all = Vec::new();
    let unreadable = each_record(&given.file, &filter, |record, _| {
        let Entry::Event(event) = &record.entry else {
            return true;
        };
        if let Some(replayed) = judge_again(event) {
            all.push(Again {
                sequence: record.sequence,
                run: event.run.clone(),
                subject: event.subject.clone(),
                replayed,
            });
        }
        true
    })?;
    let same = |again: &&Again| matches!(again.replayed, Replayed::Same { .. });
    let alike = all.iter().filter(same).count();
    let whole = alike == all.len() && unreadable == 0;
    if json {
        print::json(&all)?;
    } else {
        print::out(&told(&all, alike, unreadable))?;
    }
    Ok(if whole { 0 } else { failure::CHECK })
}

fn told(all: &[Again], alike: usize, unreadable: u64) -> String {
    let mut text = String::new();
    for again in all {
        let said = match &again.replayed {
            Replayed::Same { tier } => format!("{tier}, as recorded"),
            Replayed::Different { recorded, now } => format!("recorded: {recorded}; now: {now}"),
            Replayed::Unreadable { reason } => format!("no judgement: {reason}"),
            _ => "not known here".to_owned(),
        };
        let _ = writeln!(text, "#{} {}: {said}", again.sequence, again.subject);
    }
    let _ = writeln!(text, "{alike} of {} judgements are the same again", all.len());
    if unreadable > 0 {
        let _ = writeln!(
            text,
            "{unreadable} lines of the log could not be read; run `claw-agent audit verify`"
        );
    }
    text
}
