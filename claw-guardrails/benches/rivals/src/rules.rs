//! The rules, as data from which each engine's own text or types are made; and the requests that are decided.

use claw_guardrails::policy::{
    Activity, Criticality, Environment, Nature, Operation, Reach, Replicas, Request, Tier,
};

/// One rule: the least tier of whatever all of its lists allow. An empty list allows everything.
pub struct Rule {
    pub namespaces: Vec<&'static str>,
    pub kinds: Vec<&'static str>,
    pub operations: Vec<Operation>,
    pub environments: Vec<Environment>,
    pub criticalities: Vec<Criticality>,
    pub natures: Vec<Nature>,
    pub tier: Tier,
}

const NAMESPACES: [&str; 5] = ["billing", "shop", "payments", "search", "media"];
const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
const OPERATIONS: [Operation; 6] = [
    Operation::ScaleUp,
    Operation::ScaleDown,
    Operation::AdjustHpa,
    Operation::Restart,
    Operation::ChangeResources,
    Operation::Delete,
];

/// Twenty rules. Two of three look at everything that a rule can look at.
pub fn rules() -> Vec<Rule> {
    const TIERS: [Tier; 4] = [
        Tier::AutoLogged,
        Tier::AsyncApproval,
        Tier::SyncApproval,
        Tier::Forbidden,
    ];
    let two = |number: usize, of: usize| [number % of, (number + 1 + number / of) % of];
    let numbers = 0..20_usize;
    let rule = |number: usize| {
        let whole = number % 3 != 0;
        let [namespace, other] = two(number, NAMESPACES.len());
        let [operation, another] = two(number, OPERATIONS.len());
        let [kind, second] = two(number, KINDS.len());
        Rule {
            namespaces: vec![NAMESPACES[namespace], NAMESPACES[other]],
            kinds: if whole {
                vec![KINDS[kind], KINDS[second]]
            } else {
                Vec::new()
            },
            operations: vec![OPERATIONS[operation], OPERATIONS[another]],
            environments: vec![Environment::ALL[number % 3], Environment::ALL[(number + 1) % 3]],
            criticalities: if whole {
                vec![Criticality::ALL[number % 4], Criticality::ALL[(number + 2) % 4]]
            } else {
                Vec::new()
            },
            natures: if whole {
                vec![Nature::ALL[number % 4], Nature::ALL[(number + 1) % 4]]
            } else {
                Vec::new()
            },
            tier: TIERS[number % TIERS.len()],
        }
    };
    numbers.map(rule).collect()
}

/// Every request that the lists above can tell apart.
pub fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for namespace in NAMESPACES {
        for kind in KINDS {
            for operation in OPERATIONS {
                for environment in Environment::ALL {
                    for criticality in Criticality::ALL {
                        for nature in Nature::ALL {
                            let mut request = Request::new(operation, kind, Some(namespace), "cart");
                            request.environment = *environment;
                            request.criticality = *criticality;
                            request.nature = *nature;
                            request.activity = Activity::Idle;
                            request.reach = Reach::Within;
                            request.replicas = Some(Replicas {
                                at_start: 4,
                                wanted: 8,
                            });
                            requests.push(request);
                        }
                    }
                }
            }
        }
    }
    requests
}

/// How strict a tier is, as a number that every engine knows.
pub fn rank(tier: Tier) -> u8 {
    match tier {
        Tier::Auto => 0,
        Tier::AutoLogged => 1,
        Tier::AsyncApproval => 2,
        Tier::SyncApproval => 3,
        Tier::Forbidden => 4,
    }
}

/// `"a", "b"`, or nothing where the list is empty.
pub fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .map(|name| format!("{:?}", name.as_ref()))
        .collect();
    names.join(", ")
}
