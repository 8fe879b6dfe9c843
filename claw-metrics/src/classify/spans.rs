//! What the spans or requests that a series counts or times are to the service that made them, and whom its calls go to.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;

use super::entity::{Subject, service_of, subject_of};
use super::outcome::label;
use super::words::Name;
use crate::series::{Labels, NAME_LABEL};

/// Labels that hold the kind of a span.
const KINDS: &[&str] = &["span_kind", "span.kind"];
/// Labels that hold what is called, the broadest first: a service of remote procedures, an operation.
const OPERATIONS: &[&str] = &["rpc_service", "rpc.service", "span_name", "span.name"];
/// Labels of a call that hold the called.
const CALLED: &[&str] = &[
    "peer_service",
    "peer.service",
    "server_address",
    "server.address",
    "net_peer_name",
    "net.peer.name",
    CLUSTER,
];
/// Envoy's label of the cluster that it sends to.
const CLUSTER: &str = "envoy_cluster_name";
/// The same of Micrometer's metrics of HTTP clients; elsewhere it is the client that is called so.
const CALLED_BY_NAME: &str = "client_name";
/// Words of names of what a client holds rather than of what it asks: about the client, whoever is at the other end.
const HELD: &[&str] = &[
    "connection",
    "connections",
    "pool",
    "active",
    "idle",
    "pending",
    "open",
    "cx",
];
/// What instrumentations put before the name of a remote procedure.
const PREFIXES: &[&str] = &["grpc.", "Sent.", "Recv.", "/"];

/// What the spans of a series are to the service that made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Work that it was asked for, or whatever else a series without spans is about.
    Work,
    /// A call that it makes: how that goes says more of the called, or of the way there.
    Call,
    /// A piece of its work, which is counted in it already.
    Piece,
}

impl Role {
    pub(crate) fn of(labels: &Labels) -> Self {
        let kind = KINDS.iter().map(|name| label(labels, name).to_ascii_lowercase());
        let kind = kind.fold(
            String::new(),
            |known, kind| if known.is_empty() { kind } else { known },
        );
        match kind.strip_prefix("span_kind_").unwrap_or(&kind) {
            "client" | "producer" => Self::Call,
            "internal" => Self::Piece,
            "" if is_of_client(labels) => Self::Call,
            _ => Self::Work,
        }
    }
}

/// Whether the name of a metric says that a client counts or times its requests, and a label says whom they go to:
/// `http.client.request.duration` of OpenTelemetry, `http_client_requests_seconds` of Micrometer, `envoy_cluster_upstream_rq`.
fn is_of_client(labels: &Labels) -> bool {
    let words = Name::new(label(labels, NAME_LABEL));
    let asks = words.has(&["client"]) || words.has_pair("cluster", "upstream");
    // To connect is a call as well, as far as it goes.
    let connects = words.has_pair("cx", "connect");
    asks && (connects || !words.has(HELD)) && called(labels).is_some()
}

/// The called, where a label names it. Addresses of pods and of a proxy beside the caller name nobody.
pub(super) fn called(labels: &Labels) -> Option<&str> {
    let by_name = label(labels, NAME_LABEL).starts_with("http_client_requests");
    let by_name = by_name.then_some(&CALLED_BY_NAME);
    let named = CALLED.iter().chain(by_name).map(|name| label(labels, name));
    // Istio has Envoy call clusters `outbound|PORT|SUBSET|HOST`.
    let bare = named.map(|name| match name.split_once('|') {
        Some(("outbound", rest)) => rest.rsplit('|').next().unwrap_or_default(),
        Some(_) => "",
        None => name,
    });
    let own = |name: &&str| is_of_envoy(name) && label(labels, CLUSTER) == *name;
    let bare = bare.filter(|name| !own(name));
    let mut told = bare.filter(|name| {
        let address =
            name.parse::<std::net::IpAddr>().is_ok() || name.parse::<std::net::SocketAddr>().is_ok();
        let host = match name.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => name,
        };
        !address && !is_nobody(host) && host != "localhost"
    });
    told.next()
}

/// Whether a label of this name tells of which kind a span is; for a call also whom or what it calls.
pub(crate) fn tells_of_span(name: &str, role: Role) -> bool {
    KINDS.contains(&name)
        || role == Role::Call
            && (OPERATIONS.contains(&name) || CALLED.contains(&name) || name == CALLED_BY_NAME)
}

/// Who serves what, as the spans at servers tell it: a remote procedure has one name at both ends.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// By operation; `None` where several serve it.
    by_operation: BTreeMap<String, Option<EntityRef>>,
}

