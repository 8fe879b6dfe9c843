//! Several replicas and one lease on an API server: one of them writes.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use claw_core::clock::{ManualClock, MonotonicClock, SystemClock};
use claw_core::fence::{Fence as _, Lost};
use claw_core::tool::ToolContext;
use claw_k8s::cluster::{Connection, Limits, Proxies};
use claw_k8s::lease::{Leadership, LeaseError, LeaseSettings, Role};
use claw_testkit::api::{self, ApiServer};
use claw_testkit::faults::{Fault, Rule};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/claw/leases/agent";

struct World {
    server: ApiServer,
    folder: tempfile::TempDir,
}

/// A replica whose clocks only go when they are told to.
struct Replica {
    leadership: Leadership,
    clock: Arc<ManualClock>,
}

impl World {
    async fn start() -> Self {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "claw"}});
        let server = ApiServer::start(api::Cluster::new(vec![namespace], Arc::new(SystemClock)))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), server.kubeconfig(None)).unwrap();
        Self { server, folder }
    }

    fn connection(&self) -> Connection {
        Connection::Kubeconfig {
            files: vec![self.folder.path().join("kubeconfig")],
            context: None,
        }
    }

    async fn replica(&self, name: &str, day: &str) -> Replica {
        let clock = Arc::new(ManualClock::at(day.parse().unwrap()));
        let limits = Limits {
            attempt: Duration::from_millis(300),
            attempts: 1,
            ..Limits::default()
        };
        let leadership = Leadership::connect(
            self.connection(),
            Proxies::default(),
            limits,
            LeaseSettings::new("claw", "agent", name),
            clock.clone(),
            clock.clone(),
        );
        Replica {
            leadership: leadership.await.unwrap(),
            clock,
        }
    }

    fn stored(&self) -> serde_json::Value {
        self.server.cluster().get("Lease", "claw", "agent").unwrap()
    }
}

impl Replica {
    async fn step(&self) -> Result<Role, LeaseError> {
        self.leadership.step(&cx()).await
    }

    async fn epoch(&self) -> Result<u64, Lost> {
        self.leadership.check().await
    }
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
}

fn pass(replicas: [&Replica; 2], seconds: u64) {
    for replica in replicas {
        replica.clock.advance(Duration::from_secs(seconds));
    }
}

/// Their days are years apart: nobody compares them.
#[tokio::test]
async fn one_of_two_leads_and_the_other_follows_when_it_is_gone() {
    let world = World::start().await;
    let a = world.replica("a", "2026-03-01T10:00:00Z").await;
    let b = world.replica("b", "2031-01-01T00:00:00Z").await;
    assert!(matches!(a.epoch().await, Err(Lost::NotHeld { .. })));
    assert_eq!(a.step().await.unwrap(), Role::Leader { epoch: 1 });
    assert!(matches!(b.step().await.unwrap(), Role::Follower { .. }));
    assert_eq!(a.epoch().await, Ok(1));
    assert!(matches!(b.epoch().await, Err(Lost::HeldByAnother { holder, .. }) if holder == "a"));
    assert_eq!(world.stored()["spec"]["holderIdentity"], "a");
    for _ in 0..8 {
        pass([&a, &b], 3);
        assert_eq!(a.step().await.unwrap(), Role::Leader { epoch: 1 });
        assert!(matches!(b.step().await.unwrap(), Role::Follower { .. }));
    }
    // The first is silent from now on.
    pass([&a, &b], 10);
    assert!(matches!(a.epoch().await, Err(Lost::Late { .. })));
    assert!(matches!(b.step().await.unwrap(), Role::Follower { .. }));
    pass([&a, &b], 5);
    assert_eq!(b.step().await.unwrap(), Role::Leader { epoch: 2 });
    assert_eq!(b.epoch().await, Ok(2));
    assert!(matches!(a.step().await.unwrap(), Role::Follower { .. }));
    assert!(matches!(a.epoch().await, Err(Lost::HeldByAnother { holder, .. }) if holder == "b"));
    assert_eq!(world.stored()["spec"]["leaseTransitions"], 2);
}

#[tokio::test]
async fn what_is_given_back_is_taken_at_once() {
    let world = World::start().await;
    let a = world.replica("a", "2026-03-01T10:00:00Z").await;
    let b = world.replica("b", "2026-03-01T10:00:00Z").await;
    a.step().await.unwrap();
    b.step().await.unwrap();
    a.leadership.release(&cx()).await.unwrap();
    assert!(a.epoch().await.is_err());
    assert_eq!(b.step().await.unwrap(), Role::Leader { epoch: 2 });
    // What is not ours is not given back.
    a.leadership.release(&cx()).await.unwrap();
    assert_eq!(world.stored()["spec"]["holderIdentity"], "b");
}

