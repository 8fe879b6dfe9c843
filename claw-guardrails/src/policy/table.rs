//! The whole decision table of a policy, and what in the policy has no part in it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::axis::{Activity, Criticality, Environment, Nature, Place, Reach, Season};
use super::operation::Operation;
use super::request::{Replicas, Request, SYSTEM_NAMESPACES};
use super::tier::Tier;
use super::{Policy, approvers};

/// Several cells of the table that have one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The operation.
    pub operation: Operation,
    /// For which values of which facts; a fact that is not here may have any value.
    pub when: Vec<(String, Vec<String>)>,
    /// The tier.
    pub tier: Tier,
    /// How many people approve.
    pub approvers: u8,
}

/// An axis of the table: its name, and its values with how each is set.
struct Axis {
    name: &'static str,
    values: Vec<(String, Setter)>,
}

/// Gives a request one of the values.
type Setter = Box<dyn Fn(&mut Request)>;

fn axis<T: Copy + ToString + 'static>(name: &'static str, all: &[T], set: fn(&mut Request, T)) -> Axis {
    let values = all.iter().copied().map(|value| {
        let setter: Setter = Box::new(move |request| set(request, value));
        (value.to_string(), setter)
    });
    Axis {
        name,
        values: values.collect(),
    }
}

/// The values of each axis that a row stands for, one bit each.
type Sets = Vec<u16>;

impl Policy {
    /// The whole table: what is decided about each operation, for all values of all facts. Overrides are left out where they
    /// name a namespace or a kind, which are without number.
    pub fn table(&self) -> Vec<Row> {
        let everywhere =
            |over: &&super::Override| over.when.namespaces.is_empty() && over.when.kinds.is_empty();
        let policy = Self {
            overrides: self.overrides.iter().filter(everywhere).cloned().collect(),
            ..self.clone()
        };
        let rows = Operation::ALL
            .iter()
            .flat_map(|operation| policy.rows(*operation));
        rows.collect()
    }

    fn rows(&self, operation: Operation) -> Vec<Row> {
        let axes = self.axes(operation);
        let mut rows: Vec<(Sets, Tier, u8)> = Vec::new();
        let blank = Request::new(operation, "Deployment", Some("default"), "any");
        cells(&axes, &mut Vec::new(), &blank, &mut |sets, request| {
            let tier = self.tier(request);
            rows.push((sets, tier, approvers(tier, request)));
        });
        // Rows that differ in one axis only are one row. Nothing is lost by that, in whichever order it is done.
        for position in (0..axes.len()).rev() {
            let mut joined: BTreeMap<(Sets, Tier, u8), u16> = BTreeMap::new();
            for (mut sets, tier, people) in rows {
                let own = sets.get_mut(position).map(std::mem::take).unwrap_or_default();
                *joined.entry((sets, tier, people)).or_default() |= own;
            }
            rows = joined
                .into_iter()
                .map(|((mut sets, tier, people), own)| {
                    if let Some(set) = sets.get_mut(position) {
                        *set = own;
                    }
                    (sets, tier, people)
                })
                .collect();
        }
        rows.sort_by(|a, b| (a.1, a.2, &a.0).cmp(&(b.1, b.2, &b.0)));
        let row = |(sets, tier, approvers): (Sets, Tier, u8)| Row {
            operation,
            when: named(&axes, &sets),
            tier,
            approvers,
        };
        rows.into_iter().map(row).collect()
    }

    fn axes(&self, operation: Operation) -> Vec<Axis> {
        let mut axes = vec![
            axis("place", Place::ALL, |request, value| request.place = value),
            axis("environment", Environment::ALL, |request, value| {
                request.environment = value
            }),
            axis("criticality", Criticality::ALL, |request, value| {
                request.criticality = value
            }),
            axis("nature", Nature::ALL, |request, value| request.nature = value),
            axis("activity", Activity::ALL, |request, value| {
                request.activity = value
            }),
            axis("reach", Reach::ALL, |request, value| request.reach = value),
            axis("season", Season::ALL, |request, value| request.season = value),
        ];
        if operation == Operation::ScaleUp {
            let most = self.max_replicas;
            let replicas = [
                (
                    "within",
                    Some(Replicas {
                        at_start: most,
                        wanted: most,
                    }),
                ),
                (
                    "beyond",
                    Some(Replicas {
                        at_start: 0,
                        wanted: 1,
                    }),
                ),
                ("not known", None),
            ];
            let values = replicas.map(|(name, replicas)| {
                let setter: Setter = Box::new(move |request| request.replicas = replicas);
                (name.to_owned(), setter)
            });
            axes.push(Axis {
                name: "replicas",
                values: values.into(),
            });
        }
        axes
    }

    /// What in the policy says nothing, or hardly what was meant. Empty where there is nothing to remark on.
    pub fn lint(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for name in &self.excluded_namespaces {
            if SYSTEM_NAMESPACES.contains(&name.as_str()) {
                remarks.push(format!(
                    "excluded_namespaces: {name} is never changed anyway; it can be left out"
                ));
            }
        }
        for over in &self.overrides {
            let id = &over.id;
            for kind in &over.when.kinds {
                if kind.starts_with(char::is_lowercase) {
                    remarks.push(format!(
                        "override {id}: no kind is spelled {kind}; write it as in manifests, such as Deployment"
                    ));
                }
            }
            for name in &over.when.namespaces {
                if self.excludes(Some(name)) || SYSTEM_NAMESPACES.contains(&name.as_str()) {
                    remarks.push(format!(
                        "override {id}: nothing in {name} is changed anyway; the override adds nothing there"
                    ));
                }
            }
            if !self.raises(over) {
                remarks.push(format!(
                    "override {id}: everything that it matches is {} or stricter already; it adds nothing",
                    over.tier
                ));
            }
        }
        remarks
    }

