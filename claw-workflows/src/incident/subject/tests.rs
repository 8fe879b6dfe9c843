use serde_json::{Value, json};

use super::*;
use crate::incident::testing::{case, object};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn pod(name: &str, namespace: &str, address: &str, node: &str, host_network: bool) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"nodeName": node, "hostNetwork": host_network},
        "status": {"podIP": address},
    })
}

/// A cluster with a workload, an exporter and two nodes.
fn subject(pairs: &[(&str, &str)]) -> (Vec<EntityRef>, Vec<String>) {
    let mut case = case();
    for pod in [
        pod("cart-6f7-x", "shop", "10.1.0.5", "n1", false),
        pod("ksm-0", "monitoring", "10.1.0.9", "n2", false),
        pod("node-exporter-a", "monitoring", "192.168.0.1", "n1", true),
    ] {
        case.objects.pods.push(serde_json::from_value(pod).unwrap());
    }
    case.objects
        .workloads
        .push(object("cart", json!({"kind": "Deployment"})));
    for (name, address) in [("n1", "192.168.0.1"), ("n2", "192.168.0.2")] {
        let addresses = json!([{"type": "InternalIP", "address": address}]);
        let node = json!({"metadata": {"name": name}, "status": {"addresses": addresses}});
        case.objects.nodes.push(serde_json::from_value(node).unwrap());
    }
    let (entities, applications) = alerting(&Facts::new(&case), &hints(&labels(pairs)));
    (entities, applications.into_iter().collect())
}

#[test]
fn the_subject_is_what_is_measured_and_not_who_measures() {
    let cart_pod = || EntityRef::namespaced("Pod", "shop", "cart-6f7-x");
    let cart = || EntityRef::namespaced("Deployment", "shop", "cart");
    let n1 = || EntityRef::cluster("Node", "n1");
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Pairs<'_>, Vec<EntityRef>); 9] = [
        // The exporter's labels are honoured.
        (
            &[
                ("namespace", "shop"),
                ("pod", "cart-6f7-x"),
                ("service", "kube-state-metrics"),
                ("job", "ksm"),
            ],
            vec![cart_pod()],
        ),
        // They are not: the object's are renamed.
        (
            &[
                ("namespace", "monitoring"),
                ("pod", "ksm-0"),
                ("service", "ksm"),
                ("container", "ksm"),
                ("exported_namespace", "shop"),
                ("exported_pod", "cart-6f7-x"),
                ("exported_container", "app"),
            ],
            vec![cart_pod()],
        ),
        (
            &[
                ("namespace", "monitoring"),
                ("pod", "ksm-0"),
                ("exported_namespace", "shop"),
                ("deployment", "cart"),
                ("instance", "10.1.0.9:8080"),
            ],
            vec![cart()],
        ),
        // A label of the exporter's pod beside a deployment of another namespace.
        (
            &[("namespace", "shop"), ("pod", "ksm-0"), ("deployment", "cart")],
            vec![cart()],
        ),
        // The exporter tells of a node that it does not run on.
        (
            &[
                ("namespace", "monitoring"),
                ("pod", "ksm-0"),
                ("node", "n1"),
                ("instance", "10.1.0.9:8080"),
            ],
            vec![n1()],
        ),
        // A container of a node, as the kubelet tells of it.
        (
            &[
                ("namespace", "shop"),
                ("pod", "cart-6f7-x"),
                ("node", "n1"),
                ("instance", "192.168.0.1:10250"),
            ],
            vec![cart_pod()],
        ),
        // A pod that was made after the list was read, of which an exporter on the network of a node tells.
        (
            &[
                ("namespace", "shop"),
                ("pod", "cart-6f7-new"),
                ("instance", "192.168.0.1:8080"),
            ],
            vec![EntityRef::namespaced("Pod", "shop", "cart-6f7-new")],
        ),
        (
            &[("instance", "192.168.0.1:9100"), ("job", "node-exporter")],
            vec![n1()],
        ),
        (
            &[
                ("namespace", "monitoring"),
                ("pod", "node-exporter-a"),
                ("instance", "192.168.0.1:9100"),
                ("job", "node-exporter"),
            ],
            vec![
                EntityRef::namespaced("Pod", "monitoring", "node-exporter-a"),
                n1(),
            ],
        ),
    ];
    for (labels, expected) in cases {
        let (entities, applications) = subject(labels);
        assert_eq!(entities, expected, "{labels:?}");
        assert!(applications.is_empty(), "{labels:?}: {applications:?}");
    }
}

#[test]
fn the_scrape_job_is_the_last_resort() {
    let (entities, applications) = subject(&[("job", "shop/cart"), ("severity", "critical")]);
    assert!(entities.is_empty());
    assert_eq!(applications, ["cart"]);
    let (_, applications) = subject(&[("job", "shop/cart"), ("app", "checkout")]);
    assert_eq!(applications, ["checkout"]);
}

#[test]
fn a_name_without_a_namespace_is_kept_as_an_application() {
    let (entities, applications) = subject(&[("deployment", "cart")]);
    assert_eq!(applications, ["cart"]);
    assert!(entities.is_empty());
}

