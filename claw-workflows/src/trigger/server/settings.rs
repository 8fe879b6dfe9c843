//! Limits of the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Largest body, in bytes. 2 MiB unless set: about a thousand alerts.
    pub body_bytes: usize,
    /// How many requests for notifications and runs are answered per second in the long run. 20 unless set.
    pub requests_per_second: u32,
    /// How many may come at once. 100 unless set.
    pub burst: u32,
    /// How long a request may take from its first to its last byte, and its answer. 10 seconds unless set.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub timeout: Duration,
    /// How many connections are open at most. Others wait. 256 unless set.
    pub connections: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            body_bytes: 2 * 1024 * 1024,
            requests_per_second: 20,
            burst: 100,
            timeout: Duration::from_secs(10),
            connections: 256,
        }
    }
}

impl ServerSettings {
    /// Sets [`body_bytes`](Self::body_bytes).
    #[must_use]
    pub fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Sets [`requests_per_second`](Self::requests_per_second) and [`burst`](Self::burst).
    #[must_use]
    pub fn with_rate(mut self, requests_per_second: u32, burst: u32) -> Self {
        self.requests_per_second = requests_per_second;
        self.burst = burst;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`connections`](Self::connections); at least 1.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }
}
