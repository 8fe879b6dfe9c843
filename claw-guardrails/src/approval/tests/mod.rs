use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::policy::{self, Decision, Environment, Tier};

mod bound;
mod people;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

const HOUR: i64 = 3600;

fn action(replicas: u32) -> Action {
    Action {
        patch: json!({"spec": {"replicas": replicas}}),
        expected: format!("{replicas} replicas"),
        ..Sample::new(Terms::new(Vec::new()), at(0)).action
    }
}

/// What the policy judged.
fn judged() -> (Vec<policy::Request>, Decision) {
    let sample = Sample::new(Terms::new(Vec::new()), at(0));
    let (mut requests, mut decision) = (sample.requests, sample.decision);
    requests[0].environment = Environment::Staging;
    decision.rules = Vec::new();
    (requests, decision)
}

/// Binds what is looked at, after `change`.
fn bind<'a>(terms: &'a Terms, change: impl FnOnce(&mut Looked<'a>)) -> Result<Binding, BindingError> {
    let mut sample = Sample::new(terms.clone(), at(0));
    sample.action = action(9);
    (sample.requests, sample.decision) = judged();
    sample.reach = [EntityRef::namespaced("Service", "shop", "cart")].into();
    let mut looked = Box::leak(Box::new(sample)).looked();
    change(&mut looked);
    Binding::of(looked)
}

fn binding_of(terms: &Terms) -> Binding {
    bind(terms, |_| {}).unwrap()
}

fn binding() -> Binding {
    binding_of(&terms())
}

/// A request under other terms, which it is bound to.
fn request_of(terms: Terms) -> Request {
    Request::new("req-1", binding_of(&terms), terms, at(0))
}

fn terms() -> Terms {
    let on_call = Group::new("on-call")
        .with(Carrier::Slack, "kim")
        .with(Carrier::Kubernetes, "kim")
        .with(Carrier::Kubernetes, "lee");
    let leads = Group::new("leads").with(Carrier::Kubernetes, "max");
    Terms::new(vec![on_call, leads])
        .without("system:serviceaccount:claw:agent")
        .without("pat")
}

fn request() -> Request {
    Request::new("req-1", binding(), terms(), at(0))
}

fn yes(by: &str, second: i64) -> Vote {
    Vote::new(
        by,
        Verdict::Approve,
        binding().digest(),
        Carrier::Kubernetes,
        at(second),
    )
}

fn no(by: &str, second: i64) -> Vote {
    Vote {
        verdict: Verdict::Deny,
        ..yes(by, second)
    }
}

#[test]
fn one_yes_is_enough_for_one_use() {
    let mut request = request();
    assert_eq!(
        request.take(&binding(), at(5)),
        Err(ApprovalError::TooFew { given: 0, needed: 1 })
    );
    request.vote(yes("kim", 10), at(10)).unwrap();
    let approved = request.take(&binding(), at(20)).unwrap();
    assert_eq!(
        (approved.digest(), approved.by()),
        (&*binding().digest(), &["kim".to_owned()][..])
    );
    assert_eq!(
        request.take(&binding(), at(21)),
        Err(ApprovalError::Settled { state: "used" })
    );
}

#[test]
fn clocks_may_be_five_minutes_apart_and_no_second_more() {
    for (second, counts) in [(-300, true), (-301, false), (310, true), (311, false)] {
        let mut request = request();
        let counted = request.vote(yes("kim", second), at(10));
        let expected = match counts {
            true => Ok(()),
            false => Err(ApprovalError::OutOfTime { at: at(second) }),
        };
        assert_eq!(counted, expected);
        assert_eq!(request.votes().len(), usize::from(counts), "at {second}");
    }
}

#[test]
fn a_no_is_final_and_heard_until_something_was_done() {
    let mut denied = request();
    denied.vote(no("lee", 1), at(1)).unwrap();
    assert_eq!(
        denied.vote(yes("kim", 2), at(2)),
        Err(ApprovalError::Settled { state: "denied" })
    );
    let mut second_thoughts = request();
    second_thoughts.vote(yes("kim", 1), at(1)).unwrap();
    second_thoughts.vote(no("kim", 2), at(2)).unwrap();
    assert_eq!(
        second_thoughts.take(&binding(), at(3)),
        Err(ApprovalError::Settled { state: "denied" })
    );
}