    /// Whether there is anything that an override makes stricter, in the last phase: policies outlive phases.
    fn raises(&self, over: &super::Override) -> bool {
        let others = self.overrides.iter().filter(|other| *other != over);
        let without = Self {
            overrides: others.cloned().collect(),
            phase: super::Phase::Expanded,
            ..self.clone()
        };
        let namespaces = over.when.namespaces.iter().map(String::as_str);
        let namespace = namespaces.clone().find(|name| !self.excludes(Some(name)));
        let namespace = namespace
            .or_else(|| namespaces.clone().next())
            .unwrap_or("default");
        let kind = over.when.kinds.first().map_or("Deployment", String::as_str);
        Operation::ALL.iter().any(|operation| {
            let blank = Request::new(*operation, kind, Some(namespace), "any");
            let mut raises = false;
            cells(
                &self.axes(*operation),
                &mut Vec::new(),
                &blank,
                &mut |_, request| {
                    raises |= over.when.matches(request) && without.tier(request) < over.tier;
                },
            );
            raises
        })
    }
}

/// Visits every combination of values.
fn cells(axes: &[Axis], sets: &mut Sets, request: &Request, visit: &mut dyn FnMut(Sets, &Request)) {
    let Some((axis, rest)) = axes.split_first() else {
        visit(sets.clone(), request);
        return;
    };
    for (bit, (_, set)) in axis.values.iter().enumerate() {
        let mut request = request.clone();
        set(&mut request);
        sets.push(1 << bit);
        cells(rest, sets, &request, visit);
        sets.pop();
    }
}

/// The axes in which not all values are meant.
fn named(axes: &[Axis], sets: &Sets) -> Vec<(String, Vec<String>)> {
    let mut named = Vec::new();
    for (axis, set) in axes.iter().zip(sets) {
        let values = axis.values.iter().enumerate();
        let meant: Vec<String> = values
            .filter(|(bit, _)| set & (1 << bit) != 0)
            .map(|(_, (name, _))| name.clone())
            .collect();
        if meant.len() < axis.values.len() {
            named.push((axis.name.to_owned(), meant));
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Override, Phase, When};

    #[test]
    fn every_cell_is_in_one_row_with_its_answer() {
        let policy = Policy::default().with_phase(Phase::Expanded);
        let rows = policy.table();
        for operation in [Operation::ScaleUp, Operation::Delete, Operation::Notify] {
            let axes = policy.axes(operation);
            let blank = Request::new(operation, "Deployment", Some("default"), "any");
            cells(&axes, &mut Vec::new(), &blank, &mut |sets, request| {
                let cell: BTreeMap<_, _> = axes
                    .iter()
                    .zip(&sets)
                    .map(|(axis, set)| (axis.name, &axis.values[set.trailing_zeros() as usize].0))
                    .collect();
                let holds = |row: &&Row| {
                    row.operation == operation
                        && row
                            .when
                            .iter()
                            .all(|(name, values)| values.contains(cell[name.as_str()]))
                };
                let found: Vec<_> = rows.iter().filter(holds).collect();
                assert_eq!(found.len(), 1, "{request:?}");
                assert_eq!(found[0].tier, policy.tier(request), "{request:?}");
            });
        }
        let read: Vec<_> = rows
            .iter()
            .filter(|row| row.operation == Operation::Read)
            .collect();
        assert_eq!(read.len(), 1, "one line is enough for what is always the same");
    }

    #[test]
    fn what_adds_nothing_is_remarked_on() {
        let mut policy = Policy {
            excluded_namespaces: vec!["kube-system".to_owned(), "vault".to_owned()],
            ..Policy::default()
        };
        let over = |id: &str, when: When, tier| Override::new(id, tier, "because").when(when);
        policy.overrides = vec![
            over(
                "deletes",
                When {
                    operations: vec![Operation::Delete],
                    ..When::default()
                },
                Tier::AsyncApproval,
            ),
            over(
                "vault",
                When {
                    namespaces: vec!["vault".to_owned()],
                    ..When::default()
                },
                Tier::Forbidden,
            ),
            over(
                "kinds",
                When {
                    kinds: vec!["deployment".to_owned()],
                    ..When::default()
                },
                Tier::Forbidden,
            ),
            over("good", When::default(), Tier::SyncApproval),
        ];
        let remarks = policy.lint().join("\n");
        for expected in [
            "excluded_namespaces: kube-system is never changed",
            "override deletes: everything that it matches is async_approval or stricter",
            "override vault: nothing in vault is changed anyway",
            "override kinds: no kind is spelled deployment",
        ] {
            assert!(remarks.contains(expected), "{remarks}");
        }
        assert!(!remarks.contains("good"), "{remarks}");
        assert_eq!(Policy::default().lint(), [""; 0]);

        let rows = policy.table();
        let restart = rows.iter().filter(|row| row.operation == Operation::Restart);
        // What holds in one namespace or for one kind is not in the table, what holds everywhere is.
        let mut policy = policy.clone();
        policy.overrides.retain(|over| over.id == "good");
        let alone = policy.table();
        let alone = alone.iter().filter(|row| row.operation == Operation::Restart);
        assert!(restart.eq(alone));
    }
}
