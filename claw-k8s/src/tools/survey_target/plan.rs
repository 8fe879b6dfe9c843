//! What an action does to the pods of its target.

use claw_core::action::Action;
use claw_core::patch::merged;
use serde_json::{Map, Value};

/// Fields of a workload's spec that end no pod, whatever they are changed to.
const QUIET: [&str; 10] = [
    "minReadySeconds",
    "persistentVolumeClaimRetentionPolicy",
    "progressDeadlineSeconds",
    "replicas", // looked at by itself
    "revisionHistoryLimit",
    "strategy",
    "template", // looked at by itself
    "ttlSecondsAfterFinished",
    "backoffLimit",
    "updateStrategy",
];

/// What an action does to pods, before it is known how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// They all end, at the same time.
    all: bool,
    /// So many are left of so many that are wanted now.
    down: Option<Down>,
    /// They are made anew.
    anew: Option<Anew>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Down {
    from: u32,
    to: u32,
}

/// How pods are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anew {
    /// How many may be missing at a time; all where `None`.
    at_once: Option<u32>,
    /// Those of a StatefulSet below this ordinal stay.
    above: u32,
}

/// How many pods an action costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Toll {
    /// Pods that end or are made anew.
    pub(super) pods: u32,
    /// How many of them may be missing at a time.
    pub(super) at_once: u32,
}

impl Plan {
    /// No pod ends.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// All pods that are looked at end at the same time.
    pub(super) fn everything() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Of `from` pods that are wanted `to` are left.
    pub(super) fn down(from: u32, to: u32) -> Self {
        Self {
            down: (to < from).then_some(Down { from, to }),
            ..Self::default()
        }
    }

    /// Whether no pod ends, however many there are.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether fewer pods are wanted.
    pub(super) fn shrinks(&self) -> bool {
        self.down.is_some()
    }

    /// How many are left, where fewer are wanted.
    pub(super) fn left(&self) -> Option<u32> {
        self.down.map(|down| down.to)
    }

    /// What a patch does to the pods of a workload. `before` is the workload as it is.
    pub(super) fn of_workload(action: &Action, before: &Value) -> Self {
        let kind = action.target.kind.as_str();
        let after = merged(before, &action.patch);
        let spec = |object: &Value| object.get("spec").and_then(Value::as_object).cloned();
        let (old, new) = (spec(before).unwrap_or_default(), spec(&after).unwrap_or_default());
        if kind == "CronJob" {
            // Jobs that run are not touched by what the next ones are made from.
            return Self::nothing();
        }
        let mut plan = match kind {
            "Job" => Self::of_job(&old, &new),
            _ => Self::of_replicas(&old, &new),
        };
        let resumed = flag(&old, "paused") && !flag(&new, "paused");
        if old.get("template") != new.get("template") || resumed {
            plan.anew = anew(kind, &old, &new);
        }
        let loud = |key: &String| {
            let known =
                QUIET.contains(&key.as_str()) || ["parallelism", "suspend", "paused"].contains(&&**key);
            !known && old.get(key) != new.get(key)
        };
        if old.keys().chain(new.keys()).any(loud) {
            plan.all = true;
        }
        plan
    }

    fn of_replicas(old: &Map<String, Value>, new: &Map<String, Value>) -> Self {
        Self::down(count(old, "replicas", 1), count(new, "replicas", 1))
    }

    fn of_job(old: &Map<String, Value>, new: &Map<String, Value>) -> Self {
        let running = |spec: &Map<String, Value>| match flag(spec, "suspend") {
            true => 0,
            false => count(spec, "parallelism", 1),
        };
        Self::down(running(old), running(new))
    }

    /// How many of `live` pods it costs.
    pub(super) fn toll(&self, live: u32) -> Toll {
        if self.all {
            return Toll {
                pods: live,
                at_once: live,
            };
        }
        // There may be more pods than are wanted, and fewer.
        let down = self
            .down
            .map_or(0, |Down { from, to }| live.max(from).saturating_sub(to));
        let (anew, at_once) = match self.anew {
            None => (0, 0),
            Some(Anew { at_once, above }) => {
                let anew = live.saturating_sub(above);
                (anew, at_once.map_or(anew, |bound| bound.min(anew)))
            }
        };
        let pods = down.saturating_add(anew).min(live.max(down));
        Toll {
            pods,
            at_once: down.saturating_add(at_once).min(pods),
        }
    }
}