#[test]
fn after_the_use_one_no_is_kept_and_takes_nothing_back() {
    let mut used = request();
    used.vote(yes("kim", 1), at(1)).unwrap();
    let _ = used.take(&binding(), at(2)).unwrap();
    assert_eq!(used.objection(), None);
    used.vote(no("lee", 3), at(3)).unwrap();
    assert_eq!(used.objection(), Some(&no("lee", 3)));
    assert_eq!(used.state(at(3)), State::Used { at: at(2) });
    assert_eq!(
        used.vote(no("kim", 4), at(4)),
        Err(ApprovalError::Settled { state: "used" })
    );
    assert_eq!(used.votes(), [yes("kim", 1), no("lee", 3)]);
}

/// People as carriers know them: nobody has the same name on two of them.
fn people() -> Terms {
    let kim = Person::new("Kim")
        .known(Carrier::Slack, "U04AB12")
        .known(Carrier::Kubernetes, "kim@acme");
    let lee = Person::new("Lee")
        .known(Carrier::Slack, "U04XY99")
        .known(Carrier::Kubernetes, "lee@acme");
    let on_call = Group::new("on-call").with_person(kim).with_person(lee);
    Terms::new(vec![on_call]).with_needed(2)
}

fn vote_on(request: &Request, carrier: Carrier, by: &str, second: i64) -> Vote {
    Vote {
        digest: request.binding.digest(),
        carrier,
        ..yes(by, second)
    }
}

#[test]
fn the_next_group_is_asked_when_the_first_has_had_its_time() {
    let mut request = request();
    let early = request.vote(yes("max", 10), at(10)).unwrap_err();
    assert_eq!(
        early.to_string(),
        "max may not decide on this request by Kubernetes; on-call may"
    );
    request.vote(yes("max", HOUR), at(HOUR)).unwrap();
    let _ = request.take(&binding(), at(HOUR)).unwrap();
}

#[test]
fn what_is_not_decided_in_time_is_denied() {
    let late = 24 * HOUR;
    let mut undecided = request();
    assert_eq!(undecided.state(at(late - 1)), State::Pending);
    assert_eq!(undecided.state(at(late)), State::Expired);
    undecided.vote(yes("kim", late), at(late)).unwrap_err();
    let mut unused = request();
    unused.vote(yes("kim", 1), at(1)).unwrap();
    assert_eq!(
        unused.take(&binding(), at(late)),
        Err(ApprovalError::Settled { state: "expired" })
    );
}

#[test]
fn a_request_that_was_kept_for_days_is_the_same() {
    let mut request = request();
    request.vote(yes("kim", 1), at(1)).unwrap();
    let text = serde_json::to_string(&request).unwrap();
    let mut back: Request = serde_json::from_str(&text).unwrap();
    assert_eq!(back, request);
    assert_eq!(back.version, 1);
    let _ = back.take(&binding(), at(20 * HOUR)).unwrap();
    let mut forged: Value = serde_json::from_str(&text).unwrap();
    forged["votes"][0]["verified"] = json!(true);
    serde_json::from_value::<Request>(forged).unwrap_err();
}

/// Every field of a binding, changed.
fn other_bindings() -> Vec<(String, Binding)> {
    let Value::Object(fields) = json!(binding()) else {
        panic!("an object")
    };
    let changed = |field: &str| {
        let mut other = json!(binding());
        other[field] = match field {
            "verb" => json!("delete"),
            "target" => json!({"kind": "Deployment", "namespace": "shop", "name": "other"}),
            "generation" => json!(8),
            "reach" => json!([]),
            "expires" => json!(at(48 * HOUR)),
            "tier" => json!("sync_approval"),
            "approvers" => json!(2),
            _ => json!("other"),
        };
        other
    };
    let mut others: Vec<(String, Binding)> = fields
        .keys()
        .map(|field| (field.clone(), serde_json::from_value(changed(field)).unwrap()))
        .collect();
    for field in ["uid", "generation", "pre_image"] {
        let mut other = json!(binding());
        other[field] = Value::Null;
        others.push((format!("no {field}"), serde_json::from_value(other).unwrap()));
    }
    others
}

