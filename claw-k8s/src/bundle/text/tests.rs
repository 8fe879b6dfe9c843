use super::*;

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn read(name: &str, text: &str) -> Vec<Value> {
    let mut problems = Problems::new(10);
    let found = objects(&format!("text/{name}"), text, at(), &mut problems);
    assert_eq!(problems.finish(), []);
    found
}

#[test]
fn lists_pods_of_all_namespaces() {
    let pods = read(
        "get-pods-all.txt",
        "\
NAMESPACE     NAME                    READY   STATUS             RESTARTS        AGE    IP           NODE     NOMINATED NODE   READINESS GATES
shop          cart-7d9f-abc           1/2     CrashLoopBackOff   12 (3m5s ago)   2d3h   10.1.2.3     node-1   <none>           <none>
shop          init-7d9f-abc           0/1     Init:Error         0               5m     <none>       node-2   <none>           <none>
kube-system   coredns-1               1/1     Running            0               90d    10.1.2.4     node-1   <none>           <none>
shop          gone                    0/1     Evicted            0               1h     <none>       node-3   <none>           <none>
",
    );
    assert_eq!(pods.len(), 4);
    let cart = &pods[0];
    assert_eq!(cart["metadata"]["namespace"], "shop");
    assert_eq!(cart["metadata"]["creationTimestamp"], "2026-02-27T07:00:00Z");
    assert_eq!(cart["spec"]["nodeName"], "node-1");
    let status = &cart["status"];
    assert_eq!(
        (&status["phase"], &status["podIP"]),
        (&"Running".into(), &"10.1.2.3".into())
    );
    assert_eq!(
        status["containerStatuses"][0]["state"],
        serde_json::json!({"running": {}})
    );
    assert_eq!(
        status["containerStatuses"][1]["state"]["waiting"]["reason"],
        "CrashLoopBackOff"
    );
    assert_eq!(status["containerStatuses"][1]["restartCount"], 12);
    assert_eq!(
        status["containerStatuses"][1]["lastState"]["terminated"]["finishedAt"],
        "2026-03-01T09:56:55Z"
    );
    assert_eq!(
        pods[1]["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"],
        "Error"
    );
    assert_eq!(pods[3]["status"]["reason"], "Evicted");
    assert_eq!(pods[3]["spec"]["nodeName"], "node-3");
}

#[test]
fn the_namespace_may_come_from_the_name_of_the_file() {
    let pods = read(
        "get-po-my-shop.txt",
        "NAME   READY   STATUS    RESTARTS   AGE\nweb    1/1     Running   0          1d\n",
    );
    assert_eq!(pods[0]["metadata"]["namespace"], "my-shop");
    let pods = read(
        "get-pod-my-shop-web-1.txt",
        "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          1d\n",
    );
    assert_eq!(pods[0]["metadata"]["namespace"], "my-shop");
}

#[test]
fn reads_all_kinds_of_get_all() {
    let found = read(
        "get-all-shop.txt",
        "\
NAME             READY   STATUS    RESTARTS   AGE
pod/cart-1       1/1     Running   0          1d

NAME           TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)            AGE   SELECTOR
service/cart   NodePort    10.96.0.9    <none>        80:30080/TCP,9/UDP 1d    app=cart,tier=web

NAME                   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES         SELECTOR
deployment.apps/cart   1/3     3            1           1d    cart         r/cart:1.2     app=cart
",
    );
    let kinds: Vec<_> = found.iter().map(|o| o["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Pod", "Service", "Deployment"]);
    assert_eq!(
        found[1]["spec"]["selector"],
        serde_json::json!({"app": "cart", "tier": "web"})
    );
    assert_eq!(found[1]["spec"]["ports"][0]["nodePort"], 30080);
    assert_eq!(found[2]["spec"]["replicas"], 3);
    assert_eq!(found[2]["status"]["readyReplicas"], 1);
    assert_eq!(
        found[2]["spec"]["template"]["spec"]["containers"][0]["image"],
        "r/cart:1.2"
    );
}

