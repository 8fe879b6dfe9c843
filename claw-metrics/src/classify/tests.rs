use super::*;
use crate::series::NAME_LABEL;
use BadDirection as D;
use Measure as M;

fn labels(text: &str) -> Labels {
    text.split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// name, labels, measure, stat, kind, bad direction, unit
type Row = (
    &'static str,
    &'static str,
    Measure,
    Stat,
    Kind,
    BadDirection,
    Unit,
);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // names of recorded worlds
    ("service_requests_per_second", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::PerSecond),
    ("service_error_ratio", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("service_availability_ratio", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Ratio),
    ("service_latency_seconds", "quantile=0.95", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Seconds),
    ("service_latency_seconds", "stat=mean", M::Latency, Stat::Mean, Kind::Gauge, D::Up, Unit::Seconds),
    ("container_cpu_usage_cores", "", M::Cpu, Stat::Value, Kind::Gauge, D::Up, Unit::Cores),
    ("container_cpu_throttled_ratio", "", M::CpuThrottling, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("container_memory_working_set_bytes", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("container_network_receive_bytes_per_second", "", M::Network, Stat::Value, Kind::Gauge, D::Both, Unit::BytesPerSecond),
    ("container_network_transmit_bytes_per_second", "", M::Network, Stat::Value, Kind::Gauge, D::Both, Unit::BytesPerSecond),
    ("node_cpu_utilization_ratio", "", M::Cpu, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("node_memory_utilization_ratio", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("node_tcp_retransmissions_per_second", "", M::NetworkErrors, Stat::Value, Kind::Gauge, D::Up, Unit::PerSecond),
    ("edge_latency_p50_seconds", "", M::Latency, Stat::Quantile(0.5), Kind::Gauge, D::Up, Unit::Seconds),
    ("entry_request_latency_p95_seconds", "", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Seconds),
    ("entry_request_success_ratio", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Ratio),
    ("kube_pod_container_resource_limits_cpu_cores", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Cores),
    ("kube_pod_container_resource_limits_memory_bytes", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("kube_pod_info", "", M::Info, Stat::Value, Kind::Gauge, D::Neither, Unit::Count),
    ("log_lines", "level=INFO", M::LogVolume, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("log_lines", "level=ERROR", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("node_cpu_usage_ratio", "", M::Cpu, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("request_latency_p95_seconds", "", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Seconds),
    ("request_rate_per_second", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::PerSecond),
    ("trace_edge_callee_latency_p95_seconds", "", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Seconds),
    ("trace_edge_calls_per_request", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("trace_edge_hop_delay_p50_seconds", "", M::Latency, Stat::Quantile(0.5), Kind::Gauge, D::Up, Unit::Seconds),
    ("trace_operation_spans_per_request", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("trace_request_latency_p95_seconds", "", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Seconds),
    ("trace_requests", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    // kubelet, cAdvisor, kube-state-metrics
    ("container_cpu_usage_seconds_total", "", M::Cpu, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("container_cpu_cfs_throttled_periods_total", "", M::CpuThrottling, Stat::Value, Kind::Counter, D::Up, Unit::Unknown),
    ("container_cpu_cfs_throttled_seconds_total", "", M::CpuThrottling, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("container_memory_rss", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("container_oom_events_total", "", M::OutOfMemory, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("container_spec_memory_limit_bytes", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("container_spec_cpu_quota", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("container_network_receive_packets_dropped_total", "", M::NetworkErrors, Stat::Value, Kind::Counter, D::Up, Unit::Unknown),
    ("container_fs_usage_bytes", "", M::Disk, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("container_fs_writes_bytes_total", "", M::DiskIo, Stat::Value, Kind::Counter, D::Both, Unit::Bytes),
    ("kube_pod_container_status_restarts_total", "", M::Restarts, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("kube_pod_container_status_last_terminated_reason", "reason=OOMKilled", M::OutOfMemory, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("kube_pod_status_ready", "condition=true", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("kube_pod_status_ready", "condition=false", M::Availability, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("kube_pod_status_phase", "phase=Pending", M::State, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("kube_node_status_condition", "condition=Ready,status=true", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("kube_node_status_condition", "condition=Ready,status=unknown", M::Availability, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("kube_node_status_condition", "condition=DiskPressure,status=true", M::State, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("kube_node_status_allocatable", "resource=cpu,unit=core", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Cores),
    ("kube_deployment_status_replicas_unavailable", "", M::Replicas, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("kube_deployment_status_replicas_available", "", M::Replicas, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("kube_deployment_spec_replicas", "", M::Replicas, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("kube_pod_container_resource_requests", "resource=memory,unit=byte", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("kube_horizontalpodautoscaler_spec_max_replicas", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("kube_pod_start_time", "", M::Time, Stat::Value, Kind::Gauge, D::Neither, Unit::Unknown),
    ("kubelet_volume_stats_available_bytes", "", M::Disk, Stat::Value, Kind::Gauge, D::Down, Unit::Bytes),
    // requests: Istio, OpenTelemetry, Envoy, Linkerd, nginx, gRPC
    ("istio_requests_total", "response_code=200", M::Traffic, Stat::Value, Kind::Counter, D::Both, Unit::Count),
    ("istio_requests_total", "response_code=503", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("istio_request_duration_milliseconds_bucket", "le=5", M::Latency, Stat::Bucket, Kind::Histogram, D::Up, Unit::Milliseconds),
    ("istio_request_duration_milliseconds_count", "", M::Traffic, Stat::Count, Kind::Counter, D::Both, Unit::Count),
    ("istio_request_duration_milliseconds_sum", "", M::Latency, Stat::Sum, Kind::Histogram, D::Up, Unit::Milliseconds),
    ("istio_tcp_sent_bytes_total", "", M::Network, Stat::Value, Kind::Counter, D::Both, Unit::Bytes),
    ("http_server_request_duration_seconds_count", "http_response_status_code=500", M::Errors, Stat::Count, Kind::Counter, D::Up, Unit::Count),
    ("http_server_request_duration_seconds_bucket", "le=0.1", M::Latency, Stat::Bucket, Kind::Histogram, D::Up, Unit::Seconds),
    ("http_server_active_requests", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("http.server.request.duration", "", M::Latency, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("http_requests_total", "code=502", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("http_server_requests_seconds_max", "uri=/", M::Latency, Stat::Max, Kind::Gauge, D::Up, Unit::Seconds),
    ("grpc_server_handled_total", "grpc_code=OK", M::Traffic, Stat::Value, Kind::Counter, D::Both, Unit::Count),
    ("grpc_server_handled_total", "grpc_code=Unavailable", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("rpc_server_duration_milliseconds_sum", "", M::Latency, Stat::Sum, Kind::Histogram, D::Up, Unit::Milliseconds),
    ("envoy_cluster_upstream_rq_time_bucket", "le=10", M::Latency, Stat::Bucket, Kind::Histogram, D::Up, Unit::Unknown),
    ("envoy_cluster_upstream_rq_xx", "envoy_response_code_class=5", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("envoy_cluster_upstream_cx_active", "", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("envoy_cluster_upstream_cx_connect_fail", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("envoy_cluster_upstream_rq_pending_active", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("envoy_cluster_membership_healthy", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("response_total", "classification=failure", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("response_latency_ms_bucket", "le=1", M::Latency, Stat::Bucket, Kind::Histogram, D::Up, Unit::Milliseconds),
    ("nginx_ingress_controller_requests", "status=200", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("nginx_connections_active", "", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("traces_service_graph_request_failed_total", "", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("traces_service_graph_request_server_seconds_sum", "", M::Latency, Stat::Sum, Kind::Histogram, D::Up, Unit::Seconds),
    // run times
    ("jvm_gc_pause_seconds_sum", "", M::Pauses, Stat::Sum, Kind::Histogram, D::Up, Unit::Seconds),
    ("jvm_memory_used_bytes", "area=heap", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("jvm_memory_max_bytes", "area=heap", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("jvm_threads_live_threads", "", M::Handles, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("hikaricp_connections_pending", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("hikaricp_connections_active", "", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("hikaricp_connections_max", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("hikaricp_connections_timeout_total", "", M::Errors, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("go_goroutines", "", M::Handles, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("go_gc_duration_seconds", "quantile=0.75", M::Pauses, Stat::Quantile(0.75), Kind::Gauge, D::Up, Unit::Seconds),
    ("go_memstats_heap_inuse_bytes", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("process_cpu_seconds_total", "", M::Cpu, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("process_open_fds", "", M::Handles, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("process_max_fds", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("process_start_time_seconds", "", M::Time, Stat::Value, Kind::Gauge, D::Neither, Unit::Seconds),
    ("process_resident_memory_bytes", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("nodejs_eventloop_lag_p99_seconds", "", M::Queue, Stat::Quantile(0.99), Kind::Gauge, D::Up, Unit::Seconds),
    // node exporter
    ("node_cpu_seconds_total", "mode=user", M::Cpu, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("node_cpu_seconds_total", "mode=idle", M::Cpu, Stat::Value, Kind::Counter, D::Down, Unit::Seconds),
    ("node_cpu_seconds_total", "mode=steal", M::CpuThrottling, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("node_load1", "", M::CpuThrottling, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("node_memory_MemAvailable_bytes", "", M::Memory, Stat::Value, Kind::Gauge, D::Down, Unit::Bytes),
    ("node_memory_MemTotal_bytes", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("node_filesystem_avail_bytes", "", M::Disk, Stat::Value, Kind::Gauge, D::Down, Unit::Bytes),
    ("node_filesystem_size_bytes", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Bytes),
    ("node_disk_io_time_seconds_total", "", M::DiskIo, Stat::Value, Kind::Counter, D::Both, Unit::Seconds),
    ("node_netstat_Tcp_RetransSegs", "", M::NetworkErrors, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("node_network_receive_errs_total", "", M::NetworkErrors, Stat::Value, Kind::Counter, D::Up, Unit::Unknown),
    ("node_pressure_cpu_waiting_seconds_total", "", M::CpuThrottling, Stat::Value, Kind::Counter, D::Up, Unit::Seconds),
    ("node_boot_time_seconds", "", M::Time, Stat::Value, Kind::Gauge, D::Neither, Unit::Seconds),
    ("node_vmstat_oom_kill", "", M::OutOfMemory, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("node_filefd_allocated", "", M::Handles, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    // data stores and brokers
    ("pg_stat_activity_count", "state=active", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("pg_settings_max_connections", "", M::Limit, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("pg_stat_database_xact_commit", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::Count),
    ("pg_stat_database_xact_rollback", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("pg_stat_database_deadlocks", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("pg_replication_lag_seconds", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Seconds),
    ("pg_up", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("mysql_global_status_threads_connected", "", M::Handles, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("redis_connected_clients", "", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("redis_memory_used_bytes", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Bytes),
    ("redis_evicted_keys_total", "", M::Evictions, Stat::Value, Kind::Counter, D::Up, Unit::Count),
    ("redis_keyspace_hits_total", "", M::CacheHits, Stat::Value, Kind::Counter, D::Down, Unit::Unknown),
    ("redis_keyspace_misses_total", "", M::CacheHits, Stat::Value, Kind::Counter, D::Up, Unit::Unknown),
    ("redis_commands_processed_total", "", M::Traffic, Stat::Value, Kind::Counter, D::Both, Unit::Count),
    ("redis_blocked_clients", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("kafka_consumergroup_lag", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("kafka_server_replicamanager_underreplicatedpartitions", "", M::Replicas, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("kafka_server_brokertopicmetrics_messagesin_total", "", M::Traffic, Stat::Value, Kind::Counter, D::Both, Unit::Count),
    ("kafka_server_brokertopicmetrics_bytesin_total", "", M::Network, Stat::Value, Kind::Counter, D::Both, Unit::Unknown),
    ("rabbitmq_queue_messages_ready", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("rabbitmq_queue_messages_published_total", "", M::Traffic, Stat::Value, Kind::Counter, D::Both, Unit::Count),
    ("rabbitmq_connections", "", M::Connections, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("elasticsearch_cluster_health_status", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("etcd_disk_wal_fsync_duration_seconds_bucket", "le=1", M::Latency, Stat::Bucket, Kind::Histogram, D::Up, Unit::Seconds),
    ("workqueue_depth", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("apiserver_flowcontrol_seat_utilization_sum", "phase=executing", M::Saturation, Stat::Sum, Kind::Histogram, D::Up, Unit::Ratio),
    ("apiserver_flowcontrol_seat_utilization_bucket", "le=0.5", M::Saturation, Stat::Bucket, Kind::Histogram, D::Up, Unit::Ratio),
    ("coredns_dns_request_duration_seconds_count", "", M::Traffic, Stat::Count, Kind::Counter, D::Both, Unit::Count),
    ("certmanager_certificate_expiration_timestamp_seconds", "", M::Time, Stat::Value, Kind::Gauge, D::Neither, Unit::Seconds),
    ("up", "job=cart", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    ("probe_success", "", M::Availability, Stat::Value, Kind::Gauge, D::Down, Unit::Count),
    // other habits
    ("checkout_latency_p99_ms", "", M::Latency, Stat::Quantile(0.99), Kind::Gauge, D::Up, Unit::Milliseconds),
    ("FrontendLatencyP95", "", M::Latency, Stat::Quantile(0.95), Kind::Gauge, D::Up, Unit::Unknown),
    ("CPUUtilization", "", M::Cpu, Stat::Value, Kind::Gauge, D::Up, Unit::Ratio),
    ("TargetResponseTime", "", M::Latency, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("HTTPCode_Target_5XX_Count", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Count),
    ("ApproximateNumberOfMessagesInQueue", "", M::Queue, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("cart.errors.rate", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("orders_qps", "", M::Traffic, Stat::Value, Kind::Gauge, D::Both, Unit::PerSecond),
    ("memory_usage_percent", "", M::Memory, Stat::Value, Kind::Gauge, D::Up, Unit::Percent),
    ("cache_hit_ratio", "", M::CacheHits, Stat::Value, Kind::Gauge, D::Down, Unit::Ratio),
    ("avg_response_time_ms", "", M::Latency, Stat::Mean, Kind::Gauge, D::Up, Unit::Milliseconds),
    ("requests_error_rate", "", M::Errors, Stat::Value, Kind::Gauge, D::Up, Unit::Unknown),
    ("frobnication_level", "", M::Other, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("", "", M::Other, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
    ("日本語", "", M::Other, Stat::Value, Kind::Gauge, D::Both, Unit::Unknown),
];

#[test]
fn classifies_names_of_many_habits() {
    let mut wrong = Vec::new();
    for &(name, label_text, measure, stat, kind, bad_direction, unit) in TABLE {
        let expected = Classification {
            measure,
            stat,
            kind,
            bad_direction,
            unit,
        };
        let found = classify(name, &labels(label_text));
        if found != expected {
            wrong.push(format!(
                "{name} {{{label_text}}}\n  expected {expected:?}\n  found    {found:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        TABLE.len(),
        wrong.join("\n")
    );
}

/// name, labels, entity, peer
#[rustfmt::skip]
const ENTITIES: &[(&str, &str, &str, &str)] = &[
    ("container_cpu_usage_cores", "namespace=hipster,pod=adservice-5f6585d649-fnmft", "Pod hipster/adservice-5f6585d649-fnmft", ""),
    ("edge_latency_p50_seconds", "namespace=hipster,source=checkout,destination=cart", "Service hipster/checkout", "Service hipster/cart"),
    ("service_error_ratio", "service=cart", "Service cart", ""),
    ("service_error_ratio", "service=cart,namespace=shop", "Service shop/cart", ""),
    ("up_seconds", "deployment=agent,namespace=shop", "Deployment shop/agent", ""),
    ("node_cpu_usage_ratio", "node=w1", "Node w1", ""),
    ("node_load1", "instance=10.0.0.7:9100,job=node-exporter,pod=node-exporter-x,namespace=monitoring", "Node 10.0.0.7", ""),
    ("kube_pod_info", "namespace=shop,pod=cart-1,node=w1,service=kube-state-metrics,job=kube-state-metrics", "Pod shop/cart-1", ""),
    ("kube_node_status_condition", "node=w1,condition=Ready,pod=ksm-1,namespace=monitoring", "Node w1", ""),
    ("kube_deployment_spec_replicas", "namespace=shop,deployment=cart,pod=ksm-1", "Deployment shop/cart", ""),
    ("kube_horizontalpodautoscaler_status_current_replicas", "namespace=shop,horizontalpodautoscaler=cart", "HorizontalPodAutoscaler shop/cart", ""),
    ("kube_service_info", "namespace=shop,service=cart", "Service shop/cart", ""),
    ("kube_pod_container_status_restarts_total", "exported_namespace=shop,exported_pod=cart-1,namespace=monitoring,pod=ksm-1", "Pod shop/cart-1", ""),
    ("kubelet_volume_stats_used_bytes", "namespace=shop,persistentvolumeclaim=data-db-0,node=w1", "PersistentVolumeClaim shop/data-db-0", ""),
    ("istio_requests_total", "source_workload=front,source_workload_namespace=shop,destination_service_name=cart,destination_service_namespace=store,reporter=source", "Workload shop/front", "Service store/cart"),
    ("istio_requests_total", "source_workload=unknown,destination_service_name=cart,destination_service_namespace=store", "Service store/cart", ""),
    ("istio_requests_total", "source_workload=front,source_workload_namespace=shop,destination_service=cart.store.svc.cluster.local", "Workload shop/front", "Service store/cart"),
    ("traces_service_graph_request_total", "client=front,server=cart", "Service front", "Service cart"),
    ("traces_service_graph_request_total", "client=front,server=api.stripe.com:443", "Service front", "ExternalHost api.stripe.com:443"),
    ("requests", "service=https://sqs.eu.amazonaws.com/scans", "Service https://sqs.eu.amazonaws.com/scans", ""),
    ("edge_latency_seconds", "source=front,destination=https://sqs.eu.amazonaws.com/scans", "Service front", "Service https://sqs.eu.amazonaws.com/scans"),
    ("edge_latency_seconds", "source=front,destination=https://api.stripe.com/", "Service front", "ExternalHost api.stripe.com"),
    ("edge_latency_seconds", "source=front,destination=http://cart.shop.svc:8080/items", "Service front", "Service shop/cart"),
    ("requests", "service=cart/prod_AWS::ApiGateway::Stage", "Service cart/prod_AWS::ApiGateway::Stage", ""),
    ("response_total", "deployment=front,namespace=shop,dst_deployment=cart,dst_namespace=store,direction=outbound", "Deployment shop/front", "Deployment store/cart"),
    ("http_requests_total", "job=shop/cart,instance=10.1.1.1:80", "Service shop/cart", ""),
    ("http_requests_total", "app=cart,pod=cart-1,namespace=shop", "Pod shop/cart-1", ""),
    ("namespace_workload_pod:kube_pod_owner:relabel", "workload=cart,workload_type=statefulset,namespace=shop", "StatefulSet shop/cart", ""),
    ("queue_depth", "workload=cart", "Workload cart", ""),
    ("nginx_ingress_controller_requests", "ingress=web,exported_namespace=shop,exported_service=cart,namespace=ingress-nginx,pod=", "Service shop/cart", ""),
    ("cost", "namespace=shop", "Namespace shop", ""),
    ("http_requests_total", "container=cart", "Workload cart", ""),
    ("http_requests_total", "container=cart,namespace=shop", "Workload shop/cart", ""),
    ("http_requests_total", "container=proxy,job=cart", "Service cart", ""),
    ("container_cpu_usage_cores", "container=POD,namespace=shop,node=w1", "Node w1", ""),
    ("cpu_usage_ratio", "kube_namespace=shop,kube_deployment=cart,kube_replica_set=cart-5d4", "Deployment shop/cart", ""),
    ("cpu_usage_ratio", "kube_namespace=shop,kube_stateful_set=db,pod_name=db-0", "Pod shop/db-0", ""),
    ("hits_total", "kube_namespace=shop,kube_service=cart", "Service shop/cart", ""),
];

#[test]
fn finds_the_entity_that_labels_name() {
    for (name, text, entity, peer) in ENTITIES {
        let mut labels = labels(text);
        labels.insert(NAME_LABEL.to_owned(), (*name).to_owned());
        let subject = subject_of(&labels).unwrap_or_else(|| panic!("{name}: no subject"));
        assert_eq!(subject.entity.to_string(), *entity, "{name} {{{text}}}");
        assert_eq!(
            subject.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            *peer,
            "{name} {{{text}}}"
        );
    }
    assert_eq!(entity_of(&labels("__name__=up,region=eu")), None);
}

#[test]
fn related_entities_are_kept() {
    let subject = subject_of(&labels(
        "__name__=kube_pod_info,namespace=shop,pod=cart-1,node=w1",
    ))
    .unwrap();
    assert_eq!(subject.related, vec![EntityRef::cluster("Node", "w1")]);
    let subject = subject_of(&labels(
        "__name__=x_requests_total,namespace=shop,pod=cart-1,app=cart",
    ))
    .unwrap();
    assert_eq!(
        subject.related,
        vec![EntityRef::namespaced("Service", "shop", "cart")]
    );
}

use claw_core::entity::EntityRef;
