//! Get, list, discovery and logs.

use super::*;

#[tokio::test]
async fn lists_come_in_pages_of_one_moment() {
    let server = serve(
        (0..7)
            .map(|n| pod(&format!("p{n}"), if n % 2 == 0 { "even" } else { "odd" }))
            .collect(),
    )
    .await;
    let pods: Api<Pod> = Api::all(server.client().unwrap());
    let first = pods.list(&ListParams::default().limit(3)).await.unwrap();
    assert_eq!(first.items.len(), 3);
    assert_eq!(first.metadata.remaining_item_count, Some(4));
    server.cluster().remove("Pod", "shop", "p5");
    server.cluster().put(pod("p1b", "odd"));
    let mut names: Vec<_> = first
        .items
        .iter()
        .map(|pod| pod.metadata.name.clone().unwrap())
        .collect();
    let mut token = first.metadata.continue_.clone();
    while let Some(next) = token.filter(|token| !token.is_empty()) {
        let page = pods
            .list(&ListParams::default().limit(3).continue_token(&next))
            .await
            .unwrap();
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        names.extend(page.items.iter().map(|pod| pod.metadata.name.clone().unwrap()));
        token = page.metadata.continue_;
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);

    let odd = pods
        .list(&ListParams::default().labels("app in (odd)").limit(2))
        .await
        .unwrap();
    assert_eq!((odd.items.len(), odd.metadata.remaining_item_count), (2, None));
    server.cluster().compact();
    let (code, reason, message) = status(
        pods.list(&ListParams::default().continue_token(&odd.metadata.continue_.unwrap()))
            .await
            .unwrap_err(),
    );
    assert_eq!((code, reason.as_str()), (410, "Expired"));
    assert!(message.starts_with("The provided continue parameter is too old"));
}

#[tokio::test]
async fn lists_are_selected_and_empty_lists_have_items() {
    let mut other = pod("x", "b");
    other["metadata"]["namespace"] = "else".into();
    other["status"]["phase"] = "Pending".into();
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": "e"},
        "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop"}, "type": "Warning", "reason": "BackOff"});
    let server = serve(vec![pod("a", "a"), other, event]).await;
    let client = server.client().unwrap();
    let all: Api<Pod> = Api::all(client.clone());
    let count = async |params: ListParams| all.list(&params).await.unwrap().items.len();
    assert_eq!(count(ListParams::default()).await, 2);
    assert_eq!(
        count(ListParams::default().fields("status.phase=Pending")).await,
        1
    );
    assert_eq!(
        count(ListParams::default().fields("spec.nodeName=n1,metadata.name=a")).await,
        1
    );
    assert_eq!(
        count(ListParams::default().fields("metadata.namespace=else")).await,
        1
    );
    let (code, _, message) = status(
        all.list(&ListParams::default().fields("spec.x=1"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, message.as_str()),
        (400, "field label not supported: spec.x")
    );
    let events: Api<Event> = Api::namespaced(client.clone(), "shop");
    let about = ListParams::default().fields("involvedObject.name=a,involvedObject.kind=Pod,type=Warning");
    assert_eq!(events.list(&about).await.unwrap().items.len(), 1);
    let new = fetch(
        &server,
        "/apis/events.k8s.io/v1/namespaces/shop/events?fieldSelector=regarding.name%3Da",
    )
    .await
    .json();
    assert_eq!(new["items"][0]["regarding"]["name"], "a");
    let none = fetch(&server, "/api/v1/namespaces/none/pods").await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["kind"], "PodList");
    assert!(
        fetch(&server, "/api/v1/namespaces/shop/pods").await.json()["items"][0]
            .get("kind")
            .is_none()
    );
    assert_eq!(
        fetch(&server, "/api/v1/namespaces/shop/pods/a").await.json()["kind"],
        "Pod"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_the_words_of_the_real_server() {
    let server = serve(vec![deployment()]).await;
    let answer = fetch(&server, "/apis/apps/v1/namespaces/shop/deployments/x").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "deployments.apps \"x\" not found", "reason": "NotFound",
            "details": {"name": "x", "group": "apps", "kind": "deployments"}, "code": 404})
    );
    let answer = fetch(&server, "/api/v1/foos").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json()["message"],
        "the server could not find the requested resource"
    );
    // Outside of its groups it is no API server.
    for path in ["/apis/argoproj.io/v1alpha1/applications", "/nothing"] {
        let answer = fetch(&server, path).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn metadata_alone_can_be_asked_for() {
    let server = serve(vec![deployment()]).await;
    let deployments: Api<Deployment> = Api::all(server.client().unwrap());
    let list = deployments.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items[0].metadata.name.as_deref(), Some("cart"));
    let named: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    assert_eq!(
        named.get_metadata("cart").await.unwrap().metadata.generation,
        Some(3)
    );
    let exchange = &server.faults().exchanges()[0];
    assert!(
        exchange.sent < 500,
        "no specification is sent: {} bytes",
        exchange.sent
    );
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let custom = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "a", "name": "x"}});
    let usage = json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"namespace": "a", "name": "x"},
        "containers": [{"name": "main", "usage": {"cpu": "5m", "memory": "1Mi"}}]});
    let server = serve(vec![custom, usage]).await;
    let client = server.client().unwrap();
    let groups = client.list_api_groups().await.unwrap().groups;
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    for group in ["apps", "argoproj.io", "metrics.k8s.io", "autoscaling"] {
        assert!(names.contains(&group), "{group}: {names:?}");
    }
    let resources = client
        .list_api_group_resources("argoproj.io/v1alpha1")
        .await
        .unwrap()
        .resources;
    assert_eq!(
        (resources[0].name.as_str(), resources[0].namespaced),
        ("applications", true)
    );
    let core = client.list_core_api_resources("v1").await.unwrap().resources;
    assert!(core.iter().any(|resource| resource.name == "pods/eviction"));
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let metrics = fetch(&server, "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods")
        .await
        .json();
    assert_eq!(metrics["items"][0]["containers"][0]["usage"]["cpu"], "5m");
    assert_eq!(fetch(&server, "/readyz").await.text, "ok");
}