#[test]
fn reads_nodes_and_events() {
    let nodes = read(
        "get-nodes.txt",
        "NAME     STATUS                     ROLES    AGE   VERSION   INTERNAL-IP\nnode-1   Ready,SchedulingDisabled   <none>   9d    v1.30.0   10.0.0.1\nnode-2   NotReady                   <none>   9d    v1.30.0   10.0.0.2\n",
    );
    assert_eq!(nodes[0]["spec"]["unschedulable"], true);
    assert_eq!(nodes[1]["status"]["conditions"][0]["status"], "False");
    assert!(nodes[0]["metadata"].get("namespace").is_none());
    let events = read(
        "get-events-shop.txt",
        "LAST SEEN            TYPE      REASON    OBJECT         MESSAGE\n2m (x5 over 20m)     Warning   BackOff   pod/cart-1     Back-off restarting failed container\n10s                  Normal    Scaled    deployment/cart   Scaled up\n",
    );
    assert_eq!(
        events[0]["involvedObject"],
        serde_json::json!({"kind": "Pod", "name": "cart-1", "namespace": "shop"})
    );
    assert_eq!(events[0]["count"], 5);
    assert_eq!(events[0]["firstTimestamp"], "2026-03-01T09:40:00Z");
    assert_eq!(events[0]["message"], "Back-off restarting failed container");
    assert_eq!(events[1]["involvedObject"]["kind"], "Deployment");
}

const POD: &str = "\
Name:             cart-7d9f-abc
Namespace:        shop
Priority:         0
Service Account:  default
Node:             node-1/10.0.0.1
Start Time:       Sun, 01 Mar 2026 08:00:00 +0000
Labels:           app=cart
                  pod-template-hash=7d9f
Annotations:      checksum/config: abc
Status:           Running
IP:               10.1.2.3
Controlled By:    ReplicaSet/cart-7d9f
Containers:
  cart:
    Container ID:  containerd://1
    Image:         r/cart:1.2
    Port:          8080/TCP
    Command:
      /cart
      --verbose
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Sun, 01 Mar 2026 09:40:00 +0000
      Finished:     Sun, 01 Mar 2026 09:50:00 +0000
    Ready:          False
    Restart Count:  7
    Limits:
      cpu:     500m
      memory:  128Mi
    Requests:
      memory:   64Mi
    Liveness:   http-get http://:8080/healthz delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      DB_HOST:      db.shop
      DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false
    Environment Variables from:
      settings   ConfigMap  Optional: false
    Mounts:         <none>
Conditions:
  Type              Status
  Initialized       True
  Ready             False
QoS Class:          Burstable
Events:
  Type     Reason     Age                 From     Message
  ----     ------     ----                ----     -------
  Warning  BackOff    2m (x30 over 1h)    kubelet  Back-off restarting failed container cart in pod cart-7d9f-abc
  Warning  Unhealthy  5m                  kubelet  Liveness probe failed: HTTP probe failed: statuscode: 500
";

#[test]
fn reads_a_described_pod() {
    let found = read("describe-pod-shop-cart-7d9f-abc.txt", POD);
    let pod = &found[0];
    assert_eq!(pod["metadata"]["labels"]["pod-template-hash"], "7d9f");
    assert_eq!(pod["metadata"]["annotations"]["checksum/config"], "abc");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
    let spec = &pod["spec"]["containers"][0];
    assert_eq!(spec["command"], serde_json::json!(["/cart", "--verbose"]));
    assert_eq!(spec["resources"]["limits"]["memory"], "128Mi");
    assert_eq!(
        spec["livenessProbe"]["httpGet"],
        serde_json::json!({"scheme": "HTTP", "port": 8080, "path": "/healthz"})
    );
    assert_eq!(spec["livenessProbe"]["failureThreshold"], 3);
    assert_eq!(
        spec["env"][0],
        serde_json::json!({"name": "DB_HOST", "value": "db.shop"})
    );
    assert_eq!(spec["env"][1]["valueFrom"]["secretKeyRef"]["name"], "db");
    assert_eq!(spec["envFrom"][0]["configMapRef"]["name"], "settings");
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(
        status["lastState"]["terminated"]["finishedAt"],
        "2026-03-01T09:50:00Z"
    );
    assert_eq!(status["restartCount"], 7);
    assert_eq!(
        pod["status"]["conditions"][1],
        serde_json::json!({"type": "Ready", "status": "False"})
    );
    assert_eq!(found.len(), 3);
    assert_eq!(found[1]["count"], 30);
    assert_eq!(
        found[2]["message"],
        "Liveness probe failed: HTTP probe failed: statuscode: 500"
    );
}

