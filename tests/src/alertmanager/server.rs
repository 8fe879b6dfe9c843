//! The server and what it holds.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use claw_core::clock::Clock;
use claw_core::http::{Client, HttpError};
use claw_core::tool::ToolContext;
use jiff::Timestamp;
use serde_json::Value;

use super::alert::Alert;
use super::api;
use super::group::{Route, webhook_bodies};
use super::notify::{Delivery, post};
use crate::faults::Faults;
use crate::loopback::Loopback;

/// An Alertmanager on a free port of the loopback interface. It ends when it is dropped.
///
/// It answers `GET` and `POST /api/v2/alerts`, `/api/v2/status` and `/-/ready`. Notifications go out when
/// [`notify`](Self::notify) is called and never by themselves, so that a test decides about time.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    faults: Faults,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) route: Route,
    pub(super) clock: Arc<dyn Clock>,
    /// By fingerprint.
    alerts: Mutex<BTreeMap<String, Alert>>,
}

impl Shared {
    pub(super) fn alerts(&self) -> MutexGuard<'_, BTreeMap<String, Alert>> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an alert, or updates the one with the same labels, which keeps its start.
    pub(super) fn put(&self, mut alert: Alert) {
        let now = self.clock.now();
        let mut alerts = self.alerts();
        let fingerprint = alert.fingerprint();
        if let Some(before) = alerts.get(&fingerprint)
            && !before.is_resolved(now)
        {
            alert.starts_at = alert.starts_at.min(before.starts_at);
        }
        alerts.insert(fingerprint, alert);
    }
}

impl Server {
    /// Starts a server with one route.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(route: Route, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let faults = Faults::with_error_body(fault);
        let shared = Arc::new(Shared {
            route,
            clock,
            alerts: Mutex::default(),
        });
        let loopback = Loopback::serve(faults.layer(api::router(shared.clone()))).await?;
        Ok(Self {
            loopback,
            faults,
            shared,
        })
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.loopback.url()
    }

    /// The server behind the address: to break connections.
    pub fn loopback(&self) -> &Loopback {
        &self.loopback
    }

    /// The fault switches and the log of requests.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Adds an alert, or updates the one with the same labels.
    pub fn fire(&self, alert: Alert) {
        self.shared.put(alert);
    }

    /// Ends the alert with this fingerprint. Returns whether there is one that was firing.
    pub fn resolve(&self, fingerprint: &str, at: Timestamp) -> bool {
        let mut alerts = self.shared.alerts();
        match alerts
            .get_mut(fingerprint)
            .filter(|alert| alert.ends_at.is_none())
        {
            Some(alert) => {
                alert.ends_at = Some(at);
                true
            }
            None => false,
        }
    }

    /// The notifications that would go out now, one for each group.
    pub fn notifications(&self) -> Vec<Value> {
        let alerts: Vec<Alert> = self.shared.alerts().values().cloned().collect();
        webhook_bodies(&self.shared.route, &alerts, self.shared.clock.now())
    }

    /// Posts a notification for each group to `url`, one after the other. Resolved alerts are forgotten once a
    /// receiver has taken them.
    ///
    /// `client` must have no base URL.
    ///
    /// # Errors
    /// If the receiver cannot be reached. What it answers is no error.
    pub async fn notify(
        &self,
        cx: &ToolContext,
        client: &Client,
        url: &str,
    ) -> Result<Vec<Delivery>, HttpError> {
        let mut deliveries = Vec::new();
        for body in self.notifications() {
            let delivery = post(cx, client, url, body).await?;
            if (200..300).contains(&delivery.status) {
                self.forget_resolved(&delivery.body);
            }
            deliveries.push(delivery);
        }
        Ok(deliveries)
    }

    fn forget_resolved(&self, body: &Value) {
        let mut alerts = self.shared.alerts();
        for alert in body["alerts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|alert| alert["status"] == "resolved")
        {
            if let Some(fingerprint) = alert["fingerprint"].as_str()
                // It may have begun to fire again while the notification was under way.
                && alerts.get(fingerprint).is_some_and(|alert| alert.is_resolved(self.shared.clock.now()))
            {
                alerts.remove(fingerprint);
            }
        }
    }
}

fn fault(status: StatusCode) -> Response {
    (
        status,
        status.canonical_reason().unwrap_or("error").to_lowercase(),
    )
        .into_response()
}
