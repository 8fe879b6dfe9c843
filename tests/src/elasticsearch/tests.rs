use proptest::prelude::*;
use serde_json::{Value, json};

use super::query::Query;
use super::{Mapping, Server, Store};
use crate::http_probe::{Answer, get, post};

fn store(mapping: Mapping) -> Store {
    let mut store = Store::new(mapping);
    for (second, namespace, pod, message) in [
        (0, "shop", "cart-1", "Started in 3.2 seconds"),
        (10, "shop", "cart-1", "GET /cart 500: connection refused"),
        (20, "shop", "db-0", "Connection to replica lost, refused by peer"),
        (30, "shop-test", "cart-1", "connection refused"),
    ] {
        store.index(
            "logs-2026",
            json!({
                "@timestamp": format!("2026-03-01T10:00:{second:02}.000Z"),
                "message": message,
                "level": second / 10,
                "kubernetes": { "namespace": namespace, "pod": { "name": pod }, "labels": { "app": "x" } },
            }),
        );
    }
    store.index(
        "audit",
        json!({ "@timestamp": "2026-03-01T10:00:05Z", "message": "login" }),
    );
    store
}

async fn ask(server: &Server, path: &str, body: &Value) -> Answer {
    post(
        &format!("{}/{path}", server.url()),
        "application/json",
        &body.to_string(),
    )
    .await
}

