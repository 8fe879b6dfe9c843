//! On reviews of a pull request.

use super::*;
use crate::approval::github::tests_of_votes;

pub(super) async fn by_review(attacks: &mut Attacks) {
    let outcome = async |change: &dyn Fn(&mut Value)| {
        let mut world = World::new().await;
        world.go_to(60);
        let mut answers = tests_of_votes::answers(HEAD, &at(50).to_string());
        change(&mut answers);
        let votes = tests_of_votes::votes_of(&world.shown, &answers).unwrap_or_default();
        world.count(votes).is_some()
    };
    assert!(outcome(&|_| {}).await, "without an attack it is an approval");
    let set = |place: &'static str, value: Value| {
        move |answers: &mut Value| *answers.pointer_mut(place).unwrap() = value.clone()
    };
    let again = |state: &'static str| {
        move |answers: &mut Value| {
            let mut review = answers["reviews"][0].clone();
            review["id"] = json!(2);
            review["state"] = json!(state);
            review["submitted_at"] = json!(at(55).to_string());
            answers["reviews"].as_array_mut().unwrap().push(review);
        }
    };
    let other = "f".repeat(40);
    let all: Vec<(&'static str, Change)> = vec![
        (
            "review: of a stale commit",
            Box::new(set("/reviews/0/commit_id", json!(other))),
        ),
        (
            "review: of no commit",
            Box::new(set("/reviews/0/commit_id", Value::Null)),
        ),
        (
            "review: the head has moved",
            Box::new(set("/live/head/sha", json!(other))),
        ),
        (
            "review: the forge shows another commit",
            Box::new(set("/commit/sha", json!(other))),
        ),
        (
            "review: another pull request",
            Box::new(set("/live/number", json!(8))),
        ),
        (
            "review: a closed pull request",
            Box::new(set("/live/state", json!("closed"))),
        ),
        (
            "review: dismissed",
            Box::new(set("/reviews/0/state", json!("DISMISSED"))),
        ),
        (
            "review: a comment",
            Box::new(set("/reviews/0/state", json!("COMMENTED"))),
        ),
        (
            "review: not submitted",
            Box::new(set("/reviews/0/state", json!("PENDING"))),
        ),
        (
            "review: without a time",
            Box::new(set("/reviews/0/submitted_at", Value::Null)),
        ),
        (
            "review: a state in lower case",
            Box::new(set("/reviews/0/state", json!("approved"))),
        ),
        (
            "review: taken back by asking for changes",
            Box::new(again("CHANGES_REQUESTED")),
        ),
        ("review: a later one was dismissed", Box::new(again("DISMISSED"))),
        (
            "review: taken back, listed first",
            Box::new(move |answers: &mut Value| {
                again("CHANGES_REQUESTED")(answers);
                answers["reviews"].as_array_mut().unwrap().reverse();
            }),
        ),
        ("review: by the author", Box::new(set("/live/user/id", json!(11)))),
        (
            "review: of an author who is unknown",
            Box::new(set("/live/user", Value::Null)),
        ),
        (
            "review: by the author of the commit",
            Box::new(set("/commit/author/id", json!(11))),
        ),
        (
            "review: by whoever has committed",
            Box::new(set(
                "/commit/committer",
                json!({"login": "kim-gh", "id": 11, "type": "User"}),
            )),
        ),
        (
            "review: by a bot",
            Box::new(set("/reviews/0/user/type", json!("Bot"))),
        ),
        (
            "review: by an account that is gone",
            Box::new(set("/reviews/0/user", Value::Null)),
        ),
        (
            "review: by a stranger",
            Box::new(set("/reviews/0/user/login", json!("eve-gh"))),
        ),
        (
            "review: a login in other case",
            Box::new(set("/reviews/0/user/login", json!("Kim-GH"))),
        ),
        (
            "review: a look-alike login",
            Box::new(set("/reviews/0/user/login", json!("k\u{456}m-gh"))),
        ),
        (
            "review: whoever has asked",
            Box::new(set("/reviews/0/user/login", json!("pat-gh"))),
        ),
        (
            "review: not asked yet",
            Box::new(set("/reviews/0/user/login", json!("max-gh"))),
        ),
        (
            "review: from before the request",
            Box::new(set("/reviews/0/submitted_at", json!(at(-HOUR).to_string()))),
        ),
        (
            "review: from the future",
            Box::new(set("/reviews/0/submitted_at", json!(at(HOUR).to_string()))),
        ),
    ];
    for (name, change) in all {
        attacks.push((name, outcome(&*change).await));
    }
    for (name, repository, head) in [
        ("review: a repository out of the way", "../orgs", HEAD),
        ("review: a repository with a query", "shop/manifests?x=", HEAD),
        ("review: a commit by its beginning", "shop/manifests", "0123456"),
        ("review: a branch in place of a commit", "shop/manifests", "main"),
    ] {
        let action = Action {
            patch: PullRequest::patch(repository, 7, head),
            ..action()
        };
        attacks.push((name, PullRequest::of(&action).is_some()));
    }
}
