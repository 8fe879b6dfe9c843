use claw_core::entity::EntityRef;
use serde_json::json;

use super::*;
use crate::address::Address;
use crate::model::{Namespace, NetworkPolicy, Pod, Service};

fn world() -> World {
    World::build(&objects())
}

fn objects() -> Objects {
    serde_json::from_value(json!({
        "nodes": [{"metadata": {"name": "n1"}, "status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "lastTransitionTime": "2026-03-01T09:00:00Z"}]}}],
        "workloads": [
            {"kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": [
                {"name": "app", "env": [{"name": "REDIS_ADDR", "value": "redis:6379"}, {"name": "PAY_URL", "value": "https://api.pay.example/v1"}],
                 "envFrom": [{"configMapRef": {"name": "settings"}}]}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}}}},
            {"kind": "ReplicaSet", "metadata": {"name": "cart-1a", "namespace": "shop",
                "ownerReferences": [{"kind": "Deployment", "name": "cart", "controller": true}]}},
            {"kind": "StatefulSet", "metadata": {"name": "redis", "namespace": "shop"}}],
        "pods": [
            {"metadata": {"name": "cart-1a-x", "namespace": "shop", "labels": {"app": "cart"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-1a", "controller": true}]}, "spec": {"nodeName": "n1"},
             "status": {"containerStatuses": [{"name": "app", "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T09:10:00Z"}}}]}},
            {"metadata": {"name": "redis-0", "namespace": "shop", "labels": {"app": "redis"},
                "ownerReferences": [{"kind": "StatefulSet", "name": "redis", "controller": true}]}}],
        "services": [
            {"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"selector": {"app": "cart"}}},
            {"metadata": {"name": "redis", "namespace": "shop"}, "spec": {"selector": {"app": "redis"}}},
            {"metadata": {"name": "mail", "namespace": "shop"}, "spec": {"type": "ExternalName", "externalName": "smtp.example."}}],
        "endpoint_slices": [{"metadata": {"name": "legacy-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "legacy"}},
            "endpoints": [{"addresses": ["192.0.2.7"]}]}],
        "config_maps": [{"metadata": {"name": "settings", "namespace": "shop"}, "data": {"a": "ledger.bank.svc:9000", "b": "x"}}],
        "ingresses": [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "cart"}}}]}}]}}],
        "autoscalers": [{"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}}}],
        "events": [{"metadata": {"name": "e", "namespace": "shop"}, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "cart-1a-x"},
            "reason": "BackOff", "firstTimestamp": "2026-03-01T09:11:00Z", "lastTimestamp": "2026-03-01T09:20:00Z"}]
    }))
    .unwrap()
}

fn shop(kind: &str, name: &str) -> EntityRef {
    EntityRef::namespaced(kind, "shop", name)
}

fn shown(entities: impl IntoIterator<Item = EntityRef>) -> Vec<String> {
    entities.into_iter().map(|entity| entity.to_string()).collect()
}

#[test]
fn answers_who_belongs_to_whom() {
    let world = world();
    let pod = shop("Pod", "cart-1a-x");
    assert_eq!(world.workload_of(&pod), shop("Deployment", "cart"));
    assert_eq!(
        shown(world.pods_of(&shop("Deployment", "cart"))),
        ["Pod shop/cart-1a-x"]
    );
    assert_eq!(
        shown(world.pods_of(&EntityRef::cluster("Node", "n1"))),
        ["Pod shop/cart-1a-x"]
    );
    assert_eq!(shown(world.services_of(&pod)), ["Service shop/cart"]);
    assert_eq!(
        shown(world.services_of(&shop("Deployment", "cart"))),
        ["Service shop/cart"]
    );
    assert_eq!(
        shown(world.workloads_behind(&shop("Service", "redis"))),
        ["StatefulSet shop/redis"]
    );
    assert_eq!(
        shown(world.users_of(&shop("ConfigMap", "settings"))),
        ["Deployment shop/cart"]
    );
    assert_eq!(
        shown(world.users_of(&shop("PersistentVolumeClaim", "data"))),
        ["Deployment shop/cart"]
    );
    assert_eq!(
        shown(world.users_of(&EntityRef::cluster("Node", "n1"))),
        ["Pod shop/cart-1a-x"]
    );
}

