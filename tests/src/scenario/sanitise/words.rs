//! Words of the field: they say what a thing is and not whose.
//!
//! They stay, for what people, runtimes and this project read from a sentence hangs on them. Words of one or two letters, numbers and
//! versions stay as well.

use std::collections::BTreeSet;
use std::sync::LazyLock;

const FIELD: &str = "
    access account accepted active actual adapter add added address addresses admin admission agent alert alertmanager alerts alive
    all allocated allowed already amd and annotation answer any api apis apiserver app appeared application applications apps apply
    are area argo argocd argument arm array assertion assigned attach attempt auth authentication authority authorization
    authorized auto autoscaler autoscaling availability available average aws azure back backend backends backlog backoff backup bad
    balancer bar base basic batch because been before begin being between bind blob block blocked body boot bot bound breaker broker
    bucket budget buffer bug build builder bulk burn burst but bytes cache cached calico call called caller calls can cannot
    canary capacity cause cert certificate certificates changed channel charset check checks cidr cilium circuit class clean
    cleanup cli client clients clock close closed cloud cluster clusters cni code collect collector column com command commit common
    component compose compute con config configmap configuration configured conflict connect connected connecting connection
    connections consul consumer consumers consumed container containerd containers content context control controller controllers
    conversion convert copy core coredns corrupt could count counter cpu crash crashed crashing created credential credentials cri
    critical cron cronjob csi csv current daemon daemonset dashboard data database databases datasource date day days
    dead deadline deadlock debug decode default deferred degraded delay delete deleted demo denied dep dependency deploy
    deployed deployment deployments depth desired destination detached detected dev device dial dict did different digest dir
    directory dirty disabled disconnected discovery disk dispatcher dns docker does domain done down downstream driver drop dropped
    dump duplicate duration each ebs edge edit eks elastic elasticsearch elb empty enabled encode end endpoint endpoints engine
    entity entry env environment envoy eof ephemeral err error errors etcd etl event events evicted eviction example exceeded
    exception exec executor exhausted exist existing exists exit exited expected expire expired expires export exporter express
    external fail failed failing failover failure failures fake false fast fatal feature fetch field file files filesystem filter
    find finished first fix flag flannel flask flow flush flux for forbidden force forward found free from front frontend full
    function future gap garbage gateway gauge gcp generic get gin given gke global gone google got grafana graph group groups grpc
    gunicorn half handle handler handshake haproxy hard has hash have head headers headless health healthcheck healthy healthz heap
    heartbeat helm help hibernate high hikari histogram hit hits hook host hostname hosts hour hours hpa html http https idle ids
    ignored image images import inbound index infinite info ingress init initial initialize input insert insufficient instance
    instances int integer internal interval into invalid invoke ips istio item items its java javascript job jobs join json jvm
    kafka keda keepalive kernel key keys kibana kill killed killing kind kinds kong kube kubeconfig kubectl kubelet kubernetes
    kustomize kyverno label labels lag last late latency latest layer lead leader leak lease less level lib library life like limit
    limiter limits line linkerd linux list listen listener listening live liveness load loaded loading local localhost location
    lock locked lock log logger logging login logs loki long longer longhorn lookup loop lost low lower main make manager manifest
    many map mariadb master match matched max maximum may mean members memcached memory mesh message messages messaging met meta
    metadata method metric metrics migrate migration milliseconds min minimum minutes misc mismatch miss missing mode model module
    mongo mongodb monitor monitoring more most mount mounted mounting msg multi must mutex mysql name named names namespace
    namespaces native nats near need needed neo net netty network networking new next nfs nginx nil no node nodejs nodeport nodes
    none noop normal not nothing notification notready now null number object objects observe off offline offset old one only oom
    open opened openshift operation operator ops options oracle org other our out outbound output over overflow overlay owner pack
    package page panic param parent parse parser partial partition pass passed password patch path paused payload peer pem pending
    per percent performance period permission permissions permitted persistent phase ping pipeline plan platform plugin pod podman
    pods point policies policy poll pool pools port ports postgres postgresql power preempt prefix prepared present pressure
    previous primary principal print priority probe problem process processed processing processor prod producer production
    progress project prom prometheus promtail protocol provider provisioner proxy pub public publish pull pulled pulling push put
    python query question queue queued queues quota rabbitmq raise raised random range rate ratio raw reach reached reachable read
    reader readiness readonly ready readyz realm reason rebalance receive received receiver recommender reconcile record recover
    redacted redirect redis redpanda ref reference refresh refused region register registry reject rejected release released reload
    remaining remote remove removed repeat replica replicas replicaset replication repository request requested
    requests require required reset resolve resolved resolver resource resources response responses rest restart restarted
    restarting restarts restore result retries retry retrying return revision right role roles rollback rolling rollout root route
    router routes row rpc rule rules run runner running runtime sample sandbox scale scaled scaler schedule scheduled scheduler
    schema scope scrape scraped script sdk second secondary seconds secret secrets security select selector self send sender
    sent sentinel sentry sequence server servers service serviceaccount services session set setting settings setup severity shard
    shared should shutdown side sidecar sign signal signed since single size skip sleep slot slow small smtp snapshot soap socket
    sock solr some source space span spec speed spring sql sqlite ssd ssh ssl sso stack stage staging stale standard standby start
    started starting startup state stateful statefulset states static stats status stderr stdin stdout step still stop stopped
    storage storageclass store stored stream string strimzi struct sub subject submit subnet subscriber success such sum support
    suspend svc swap sync syntax system systemd table tag tail taint target task tasks tcp team temp template tempo temporal
    terminated terminating test tests text than that the their them then there these they thing this thread threads three
    threshold throttle throttled throttling throughput thrown time timed timeout timer times timestamp tls tmp token tokens
    toleration tomcat too tool tools top topic total trace traces tracing traefik traffic transaction transfer transport trigger
    triggered true trust tunnel two type udp unable unauthorized unavailable unbound under undefined unexpected unhealthy unit
    units unknown unreachable unready unresolved unschedulable until unusable update updated upgrade upstream uri url usage use
    used user users using utc uvicorn valid validate validation value values var vault verified verify version very via view
    virtual vmware volume volumes wait waiting want warm warn warning was watch watcher web webhook weight well were what when
    where whether which while why will window with within without worker workers working workload workloads would write writer
    writing wrong xml yaml year yes you your zero zipkin zone zookeeper
    aks apache avg bash bin bookkeeper cassandra central civil clickhouse cockroach cold composer contour count debian deno dotnet
    east elb etc eureka europe fluentd fluentbit ghcr gunzip hot http2 hypervisor influxdb jaeger jetty jwt karpenter keycloak
    kestrel kibana kubedns laravel library lambda lts minio nacos north npm nodelocal oauth oidc opensearch opentelemetry otel otlp
    pgbouncer pip puma quay rails rds ruby rust rustc scala sentinel sidekiq south spark sqlalchemy statsd symfony tekton thanos
    timescale tokio ubuntu varnish victoriametrics vite west wsgi yarn ecr gcr dkr amazonaws windows alpine slim jdk jre openjdk
    amazon operated prerouting standalone istiod metallb rancher crio runc snapshotter
    january february march april june july august september october november december monday tuesday wednesday thursday friday
    saturday sunday gmt
    northeast southeast northwest southwest large medium xlarge metal nano micro
    int32 int64 float bool boolean long byte char double short
";

/// Endings by which a name of one word says what it is, the longer ones first.
pub(super) const ENDINGS: [&str; 20] = [
    "controller",
    "database",
    "frontend",
    "consumer",
    "producer",
    "exporter",
    "gateway",
    "backend",
    "service",
    "manager",
    "handler",
    "worker",
    "server",
    "client",
    "proxy",
    "store",
    "queue",
    "cache",
    "svc",
    "api",
];

static WORDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| FIELD.split_whitespace().collect());

/// Whether a word in lower case says what a thing is and not whose.
pub(super) fn is_of_the_field(word: &str) -> bool {
    WORDS.contains(word)
        || word
            .strip_suffix('s')
            .is_some_and(|one| one.len() > 2 && WORDS.contains(one))
}

/// Whether a made-up word would be taken for, or holds, one of the field.
pub(super) fn sounds_like_the_field(word: &str) -> bool {
    WORDS.iter().any(|known| known.len() > 2 && word.contains(known))
}
