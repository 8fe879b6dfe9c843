//! The whole decision table of a policy.

use std::collections::BTreeMap;

use serde::Serialize;

use super::axis::{Activity, Amounts, Criticality, Environment, Evidence, Nature, Place, Reach, Season};
use super::operation::Operation;
use super::request::{Replicas, Request};
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
    /// The whole table: what is decided about each operation that actions are told to be, for all values of all facts. Overrides are
    /// left out where they name a namespace or a kind, which are without number. What has several natures is decided about as the
    /// strictest of them.
    pub fn table(&self) -> Vec<Row> {
        let everywhere =
            |over: &&super::Override| over.when.namespaces.is_empty() && over.when.kinds.is_empty();
        let policy = Self {
            overrides: self.overrides.iter().filter(everywhere).cloned().collect(),
            ..self.clone()
        };
        let told = Operation::ALL.iter().filter(|operation| operation.is_told());
        told.flat_map(|operation| policy.rows(*operation)).collect()
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
        if operation == Operation::ChangeResources || operation == Operation::Configure {
            axes.push(axis("amounts", Amounts::ALL, |request, value| {
                request.amounts = value
            }));
        }
        if operation == Operation::ChangeResources {
            axes.push(axis("evidence", Evidence::ALL, |request, value| {
                request.evidence = value
            }));
        }
        if matches!(operation, Operation::ScaleUp | Operation::AdjustHpa) {
            let most = self.most_replicas();
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
                        wanted: most.saturating_add(1),
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
        assert_eq!(read[0].when, [], "and it needs no conditions");
    }

    /// Whatever a policy is asked is in the row whose conditions it meets, with nothing left out that it is judged by.
    #[test]
    fn the_rows_are_told_apart_by_all_that_decides() {
        let mut policy = Policy::default().with_phase(Phase::Expanded);
        policy.never_reduce_below = Some(claw_core::definition::Floor::default());
        policy.min_observation_days = Some(7);
        let rows = policy.table();
        let counts = [
            ("within", Some((100, 100))),
            ("beyond", Some((1, 101))),
            ("not known", None),
        ];
        for &operation in Operation::ALL.iter().filter(|operation| operation.is_told()) {
            let mut request = Request::new(operation, "Deployment", Some("shop"), "cart");
            request.environment = Environment::Staging;
            request.criticality = Criticality::Low;
            request.nature = Nature::Stateless;
            for &amounts in Amounts::ALL {
                for &evidence in Evidence::ALL {
                    for (count, replicas) in counts {
                        (request.amounts, request.evidence) = (amounts, evidence);
                        request.replicas = replicas.map(|(at_start, wanted)| Replicas { at_start, wanted });
                        let value = |name: &str| match name {
                            "place" => request.place.to_string(),
                            "environment" => request.environment.to_string(),
                            "criticality" => request.criticality.to_string(),
                            "nature" => request.nature.to_string(),
                            "activity" => request.activity.to_string(),
                            "reach" => request.reach.to_string(),
                            "season" => request.season.to_string(),
                            "amounts" => amounts.to_string(),
                            "evidence" => evidence.to_string(),
                            "replicas" => count.to_owned(),
                            other => panic!("{other}"),
                        };
                        let met = |row: &&Row| {
                            let mut when = row.when.iter();
                            row.operation == operation
                                && when.all(|(name, values)| values.contains(&value(name)))
                        };
                        let met: Vec<&Row> = rows.iter().filter(met).collect();
                        let decision = policy.decide(&request);
                        assert_eq!(met.len(), 1, "{request:?}: {met:?}");
                        assert_eq!(
                            (met[0].tier, met[0].approvers),
                            (decision.tier, decision.approvers),
                            "{request:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_table_has_no_rows_that_no_action_is_in() {
        let rows = Policy::default().table();
        for operation in [Operation::Rollback, Operation::DeleteCollection] {
            assert!(!rows.iter().any(|row| row.operation == operation), "{operation}");
        }
    }

    #[test]
    fn what_holds_in_one_namespace_is_not_in_the_table_and_what_holds_everywhere_is() {
        let policy = Policy::default().with_phase(Phase::Expanded);
        let of_restarts = |policy: &Policy| {
            let rows = policy.table().into_iter();
            rows.filter(|row| row.operation == Operation::Restart)
                .collect::<Vec<_>>()
        };
        let over = Override::new("a", Tier::Forbidden, "because");
        // Those that the table is made with, so that they would be seen.
        let (mut somewhere, mut something) = (When::default(), When::default());
        somewhere.namespaces = vec!["default".to_owned()];
        something.kinds = vec!["Deployment".to_owned()];
        for when in [somewhere, something] {
            let one = policy.clone().with_override(over.clone().when(when));
            assert_eq!(of_restarts(&one), of_restarts(&policy));
        }
        let all = of_restarts(&policy.with_override(over));
        assert!(all.iter().all(|row| row.tier == Tier::Forbidden), "{all:?}");
    }
}