#[test]
fn answers_who_calls_whom() {
    let world = world();
    assert_eq!(
        shown(world.dependencies(&shop("Service", "cart"))),
        [
            "ExternalHost api.pay.example",
            "Service bank/ledger",
            "Service shop/redis"
        ]
    );
    assert_eq!(
        shown(world.callers(&shop("Service", "redis"))),
        ["Deployment shop/cart"]
    );
    assert_eq!(
        shown(world.callers(&shop("StatefulSet", "redis"))),
        ["Deployment shop/cart"]
    );
    assert_eq!(
        shown(world.callers(&shop("Service", "cart"))),
        ["Ingress shop/web"]
    );
    assert_eq!(
        shown(world.dependencies(&shop("Service", "mail"))),
        ["ExternalHost smtp.example"]
    );
    assert_eq!(
        shown(world.dependencies(&shop("Service", "legacy"))),
        ["ExternalHost 192.0.2.7"]
    );
    assert!(
        !world.contains(&EntityRef::namespaced("Service", "bank", "ledger")),
        "called, and not seen"
    );
}

#[test]
fn edges_of_traffic_are_those_of_the_whole_world() {
    let mut objects = objects();
    let pod = |name: &str, owner: serde_json::Value| {
        json!({"metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart"}, "ownerReferences": owner},
            "spec": {"containers": [{"name": "app", "env": [{"name": "CART_URL", "value": "http://cart:80"}]}]}})
    };
    let owner = |name: &str| json!([{"kind": "ReplicaSet", "name": name, "controller": true}]);
    for (name, owner) in [
        ("bare", json!([])),
        ("lost-1", owner("lost")),
        ("cart-1a-y", owner("cart-1a")),
    ] {
        objects
            .pods
            .push(serde_json::from_value(pod(name, owner)).unwrap());
    }
    let twice = objects.endpoint_slices[0].clone();
    objects.endpoint_slices.push(twice);
    let more: Objects = serde_json::from_value(json!({
        "webhooks": [{"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "rules"},
            "webhooks": [{"name": "a", "clientConfig": {"service": {"namespace": "shop", "name": "cart"}}}]}],
        "network_policies": [{"metadata": {"name": "closed", "namespace": "shop"}, "spec": {"podSelector": {}}}],
        "mesh": [{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "ways", "namespace": "shop"},
            "spec": {"hosts": ["cart"], "http": [{"route": [{"destination": {"host": "cart"}}]}]}}]
    }))
    .unwrap();
    (objects.webhooks, objects.mesh) = (more.webhooks, more.mesh);
    objects.network_policies = more.network_policies;
    let whole = World::build(&objects);
    let traffic = whole.edges().filter(|edge| edge.relation.is_traffic());
    let traffic: Vec<Edge> = traffic.cloned().collect();
    assert_eq!(World::traffic_edges(&objects), traffic);
    let begins = |entity: EntityRef| traffic.iter().any(|edge| edge.from == entity);
    // A pod without a workload calls by itself, one whose ReplicaSet was not read for that, and no other does.
    assert!(begins(shop("Pod", "bare")) && begins(shop("ReplicaSet", "lost")));
    assert!(!begins(shop("Pod", "lost-1")) && !begins(shop("Pod", "cart-1a-y")));
    assert!(begins(shop("Ingress", "web")) && begins(shop("VirtualService", "ways")));
    assert!(begins(EntityRef::cluster(
        "ValidatingWebhookConfiguration",
        "rules"
    )));
}

