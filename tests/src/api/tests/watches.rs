//! Watches.

use super::*;

#[tokio::test]
async fn watches_see_what_happens() {
    let server = serve(vec![pod("a", "cart")]).await;
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let version = pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let params = WatchParams::default().labels("app=cart").timeout(20);
    let mut watch = pods.watch(&params, &version).await.unwrap().boxed();
    let mut again = pods.watch(&params, "0").await.unwrap().boxed();
    server.cluster().put(pod("b", "cart"));
    server.cluster().put(pod("other", "x"));
    server.cluster().put(pod("b", "changed"));
    server.cluster().put(pod("a", "cart"));
    server.cluster().remove("Pod", "shop", "a");
    let mut seen = Vec::new();
    let mut last = 0;
    for _ in 0..4 {
        let event = tokio::time::timeout(Duration::from_secs(10), watch.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let (kind, pod) = match event {
            WatchEvent::Added(pod) => ("added", pod),
            WatchEvent::Modified(pod) => ("modified", pod),
            WatchEvent::Deleted(pod) => ("deleted", pod),
            other => panic!("{other:?}"),
        };
        let version: u64 = pod.metadata.resource_version.unwrap().parse().unwrap();
        assert!(version > last);
        last = version;
        seen.push(format!("{kind} {}", pod.metadata.name.unwrap()));
    }
    assert_eq!(seen, ["added b", "deleted b", "modified a", "deleted a"]);
    let first = again.next().await.unwrap().unwrap();
    assert!(matches!(first, WatchEvent::Added(pod) if pod.metadata.name.as_deref() == Some("a")));

    server.cluster().compact();
    let mut late = pods.watch(&params, &version).await.unwrap().boxed();
    assert!(matches!(late.next().await.unwrap().unwrap(), WatchEvent::Error(error) if error.code == 410));
    assert!(late.next().await.is_none());
    server.faults().add(Rule::new("**", Fault::Switch(WATCH_EXPIRED)));
    let now = server.cluster().version().to_string();
    let mut switched = pods.watch(&params, &now).await.unwrap().boxed();
    assert!(matches!(switched.next().await.unwrap().unwrap(), WatchEvent::Error(error) if error.code == 410));
}

#[tokio::test]
async fn a_watch_can_begin_with_what_is_there() {
    let server = serve(vec![pod("a", "cart")]).await;
    let path = "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=0";
    let text = fetch(&server, path).await.text;
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["type"], "ADDED");
    assert_eq!(events[0]["object"]["kind"], "Pod");
    assert_eq!(
        events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}
