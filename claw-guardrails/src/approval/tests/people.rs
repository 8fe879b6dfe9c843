use super::*;

#[test]
fn two_are_two_people_whatever_names_they_go_by() {
    let mut request = request_of(people());
    let vote = vote_on(&request, Carrier::Slack, "U04AB12", 1);
    request.vote(vote, at(1)).unwrap();
    let again = vote_on(&request, Carrier::Kubernetes, "kim@acme", 2);
    assert_eq!(
        request.vote(again, at(2)),
        Err(ApprovalError::Again { by: "Kim".to_owned() })
    );
    let bound = request.binding.clone();
    assert_eq!(
        request.take(&bound, at(3)),
        Err(ApprovalError::TooFew { given: 1, needed: 2 })
    );
    let other = vote_on(&request, Carrier::Kubernetes, "lee@acme", 4);
    request.vote(other, at(4)).unwrap();
    assert_eq!(request.take(&bound, at(5)).unwrap().by(), ["Kim", "Lee"]);
}

#[test]
fn whoever_asked_decides_under_none_of_their_names() {
    // The name that is known of whoever asked is that of one carrier, or what people call them.
    for name in ["kim@acme", "U04AB12", "Kim"] {
        for (carrier, account) in [(Carrier::Slack, "U04AB12"), (Carrier::Kubernetes, "kim@acme")] {
            let mut request = request_of(people().without(name));
            let vote = vote_on(&request, carrier, account, 1);
            let refused = request.vote(vote, at(1));
            assert!(
                matches!(refused, Err(ApprovalError::OwnSide { .. })),
                "{name} {account}: {refused:?}"
            );
            let lee = vote_on(&request, Carrier::Slack, "U04XY99", 1);
            request.vote(lee, at(1)).unwrap();
        }
    }
}

#[test]
fn people_of_one_name_are_one_and_an_account_of_two_people_is_nobodys() {
    // Two groups know the same person by different accounts.
    let slack = Group::new("a").with_person(Person::new("Kim").known(Carrier::Slack, "U1"));
    let forge = Group::new("b").with_person(Person::new("Kim").known(Carrier::PullRequest, "kimmy"));
    let mut terms = Terms::new(vec![slack.clone(), forge]).with_needed(2);
    terms.escalate_after = SignedDuration::from_secs(1);
    assert_eq!(terms.check(), Err(TermsError::TooFew { needed: 2, people: 1 }));
    let mut request = request_of(terms);
    let vote = vote_on(&request, Carrier::Slack, "U1", 1);
    request.vote(vote, at(1)).unwrap();
    let vote = vote_on(&request, Carrier::PullRequest, "kimmy", 60);
    assert!(matches!(
        request.vote(vote, at(60)),
        Err(ApprovalError::Again { .. })
    ));

    let twice = Group::new("b").with_person(Person::new("Lee").known(Carrier::Slack, "U1"));
    let terms = Terms::new(vec![slack, twice]);
    assert!(matches!(terms.check(), Err(TermsError::Shared { .. })));
    let mut request = request_of(terms);
    let vote = vote_on(&request, Carrier::Slack, "U1", 1);
    assert!(matches!(
        request.vote(vote, at(1)),
        Err(ApprovalError::Ambiguous { .. })
    ));
}

#[test]
fn terms_under_which_nobody_could_tell_are_refused() {
    assert_eq!(people().check(), Ok(()));
    assert_eq!(terms().check(), Ok(()));
    let with = |person: Person| Terms::new(vec![Group::new("g").with_person(person)]).check();
    assert!(matches!(
        with(Person::new("Kim").known(Carrier::Slack, " U1")),
        Err(TermsError::Name { .. })
    ));
    assert!(matches!(
        with(Person::new("").known(Carrier::Slack, "U1")),
        Err(TermsError::Name { .. })
    ));
    let agent = Person::new("Kim").known(Carrier::Kubernetes, "system:serviceaccount:claw:agent");
    assert!(matches!(with(agent), Err(TermsError::Program { .. })));
    assert!(matches!(with(Person::new("Kim")), Err(TermsError::TooFew { .. })));
    let excluded = people().without("lee@acme").check();
    assert_eq!(excluded, Err(TermsError::TooFew { needed: 2, people: 1 }));
}

#[test]
fn programs_do_not_approve_even_where_they_are_listed() {
    let account = "system:serviceaccount:tools:bot";
    let mut request = request_of(Terms::new(vec![
        Group::new("g").with(Carrier::Kubernetes, account),
    ]));
    let vote = vote_on(&request, Carrier::Kubernetes, account, 1);
    assert!(matches!(
        request.vote(vote, at(1)),
        Err(ApprovalError::OwnSide { .. })
    ));
}