impl Servers {
    /// The servers that series tell of by their labels.
    pub fn of<'a>(series: impl IntoIterator<Item = &'a Labels>) -> Self {
        let mut by_operation: BTreeMap<String, Option<EntityRef>> = BTreeMap::new();
        for labels in series {
            let told = KINDS.iter().any(|name| labels.contains_key(*name));
            if !told || Role::of(labels) != Role::Work {
                continue;
            }
            let Some(server) = service_of(labels) else {
                continue;
            };
            for operation in operations(labels) {
                let known = by_operation
                    .entry(operation)
                    .or_insert_with(|| Some(server.clone()));
                if known.as_ref() != Some(&server) {
                    *known = None;
                }
            }
        }
        Self { by_operation }
    }

    /// As [`subject_of`], but for spans: a call is about both its ends, and about nothing if it is not known whom it goes to;
    /// pieces of work are about nothing, too.
    pub fn subject_of(&self, labels: &Labels) -> Option<Subject> {
        match Role::of(labels) {
            Role::Work => subject_of(labels).map(|told| match label(labels, "reporter") {
                "destination" => at_the_called(told),
                _ => told,
            }),
            Role::Piece => None,
            Role::Call => {
                let told = subject_of(labels)?;
                if told.peer.is_some() {
                    return Some(told);
                }
                let entity = service_of(labels)?;
                let called = operations(labels).find_map(|operation| self.by_operation.get(&operation));
                let peer = called.cloned().flatten().filter(|peer| *peer != entity)?;
                let related = std::iter::once(told.entity).chain(told.related);
                let related = related
                    .filter(|other| *other != entity && *other != peer)
                    .collect();
                Some(Subject {
                    entity,
                    peer: Some(peer),
                    related,
                })
            }
        }
    }
}

/// What the proxy beside the called sees of a call is how the called itself answers. Its caller feels that.
fn at_the_called(told: Subject) -> Subject {
    let Some(called) = told.peer else { return told };
    let mut related = told.related;
    related.insert(0, told.entity);
    Subject {
        entity: called,
        peer: None,
        related,
    }
}

/// Whether the value of a label is what exporters write where nothing is known.
pub(super) fn is_nobody(value: &str) -> bool {
    matches!(
        value,
        "" | "unknown" | "<none>" | "none" | "null" | "-" | "PassthroughCluster"
    )
}

/// Whether a cluster of Envoy is one of its own: of those who configure it, and of calls that it does not look into.
fn is_of_envoy(cluster: &str) -> bool {
    matches!(
        cluster,
        "xds-grpc" | "agent" | "BlackHoleCluster" | "prometheus_stats" | "sds-grpc"
    )
}

/// What is called, by names that are the same at both ends. Names such as `GET` say nothing of whom.
fn operations(labels: &Labels) -> impl Iterator<Item = String> {
    OPERATIONS.iter().filter_map(move |name| {
        let value = label(labels, name);
        let bare = PREFIXES
            .iter()
            .fold(value, |value, prefix| value.strip_prefix(prefix).unwrap_or(value));
        let telling = match name.starts_with("rpc") {
            true => !bare.is_empty(),
            false => names_one_thing(bare),
        };
        telling.then(|| bare.to_owned())
    })
}

