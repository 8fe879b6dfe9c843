//! What in a policy says nothing, or hardly what was meant.

use super::axis::{Activity, Amounts, Criticality, Environment, Evidence, Nature, Place, Reach};
use super::operation::Operation;
use super::over::Override;
use super::request::{Replicas, Request, SYSTEM_NAMESPACES};
use super::tier::Tier;
use super::{Phase, Policy, kinds};

impl Policy {
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
        for (what, given, most) in [
            ("scale_up_percent", self.scale_up_percent, self.most_percent()),
            ("max_replicas", self.max_replicas, self.most_replicas()),
        ] {
            if given > most {
                remarks.push(format!(
                    "{what}: {given} counts as {most}; a policy makes things stricter only"
                ));
            }
        }
        let floors = self.floors();
        for over in &self.overrides {
            remarks.extend(self.remarks_on(over, &floors));
        }
        remarks
    }

    fn remarks_on(&self, over: &Override, floors: &[(Request, Tier)]) -> Vec<String> {
        let mut remarks = Vec::new();
        let id = &over.id;
        for kind in &over.when.kinds {
            match kinds::meant(kind) {
                Some(meant) => remarks.push(format!(
                    "override {id}: no kind is spelled {kind} in manifests, so that it matches nothing; write {meant}"
                )),
                None if !kinds::is_known(kind) => remarks.push(format!(
                    "override {id}: {kind} is no kind of Kubernetes; where it is one of yours, it has to be spelled as in manifests"
                )),
                None => {}
            }
        }
        for operation in over
            .when
            .operations
            .iter()
            .filter(|operation| !operation.is_told())
        {
            remarks.push(format!(
                "override {id}: no action is ever told to be {operation}, so that it matches nothing"
            ));
        }
        for name in &over.when.namespaces {
            if self.excludes(Some(name)) || SYSTEM_NAMESPACES.contains(&name.as_str()) {
                remarks.push(format!(
                    "override {id}: nothing in {name} is changed anyway; the override adds nothing there"
                ));
            }
        }
        if !self.raises(over, floors) {
            remarks.push(format!(
                "override {id}: everything that it matches is {} or stricter already; it adds nothing",
                over.tier
            ));
        }
        remarks
    }

    /// What the rules that are compiled in make of each operation where everything that overrides do not look at is harmless, in the
    /// last phase: policies outlive phases. What is more dangerous is judged no more mildly, so that an override that raises anything
    /// raises one of these.
    fn floors(&self) -> Vec<(Request, Tier)> {
        let built_in = Self {
            overrides: Vec::new(),
            phase: Phase::Expanded,
            ..self.clone()
        };
        let most = self.most_replicas();
        let mut floors = Vec::new();
        for &operation in Operation::ALL.iter().filter(|operation| operation.is_told()) {
            let mut request = Request::new(operation, "", None, "");
            request.place = Place::Application;
            request.activity = Activity::Idle;
            request.reach = Reach::Within;
            request.amounts = Amounts::Kept;
            request.evidence = Evidence::Enough;
            request.replicas = Some(Replicas {
                at_start: most,
                wanted: most,
            });
            for &environment in Environment::ALL {
                for &criticality in Criticality::ALL {
                    for &nature in Nature::ALL {
                        request.environment = environment;
                        request.criticality = criticality;
                        request.nature = nature;
                        floors.push((request.clone(), built_in.tier(&request)));
                    }
                }
            }
        }
        floors
    }

    /// Whether there is anything that an override makes stricter.
    fn raises(&self, over: &Override, floors: &[(Request, Tier)]) -> bool {
        // Only those that ask for as much can take its place.
        let others: Vec<&Override> = self
            .overrides
            .iter()
            .filter(|other| *other != over && other.tier >= over.tier)
            .collect();
        // Where it names none, it matches what no other names.
        let named = |names: &[String]| match names {
            [] => vec![String::new()],
            names => names.to_vec(),
        };
        let kinds = named(&over.when.kinds);
        let mut namespaces = named(&over.when.namespaces);
        let is_open = |name: &String| !self.excludes(Some(name));
        if namespaces.iter().any(is_open) {
            namespaces.retain(is_open);
        }
        let raised = floors.iter().filter(|(_, floor)| *floor < over.tier);
        raised.into_iter().any(|(request, _)| {
            let mut request = request.clone();
            namespaces.iter().any(|namespace| {
                request.namespace = Some(namespace.clone());
                kinds.iter().any(|kind| {
                    request.kind.clone_from(kind);
                    over.when.matches(&request) && !others.iter().any(|other| other.when.matches(&request))
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::When;

    fn over(id: &str, when: When, tier: Tier) -> Override {
        Override::new(id, tier, "because").when(when)
    }

    #[test]
    fn what_adds_nothing_is_remarked_on() {
        let mut policy = Policy {
            excluded_namespaces: vec!["kube-system".to_owned(), "vault".to_owned()],
            max_replicas: 100_000,
            ..Policy::default()
        };
        let of = |namespaces: &[&str], kinds: &[&str], operations: &[Operation]| When {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            operations: operations.to_vec(),
            ..When::default()
        };
        policy.overrides = vec![
            over("deletes", of(&[], &[], &[Operation::Delete]), Tier::AsyncApproval),
            over("vault", of(&["vault"], &[], &[]), Tier::Forbidden),
            over("kinds", of(&[], &["deployments", "Widget"], &[]), Tier::Forbidden),
            over("rollbacks", of(&[], &[], &[Operation::Rollback]), Tier::Forbidden),
            over("good", When::default(), Tier::SyncApproval),
            over(
                "privileges",
                of(&[], &[], &[Operation::ChangePrivileges]),
                Tier::Forbidden,
            ),
        ];
        let remarks = policy.lint().join("\n");
        for expected in [
            "excluded_namespaces: kube-system is never changed",
            "max_replicas: 100000 counts as 100",
            "override deletes: everything that it matches is async_approval or stricter",
            "override vault: nothing in vault is changed anyway",
            "override kinds: no kind is spelled deployments in manifests, so that it matches nothing; write Deployment",
            "override kinds: Widget is no kind of Kubernetes",
            "override rollbacks: no action is ever told to be rollback",
        ] {
            assert!(remarks.contains(expected), "{expected}: {remarks}");
        }
        for good in ["override good", "override privileges"] {
            assert!(!remarks.contains(good), "{remarks}");
        }
        assert_eq!(Policy::default().lint(), [""; 0]);
    }

    /// The overrides of a policy that are told to add nothing.
    fn idle(policy: &Policy) -> Vec<String> {
        let adds_nothing = |remark: &String| remark.ends_with("it adds nothing");
        let remarks = policy.lint().into_iter().filter(adds_nothing);
        remarks
            .filter_map(|remark| Some(remark.strip_prefix("override ")?.split_once(':')?.0.to_owned()))
            .collect()
    }

    #[test]
    fn what_is_as_strict_already_adds_nothing_and_what_is_milder_takes_nothing_away() {
        let deletes = || When {
            operations: vec![Operation::Delete],
            ..When::default()
        };
        let of = |overrides: &[Override]| Policy {
            overrides: overrides.to_vec(),
            ..Policy::default()
        };
        let (as_strict, stricter) = (
            over("a", deletes(), Tier::SyncApproval),
            over("b", deletes(), Tier::Forbidden),
        );
        assert_eq!(idle(&of(&[as_strict])), ["a"]);
        assert_eq!(idle(&of(&[stricter])), [""; 0]);
        let (mild, strict) = (
            over("mild", When::default(), Tier::AsyncApproval),
            over("strict", When::default(), Tier::SyncApproval),
        );
        assert_eq!(idle(&of(&[mild, strict])), ["mild"]);
    }

    #[test]
    fn what_others_leave_of_an_override_is_not_nothing() {
        let of = |namespaces: &[&str], kinds: &[&str]| When {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..When::default()
        };
        for (wide, narrow) in [
            (of(&["shop", "web"], &[]), of(&["shop"], &[])),
            (of(&["vault", "web"], &[]), of(&["vault"], &[])),
            (of(&[], &["Deployment", "Job"]), of(&[], &["Deployment"])),
            (of(&[], &[]), of(&[], &["Deployment"])),
            (of(&[], &[]), of(&["default"], &[])),
            (
                of(&["shop", "web"], &["Deployment", "Job"]),
                of(&["shop"], &["Job"]),
            ),
        ] {
            let policy = Policy {
                excluded_namespaces: vec!["vault".to_owned()],
                overrides: vec![
                    over("wide", wide, Tier::Forbidden),
                    over("narrow", narrow, Tier::Forbidden),
                ],
                ..Policy::default()
            };
            assert_eq!(idle(&policy), ["narrow"], "{:?}", policy.overrides);
        }
    }

    /// Each of these adds nothing besides the one before it, which is the most work there is.
    #[test]
    fn hundreds_of_overrides_are_looked_through() {
        let alike = (0..300).map(|number| over(&format!("o{number}"), When::default(), Tier::Forbidden));
        let mut policy = Policy {
            overrides: alike.collect(),
            ..Policy::default()
        };
        let remarks = policy.lint();
        assert_eq!(remarks.len(), 300);
        policy.overrides.truncate(1);
        assert_eq!(policy.lint(), [""; 0]);
    }
}
