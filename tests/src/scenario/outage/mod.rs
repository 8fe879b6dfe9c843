//! Incidents that are made up by seed, of which only metrics, calls, an alert and some deploys are known.
//!
//! A system of 10 to 100 services, databases, caches, queues and functions is disturbed at one place, and what is measured
//! follows: latency adds up along calls, failures are passed on in part, calls are tried again or given up, load grows and
//! falls with that. Series are noisy, the more so the fewer requests there are; some nodes are not measured, others move by
//! themselves, and what was deployed shortly before has nothing to do with it.
//!
//! ```
//! use claw_testkit::scenario::outage::Outage;
//!
//! let outage = Outage::new(7);
//! assert_eq!(outage.scenario().expect.root_cause.unwrap().entity, outage.cause);
//! ```

mod fault;
mod flow;
mod samples;
mod style;
mod system;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use claw_core::report::{Verdict, Window};
use claw_core::topology::CallEdge;
use claw_k8s::bundle::{Bundle, Content, Incident, Manifest, MetricsFile, MetricsFormat, VERSION};
use claw_metrics::openmetrics::write_text;
use claw_metrics::series::Series;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use fault::Fault;

use self::samples::Moment;
use self::style::Style;
use self::system::System;
use super::dice::Dice;
use super::{Expectation, MustNotBlame, RootCause, Scenario};

/// When the trouble of all of them begins: seconds since 1970.
const BEGINS: i64 = 1_790_000_000;
/// A made-up incident.
#[derive(Clone, Debug)]
pub struct Outage {
    /// What it was made of.
    pub seed: u64,
    /// What went wrong.
    pub fault: Fault,
    /// Where.
    pub cause: EntityRef,
    /// Who alerted.
    pub alerting: EntityRef,
    /// How many nodes the system has.
    pub size: usize,
    /// The time of the trouble.
    pub incident: Window,
    /// All that was recorded.
    pub window: Window,
    /// The time to compare with, where it lies apart.
    pub baseline: Option<Window>,
    /// What was measured.
    pub series: Vec<Series>,
    /// Who calls whom, as far as that is known.
    pub calls: Vec<CallEdge>,
    /// What was deployed.
    pub changes: Vec<Change>,
}

impl Outage {
    /// The incident of that seed. Kinds of faults take turns.
    pub fn new(seed: u64) -> Self {
        let kind = usize::try_from(seed % 5).unwrap_or(0);
        let fault = Fault::ALL.get(kind).copied().unwrap_or(Fault::Latency);
        let mut dice = Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        loop {
            if let Some(outage) = Self::attempt(seed, fault, &mut dice) {
                return outage;
            }
        }
    }

