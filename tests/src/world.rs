//! A recorded world, running: API server, Prometheus and Loki over HTTP, at the time of the recording.
//!
//! ```no_run
//! use claw_k8s::bundle::Bundle;
//! use claw_testkit::world::SimulatedWorld;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = Bundle::load("cases/cart-oom")?;
//! let world = SimulatedWorld::from_bundle(&bundle).start().await?;
//! println!("kubectl --server {} get pods -A", world.api().url());
//! println!("curl {}/api/v1/query?query=up", world.prometheus().url());
//! # Ok(())
//! # }
//! ```

use std::io;
use std::sync::Arc;

use claw_core::clock::{Clock, ManualClock};
use claw_core::report::Gap;
use claw_k8s::bundle::Bundle;

use crate::api::{ApiServer, Cluster};
use crate::{loki, prometheus, replay};

/// A recorded world that is not served yet.
#[derive(Debug)]
pub struct SimulatedWorld {
    cluster: Cluster,
    metrics: prometheus::Store,
    lines: loki::Store,
    clock: Arc<ManualClock>,
    gaps: Vec<Gap>,
}

impl SimulatedWorld {
    /// The world that a bundle recorded. Its clock stands at the time of the recording.
    ///
    /// What of the bundle could not be read is in [`SimulatedWorld::gaps`]; the rest is there. Recorded changes and call
    /// edges have no server: [`Bundle::changes_tool`] and [`Bundle::topology_tool`] answer them.
    pub fn from_bundle(bundle: &Bundle) -> Self {
        let clock = Arc::new(ManualClock::at(bundle.manifest.collected_at));
        let cluster = Cluster::new(bundle.objects.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
        for log in &bundle.logs {
            cluster.set_log(
                &log.namespace,
                &log.pod,
                &log.container,
                log.previous,
                log.content.clone(),
            );
        }
        let mut gaps: Vec<Gap> = bundle.problems.iter().map(Gap::from).collect();
        let (metrics, unread) = replay::store(bundle);
        gaps.extend(unread);
        let mut lines = loki::Store::new();
        for line in &bundle.log_lines {
            let labels = line
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            lines.insert(labels, line.time, line.line.as_str());
        }
        Self {
            cluster,
            metrics,
            lines,
            clock,
            gaps,
        }
    }

    /// What of the recording could not be read.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The cluster, to change it before or while it is served.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The log lines, to add some before they are served.
    pub fn lines_mut(&mut self) -> &mut loki::Store {
        &mut self.lines
    }

    /// Serves the world on free ports of the loopback interface.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(self) -> io::Result<RunningWorld> {
        let clock = || Arc::clone(&self.clock) as Arc<dyn Clock>;
        Ok(RunningWorld {
            api: ApiServer::start(self.cluster).await?,
            prometheus: prometheus::Server::start(self.metrics, clock()).await?,
            loki: loki::Server::start(self.lines, clock()).await?,
            clock: self.clock,
            gaps: self.gaps,
        })
    }
}

/// A recorded world that is being served. Dropping it ends all its servers and their connections.
#[derive(Debug)]
pub struct RunningWorld {
    api: ApiServer,
    prometheus: prometheus::Server,
    loki: loki::Server,
    clock: Arc<ManualClock>,
    gaps: Vec<Gap>,
}

impl RunningWorld {
    /// The API server: its address, faults, requests, and the cluster behind it.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// The Prometheus: its address, faults, requests and series.
    pub fn prometheus(&self) -> &prometheus::Server {
        &self.prometheus
    }

    /// The Loki: its address, faults, requests and streams. It is empty when no `logs.jsonl` was recorded.
    pub fn loki(&self) -> &loki::Server {
        &self.loki
    }

    /// The clock of all servers. It stands still until it is moved; an agent in this world should go by it.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// What of the recording could not be read.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Requests so far, to all servers.
    pub fn requests(&self) -> usize {
        [self.api.faults(), self.prometheus.faults(), self.loki.faults()]
            .iter()
            .map(|faults| faults.count())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use claw_core::clock::Clock as _;
    use claw_k8s::bundle::{Bundle, Content, LogFile, LogLine, MetricsFile, MetricsFormat};
    use k8s_openapi::api::core::v1::Pod;
    use kube::Api;
    use kube::api::{ListParams, LogParams};
    use serde_json::json;

    use super::*;
    use crate::http_probe;

    fn bundle() -> Bundle {
        let manifest = serde_json::from_value(json!({
            "version": 1, "case": "c", "cluster": "c", "collected_at": "2026-03-01T10:00:00Z",
            "window": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"},
            "incident": {"start": "2026-03-01T09:30:00Z"},
        }));
        let mut bundle = Bundle::new(manifest.unwrap());
        bundle.objects.push(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "cart-1"},
            "spec": {"containers": [{"name": "cart"}]}, "status": {"phase": "Running"}}),
        );
        bundle.logs.push(LogFile {
            namespace: "shop".into(),
            pod: "cart-1".into(),
            container: "cart".into(),
            previous: false,
            content: Content::text("boom\n"),
        });
        bundle.metrics.push(MetricsFile {
            name: "a.om".into(),
            format: MetricsFormat::OpenMetrics,
            content: Content::text("up{pod=\"cart-1\"} 1 1772359190\nbroken\n# EOF\n"),
        });
        bundle.log_lines.push(LogLine {
            time: "2026-03-01T09:59:00Z".parse().unwrap(),
            labels: [("app".to_owned(), "cart".to_owned())].into(),
            line: "from loki".into(),
        });
        bundle
    }

    #[tokio::test]
    async fn all_parts_of_a_bundle_are_served_and_end_together() {
        let world = SimulatedWorld::from_bundle(&bundle()).start().await.unwrap();
        assert_eq!(world.clock().now().to_string(), "2026-03-01T10:00:00Z");
        let pods: Api<Pod> = Api::namespaced(world.api().client().unwrap(), "shop");
        assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 1);
        assert_eq!(
            pods.logs("cart-1", &LogParams::default()).await.unwrap(),
            "boom\n"
        );
        let url = format!("{}/api/v1/query", world.prometheus().url());
        let answer = http_probe::get(&url, &[("query", "up")]).await.json();
        assert_eq!(
            answer["data"]["result"][0]["metric"]["pod"], "cart-1",
            "the clock tells the time of the query"
        );
        let url = format!("{}/loki/api/v1/query_range", world.loki().url());
        let answer = http_probe::get(&url, &[("query", "{app=\"cart\"}")]).await.json();
        assert_eq!(answer["data"]["result"][0]["values"][0][1], "from loki");
        assert_eq!(world.requests(), 4);
        assert_eq!(world.gaps().len(), 1, "{:?}", world.gaps());
        let address = world.api().url();
        drop(world);
        let host = address.strip_prefix("http://").unwrap();
        assert!(tokio::net::TcpStream::connect(host).await.is_err());
    }
}
