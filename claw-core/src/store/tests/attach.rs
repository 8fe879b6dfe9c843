//! Alerts that join a run, and what of them is known later.

use super::contract::on_both;
use super::*;

/// A run that these alerts open.
fn opened_by(name: &str, alerts: &[AlertKey]) -> NewRun {
    NewRun {
        alerts: alerts.to_vec(),
        ..new_run(name)
    }
}

fn attach(run: &str, alerts: &[AlertKey]) -> Attach {
    let joining = |alert: &AlertKey| Joining {
        alert: alert.clone(),
        body: json!({"of": alert.fingerprint}),
    };
    Attach {
        run: id(run),
        alerts: alerts.iter().map(joining).collect(),
        input: Some(json!({"of": run, "and": alerts.len()})),
        unless_done: false,
    }
}

fn joined(alerts: &[AlertKey], amended: bool) -> Attached {
    Attached::Joined {
        alerts: alerts.to_vec(),
        amended,
        closed: Vec::new(),
    }
}

on_both! {
    async fn what_joins_a_run_belongs_to_it_and_closes_it_with_the_last(journal: &dyn Journal) {
        let (a, b) = (alert("fa", 0), alert("fb", 60));
        journal.enqueue(opened_by("1", std::slice::from_ref(&a)), at(1)).await.unwrap();
        let both = attach("1", &[a.clone(), b.clone()]);
        assert_eq!(journal.attach(both.clone(), at(61)).await.unwrap(), joined(std::slice::from_ref(&b), true));
        assert_eq!(journal.attach(both, at(62)).await.unwrap(), joined(&[], false), "sent again");
        assert_eq!(journal.owners(&[b.clone(), a.clone(), alert("fb", 61), alert("x", 0)]).await.unwrap(),
            [Some(id("1")), Some(id("1")), None, None]);
        let covered = journal.enqueue(opened_by("2", std::slice::from_ref(&b)), at(63)).await.unwrap();
        assert_eq!(covered, Enqueued::Covered(vec![id("1")]));

        let known = journal.alerts(&id("1")).await.unwrap();
        let told: Vec<_> = known.iter().map(|alert| (alert.fingerprint.as_str(), alert.joined_at, alert.in_input)).collect();
        assert_eq!(told, [("fa", None, true), ("fb", Some(at(61)), true)]);
        assert_eq!((&known[0].body, &known[1].body), (&None, &Some(json!({"of": "fb"}))));

        journal.claim_run(&id("1"), at(64)).await.unwrap().unwrap();
        assert_eq!(journal.resolve(&ends(&[a], 70), at(71)).await.unwrap(), []);
        let closed = Closed { run: id("1"), ended: false };
        assert_eq!(journal.resolve(&ends(&[b], 80), at(81)).await.unwrap(), [closed]);
        let over: Vec<_> = journal.alerts(&id("1")).await.unwrap().into_iter().map(|alert| alert.ended_at).collect();
        assert_eq!(over, [Some(at(70)), Some(at(80))]);
    }

    async fn the_input_is_amended_only_while_the_run_has_not_begun(journal: &dyn Journal) {
        for name in ["untouched", "begun", "done"] {
            journal.enqueue(opened_by(name, &[alert(name, 0)]), at(0)).await.unwrap();
        }
        for name in ["begun", "done"] {
            journal.claim_run(&id(name), at(1)).await.unwrap().unwrap();
        }
        journal.finish(&id("done"), 0, "end", &report("done"), &[], at(2)).await.unwrap();
        journal.postpone(&id("begun"), at(3), "later", at(2)).await.unwrap();
        for (name, amended) in [("untouched", true), ("begun", false), ("done", false)] {
            let more = alert(&format!("more-{name}"), 2);
            let attached = journal.attach(attach(name, std::slice::from_ref(&more)), at(3)).await.unwrap();
            assert_eq!(attached, joined(&[more], amended), "{name}");
            let known = journal.alerts(&id(name)).await.unwrap();
            assert_eq!(known[1].in_input, amended, "{name}");
        }
        let claim = journal.claim_run(&id("untouched"), at(4)).await.unwrap().unwrap();
        assert_eq!(claim.input, json!({"of": "untouched", "and": 1}));
        let claim = journal.claim_run(&id("begun"), at(4)).await.unwrap().unwrap();
        assert_eq!(claim.input, json!({"of": "begun"}));
    }

    async fn what_says_more_than_a_report_does_not_join_the_run_that_is_done(journal: &dyn Journal) {
        let urgent = |seconds: i64| Attach { unless_done: true, ..attach("1", &[alert(&seconds.to_string(), seconds)]) };
        journal.enqueue(opened_by("1", &[alert("a", 0)]), at(0)).await.unwrap();
        assert_eq!(journal.attach(urgent(1), at(1)).await.unwrap(), joined(&[alert("1", 1)], true));
        journal.claim_run(&id("1"), at(2)).await.unwrap().unwrap();
        assert_eq!(journal.attach(urgent(3), at(3)).await.unwrap(), joined(&[alert("3", 3)], false));
        journal.finish(&id("1"), 0, "end", &report("1"), &[], at(4)).await.unwrap();
        assert_eq!(journal.attach(urgent(5), at(5)).await.unwrap(), Attached::Ended(RunStatus::Done));
        assert_eq!(journal.owners(&[alert("5", 5)]).await.unwrap(), [None]);
        let other = journal.attach(attach("1", &[alert("6", 6)]), at(6)).await.unwrap();
        assert_eq!(other, joined(&[alert("6", 6)], false));
    }

    async fn a_run_that_was_closed_is_open_again(journal: &dyn Journal) {
        journal.enqueue(opened_by("1", &[alert("a", 0)]), at(0)).await.unwrap();
        journal.claim_run(&id("1"), at(1)).await.unwrap().unwrap();
        journal.finish(&id("1"), 0, "end", &report("1"), &[], at(2)).await.unwrap();
        journal.resolve(&ends(&[alert("a", 0)], 3), at(3)).await.unwrap();
        assert_eq!(journal.run(&id("1")).await.unwrap().unwrap().resolved_at, Some(at(3)));
        journal.attach(attach("1", &[alert("b", 4)]), at(5)).await.unwrap();
        let run = journal.run(&id("1")).await.unwrap().unwrap();
        assert_eq!((run.status, run.resolved_at), (RunStatus::Done, None));
        assert_eq!(journal.prune(at(99)).await.unwrap(), 0, "it has a firing alert");
        journal.resolve(&ends(&[alert("b", 4)], 6), at(7)).await.unwrap();
        assert_eq!(journal.run(&id("1")).await.unwrap().unwrap().resolved_at, Some(at(7)));
        assert_eq!(journal.prune(at(99)).await.unwrap(), 1);
        assert_eq!(journal.alerts(&id("1")).await.unwrap(), []);
    }

    async fn nothing_joins_a_run_that_nobody_gets_a_report_of(journal: &dyn Journal) {
        journal.enqueue(opened_by("1", &[alert("a", 0)]), at(0)).await.unwrap();
        journal.resolve(&ends(&[alert("a", 0)], 1), at(1)).await.unwrap();
        let attached = journal.attach(attach("1", &[alert("b", 2)]), at(2)).await.unwrap();
        assert_eq!(attached, Attached::Ended(RunStatus::Cancelled));
        assert_eq!(journal.owners(&[alert("b", 2)]).await.unwrap(), [None]);
        let unknown = journal.attach(attach("2", &[alert("b", 2)]), at(2)).await;
        assert!(matches!(unknown, Err(StoreError::UnknownRun { .. })), "{unknown:?}");
    }

    async fn an_alert_that_fires_anew_joins_and_closes_the_run_that_it_leaves(journal: &dyn Journal) {
        journal.enqueue(opened_by("1", &[alert("a", 0)]), at(0)).await.unwrap();
        journal.enqueue(opened_by("2", &[alert("b", 0)]), at(0)).await.unwrap();
        let attached = journal.attach(attach("2", &[alert("a", 50)]), at(51)).await.unwrap();
        let closed = vec![Closed { run: id("1"), ended: true }];
        assert_eq!(attached, Attached::Joined { alerts: vec![alert("a", 50)], amended: true, closed });
        assert_eq!(journal.alerts(&id("1")).await.unwrap()[0].ended_at, Some(at(50)), "its end was not told");
        // The same within one run closes nothing.
        let attached = journal.attach(attach("2", &[alert("a", 70)]), at(71)).await.unwrap();
        assert_eq!(attached, joined(&[alert("a", 70)], true));
        let over: Vec<_> = journal.alerts(&id("2")).await.unwrap().into_iter().map(|alert| alert.ended_at).collect();
        assert_eq!(over, [None, Some(at(70)), None]);
    }

    async fn lists_the_runs_that_alerts_opened_not_long_ago(journal: &dyn Journal) {
        journal.enqueue(opened_by("early", &[alert("a", 0)]), at(0)).await.unwrap();
        journal.enqueue(new_run("asked"), at(10)).await.unwrap();
        journal.enqueue(opened_by("cancelled", &[alert("b", 9)]), at(10)).await.unwrap();
        journal.resolve(&ends(&[alert("b", 9)], 10), at(11)).await.unwrap();
        let other = NewRun { workflow: "other".into(), ..opened_by("other", &[alert("o", 9)]) };
        journal.enqueue(other, at(11)).await.unwrap();
        for (name, seconds) in [("c", 12), ("d", 13), ("e", 14)] {
            journal.enqueue(opened_by(name, &[alert(name, seconds)]), at(seconds)).await.unwrap();
        }
        journal.attach(attach("c", &[alert("f", 13)]), at(15)).await.unwrap();
        let ids = |runs: &[RecentRun]| runs.iter().map(|recent| recent.run.id.0.clone()).collect::<Vec<_>>();
        let recent = journal.recent("incident", at(10), 9).await.unwrap();
        assert_eq!(ids(&recent), ["e", "d", "c"]);
        assert_eq!(recent[2].input, json!({"of": "c", "and": 1}));
        assert_eq!(recent[2].alerts, journal.alerts(&id("c")).await.unwrap());
        assert_eq!(ids(&journal.recent("incident", at(0), 9).await.unwrap()), ["e", "d", "c", "early"]);
        let last = journal.recent("incident", at(0), 2).await.unwrap();
        assert_eq!(ids(&last), ["e", "d"]);
        assert_eq!(last[1].alerts, journal.alerts(&id("d")).await.unwrap());
        assert_eq!(journal.recent("another", at(0), 2).await.unwrap(), []);
    }

    async fn concurrent_attaches_give_an_alert_to_one_run(journal: &dyn Journal) {
        for name in ["1", "2"] {
            journal.enqueue(opened_by(name, &[alert(name, 0)]), at(0)).await.unwrap();
        }
        let tries = (0..20).map(|number| journal.attach(attach(["1", "2"][number % 2], &[alert("x", 1)]), at(2)));
        let answers = futures::future::join_all(tries).await;
        let taken = answers.into_iter().filter(|answer| matches!(answer, Ok(Attached::Joined { alerts, .. }) if !alerts.is_empty()));
        assert_eq!(taken.count(), 1);
    }
}

