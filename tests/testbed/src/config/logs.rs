//! How Loki stores: in files of the run, and old lines too.

use serde_json::{Value, json};

use crate::run::RunFolder;

/// One process, all in files. Lines may be old, and come in any order.
pub(super) fn loki(run: &RunFolder) -> Value {
    let here = "127.0.0.1";
    json!({
        "auth_enabled": false,
        "analytics": { "reporting_enabled": false },
        "server": {
            "http_listen_address": here,
            "http_listen_port": run.port("loki"),
            "grpc_listen_address": here,
            "grpc_listen_port": run.port("loki-grpc"),
            "log_level": "warn",
        },
        "common": {
            "instance_addr": here,
            "path_prefix": run.file("loki"),
            "replication_factor": 1,
            "ring": { "instance_addr": here, "kvstore": { "store": "inmemory" } },
            "storage": {
                "filesystem": {
                    "chunks_directory": run.file("loki/chunks"),
                    "rules_directory": run.file("loki/rules"),
                },
            },
        },
        "ingester": {
            // A stream takes lines that are up to half of this older than its newest.
            "max_chunk_age": "4320h",
            // It is alone: nothing to wait for at either end.
            "lifecycler": { "min_ready_duration": "0s", "final_sleep": "0s" },
        },
        // Lines of any age may still be in memory only.
        "querier": { "query_ingesters_within": "0s" },
        // Its parts look for each other in this interval, and the default of ten seconds would delay the start.
        "frontend": { "scheduler_dns_lookup_period": "1s" },
        "frontend_worker": { "dns_lookup_duration": "1s" },
        "schema_config": {
            "configs": [{
                "from": "2020-01-01",
                "store": "tsdb",
                "object_store": "filesystem",
                "schema": "v13",
                "index": { "prefix": "index_", "period": "24h" },
            }],
        },
        "limits_config": {
            "reject_old_samples": false,
            "unordered_writes": true,
            "ingestion_rate_mb": 64,
            "ingestion_burst_size_mb": 128,
            "per_stream_rate_limit": "64MB",
            "per_stream_rate_limit_burst": "128MB",
            "max_query_length": "0s",
            "split_queries_by_interval": "24h",
            "allow_structured_metadata": true,
            "volume_enabled": true,
        },
    })
}