#[test]
fn tells_what_happened_in_order() {
    let told: Vec<_> = world()
        .timeline()
        .iter()
        .map(|fact| format!("{} {}", fact.entity, fact.what))
        .collect();
    assert_eq!(
        told,
        [
            "Node n1 Ready=False",
            "Pod shop/cart-1a-x terminated:OOMKilled",
            "Pod shop/cart-1a-x BackOff"
        ]
    );
}

#[test]
fn a_world_survives_a_round_trip() {
    let world = world();
    let text = serde_json::to_string(&world).unwrap();
    assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
    let objects = Objects::default();
    assert_eq!(serde_json::to_string(&objects).unwrap(), "{}");
}

#[test]
fn owners_in_a_circle_end() {
    let objects: Objects = serde_json::from_value(json!({"pods": [
        {"metadata": {"name": "a", "ownerReferences": [{"kind": "Pod", "name": "b", "controller": true}]}},
        {"metadata": {"name": "b", "ownerReferences": [{"kind": "Pod", "name": "a", "controller": true}]}}]}))
    .unwrap();
    let world = World::build(&objects);
    world.workload_of(&EntityRef::cluster("Pod", "a"));
    assert_eq!(world.pods_of(&EntityRef::cluster("Pod", "a")).len(), 1);
}

#[test]
fn names_mean_what_dns_would_make_of_them() {
    let services: Vec<Service> = serde_json::from_value(json!([
        {"metadata": {"name": "kafka", "namespace": "shop"}, "spec": {"clusterIP": "None"}},
        {"metadata": {"name": "ledger", "namespace": "bank"}, "spec": {"clusterIP": "10.0.0.9"}}]))
    .unwrap();
    let names = ServiceNames::new(&services, &[]);
    let means = |host: &str| {
        let address = Address::parse(host).unwrap();
        names
            .resolve("shop", &address)
            .map(|entity| entity.to_string())
            .unwrap_or_default()
    };
    assert_eq!(means("kafka:9092"), "Service shop/kafka");
    assert_eq!(means("kafka-0.kafka:9092"), "Service shop/kafka");
    assert_eq!(means("kafka-0.kafka.shop"), "Service shop/kafka");
    assert_eq!(means("kafka-0.kafka.shop.svc.corp.local"), "Service shop/kafka");
    assert_eq!(means("ledger.bank"), "Service bank/ledger");
    assert_eq!(
        means("ledgr.bank"),
        "Service bank/ledgr",
        "a namespace that is there: a misspelt Service"
    );
    assert_eq!(means("ledger.bank.svc"), "Service bank/ledger");
    assert_eq!(means("10.0.0.9:80"), "Service bank/ledger");
    assert_eq!(means("api.example.com:443"), "ExternalHost api.example.com:443");
    assert_eq!(means("192.0.2.1:5432"), "ExternalHost 192.0.2.1:5432");
    assert_eq!(
        means("absent:8080"),
        "Service shop/absent",
        "a Service that should be there"
    );
    assert_eq!(means("redis:7"), "", "an image with its tag");
}

#[test]
fn ports_lead_to_the_port_of_the_container() {
    let service: Service = serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": {"ports": [
        {"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 8081}, {"port": 8080}, {"port": 53, "targetPort": "http", "protocol": "UDP"}]}}))
    .unwrap();
    let pod: Pod = serde_json::from_value(
        json!({"spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]}}),
    )
    .unwrap();
    let resolve_port = |port: i32, pod: &Pod| container_port(service.port(port).unwrap(), pod);
    assert_eq!(resolve_port(80, &pod), Ok(8080));
    assert_eq!(resolve_port(8080, &pod), Ok(8080));
    assert!(matches!(
        resolve_port(81, &pod),
        Err(PortProblem::NotDeclared { port: 8081, .. })
    ));
    assert!(matches!(
        resolve_port(53, &pod),
        Err(PortProblem::NoSuchName { .. })
    ));
    assert_eq!(service.port(82), None);
    let silent: Pod = serde_json::from_value(json!({"spec": {"containers": [{}]}})).unwrap();
    assert_eq!(
        resolve_port(81, &silent),
        Ok(8081),
        "declaring ports is not required"
    );
}

fn pod(namespace: &str, name: &str, labels: serde_json::Value, ip: &str) -> Pod {
    serde_json::from_value(
        json!({"metadata": {"name": name, "namespace": namespace, "labels": labels}, "status": {"podIP": ip},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]}}),
    )
    .unwrap()
}

fn policy(name: &str, namespace: &str, spec: serde_json::Value) -> NetworkPolicy {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})).unwrap()
}