/// Whether the name of a span is that of a remote procedure (`shop.Cart/Add`), or of a method with a path of its own
/// (`POST /get-quote`).
fn names_one_thing(span: &str) -> bool {
    match span.split_once(' ') {
        Some((_, path)) => path.starts_with('/') && path.len() > 1,
        None => span
            .split_once('/')
            .is_some_and(|(service, procedure)| !service.is_empty() && !procedure.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(service: &str, kind: &str, more: &[(&str, &str)]) -> Labels {
        let own = [("service_name", service), ("span_kind", kind)];
        let all = own.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn ends(servers: &Servers, labels: &Labels) -> Option<(String, Option<String>)> {
        let subject = servers.subject_of(labels)?;
        Some((subject.entity.name, subject.peer.map(|peer| peer.name)))
    }

    fn served() -> Servers {
        let named = |service, name| span(service, "SPAN_KIND_SERVER", &[("span_name", name)]);
        Servers::of(&[
            named("cart", "shop.Cart/Add"),
            span(
                "mail",
                "SERVER",
                &[("rpc_service", "shop.Mail"), ("span_name", "shop.Mail/Send")],
            ),
            named("quote", "POST /get-quote"),
            named("quote", "GET"),
            named("quote", "grpc.health.v1.Health/Check"),
            named("cart", "grpc.health.v1.Health/Check"),
            // Who calls it does not serve it.
            span("front", "SPAN_KIND_CLIENT", &[("span_name", "shop.Ads/Get")]),
        ])
    }

    #[test]
    fn served_work_is_the_service_and_calls_are_edges() {
        for (kind, more, expected) in [
            (
                "SPAN_KIND_SERVER",
                [("span_name", "shop.Front/Show")],
                Some(("front", None)),
            ),
            (
                "consumer",
                [("span_name", "orders process")],
                Some(("front", None)),
            ),
            ("", [("span_name", "x")], Some(("front", None))),
            ("SPAN_KIND_INTERNAL", [("span_name", "render")], None),
            (
                "SPAN_KIND_CLIENT",
                [("span_name", "shop.Cart/Add")],
                Some(("front", Some("cart"))),
            ),
            (
                "client",
                [("span_name", "grpc.shop.Cart/Add")],
                Some(("front", Some("cart"))),
            ),
            (
                "CLIENT",
                [("rpc_service", "shop.Mail")],
                Some(("front", Some("mail"))),
            ),
            (
                "CLIENT",
                [("span_name", "POST /get-quote")],
                Some(("front", Some("quote"))),
            ),
            ("CLIENT", [("span_name", "GET")], None),
            ("CLIENT", [("span_name", "shop.Ads/Get")], None),
            ("CLIENT", [("span_name", "grpc.health.v1.Health/Check")], None),
            ("CLIENT", [("peer_service", "db")], Some(("front", Some("db")))),
            (
                "CLIENT",
                [("server_address", "db.shop.svc")],
                Some(("front", Some("db"))),
            ),
            (
                "PRODUCER",
                [("server_address", "kafka")],
                Some(("front", Some("kafka"))),
            ),
            ("CLIENT", [("server_address", "10.0.0.7")], None),
            ("CLIENT", [("server_address", "localhost")], None),
            // A server's own address is none that it calls.
            (
                "SERVER",
                [("server_address", "front.shop.svc")],
                Some(("front", None)),
            ),
        ] {
            let found = ends(&served(), &span("front", kind, &more));
            let expected =
                expected.map(|(from, to): (&str, Option<&str>)| (from.to_owned(), to.map(str::to_owned)));
            assert_eq!(found, expected, "{kind} {more:?}");
        }
    }

    #[test]
    fn requests_that_a_client_measures_are_edges_where_it_says_to_whom() {
        let of = |name: &str, more: &[(&str, &str)]| {
            let own = [("__name__", name), ("service_name", "front")];
            let labels = own.iter().chain(more);
            let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            ends(&Servers::default(), &labels.collect())
        };
        let edge = |to: &str| Some(("front".to_owned(), Some(to.to_owned())));
        let itself = Some(("front".to_owned(), None));
        for (name, label, value, expected) in [
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "cart.shop.svc",
                edge("cart"),
            ),
            (
                "http_client_request_duration_seconds_bucket",
                "server_address",
                "api.pay.example",
                edge("api.pay.example"),
            ),
            (
                "http_client_requests_seconds_sum",
                "client_name",
                "cart",
                edge("cart"),
            ),
            (
                "db_client_operation_duration_seconds_count",
                "server_address",
                "pg",
                edge("pg"),
            ),
            (
                "envoy_cluster_upstream_rq_time_bucket",
                "envoy_cluster_name",
                "cart",
                edge("cart"),
            ),
            (
                "envoy_cluster_upstream_rq",
                "envoy_cluster_name",
                "outbound|80||cart.shop.svc.cluster.local",
                edge("cart"),
            ),
            (
                "envoy_cluster_upstream_rq",
                "envoy_cluster_name",
                "inbound|80||",
                itself.clone(),
            ),
            (
                "envoy_cluster_upstream_rq",
                "envoy_cluster_name",
                "xds-grpc",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "10.1.2.3:80",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "::1",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "fd00::10",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "[fd00::10]:80",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_address",
                "<none>",
                itself.clone(),
            ),
            (
                "http_client_request_duration_seconds_count",
                "server_port",
                "80",
                itself.clone(),
            ),
            (
                "api_client_requests_total",
                "client_name",
                "phone",
                itself.clone(),
            ),
            (
                "envoy_cluster_upstream_cx_total",
                "envoy_cluster_name",
                "cart",
                itself.clone(),
            ),
            (
                "envoy_cluster_upstream_cx_active",
                "envoy_cluster_name",
                "cart",
                itself.clone(),
            ),
            (
                "envoy_cluster_upstream_cx_connect_fail",
                "envoy_cluster_name",
                "cart",
                edge("cart"),
            ),
            (
                "db_client_connections_usage",
                "server_address",
                "pg",
                itself.clone(),
            ),
            (
                "http_server_request_duration_seconds_count",
                "server_address",
                "front.shop.svc",
                itself.clone(),
            ),
        ] {
            assert_eq!(of(name, &[(label, value)]), expected, "{name} {value}");
        }
    }

    #[test]
    fn what_the_proxy_of_the_called_sees_is_about_the_called() {
        let seen_by = |reporter: &str| {
            let labels = [
                ("source_workload", "front"),
                ("destination_service_name", "cart"),
                ("reporter", reporter),
            ];
            let labels = labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            Servers::default().subject_of(&labels).unwrap()
        };
        let caller = seen_by("source");
        assert_eq!(caller.entity.name, "front");
        assert_eq!(caller.peer.unwrap().name, "cart");
        let called = seen_by("destination");
        assert_eq!((called.entity.name.as_str(), called.peer), ("cart", None));
        assert_eq!(called.related[0].name, "front");
    }

    #[test]
    fn nobody_calls_itself_by_a_name_that_only_it_serves() {
        let calls = span("cart", "CLIENT", &[("span_name", "shop.Cart/Add")]);
        assert_eq!(ends(&served(), &calls), None);
    }
}