#[test]
fn no_attack_is_an_approval() {
    let mut attacks: Vec<(String, Result<(), ApprovalError>)> = Vec::new();
    let mut attack = |name: String, outcome: Result<Approved, ApprovalError>| {
        attacks.push((name, outcome.map(|_| ())));
    };
    let approved = || {
        let mut request = request();
        request.vote(yes("kim", 1), at(1)).unwrap();
        request
    };
    for (field, other) in other_bindings() {
        // What was approved is swapped before it is used.
        attack(format!("use: {field}"), approved().take(&other, at(2)));
        // What is looked at is swapped before it is decided on.
        let vote = Vote {
            digest: other.digest(),
            ..yes("kim", 1)
        };
        let mut shown_otherwise = request();
        let voted = shown_otherwise.vote(vote, at(1));
        attack(
            format!("vote: {field}"),
            voted.and_then(|()| shown_otherwise.take(&binding(), at(2))),
        );
        // The vote of another request is sent for this one.
        let mut elsewhere = Request::new("req-2", other.clone(), terms(), at(0));
        let voted = elsewhere.vote(yes("kim", 1), at(1));
        attack(
            format!("replay: {field}"),
            voted.and_then(|()| elsewhere.take(&other, at(2))),
        );
    }
    // Votes of people and accounts that may not decide, or at a time at which they may not.
    let mut votes = vec![
        ("stranger".to_owned(), yes("eve", 1)),
        ("requester".to_owned(), yes("pat", 1)),
        ("the agent".to_owned(), yes("system:serviceaccount:claw:agent", 1)),
        ("nobody".to_owned(), yes("", 1)),
        ("other case".to_owned(), yes("Kim", 1)),
        ("space".to_owned(), yes("kim ", 1)),
        ("look-alike".to_owned(), yes("k\u{456}m", 1)),
        ("not yet asked".to_owned(), yes("max", 1)),
        ("old".to_owned(), yes("kim", -HOUR)),
        ("of the future".to_owned(), yes("kim", HOUR)),
    ];
    for carrier in [Carrier::Http, Carrier::PullRequest, Carrier::Terminal] {
        votes.push((
            format!("kim by {carrier:?}"),
            Vote {
                carrier,
                ..yes("kim", 1)
            },
        ));
    }
    votes.push((
        "lee by Slack".to_owned(),
        Vote {
            carrier: Carrier::Slack,
            ..yes("lee", 1)
        },
    ));
    for (name, digest) in [
        ("no digest", String::new()),
        ("digest in capitals", binding().digest().to_uppercase()),
        ("beginning of the digest", binding().digest()[..16].to_owned()),
        ("digest and more", format!("{} ", binding().digest())),
    ] {
        votes.push((
            name.to_owned(),
            Vote {
                digest,
                ..yes("kim", 1)
            },
        ));
    }
    for (name, vote) in votes {
        let mut request = request();
        let voted = request.vote(vote, at(1));
        attack(name, voted.and_then(|()| request.take(&binding(), at(2))));
    }
    // Orders of events.
    let mut used = approved();
    let _ = used.take(&binding(), at(2)).unwrap();
    attack("second use".to_owned(), used.take(&binding(), at(3)));
    let voted = used.vote(yes("lee", 4), at(4));
    attack(
        "revived".to_owned(),
        voted.and_then(|()| used.take(&binding(), at(5))),
    );
    let mut denied = request();
    denied.vote(no("lee", 1), at(1)).unwrap();
    let voted = denied.vote(yes("kim", 2), at(2));
    attack(
        "denied, then approved".to_owned(),
        voted.and_then(|()| denied.take(&binding(), at(3))),
    );
    let mut half = request_of(terms().with_needed(2));
    let bound = half.binding.clone();
    let vote = vote_on(&half, Carrier::Kubernetes, "kim", 1);
    half.vote(vote, at(1)).unwrap();
    attack("one of two".to_owned(), half.take(&bound, at(2)));
    for (name, carrier) in [
        ("the same one twice", Carrier::Kubernetes),
        ("the same one on another carrier", Carrier::Slack),
    ] {
        let vote = vote_on(&half, carrier, "kim", 2);
        let _ = half.vote(vote, at(2));
        attack(name.to_owned(), half.take(&bound, at(3)));
    }
    half.terms.needed = 1;
    attack("fewer are needed afterwards".to_owned(), half.take(&bound, at(3)));
    let mut joined = request_of(terms());
    let bound = joined.binding.clone();
    let stranger = Group::new("on-call").with(Carrier::Kubernetes, "eve");
    joined.terms.groups.push(stranger);
    let vote = vote_on(&joined, Carrier::Kubernetes, "kim", 1);
    let voted = joined.vote(vote, at(1));
    attack(
        "a group joins afterwards".to_owned(),
        voted.and_then(|()| joined.take(&bound, at(2))),
    );
    attack("too late".to_owned(), approved().take(&binding(), at(24 * HOUR)));
    let nobody = Terms::new(Vec::new());
    attack(
        "nobody decides".to_owned(),
        request_of(nobody.clone()).take(&binding_of(&nobody), at(1)),
    );
    let mut zero = binding();
    zero.approvers = 0;
    let mut none_needed = Request::new("r", zero.clone(), terms(), at(0));
    none_needed.terms.needed = 0;
    attack("none needed".to_owned(), none_needed.take(&zero, at(1)));

    let accepted: Vec<_> = attacks.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
    let names: BTreeSet<_> = attacks.iter().map(|(name, _)| name).collect();
    println!("{} kinds of attacks, none accepted", names.len());
    assert!(names.len() >= 50);
    // The same without the attack is an approval.
    let _ = approved().take(&binding(), at(2)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn whatever_is_said_an_approval_takes_enough_people_and_is_used_once(
        needed in 0_u8..4,
        steps in proptest::collection::vec(
            (0_usize..6, any::<bool>(), any::<bool>(), any::<bool>(), -400_i64..4000), 0..40),
    ) {
        let names = ["kim", "lee", "max", "pat", "eve", ""];
        let mut request = request_of(terms().with_needed(needed));
        let binding = || request_of(terms().with_needed(needed)).binding;
        let (mut now, mut used, mut said) = (0, 0, BTreeSet::new());
        let mut refused = false;
        for (name, approve, take, right, wait) in steps {
            now = (now + wait).max(0);
            let before = request.clone();
            if take {
                let fresh = if right { binding() } else { Binding { generation: Some(8), ..binding() } };
                if request.take(&fresh, at(now)).is_ok() {
                    used += 1;
                    prop_assert!(right && !refused);
                    prop_assert!(said.len() >= usize::from(needed.max(1)), "{:?}", said);
                    prop_assert!(now < 24 * HOUR);
                } else {
                    prop_assert_eq!(&request, &before, "what is refused changes nothing");
                }
            } else {
                let verdict = if approve { Verdict::Approve } else { Verdict::Deny };
                let digest = if right { binding().digest() } else { "other".to_owned() };
                let vote = Vote::new(names[name], verdict, digest, Carrier::Kubernetes, at(now));
                let settled = match request.state(at(now)) {
                    State::Denied { .. } => true,
                    // One no is heard until it is known that the write stands.
                    State::Used { .. } => approve || request.objection().is_some(),
                    _ => false,
                };
                match request.vote(vote, at(now)) {
                    Ok(()) => {
                        prop_assert!(right && name < 3 && !settled);
                        prop_assert!(name != 2 || now >= HOUR, "max is asked after an hour");
                        prop_assert_eq!(request.version, before.version + 1);
                        if approve {
                            prop_assert!(said.insert(name));
                        } else {
                            refused = true;
                        }
                    }
                    Err(_) => prop_assert_eq!(&request, &before, "what is refused changes nothing"),
                }
            }
        }
        prop_assert!(used <= 1);
    }
}

#[test]
fn waiting_is_reckoned_in_whole_turns() {
    let mut terms = terms();
    terms.escalate_after = SignedDuration::ZERO;
    let request = request_of(terms);
    assert_eq!(request.asked(at(0)).len(), 1);
    assert_eq!(request.asked(at(-5)).len(), 1);
    assert_eq!(request.asked(at(100)).len(), 2);
}