/// How the pods of a workload are made anew when their template changes. `None` where they are left as they are.
fn anew(kind: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> Option<Anew> {
    let all = Anew {
        at_once: None,
        above: 0,
    };
    let place = if kind == "Deployment" {
        "strategy"
    } else {
        "updateStrategy"
    };
    let strategy = new.get(place);
    let text = strategy
        .and_then(|strategy| strategy.get("type"))
        .and_then(Value::as_str);
    let rolling = strategy.and_then(|strategy| strategy.get("rollingUpdate"));
    let bound = |key: &str| rolling.and_then(|rolling| rolling.get(key));
    let desired = count(new, "replicas", 1);
    // Endpoints of pods that a Service selects no more go whatever the bounds are.
    let labels = |spec: &Map<String, Value>| {
        let template = spec.get("template")?;
        template.pointer("/metadata/labels").cloned()
    };
    let severed = labels(old) != labels(new);
    let (at_once, above) = match (kind, text.unwrap_or("RollingUpdate")) {
        // What they own is made anew only when it ends.
        ("ReplicaSet" | "ReplicationController" | "Job", _) | ("StatefulSet" | "DaemonSet", "OnDelete") => {
            return None;
        }
        ("Deployment", "RollingUpdate") => {
            let missing = share(bound("maxUnavailable"), desired, 25, false);
            let surge = share(bound("maxSurge"), desired, 25, true);
            // One of the two has to be: the API server sees to it, and rounding is mended so.
            (if surge == 0 { missing.max(1) } else { missing }, 0)
        }
        ("StatefulSet", "RollingUpdate") => {
            let partition = rolling.and_then(|rolling| rolling.get("partition"));
            let partition = partition.and_then(Value::as_u64).unwrap_or_default();
            let first = new.get("ordinals").and_then(|ordinals| ordinals.get("start"));
            let partition = partition.saturating_sub(first.and_then(Value::as_u64).unwrap_or_default());
            let missing = match bound("maxUnavailable") {
                None => 1,
                bound => share(bound, desired, 0, true).max(1),
            };
            (missing, u32::try_from(partition).unwrap_or(u32::MAX))
        }
        // How many a DaemonSet has is not written in its spec.
        ("DaemonSet", "RollingUpdate") => match bound("maxUnavailable") {
            None => (1, 0),
            Some(Value::Number(number)) => (small(number.as_u64()).max(1), 0),
            Some(_) => return Some(all),
        },
        _ => return Some(all),
    };
    if severed {
        return Some(Anew { above, ..all });
    }
    Some(Anew {
        at_once: Some(at_once),
        above,
    })
}

/// A number, or a part of `whole` in percent. What is written in no way that is known counts as all.
fn share(bound: Option<&Value>, whole: u32, usual: u64, up: bool) -> u32 {
    let percent = match bound {
        None => usual,
        Some(Value::Number(number)) => return small(number.as_u64()),
        Some(Value::String(text)) => match text.strip_suffix('%').map(str::parse) {
            Some(Ok(percent)) => percent,
            _ => return whole,
        },
        Some(_) => return whole,
    };
    let hundredths = u64::from(whole).saturating_mul(percent);
    let part = if up {
        hundredths.div_ceil(100)
    } else {
        hundredths / 100
    };
    small(Some(part))
}

fn small(number: Option<u64>) -> u32 {
    number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(u32::MAX)
}

fn count(spec: &Map<String, Value>, key: &str, usual: u32) -> u32 {
    match spec.get(key) {
        None | Some(Value::Null) => usual,
        Some(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0),
    }
}

fn flag(spec: &Map<String, Value>, key: &str) -> bool {
    spec.get(key).and_then(Value::as_bool).unwrap_or(false)
}
