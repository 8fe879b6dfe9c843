//! Two replicas of an agent that both would write.

use claw_core::clock::MonotonicClock;
use claw_core::fence::Fence as _;
use claw_k8s::lease::{Leadership, LeaseSettings, Role};

use super::*;

/// Actions that both submit.
const CONTESTED: usize = 12;

async fn replica(testbed: &Testbed, namespace: &str, name: &str) -> Leadership {
    let mut lease = LeaseSettings::new(namespace, "agent", name);
    lease.duration = Duration::from_secs(3);
    lease.every = Duration::from_millis(300);
    lease.margin = Duration::from_secs(1);
    Leadership::connect(
        as_admin(testbed),
        Proxies::default(),
        Limits::default(),
        lease,
        Arc::new(SystemClock),
        Arc::new(MonotonicClock::start()),
    )
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn of_two_leaders_at_most_one_has_an_effect() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("leaders").await.unwrap();
    let ns = namespace.name();
    deployments(&testbed, &namespace, CONTESTED, 2).await;
    let (a, b) = (replica(&testbed, ns, "a").await, replica(&testbed, ns, "b").await);
    let one = Agent::with(&testbed, wide()).await;
    let other = Agent::with(&testbed, wide()).await;
    assert_eq!(a.step(&cx()).await.unwrap(), Role::Leader { epoch: 1 });
    assert!(matches!(b.step(&cx()).await.unwrap(), Role::Follower { .. }));
    let mut both_led = 0;
    let mut changed_hands = 0;
    for number in 0..CONTESTED {
        // One of them is cut off for a while now and then: it does not renew, and the other takes over.
        if number % 4 == 3 {
            let (from, to) = if changed_hands % 2 == 0 {
                (&a, &b)
            } else {
                (&b, &a)
            };
            let deadline = SystemClock.deadline(Duration::from_secs(15));
            while !matches!(to.step(&cx()).await.unwrap(), Role::Leader { .. }) {
                assert!(SystemClock.now() < deadline, "nobody takes over");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            assert!(
                from.check().await.is_err(),
                "its term is over before another one begins"
            );
            changed_hands += 1;
            assert_eq!(to.check().await.unwrap(), 1 + changed_hands);
        }
        both_led += usize::from(a.check().await.is_ok() && b.check().await.is_ok());
        // Whatever the lease says: both believe that they lead.
        let action = one.scale(ns, &format!("d{number}"), 3).await;
        let scope = scope(&format!("run-{number}"));
        let (by_one, by_other) = tokio::join!(
            one.pipeline.submit(&scope, "plan", &action),
            other.pipeline.submit(&scope, "plan", &action),
        );
        let applied = [by_one.unwrap(), by_other.unwrap()]
            .iter()
            .filter(|it| matches!(it, Submitted::Settled(Settlement::Applied { .. })))
            .count();
        let path = format!("/apis/apps/v1/namespaces/{ns}/deployments/d{number}");
        let object = testbed.api().get(&path).await.unwrap();
        assert_eq!(object["metadata"]["generation"], json!(2), "d{number}");
        assert_eq!(applied, 1, "d{number}");
        for replica in [&a, &b] {
            if replica.check().await.is_ok() {
                replica.step(&cx()).await.unwrap();
            }
        }
    }
    assert_eq!(both_led, 0);
    testbed.note(&format!(
        "two leaders, {CONTESTED} actions that both submitted: one effect each; the lease changed hands {changed_hands} times, and never did both hold it"
    ));
}