#[test]
fn nodes_have_no_namespace() {
    let (entities, _) = subject(&[("node", "n1"), ("namespace", "monitoring")]);
    assert_eq!(entities, [EntityRef::cluster("Node", "n1")]);
}

#[test]
fn unknown_and_empty_labels_say_nothing() {
    assert!(hints(&labels(&[("foo", "bar"), ("pod", " "), ("severity", "page")])).is_empty());
}

#[test]
fn only_what_is_known_in_full_can_be_absent() {
    let mut case = crate::incident::testing::case();
    let json = serde_json::json!({"containers": [{"name": "c", "image": "i"}]});
    crate::incident::testing::deployment(&mut case, "cart", json);
    let named = |kind: &str, name: &str| EntityRef::namespaced(kind, "shop", name);
    case.subject = vec![
        named("Pod", "cart-pod"),
        named("Pod", "none"),
        named("Service", "none"),
        named("Secret", "none"),
        named("Deployment", "none"),
        EntityRef::external("db.example"),
    ];
    let absent = |case: &Case| super::absent(&Facts::new(case));
    assert_eq!(absent(&case), [named("Pod", "none"), named("Service", "none")]);
    case.listed_everywhere.insert("Deployment".to_owned());
    assert_eq!(absent(&case).last(), Some(&named("Deployment", "none")));
}

#[test]
fn a_question_is_about_what_it_names_beyond_doubt() {
    let mut case = case();
    for name in ["cart", "users", "cart-api"] {
        case.objects
            .workloads
            .push(object(name, json!({"kind": "Deployment"})));
    }
    let node = json!({"metadata": {"name": "ip-10-0-1-7"}});
    case.objects.nodes.push(serde_json::from_value(node).unwrap());
    let mut asked = |question: &str| -> Vec<String> {
        case.incident.question = Some(question.to_owned());
        let found = asked(&case);
        found.into_iter().map(|entity| entity.name).collect()
    };
    let cases: [(&str, &[&str]); 13] = [
        ("cart fails for all customers", &["cart"]),
        ("What is the issue with cart?", &["cart"]),
        ("why is cart slow", &["cart"]),
        ("what happened to cart in namespace shop?", &["cart"]),
        ("why is deployment/cart slow?", &["cart"]),
        ("why does shop/cart restart", &["cart"]),
        ("Errors in the cart service since ten.", &["cart"]),
        ("what is wrong with `users`?", &["users"]),
        ("cart-api answers 500, why?", &["cart-api"]),
        ("pods on ip-10-0-1-7 do not start", &["ip-10-0-1-7"]),
        // Words of the language, and other names.
        ("users cannot put things into the cart", &[]),
        ("other/cart is slow", &[]),
        ("what is wrong?", &[]),
    ];
    for (question, expected) in cases {
        assert_eq!(asked(question), expected, "{question}");
    }
}

#[test]
fn a_question_about_what_nobody_knows_is_told_from_one_about_nothing_in_particular() {
    let mut case = case();
    // The nearest is meant, and not the first.
    for name in ["cart", "cart-api"] {
        case.objects
            .workloads
            .push(object(name, json!({"kind": "Deployment"})));
    }
    case.objects.config_maps.push(object("app-config", json!({})));
    let mut told = |question: &str| {
        case.incident.question = Some(question.to_owned());
        asked_in_vain(&case).map(|(reason, remedy)| format!("{reason}; {remedy}"))
    };
    let typed = told("why is cart-apu slow?").unwrap();
    assert!(
        typed.contains("is called cart-apu;") && typed.contains("is cart-api meant?"),
        "{typed}"
    );
    for question in [
        "What is wrong with the pod mail-sender?",
        "does `mail-sender` work?",
        "why is old-mail-sender failing?",
    ] {
        assert!(told(question).unwrap().contains("mail-sender;"), "{question}");
    }
    for question in [
        "why is cart-api slow?",
        "why are there time-outs?",
        "the roll-out hangs, and check-outs fail",
        "why is our customer-facing service slow?",
        "the back-end app fails",
        "what is wrong with auto-scaling?",
        "is sign-in broken?",
        "latency of us-east-1?",
        "is app-config wrong?",
        "what is wrong?",
    ] {
        assert_eq!(told(question), None, "{question}");
    }
}

#[test]
fn a_question_may_name_a_way_in_by_its_host() {
    let mut case = case();
    let ingress = |name: &str, host: &str| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"rules": [{"host": host}]}});
    for (name, host) in [("blog", "Blog.example.org"), ("shop", "shop.example.org")] {
        let ingress = serde_json::from_value(ingress(name, host)).unwrap();
        case.objects.ingresses.push(ingress);
    }
    let mut named = |question: &str| -> Vec<String> {
        case.incident.question = Some(question.to_owned());
        asked_hosts(&case).into_iter().map(|entity| entity.name).collect()
    };
    assert_eq!(named("https://blog.example.org/posts gives 404. Why?"), ["blog"]);
    assert_eq!(named("why does shop.example.org:8443 not answer"), ["shop"]);
    assert!(named("why does example.org not answer").is_empty());
}