/// Whether a web pod of `shop` may talk to port 8080 of a cart pod of `shop`, and a bank pod too.
fn ask(policies: &[NetworkPolicy]) -> (Traffic, Traffic) {
    let namespaces: Vec<Namespace> = serde_json::from_value(json!([
        {"metadata": {"name": "shop", "labels": {"kubernetes.io/metadata.name": "shop"}}},
        {"metadata": {"name": "bank", "labels": {"kubernetes.io/metadata.name": "bank", "tier": "gold"}}}]))
    .unwrap();
    let cart = pod("shop", "cart", json!({"app": "cart"}), "10.1.0.1");
    let web = pod("shop", "web", json!({"app": "web"}), "10.1.0.2");
    let teller = pod("bank", "teller", json!({"app": "teller"}), "10.2.0.1");
    (
        traffic(policies, &namespaces, &web, &cart, 8080, ""),
        traffic(policies, &namespaces, &teller, &cart, 8080, "TCP"),
    )
}

fn denied(direction: Direction, names: &[&str]) -> Traffic {
    Traffic::Denied {
        direction,
        by: names.iter().map(|name| shop("NetworkPolicy", name)).collect(),
    }
}

#[test]
fn policies_restrict_only_the_pods_that_they_select() {
    use Traffic::Allowed;
    assert_eq!(ask(&[]), (Allowed, Allowed));
    let all = policy("deny", "shop", json!({"podSelector": {}}));
    let no = denied(Direction::Ingress, &["deny"]);
    assert_eq!(ask(std::slice::from_ref(&all)), (no.clone(), no));
    let elsewhere = policy("deny", "bank", json!({"podSelector": {}}));
    assert_eq!(
        ask(&[elsewhere]),
        (Allowed, Allowed),
        "it restricts who is let in to bank, not who goes out"
    );
    let egress = policy(
        "stay",
        "shop",
        json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]}),
    );
    assert_eq!(ask(&[egress]), (denied(Direction::Egress, &["stay"]), Allowed));
}

