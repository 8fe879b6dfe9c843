use super::*;

#[test]
fn nothing_can_be_left_out_of_a_binding() {
    let unknown = |what: &str, bound: Result<Binding, BindingError>| {
        assert!(
            matches!(bound, Err(BindingError::Unknown { .. })),
            "{what}: {bound:?}"
        );
    };
    let terms = terms();
    unknown("cluster", bind(&terms, |looked| looked.cluster = ""));
    unknown("outcome", bind(&terms, |looked| looked.outcome = ""));
    unknown("policy", bind(&terms, |looked| looked.policy = ""));
    unknown("requests", bind(&terms, |looked| looked.requests = &[]));
    unknown("nonce", bind(&terms, |looked| looked.nonce = ""));
    let nameless = Action {
        uid: None,
        ..action(9)
    };
    unknown("uid", bind(&terms, |looked| looked.action = &nameless));
    let blind = Action {
        pre_image: None,
        ..action(9)
    };
    unknown("pre-image", bind(&terms, |looked| looked.action = &blind));
    let created = Action {
        verb: Verb::Create,
        ..nameless
    };
    bind(&terms, |looked| looked.action = &created).unwrap();

    let (_, mut decision) = judged();
    decision.approvers = 2;
    assert_eq!(
        bind(&terms, |looked| looked.decision = &decision),
        Err(BindingError::TooFew { wanted: 2, needed: 1 })
    );
    decision.tier = Tier::Forbidden;
    assert_eq!(
        bind(&terms, |looked| looked.decision = &decision),
        Err(BindingError::NotAsked {
            tier: Tier::Forbidden
        })
    );
}

#[test]
fn what_was_approved_under_other_circumstances_is_void() {
    let approved = || {
        let mut request = request();
        request.vote(yes("kim", 1), at(1)).unwrap();
        request
    };
    let terms = terms();
    let (mut requests, mut decision) = judged();
    let refused = |fresh: Binding| {
        let error = approved().take(&fresh, at(2)).unwrap_err();
        let ApprovalError::Changed { differences } = error else {
            panic!("{error}")
        };
        differences.join(", ")
    };
    // The namespace became production, which is approved by one person as well.
    requests[0].environment = Environment::Production;
    let said = refused(bind(&terms, |looked| looked.requests = &requests).unwrap());
    assert_eq!(said, "what the policy goes by is different");
    // A freeze opened: the tier is another one, with the same number of people.
    decision.tier = Tier::SyncApproval;
    let said = refused(bind(&terms, |looked| looked.decision = &decision).unwrap());
    assert_eq!(said, "the policy asks for another approval");
    // Others may decide now.
    let others = terms.clone().without("lee");
    let said = refused(binding_of(&others));
    assert_eq!(said, "others may decide, or more have to");
    // What changes by itself changes nothing.
    let (mut requests, _) = judged();
    requests[0].activity = policy::Activity::Idle;
    requests[0].replicas = Some(policy::Replicas {
        at_start: 4,
        wanted: 9,
    });
    let fresh = bind(&terms, |looked| looked.requests = &requests).unwrap();
    let _ = approved().take(&fresh, at(2)).unwrap();
}

#[test]
fn terms_that_are_changed_after_the_asking_count_for_nothing() {
    let mut request = request_of(people());
    let vote = vote_on(&request, Carrier::Slack, "U04AB12", 1);
    request.vote(vote, at(1)).unwrap();
    request.terms.needed = 1;
    let bound = request.binding.clone();
    assert!(request.take(&bound, at(2)).is_err());
    let vote = vote_on(&request, Carrier::Slack, "U04XY99", 3);
    assert!(matches!(
        request.vote(vote, at(3)),
        Err(ApprovalError::Changed { .. })
    ));
    // A state that was written by somebody else is no approval either.
    let mut forged = json!(request_of(people()));
    forged["state"] = json!({"approved": {"at": at(1)}});
    let mut forged: Request = serde_json::from_value(forged).unwrap();
    assert_eq!(
        forged.take(&bound, at(2)),
        Err(ApprovalError::TooFew { given: 0, needed: 2 })
    );
}