#[tokio::test]
async fn runs_are_listed_while_somebody_else_writes_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store
        .enqueue(opened_by("1", &[alert("a", 0)]), at(0))
        .await
        .unwrap();
    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let writes = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let recent = store.recent("incident", at(0), 9).await.unwrap();
    assert_eq!(recent[0].alerts, store.alerts(&id("1")).await.unwrap());
    writes.rollback().await.unwrap();
}

#[tokio::test]
async fn a_file_of_an_earlier_version_knows_the_alerts_that_fire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let (a, b) = (alert("a", 0), alert("b", 1));
    store
        .enqueue(opened_by("1", &[a.clone(), b.clone()]), at(2))
        .await
        .unwrap();
    store
        .resolve(&ends(std::slice::from_ref(&a), 3), at(3))
        .await
        .unwrap();
    store.without_run_alerts().await;
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    let known = store.alerts(&id("1")).await.unwrap();
    let told: Vec<_> = known
        .iter()
        .map(|alert| (alert.key(), alert.joined_at, alert.in_input, alert.ended_at))
        .collect();
    assert_eq!(told, [(b.clone(), None, true, None)]);
    assert_eq!(
        store.attach(attach("1", &[alert("c", 4)]), at(5)).await.unwrap(),
        joined(&[alert("c", 4)], true)
    );
    store.resolve(&ends(&[b, alert("c", 4)], 6), at(7)).await.unwrap();
    assert!(store.run(&id("1")).await.unwrap().unwrap().resolved_at.is_some());
}