async fn found(server: &Server, query: Value) -> Vec<String> {
    let body = json!({ "query": query, "size": 100, "sort": [{ "@timestamp": { "order": "asc" } }] });
    let answer = ask(server, "logs-*/_search", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let hits = answer.json()["hits"]["hits"].as_array().unwrap().clone();
    hits.iter()
        .map(|hit| hit["_source"]["@timestamp"].as_str().unwrap()[17..19].to_owned())
        .collect()
}

#[tokio::test]
async fn words_phrases_and_whole_values_are_found() {
    let server = Server::start(store(Mapping::ecs())).await.unwrap();
    for (query, expected) in [
        (json!({ "match_all": {} }), vec!["00", "10", "20", "30"]),
        (
            json!({ "match": { "message": "REFUSED started" } }),
            vec!["00", "10", "20", "30"],
        ),
        (
            json!({ "match": { "message": { "query": "lost refused", "operator": "and" } } }),
            vec!["20"],
        ),
        (
            json!({ "match_phrase": { "message": "connection refused" } }),
            vec!["10", "30"],
        ),
        (json!({ "match_phrase": { "message": "nection ref" } }), vec![]),
        (
            json!({ "term": { "kubernetes.namespace": "shop" } }),
            vec!["00", "10", "20"],
        ),
        (
            json!({ "term": { "kubernetes.namespace": { "value": "shop-test" } } }),
            vec!["30"],
        ),
        (json!({ "term": { "level": 2 } }), vec!["20"]),
        (
            json!({ "terms": { "kubernetes.pod.name": ["db-0", "nope"] } }),
            vec!["20"],
        ),
        (
            json!({ "prefix": { "kubernetes.pod.name": "cart" } }),
            vec!["00", "10", "30"],
        ),
        (
            json!({ "wildcard": { "kubernetes.pod.name": { "value": "*-?" } } }),
            vec!["00", "10", "20", "30"],
        ),
        (
            json!({ "exists": { "field": "kubernetes.labels.app" } }),
            vec!["00", "10", "20", "30"],
        ),
        (json!({ "exists": { "field": "trace" } }), vec![]),
        (
            json!({ "range": { "@timestamp": { "gte": "2026-03-01T10:00:10Z", "lt": "2026-03-01T10:00:30Z" } } }),
            vec!["10", "20"],
        ),
        (
            json!({ "range": { "@timestamp": { "gt": 1_772_359_210_000_i64 } } }),
            vec!["20", "30"],
        ),
        (json!({ "range": { "level": { "lte": 1 } } }), vec!["00", "10"]),
        (
            json!({ "bool": {
                "filter": [{ "term": { "kubernetes.namespace": "shop" } }],
                "must_not": { "match": { "message": "started" } },
                "should": [{ "match": { "message": "nothing" } }],
            } }),
            vec!["10", "20"],
        ),
        (
            json!({ "bool": { "should": [{ "term": { "level": 0 } }, { "term": { "level": 3 } }] } }),
            vec!["00", "30"],
        ),
        (
            json!({ "bool": { "minimum_should_match": 2, "should": [{ "term": { "level": 1 } }, { "match": { "message": "get" } }, { "match_none": {} }] } }),
            vec!["10"],
        ),
    ] {
        assert_eq!(found(&server, query.clone()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_mapping_that_made_itself_has_keywords_below_texts() {
    let server = Server::start(store(Mapping::dynamic())).await.unwrap();
    // By words, `shop` finds `shop-test` too, and what has a hyphen finds nothing.
    assert_eq!(
        found(&server, json!({ "term": { "kubernetes.namespace": "shop" } }))
            .await
            .len(),
        4
    );
    assert_eq!(
        found(
            &server,
            json!({ "term": { "kubernetes.namespace": "shop-test" } })
        )
        .await
        .len(),
        0
    );
    assert_eq!(
        found(
            &server,
            json!({ "term": { "kubernetes.namespace.keyword": "shop-test" } })
        )
        .await,
        ["30"]
    );
    let plain = Server::start(store(Mapping::ecs())).await.unwrap();
    assert!(
        found(
            &plain,
            json!({ "term": { "kubernetes.namespace.keyword": "shop" } })
        )
        .await
        .is_empty()
    );
}

#[tokio::test]
async fn results_are_sorted_cut_and_filtered() {
    let server = Server::start(store(Mapping::ecs())).await.unwrap();
    let body = json!({
        "size": 2, "from": 1, "track_total_hits": true, "timeout": "5s",
        "sort": [{ "@timestamp": { "order": "desc", "unmapped_type": "date" } }],
        "_source": ["message", "kubernetes.labels.*"],
    });
    let answer = ask(&server, "logs-*/_search", &body).await.json();
    assert_eq!(answer["hits"]["total"], json!({ "value": 4, "relation": "eq" }));
    assert_eq!(
        answer["hits"]["hits"][0],
        json!({
            "_index": "logs-2026", "_id": "00000003", "_score": null, "sort": [1_772_359_220_000_i64],
            "_source": { "message": "Connection to replica lost, refused by peer", "kubernetes": { "labels": { "app": "x" } } },
        })
    );
    assert_eq!(answer["hits"]["hits"].as_array().unwrap().len(), 2);
    let all = ask(&server, "_search", &json!({ "track_total_hits": false }))
        .await
        .json();
    assert_eq!(
        (
            all["hits"]["hits"].as_array().unwrap().len(),
            &all["hits"]["total"]
        ),
        (5, &Value::Null)
    );
    assert_eq!(
        ask(&server, "audit,logs-*/_count", &json!({})).await.json()["count"],
        5
    );
    assert_eq!(
        get(&format!("{}/audit/_search", server.url()), &[]).await.status,
        200
    );
}

#[tokio::test]
async fn what_is_unknown_is_refused() {
    let server = Server::start(store(Mapping::ecs())).await.unwrap();
    for (body, kind, reason) in [
        (
            json!({ "query": { "telepathy": {} } }),
            "parsing_exception",
            "unknown query [telepathy]",
        ),
        (
            json!({ "query": { "query_string": { "query": "a" } } }),
            "parsing_exception",
            "not supported",
        ),
        (json!({ "query": {} }), "parsing_exception", "expected one clause"),
        (
            json!({ "query": { "term": {} } }),
            "parsing_exception",
            "expected one field",
        ),
        (
            json!({ "query": { "bool": { "filters": [] } } }),
            "parsing_exception",
            "does not support [filters]",
        ),
        (
            json!({ "query": { "range": { "a": { "gte": "now-1h" } } } }),
            "parsing_exception",
            "date math",
        ),
        (json!({ "aggs": {} }), "parsing_exception", "not supported"),
        (json!({ "sizes": 1 }), "parsing_exception", "Unknown key"),
        (
            json!({ "sort": [{ "a": "up" }] }),
            "parsing_exception",
            "Unknown SortOrder [up]",
        ),
        (
            json!({ "size": 10_001 }),
            "illegal_argument_exception",
            "Result window is too large",
        ),
        (
            json!({ "size": -1 }),
            "illegal_argument_exception",
            "cannot be negative",
        ),
        (json!([]), "parsing_exception", "START_OBJECT"),
    ] {
        let answer = ask(&server, "logs-*/_search", &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["type"]),
            (400, &json!(kind)),
            "{body}: {error}"
        );
        assert!(
            error["reason"].as_str().unwrap().contains(reason),
            "{body}: {error}"
        );
    }
    let missing = ask(&server, "nope/_search", &json!({})).await;
    assert_eq!(
        (missing.status, &missing.json()["error"]["type"]),
        (404, &json!("index_not_found_exception"))
    );
    assert_eq!(
        ask(&server, "nope/_search?ignore_unavailable=true", &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(ask(&server, "nope-*/_search", &json!({})).await.status, 200);
}

proptest! {
    #[test]
    fn a_message_is_found_by_each_of_its_phrases(
        words in prop::collection::vec("[a-z0-9]{1,6}", 1..8),
        from in 0_usize..8,
        count in 1_usize..8,
    ) {
        let from = from.min(words.len() - 1);
        let phrase = words[from..(from + count).min(words.len())].join(", ");
        let document = json!({ "message": words.join(" ") });
        let accepts = |query: Value| Query::parse(&query).unwrap().accepts(&document, &Mapping::ecs());
        let as_phrase = accepts(json!({ "match_phrase": { "message": phrase } }));
        let as_words = accepts(json!({ "match": { "message": { "query": phrase, "operator": "and" } } }));
        let as_other = accepts(json!({ "match_phrase": { "message": "zzzzzzz" } }));
        prop_assert_eq!((as_phrase, as_words, as_other), (true, true, false));
    }
}
