//! The file and the memory answer alike, whatever is asked in whatever order, restarts included.

use proptest::prelude::*;

use super::*;
use crate::workflow::Wait;

#[derive(Clone, Debug)]
enum Call {
    Enqueue(u8, Vec<(u8, u8)>),
    Claim,
    ClaimRun(u8),
    Step(u8, u32, Option<u8>),
    Finish(u8, u32, Vec<u8>),
    Postpone(u8, u8),
    End(u8, bool),
    Wake(u8),
    Attach(u8, Vec<(u8, u8)>, bool, bool),
    Resolve(Vec<(u8, u8)>),
    Begin(u8, u8),
    Deliver(u8, u8, u8),
    Prune,
    Restart,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let run = 0..3_u8;
    let small = 0..3_u8;
    let alerts = prop::collection::vec((0..3_u8, 0..2_u8), 0..3);
    let call = prop_oneof![
        3 => (run.clone(), alerts.clone()).prop_map(|(run, alerts)| Call::Enqueue(run, alerts)),
        4 => Just(Call::Claim),
        2 => run.clone().prop_map(Call::ClaimRun),
        4 => (run.clone(), 0..3_u32, prop::option::of(0..4_u8)).prop_map(|(r, s, w)| Call::Step(r, s, w)),
        3 => (run.clone(), 0..3_u32, prop::collection::vec(0..2_u8, 0..3)).prop_map(|(r, s, d)| Call::Finish(r, s, d)),
        1 => (run.clone(), small.clone()).prop_map(|(r, s)| Call::Postpone(r, s)),
        1 => (run.clone(), any::<bool>()).prop_map(|(r, f)| Call::End(r, f)),
        2 => small.clone().prop_map(Call::Wake),
        3 => (run.clone(), alerts.clone(), any::<bool>(), any::<bool>()).prop_map(|(r, a, i, d)| Call::Attach(r, a, i, d)),
        2 => alerts.clone().prop_map(Call::Resolve),
        3 => (run.clone(), 0..2_u8).prop_map(|(r, s)| Call::Begin(r, s)),
        3 => (run, 0..2_u8, small).prop_map(|(r, s, e)| Call::Deliver(r, s, e)),
        1 => Just(Call::Prune),
        1 => Just(Call::Restart),
    ];
    prop::collection::vec(call, 1..40)
}

/// What a call answers, and everything that can be seen afterwards.
async fn make(journal: &dyn Journal, call: &Call, now: Timestamp) -> String {
    let run = |run: &u8| id(&run.to_string());
    let name = |number: &u8| number.to_string();
    let answer = match call {
        Call::Enqueue(number, alerts) => {
            let alerts = alerts
                .iter()
                .map(|(name, start)| alert(&name.to_string(), i64::from(*start)))
                .collect();
            format!(
                "{:?}",
                journal
                    .enqueue(
                        NewRun {
                            alerts,
                            ..new_run(&number.to_string())
                        },
                        now
                    )
                    .await
            )
        }
        Call::Claim => format!("{:?}", journal.claim(now).await),
        Call::ClaimRun(number) => format!("{:?}", journal.claim_run(&run(number), now).await),
        Call::Step(number, step, wait) => {
            let wait = wait.map(|wait| match wait {
                0 => Wait::Until(now + SignedDuration::from_millis(2500)),
                other => Wait::Approval {
                    id: (other - 1).to_string(),
                    until: now + SignedDuration::from_secs(9),
                },
            });
            let result = StepResult {
                wait,
                ..result(*step, json!({"step": step}))
            };
            format!("{:?}", journal.record_step(&run(number), result, now).await)
        }
        Call::Finish(number, step, sinks) => {
            let sinks: Vec<_> = sinks.iter().map(name).collect();
            format!(
                "{:?}",
                journal
                    .finish(&run(number), *step, "end", &report("x"), &sinks, now)
                    .await
            )
        }
        Call::Postpone(number, seconds) => {
            let until = now + SignedDuration::from_secs(i64::from(*seconds));
            format!("{:?}", journal.postpone(&run(number), until, "later", now).await)
        }
        Call::End(number, failed) => {
            let reason = "so".to_owned();
            let end = if *failed {
                RunEnd::Failed { reason }
            } else {
                RunEnd::Cancelled { reason }
            };
            format!("{:?}", journal.end(&run(number), end, now).await)
        }
        Call::Wake(approval) => format!("{:?}", journal.wake(&name(approval), now).await),
        Call::Attach(number, alerts, amends, unless_done) => {
            let joining = |(name, start): &(u8, u8)| Joining {
                alert: alert(&name.to_string(), i64::from(*start)),
                body: json!({"name": name}),
            };
            let attach = Attach {
                run: run(number),
                alerts: alerts.iter().map(joining).collect(),
                input: amends.then(|| json!({"with": alerts})),
                unless_done: *unless_done,
            };
            format!("{:?}", journal.attach(attach, now).await)
        }
        Call::Resolve(alerts) => {
            let alerts: Vec<_> = alerts
                .iter()
                .map(|(name, start)| alert(&name.to_string(), i64::from(*start)))
                .collect();
            format!("{:?}", journal.resolve(&ends(&alerts, 1), now).await)
        }
        Call::Begin(number, sink) => format!(
            "{:?}",
            journal.begin_delivery(&run(number), &name(sink), now).await
        ),
        Call::Deliver(number, sink, end) => {
            let reason = "so".to_owned();
            let end = match end {
                0 => DeliveryEnd::Delivered,
                1 => DeliveryEnd::Retry {
                    at: now + SignedDuration::from_secs(2),
                    reason,
                },
                _ => DeliveryEnd::Failed { reason },
            };
            format!(
                "{:?}",
                journal.end_delivery(&run(number), &name(sink), end, now).await
            )
        }
        Call::Prune => format!("{:?}", journal.prune(now).await),
        Call::Restart => String::new(),
    };
    let mut seen = format!("{answer} due {:?}", journal.next_due().await);
    seen += &format!(
        " {:?} {:?}",
        journal.runs(None, 9).await,
        journal.due_deliveries(now).await
    );
    seen += &format!(" {:?}", journal.recent("incident", at(3), 2).await);
    for number in 0..3 {
        let run = run(&number);
        seen += &format!(
            " {:?} {:?}",
            journal.steps(&run).await,
            journal.deliveries(&run).await
        );
        seen += &format!(" {:?}", journal.report(&run).await.map(|report| report.is_some()));
        seen += &format!(" {:?}", journal.run_of_alert(&number.to_string()).await);
        seen += &format!(" {:?}", journal.alerts(&run).await);
        let periods = [0, 1].map(|start| alert(&number.to_string(), start));
        seen += &format!(" {:?}", journal.owners(&periods).await);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn file_and_memory_answer_alike(calls in calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("j.db");
            let memory = MemoryJournal::new();
            let mut file = SqliteStore::open(&path).await.unwrap();
            for (second, call) in (0..).zip(&calls) {
                if matches!(call, Call::Restart) {
                    file.close().await;
                    file = SqliteStore::open(&path).await.unwrap();
                    memory.restart();
                }
                let now = at(second);
                let (expected, actual) = (make(&memory, call, now).await, make(&file, call, now).await);
                prop_assert_eq!(expected, actual, "after {:?}", call);
            }
            Ok(())
        })?;
    }
}
