//! The server as the real client and plain HTTP see it.
#![allow(clippy::disallowed_methods)] // these tests are about writes of the plain client

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::ManualClock;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::api::{
    DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Error};
use serde_json::json;

use super::*;
use crate::faults::{Fault, Rule};
use crate::http_probe;

mod access;
mod reads;
mod watches;
mod writes;

fn pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name, "labels": {"app": app}},
        "spec": {"nodeName": "n1", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "shop", "name": "cart", "generation": 3, "resourceVersion": "2000"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}}, "template": {"metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "main", "image": "cart:1"}]}}},
        "status": {"replicas": 2, "readyReplicas": 2}})
}

async fn serve(objects: Vec<Value>) -> ApiServer {
    let clock = ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap());
    ApiServer::start(Cluster::new(objects, Arc::new(clock)))
        .await
        .unwrap()
}

/// A client's error with the fields of its status.
fn status(error: Error) -> (u16, String, String) {
    match error {
        Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("not an answer: {other:?}"),
    }
}

async fn fetch(server: &ApiServer, path: &str) -> http_probe::Answer {
    http_probe::send("GET", &format!("{}{path}", server.url()), &[], "").await
}