#[test]
fn reads_several_descriptions_in_one_file() {
    let text = format!("{POD}\n\n{}", POD.replace("cart-7d9f-abc", "cart-2"));
    let found = read("describe-pods-shop.txt", &text);
    assert_eq!(found.iter().filter(|o| o["kind"] == "Pod").count(), 2);
    assert_eq!(found.len(), 6);
}

#[test]
fn reads_described_services_nodes_and_deployments() {
    let found = read(
        "describe-svc-shop-cart.txt",
        "Name:              cart\nNamespace:         shop\nSelector:          app=cart,tier=web\nType:              ClusterIP\nIP:                10.96.0.9\nPort:              http  80/TCP\nTargetPort:        8080/TCP\nEndpoints:         <none>\nSession Affinity:  None\nEvents:            <none>\n",
    );
    assert_eq!(
        found[0]["spec"]["ports"][0],
        serde_json::json!({"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080})
    );
    assert_eq!(found[0]["spec"]["selector"]["tier"], "web");
    assert_eq!(found[1]["kind"], "EndpointSlice");
    assert_eq!(found[1]["endpoints"], serde_json::json!([]));

    let found = read(
        "describe-node-node-1.txt",
        "\
Name:               node-1
Roles:              <none>
Labels:             kubernetes.io/os=linux
Taints:             node.kubernetes.io/memory-pressure:NoSchedule
                    team=a:NoExecute
Unschedulable:      false
Conditions:
  Type             Status  LastHeartbeatTime                 LastTransitionTime                Reason                       Message
  ----             ------  -----------------                 ------------------                ------                       -------
  MemoryPressure   True    Sun, 01 Mar 2026 09:59:00 +0000   Sun, 01 Mar 2026 09:30:00 +0000   KubeletHasInsufficientMemory kubelet has insufficient memory
  Ready            True    Sun, 01 Mar 2026 09:59:00 +0000   Sun, 01 Mar 2026 01:00:00 +0000   KubeletReady                 kubelet is posting ready status
Capacity:
  cpu:                4
  memory:             8Gi
Events:              <none>
",
    );
    let node = &found[0];
    assert!(node["metadata"].get("namespace").is_none());
    assert_eq!(
        node["spec"]["taints"][1],
        serde_json::json!({"key": "team", "value": "a", "effect": "NoExecute"})
    );
    let condition = &node["status"]["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"]),
        (&"MemoryPressure".into(), &"True".into())
    );
    assert_eq!(condition["lastTransitionTime"], "2026-03-01T09:30:00Z");
    assert_eq!(node["status"]["conditions"][1]["reason"], "KubeletReady");
    assert_eq!(node["status"]["capacity"]["memory"], "8Gi");

    let found = read(
        "describe-deployment-shop-cart.txt",
        "\
Name:                   cart
Namespace:              shop
Selector:               app=cart
Replicas:               3 desired | 3 updated | 4 total | 1 available | 2 unavailable
Pod Template:
  Labels:  app=cart
           v=2
  Containers:
   cart:
    Image:        r/cart:2
    Limits:
      memory:  64Mi
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      False   MinimumReplicasUnavailable
  Progressing    True    ReplicaSetUpdated
Events:          <none>
",
    );
    let deployment = &found[0];
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["v"], "2");
    assert_eq!(
        deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"],
        "64Mi"
    );
    assert_eq!(deployment["status"]["availableReplicas"], 1);
    assert_eq!(
        deployment["status"]["conditions"][0]["reason"],
        "MinimumReplicasUnavailable"
    );
}

#[test]
fn says_what_it_cannot_read() {
    let mut problems = Problems::new(10);
    assert!(objects("text/notes.txt", "hello", at(), &mut problems).is_empty());
    assert!(objects("text/get-pods-a.txt", "error: forbidden\n", at(), &mut problems).is_empty());
    assert!(
        objects(
            "text/get-pods-b.txt",
            "No resources found in b namespace.\n",
            at(),
            &mut problems
        )
        .is_empty()
    );
    let found: Vec<_> = problems.finish().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
}