    fn attempt(seed: u64, fault: Fault, dice: &mut Dice) -> Option<Self> {
        let size = dice.magnitude(10.0, 100.0) as usize;
        let system = System::new(size, dice);
        let style = Style::new(dice);
        let root = fault::root(&system, fault, style.edges, dice)?;
        let service = |place: usize| {
            let name = system.nodes.get(place).map_or("", |node| node.name.as_str());
            EntityRef::cluster("Service", name)
        };
        let kept = BTreeSet::from([0, root.at, root.alerting]);
        let unmeasured: BTreeSet<usize> = (0..size)
            .filter(|place| !kept.contains(place) && dice.chance(0.08))
            .collect();
        let moments = moments(&style, dice);
        let series = samples::record(&system, &root, &style, &moments, &unmeasured, dice);
        let known = !dice.chance(0.08);
        let calls = system
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(caller, node)| node.calls.iter().map(move |call| (caller, call.callee)));
        let calls = calls.filter(|_| known).map(|(caller, callee)| CallEdge {
            from: service(caller),
            to: service(callee),
            protocol: None,
        });
        let calls = calls.collect();
        let mut changes = Vec::new();
        for _ in 0..dice.below(3) {
            let (place, minutes) = (dice.index(size), i64::try_from(dice.below(90)).unwrap_or(0));
            if place != root.at {
                changes.push(deploy(service(place), begins(-60 * (2 + minutes))));
            }
        }
        changes.sort_by_key(|change| change.time);
        let first = moments.first()?.time;
        let last = moments.last()?.time;
        let later = moments
            .iter()
            .find(|moment| moment.later)
            .map(|moment| moment.time);
        let before = moments
            .iter()
            .rfind(|moment| !moment.later)
            .map(|moment| moment.time);
        Some(Self {
            seed,
            fault,
            cause: service(root.at),
            alerting: service(root.alerting),
            size,
            incident: Window {
                start: begins(0),
                end: last,
            },
            window: Window {
                start: later.unwrap_or(first),
                end: last,
            },
            baseline: later.and(before).map(|end| Window { start: first, end }),
            series,
            calls,
            changes,
        })
    }

    /// The alert: the body of an Alertmanager webhook.
    pub fn alert(&self) -> Value {
        json!({
            "version": "4", "status": "firing", "receiver": "claw", "groupKey": "{}:{alertname=\"SloBurn\"}",
            "alerts": [{
                "status": "firing",
                "labels": {"alertname": "SloBurn", "severity": "critical", "service": self.alerting.name},
                "annotations": {"summary": "too many requests are slow or fail"},
                "startsAt": self.incident.start, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": format!("{:016x}", self.seed),
            }],
        })
    }

    /// The incident as a recording with the right answer.
    pub fn scenario(&self) -> Scenario {
        let mut bundle = Bundle::new(Manifest {
            version: VERSION,
            case: format!("outage-{}", self.seed),
            cluster: "made-up".to_owned(),
            collected_at: self.window.end,
            window: self.window,
            incident: Some(Incident {
                start: self.incident.start,
                end: None,
            }),
            baseline: self.baseline,
            question: None,
            namespaces: BTreeSet::new(),
            kinds: None,
            gaps: None,
        });
        bundle.metrics.push(MetricsFile {
            name: "metrics.om".to_owned(),
            format: MetricsFormat::OpenMetrics,
            content: Content::text(write_text(&self.series)),
        });
        bundle.topology.clone_from(&self.calls);
        bundle.changes.clone_from(&self.changes);
        bundle.alert = Some(self.alert());
        Scenario {
            bundle,
            expect: self.expectation(),
        }
    }

    fn expectation(&self) -> Expectation {
        Expectation {
            verdict: Verdict::Cause,
            root_cause: Some(RootCause {
                entity: self.cause.clone(),
                accept: Vec::new(),
                mechanisms: self
                    .fault
                    .mechanisms()
                    .iter()
                    .map(|id| (*id).to_owned())
                    .collect(),
                change: None,
            }),
            must_not_blame: MustNotBlame {
                entities: Vec::new(),
                changes: self
                    .changes
                    .iter()
                    .map(|change| change.reference.clone())
                    .collect(),
            },
            absent: BTreeMap::new(),
            decoys: BTreeMap::new(),
            cited: true,
            draft: false,
        }
    }
}

/// The moments that are sampled, in order.
fn moments(style: &Style, dice: &mut Dice) -> Vec<Moment> {
    let day = 86_400.0;
    let swing = dice.between(0.0, 0.4);
    let phase = dice.between(0.0, day);
    let apart = style.apart * 86_400;
    let late = i64::try_from(dice.below(2)).unwrap_or(0);
    let before = i64::try_from(style.before).unwrap_or(0);
    let during = i64::try_from(style.during).unwrap_or(0);
    (-before..during)
        .map(|sample| {
            let second = sample * style.step + late * style.step / 2 - if sample < 0 { apart } else { 0 };
            let load = 1.0 + swing * ((second as f64 + phase) / day * std::f64::consts::TAU).sin();
            Moment {
                time: begins(second),
                trouble: match sample {
                    ..0 => 0.0,
                    // A sample speaks of the time since the one before it.
                    0 if late == 1 => 0.6,
                    _ => 1.0,
                },
                later: apart > 0 && sample >= 0,
                season: load * (0.03 * dice.normal()).exp(),
            }
        })
        .collect()
}

fn begins(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(BEGINS + second))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn deploy(entity: EntityRef, time: Timestamp) -> Change {
    Change {
        reference: format!("deploy-{}-{}", entity.name, time.as_second()),
        time,
        kind: ChangeKind::Deploy,
        summary: format!("{} was deployed", entity.name),
        entity,
        detail: Vec::new(),
        author: None,
    }
}