#[tokio::test]
async fn logs_are_served_as_the_kubelet_does() {
    let mut two = pod("two", "x");
    two["spec"]["containers"] = json!([{"name": "a"}, {"name": "b"}]);
    two["spec"]["initContainers"] = json!([{"name": "i"}]);
    two["status"]["containerStatuses"] =
        json!([{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
    let server = serve(vec![pod("one", "x"), two]).await;
    let log = "2026-03-01T09:58:00.5Z first\n2026-03-01T09:59:30Z second\n2026-03-01T09:59:59Z third\n";
    server
        .cluster()
        .set_log("shop", "one", "main", false, Content::text(log));
    server
        .cluster()
        .set_log("shop", "one", "main", true, Content::text("before\n"));
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let read = async |pod: &str, params: LogParams| pods.logs(pod, &params).await;
    assert_eq!(
        read("one", LogParams::default()).await.unwrap(),
        "first\nsecond\nthird\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                tail_lines: Some(1),
                timestamps: true,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "2026-03-01T09:59:59.000000000Z third\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                since_seconds: Some(60),
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "second\nthird\n"
    );
    let since_time = Some("2026-03-01T09:59:40Z".parse().unwrap());
    assert_eq!(
        read(
            "one",
            LogParams {
                since_time,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "third\n"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                limit_bytes: Some(3),
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "fir"
    );
    assert_eq!(
        read(
            "one",
            LogParams {
                previous: true,
                ..LogParams::default()
            }
        )
        .await
        .unwrap(),
        "before\n"
    );
    for (pod, params, code, message) in [
        (
            "two",
            LogParams::default(),
            400,
            "a container name must be specified for pod two, choose one of: [i a b]",
        ),
        (
            "two",
            LogParams {
                container: Some("z".into()),
                ..LogParams::default()
            },
            400,
            "container z is not valid for pod two",
        ),
        (
            "two",
            LogParams {
                container: Some("a".into()),
                ..LogParams::default()
            },
            400,
            "container \"a\" in pod \"two\" is waiting to start: trying and failing to pull image",
        ),
        (
            "two",
            LogParams {
                container: Some("b".into()),
                previous: true,
                ..LogParams::default()
            },
            400,
            "previous terminated container \"b\" in pod \"two\" not found",
        ),
        ("none", LogParams::default(), 404, "pods \"none\" not found"),
    ] {
        let (found, _, text) = status(read(pod, params).await.unwrap_err());
        assert_eq!((found, text.as_str()), (code, message));
    }
    let missing = fetch(&server, "/api/v1/namespaces/shop/pods/two/log?container=b").await;
    assert_eq!(missing.status, 200);
    // Silence would be a lie.
    assert!(
        missing.text.starts_with("unable to retrieve container logs for "),
        "{}",
        missing.text
    );
}

#[tokio::test]
async fn answers_are_in_the_first_form_that_is_served_or_refused() {
    let server = serve(vec![pod("a", "x")]).await;
    let one = format!("{}/api/v1/namespaces/shop/pods/a", server.url());
    let many = format!("{}/api/v1/namespaces/shop/pods", server.url());
    const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
    for (url, accept, status, kind) in [
        (&one, String::new(), 200, "Pod"),
        (&one, "*/*".to_owned(), 200, "Pod"),
        (&one, METADATA.to_owned(), 200, "PartialObjectMetadata"),
        (
            &one,
            format!("text/html, {METADATA}"),
            200,
            "PartialObjectMetadata",
        ),
        (&one, format!("{TABLE},application/json"), 200, "Pod"),
        (&one, TABLE.to_owned(), 406, "Status"),
        (&one, METADATA_LIST.to_owned(), 406, "Status"),
        (&one, METADATA.replace("meta.k8s.io", "other"), 406, "Status"),
        (&one, "text/html".to_owned(), 406, "Status"),
        (&many, METADATA_LIST.to_owned(), 200, "PartialObjectMetadataList"),
        (&many, METADATA.to_owned(), 406, "Status"),
    ] {
        let answer = http_probe::send("GET", url, &[("accept", &accept)], "").await;
        assert_eq!(
            (answer.status, &answer.json()["kind"]),
            (status, &json!(kind)),
            "{accept}"
        );
    }
}