#[tokio::test]
async fn an_api_server_that_cannot_be_reached_ends_a_term_in_time() {
    let world = World::start().await;
    let a = world.replica("a", "2026-03-01T10:00:00Z").await;
    a.step().await.unwrap();
    for fault in [Fault::unavailable(), Fault::Hang, Fault::Malformed] {
        world.server.faults().add(Rule::new(LEASE, fault));
        a.clock.advance(Duration::from_secs(3));
        let error = a.step().await.unwrap_err();
        assert!(matches!(error, LeaseError::Cluster { .. }), "{error:?}");
        world.server.faults().clear();
    }
    assert_eq!(a.epoch().await, Ok(1), "nine of ten seconds");
    a.clock.advance(Duration::from_secs(1));
    assert!(matches!(a.epoch().await, Err(Lost::Late { .. })));
    // Nobody had it meanwhile. One of the requests came through without an answer, and is found again.
    assert_eq!(a.step().await.unwrap(), Role::Leader { epoch: 1 });
    assert_eq!(a.epoch().await, Ok(1));
}

#[tokio::test]
async fn of_two_who_take_it_at_once_one_has_it() {
    let world = World::start().await;
    let a = world.replica("a", "2026-03-01T10:00:00Z").await;
    let b = world.replica("b", "2026-03-01T10:00:00Z").await;
    for _ in 0..10 {
        let (one, other) = tokio::join!(a.step(), b.step());
        let leaders = [one.unwrap(), other.unwrap()]
            .iter()
            .filter(|role| matches!(role, Role::Leader { .. }))
            .count();
        assert_eq!(leaders, 1);
        world.server.cluster().remove("Lease", "claw", "agent");
        pass([&a, &b], 60);
    }
}

#[tokio::test]
async fn a_renewal_that_was_written_and_not_answered_is_found_again() {
    let world = World::start().await;
    let a = world.replica("a", "2026-03-01T10:00:00Z").await;
    a.step().await.unwrap();
    let lost = Fault::StatusAfterEffect(StatusCode::GATEWAY_TIMEOUT);
    let rule = Rule::new(LEASE, lost).method(Method::PATCH).times(1);
    world.server.faults().add(rule);
    a.step().await.unwrap_err();
    assert_eq!(a.step().await.unwrap(), Role::Leader { epoch: 1 });
    // Somebody who writes a label to it takes nothing.
    let mut lease = world.stored();
    lease["metadata"]["labels"] = json!({"a": "b"});
    world.server.cluster().put(lease);
    assert_eq!(a.step().await.unwrap(), Role::Leader { epoch: 1 });
    assert_eq!(world.stored()["metadata"]["labels"]["a"], "b");
}

#[tokio::test]
async fn run_leads_until_it_is_cancelled_and_gives_it_back() {
    let world = World::start().await;
    let start = |name: &'static str| {
        let mut settings = LeaseSettings::new("claw", "agent", name);
        settings.duration = Duration::from_secs(2);
        settings.every = Duration::from_millis(100);
        settings.margin = Duration::from_millis(500);
        let connected = Leadership::connect(
            world.connection(),
            Proxies::default(),
            Limits::default(),
            settings,
            Arc::new(SystemClock),
            Arc::new(MonotonicClock::start()),
        );
        async {
            let leadership = Arc::new(connected.await.unwrap());
            let cancel = CancellationToken::new();
            let (running, until) = (Arc::clone(&leadership), cancel.clone());
            let task = tokio::spawn(async move { running.run(until).await });
            (leadership, cancel, task)
        }
    };
    async fn leads(leadership: &Leadership) -> u64 {
        let waited = async {
            loop {
                match leadership.check().await {
                    Ok(epoch) => return epoch,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited)
            .await
            .unwrap()
    }
    let (a, cancel_a, ended_a) = start("a").await;
    assert_eq!(leads(&a).await, 1);
    let (b, cancel_b, ended_b) = start("b").await;
    cancel_a.cancel();
    ended_a.await.unwrap();
    assert!(a.check().await.is_err());
    assert_eq!(leads(&b).await, 2);
    cancel_b.cancel();
    ended_b.await.unwrap();
    assert!(world.stored()["spec"].get("holderIdentity").is_none());
}
