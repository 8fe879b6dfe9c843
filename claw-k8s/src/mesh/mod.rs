//! Where the Gateway API and meshes send traffic.

use claw_core::entity::EntityRef;
use serde_json::Value;

use crate::address::Address;
use crate::model::{DynamicObject, Object};
use crate::world::{Edge, Relation, ServiceNames};

/// The edges that one object of the Gateway API, Istio or Linkerd stands for. None for kinds that send nothing anywhere.
pub fn edges(object: &DynamicObject, names: &ServiceNames) -> Vec<Edge> {
    let context = Context { object, names };
    let mut edges = match object.kind.as_str() {
        "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" => context.route(),
        "Gateway"
            if object.api_version.starts_with("gateway.")
                || object.spec.get("gatewayClassName").is_some() =>
        {
            context.gateway()
        }
        "Gateway" if object.is_istio_gateway() => context.istio_gateway(),
        "VirtualService" => context.virtual_service(),
        "DestinationRule" => context.destination_rule(),
        "ServiceProfile" => context.service_profile(),
        _ => Vec::new(),
    };
    edges.sort();
    edges.dedup();
    edges
}

struct Context<'a> {
    object: &'a DynamicObject,
    names: &'a ServiceNames,
}

/// The elements of a list, or of nothing.
fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Context<'_> {
    fn ns(&self) -> &str {
        self.object.metadata.ns()
    }

    fn edge(&self, from: &EntityRef, relation: Relation, to: EntityRef, via: &str) -> Edge {
        Edge {
            from: from.clone(),
            relation,
            to,
            via: via.to_owned(),
        }
    }

    /// An object that the Gateway API refers to by `kind`, `namespace` and `name`.
    fn reference(&self, value: &Value, default_kind: &str) -> Option<EntityRef> {
        let name = text(value, "name");
        let kind = match text(value, "kind") {
            "" => default_kind,
            kind => kind,
        };
        let namespace = match text(value, "namespace") {
            "" => self.ns(),
            namespace => namespace,
        };
        (!name.is_empty()).then(|| EntityRef::namespaced(kind, namespace, name))
    }

    /// The Service or host outside that a mesh means by a host name.
    fn host(&self, host: &str) -> Option<EntityRef> {
        // `*` stands for many.
        if host.is_empty() || host.contains('*') {
            return None;
        }
        self.names.resolve(self.ns(), &Address::parse(host)?)
    }

    fn route(&self) -> Vec<Edge> {
        let route = self.object.entity();
        let mut edges = Vec::new();
        for parent in list(&self.object.spec, "parentRefs") {
            // A route may hang on a Service as well: that is how meshes use them.
            if let Some(parent) = self.reference(parent, "Gateway") {
                edges.push(self.edge(&parent, Relation::Routes, route.clone(), "gateway"));
            }
        }
        for rule in list(&self.object.spec, "rules") {
            let mirrors =
                list(rule, "filters").filter_map(|filter| filter.get("requestMirror")?.get("backendRef"));
            for backend in list(rule, "backendRefs").chain(mirrors) {
                if let Some(backend) = self.reference(backend, "Service") {
                    edges.push(self.edge(&route, Relation::Routes, backend, "gateway"));
                }
            }
        }
        edges
    }

    fn gateway(&self) -> Vec<Edge> {
        let gateway = self.object.entity();
        let mut edges = Vec::new();
        let class = text(&self.object.spec, "gatewayClassName");
        if !class.is_empty() {
            let class = EntityRef::cluster("GatewayClass", class);
            edges.push(self.edge(&gateway, Relation::References, class, "class"));
        }
        for listener in list(&self.object.spec, "listeners") {
            let certificates = listener
                .get("tls")
                .into_iter()
                .flat_map(|tls| list(tls, "certificateRefs"));
            for certificate in certificates {
                if let Some(secret) = self.reference(certificate, "Secret") {
                    edges.push(self.edge(&gateway, Relation::References, secret, "tls"));
                }
            }
        }
        edges
    }

    /// Its certificates lie beside the pods that it selects, which are in its namespace as a rule.
    fn istio_gateway(&self) -> Vec<Edge> {
        let this = self.object.entity();
        list(&self.object.spec, "servers")
            .filter_map(|server| server.get("tls"))
            .map(|tls| text(tls, "credentialName"))
            // `sds://…` and `configmap://…` name no Secret.
            .filter(|name| !name.is_empty() && !name.contains("://"))
            .map(|name| EntityRef::namespaced("Secret", self.ns(), name))
            .map(|secret| self.edge(&this, Relation::References, secret, "tls"))
            .collect()
    }

    fn virtual_service(&self) -> Vec<Edge> {
        let this = self.object.entity();
        let mut edges = Vec::new();
        let hosts = list(&self.object.spec, "hosts").filter_map(Value::as_str);
        for host in hosts.filter_map(|host| self.host(host)) {
            // Calls to the host go where the VirtualService says.
            if host.kind == "Service" {
                edges.push(self.edge(&host, Relation::Routes, this.clone(), "mesh"));
            }
        }
        for protocol in ["http", "tls", "tcp"] {
            for rule in list(&self.object.spec, protocol) {
                let mirrors = rule.get("mirror").into_iter();
                let routes = list(rule, "route").filter_map(|route| route.get("destination"));
                for destination in routes.chain(mirrors) {
                    if let Some(to) = self.host(text(destination, "host")) {
                        edges.push(self.edge(&this, Relation::Routes, to, "mesh"));
                    }
                }
            }
        }
        for gateway in list(&self.object.spec, "gateways").filter_map(Value::as_str) {
            if gateway != "mesh" && !gateway.is_empty() {
                let (namespace, name) = gateway.split_once('/').unwrap_or((self.ns(), gateway));
                let gateway = EntityRef::namespaced(DynamicObject::ISTIO_GATEWAY, namespace, name);
                edges.push(self.edge(&gateway, Relation::Routes, this.clone(), "mesh"));
            }
        }
        edges
    }

    fn destination_rule(&self) -> Vec<Edge> {
        let this = self.object.entity();
        self.host(text(&self.object.spec, "host"))
            .map(|host| self.edge(&this, Relation::Limits, host, "mesh"))
            .into_iter()
            .collect()
    }

    /// A profile is named after the host that it is about.
    fn service_profile(&self) -> Vec<Edge> {
        let this = self.object.entity();
        self.host(&self.object.metadata.name)
            .map(|host| self.edge(&this, Relation::Limits, host, "mesh"))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edges_of(object: Value) -> Vec<String> {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let names = ServiceNames::default();
        edges(&object, &names)
            .iter()
            .map(|edge| format!("{} {:?} {}", edge.from, edge.relation, edge.to))
            .collect()
    }

    #[test]
    fn a_route_leads_from_its_gateway_to_its_backends() {
        let route = json!({"kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "shop"}, "spec": {
            "parentRefs": [{"name": "g", "namespace": "infra"}],
            "rules": [{"backendRefs": [{"name": "cart", "port": 80}, {"name": "cart", "port": 80}],
                       "filters": [{"requestMirror": {"backendRef": {"name": "shadow"}}}]}]}});
        assert_eq!(
            edges_of(route),
            [
                "Gateway infra/g Routes HTTPRoute shop/r",
                "HTTPRoute shop/r Routes Service shop/cart",
                "HTTPRoute shop/r Routes Service shop/shadow",
            ]
        );
    }

    #[test]
    fn a_virtual_service_leads_from_its_hosts_to_its_destinations() {
        let service = json!({"kind": "VirtualService", "metadata": {"name": "v", "namespace": "shop"}, "spec": {
            "hosts": ["cart", "*.example.com", "api.example.com"], "gateways": ["mesh", "infra/g"],
            "http": [{"route": [{"destination": {"host": "cart-v2.other.svc.cluster.local", "subset": "a"}}]}]}});
        assert_eq!(
            edges_of(service),
            [
                "Gateway.networking.istio.io infra/g Routes VirtualService shop/v",
                "Service shop/cart Routes VirtualService shop/v",
                "VirtualService shop/v Routes Service other/cart-v2",
            ]
        );
    }

    #[test]
    fn gateways_of_istio_and_of_the_gateway_api_are_told_apart() {
        let gateway = |api: &str, spec: Value| json!({"apiVersion": api, "kind": "Gateway", "metadata": {"name": "g", "namespace": "infra"}, "spec": spec});
        let servers = json!({"servers": [{"tls": {"mode": "SIMPLE", "credentialName": "cert"}}, {"port": {"number": 80}}]});
        for api in ["networking.istio.io/v1", "networking.istio.io/v1beta1", ""] {
            assert_eq!(
                edges_of(gateway(api, servers.clone())),
                ["Gateway.networking.istio.io infra/g References Secret infra/cert"],
                "{api}"
            );
        }
        let listeners = json!({"listeners": [{"tls": {"certificateRefs": [{"name": "cert"}]}}]});
        assert_eq!(
            edges_of(gateway("gateway.networking.k8s.io/v1", listeners)),
            ["Gateway infra/g References Secret infra/cert"]
        );
    }

    #[test]
    fn what_is_not_as_it_should_be_leads_nowhere() {
        for spec in [
            json!(null),
            json!([]),
            json!({"hosts": 3, "http": {}, "rules": [1], "parentRefs": [{}]}),
        ] {
            for kind in [
                "HTTPRoute",
                "VirtualService",
                "DestinationRule",
                "Gateway",
                "Server",
            ] {
                assert!(edges_of(json!({"kind": kind, "metadata": {"name": "x"}, "spec": spec})).is_empty());
            }
        }
    }
}