#[test]
fn policies_add_up() {
    use Traffic::Allowed;
    let deny = policy("deny", "shop", json!({"podSelector": {}}));
    let own = policy(
        "own",
        "shop",
        json!({"podSelector": {"matchLabels": {"app": "cart"}},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "http"}]}]}),
    );
    let no = denied(Direction::Ingress, &["deny", "own"]);
    assert_eq!(
        ask(&[deny.clone(), own]),
        (Allowed, no),
        "a pod selector alone means the policy's own namespace"
    );
    let gold = policy(
        "gold",
        "shop",
        json!({"podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "gold"}}}], "ports": [{"port": 8000, "endPort": 8100}]}]}),
    );
    let no = denied(Direction::Ingress, &["deny", "gold"]);
    assert_eq!(ask(&[deny.clone(), gold]), (no, Allowed));
    let both = policy(
        "both",
        "shop",
        json!({"podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "teller"}}}]}]}),
    );
    let no = denied(Direction::Ingress, &["both"]);
    assert_eq!(
        ask(&[both]),
        (no, Allowed),
        "both selectors of one peer must hold"
    );
    let port = policy(
        "port",
        "shop",
        json!({"podSelector": {}, "ingress": [{"ports": [{"port": 9090}]}]}),
    );
    let no = denied(Direction::Ingress, &["port"]);
    assert_eq!(ask(&[port]), (no.clone(), no));
    let open = policy("open", "shop", json!({"podSelector": {}, "ingress": [{}]}));
    assert_eq!(ask(&[deny, open]), (Allowed, Allowed));
}

#[test]
fn ranges_of_addresses_are_judged_where_addresses_are_known() {
    use Traffic::Allowed;
    let block = |cidr: &str, except: &[&str]| {
        policy(
            "block",
            "shop",
            json!({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": cidr, "except": except}}]}]}),
        )
    };
    let no = denied(Direction::Ingress, &["block"]);
    assert_eq!(
        ask(&[block("10.0.0.0/8", &["10.2.0.0/16"])]),
        (Allowed, no.clone())
    );
    assert_eq!(ask(&[block("0.0.0.0/0", &[])]), (Allowed, Allowed));
    assert_eq!(ask(&[block("10.1.0.2/32", &[])]), (Allowed, no.clone()));
    assert_eq!(ask(&[block("fd00::/8", &[])]), (no.clone(), no));
    for nonsense in ["", "10.0.0.0", "10.0.0.0/33", "x/8"] {
        let except_nonsense = block("0.0.0.0/0", &[nonsense]);
        let (first, second) = ask(&[except_nonsense]);
        assert_eq!(
            (first, second),
            (Traffic::Unknown, Traffic::Unknown),
            "except {nonsense}"
        );
        assert_eq!(
            ask(&[block(nonsense, &[])]),
            (Traffic::Unknown, Traffic::Unknown),
            "{nonsense}"
        );
    }
}

#[test]
fn only_addresses_let_traffic_out_of_the_cluster() {
    let out = |egress: serde_json::Value, address: Option<&str>| {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
        let web = pod("shop", "web", json!({"app": "web"}), "10.1.0.2");
        let address = address.map(|address| address.parse().unwrap());
        traffic_out(&[policy("out", "shop", spec)], &web, address, 443, "")
    };
    let no = denied(Direction::Egress, &["out"]);
    let block = json!([{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]);
    assert_eq!(out(json!([]), None), no);
    assert_eq!(out(json!([{}]), None), Traffic::Allowed);
    assert_eq!(out(json!([{"to": [{"namespaceSelector": {}}]}]), None), no);
    assert_eq!(out(block.clone(), None), Traffic::Unknown);
    assert_eq!(out(block.clone(), Some("192.0.2.9")), Traffic::Allowed);
    assert_eq!(out(block, Some("198.51.100.9")), no);
    assert_eq!(out(json!([{"ports": [{"port": "https"}]}]), None), no);
}

#[test]
fn what_cannot_be_told_is_not_told() {
    let own = policy(
        "own",
        "shop",
        json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}),
    );
    let cart = pod("shop", "cart", json!({}), "10.1.0.1");
    let mut agent = pod("shop", "agent", json!({}), "192.0.2.1");
    agent.spec.host_network = true;
    assert_eq!(
        traffic(std::slice::from_ref(&own), &[], &agent, &cart, 8080, ""),
        Traffic::Unknown
    );
    assert_eq!(
        traffic(&[own], &[], &cart, &agent, 8080, ""),
        Traffic::Allowed,
        "out of the reach of policies"
    );
    let labelled = policy(
        "l",
        "shop",
        json!({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "gold"}}}]}]}),
    );
    let teller = pod("bank", "teller", json!({}), "");
    assert_eq!(
        traffic(&[labelled], &[], &teller, &cart, 8080, ""),
        Traffic::Unknown,
        "the namespace was not read"
    );
    let both = policy(
        "b",
        "shop",
        json!({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "gold"}},
            "podSelector": {"matchLabels": {"app": "teller"}}}]}]}),
    );
    assert_eq!(
        traffic(&[both], &[], &teller, &cart, 8080, ""),
        denied(Direction::Ingress, &["b"]),
        "whatever its namespace, it is not such a pod"
    );
}
