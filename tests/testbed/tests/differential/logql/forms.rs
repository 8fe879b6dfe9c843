//! The forms of LogQL that select lines, what else is in the API, and what is none.

use super::both::Both;
use super::lines::{Begin, SECOND};
use crate::ask::Ask;

const SELECTORS: &[&str] = &[
    "{namespace=\"shop\"}",
    "{ namespace = \"shop\" }",
    "{namespace=\"shop\",pod=\"cart-1\"}",
    "{namespace=\"shop\",pod!=\"cart-1\"}",
    "{namespace=~\"sh.*\"}",
    "{namespace=~\"sh\"}",
    "{namespace=~\"shop|bank\",pod!~\"cart.*\"}",
    "{namespace=~\".+\"}",
    "{pod=~\".+\",namespace!=\"shop\"}",
    "{namespace=\"shop\",container=\"\"}",
    "{namespace=\"shop\",app!=\"\"}",
    "{namespace=\"shop\",app=\"\"}",
    "{namespace=\"shop\",none=\"\"}",
    "{namespace=\"shop\",none=~\".*\"}",
    "{namespace=\"zürich\"}",
    "{odd=\"two\\nlines\"}",
    "{odd=~\"two.lines\"}",
    "{odd=~\"(?s)two.lines\"}",
    "{filename=\"/var/log/a \\\"b\\\" \\\\c\"}",
    "{filename=`/var/log/a \"b\" \\c`}",
    "{namespace=~\"(?i)SHOP\"}",
    "{service_name=\"ledger\"}",
    "{service_name=\"cart\"}",
    "{service_name=\"unknown_service\"}",
    "{job=\"varlogs\"}",
    "# a remark\n{namespace=\"shop\"} # another",
];

const FILTERS: &[&str] = &[
    "|= \"refused\"",
    "|=\"refused\"",
    "|= `refused`",
    "|= \"\"",
    "!= \"\"",
    "!= \"refused\"",
    "|~ \"refused|deadlock\"",
    "!~ \"refused|deadlock\"",
    "|~ \"^ERROR\"",
    "|~ \"[0-9]+ ms$\"",
    "|~ \"(?i)error\"",
    "|~ `\\d+ ms`",
    "|~ \"caf.\"",
    "|~ \"caf\\\\W\"",
    "|= \"café\"",
    "|= \"\\\"quoted\\\"\"",
    "|= `\"quoted\"`",
    "|= \"back\\\\slash\"",
    "|= \"one\\ntwo\"",
    "|~ \"one.two\"",
    "|~ \"(?s)one.two\"",
    "|= \"\\t\"",
    "|= \"\\u2615\"",
    "|= \"\\x45RROR\"",
    "|= \"cart\" |= \"200\"",
    "|= \"cart\" != \"/cart/8\"",
    "|= \"refused\" or \"deadlock\"",
    "|= \"refused\" or \"deadlock\" or \"plain\"",
    "!= \"refused\" or \"deadlock\"",
    "|~ \"ref.*\" or \"dead.*\"",
    "!~ \"ref.*\" or \"dead.*\"",
    "|= \"ERROR\" or \"panic\" != \"(4)\"",
    "|~ \"\"",
    "|= \"REFUSED\"",
];

/// Queries of the above that are meant to find nothing.
const EMPTY: &[&str] = &[
    "{namespace=~\"sh\"}",
    "{namespace=\"shop\",container=\"\"}",
    "{namespace=~\".+\"} != \"\"",
    "{namespace=~\".+\"} |= \"REFUSED\"",
    // A dot is no new line.
    "{namespace=~\".+\"} |~ \"one.two\"",
];

const BROKEN: &[&str] = &[
    "",
    "{}",
    "{namespace}",
    "{namespace=}",
    "{namespace=shop}",
    "{namespace=\"shop\"",
    "{namespace=\"shop\"} }",
    "{namespace=\"shop\",}",
    "{namespace=\"shop\"} |",
    "{namespace=\"shop\"} |=",
    "{namespace=\"shop\"} |= refused",
    "{namespace=\"shop\"} = \"refused\"",
    "{namespace=\"shop\"} |= \"a\" or",
    "{namespace=\"shop\"} |~ \"(\"",
    "{namespace=~\"(\"}",
    "{namespace=~\".*\"}",
    "{namespace=\"\"}",
    "{namespace!=\"shop\"}",
    "{namespace!~\"shop\"}",
    "{namespace=~\"\"}",
    "{namespace=\"shop\"} {pod=\"a\"}",
    "{1a=\"b\"}",
    "{a-b=\"c\"}",
    "{namespace==\"shop\"}",
    "namespace=\"shop\"",
    "\"shop\"",
    "shop",
    "{namespace='shop'}",
    "{namespace=\"shop}",
    "{namespace=\"sh\\qop\"}",
    "{namespace=`shop}",
];

fn api(begin: Begin) -> Vec<Ask> {
    let path = "/loki/api/v1/query_range";
    let (start, end) = (begin.0.to_string(), (begin.0 + 3600).to_string());
    let query = ("query", "{namespace=\"shop\"}");
    let mut asks = Vec::new();
    for direction in ["forward", "backward", "FORWARD", "Backward", "up", ""] {
        for limit in ["1", "7", "5000"] {
            asks.push(Ask::get(
                path,
                &[
                    query,
                    ("start", &start),
                    ("end", &end),
                    ("direction", direction),
                    ("limit", limit),
                ],
            ));
        }
    }
    for limit in ["0", "-1", "x", "5001", "1.5", ""] {
        asks.push(Ask::get(path, &[query, ("start", &start), ("end", &end), ("limit", limit)]).worded());
    }
    let middle = begin.at(600 * SECOND);
    let written = [
        middle.to_string(),
        middle.to_string().replace('Z', "+00:00"),
        middle.as_second().to_string(),
        format!("{}.5", middle.as_second()),
        middle.as_nanosecond().to_string(),
    ];
    let wrong = ["now", "", "2025-02-19"].map(str::to_owned);
    for time in written.iter().chain(&wrong).map(String::as_str) {
        asks.push(Ask::get(
            path,
            &[query, ("start", time), ("end", &end), ("limit", "5000")],
        ));
        asks.push(Ask::get(
            path,
            &[query, ("start", &start), ("end", time), ("limit", "5000")],
        ));
    }
    asks.push(Ask::get(path, &[query, ("start", &end), ("end", &start)]).worded());
    asks.push(Ask::get(path, &[query, ("start", &start), ("end", &start)]).worded());
    for since in ["1h", "10m", "x", "1d"] {
        asks.push(Ask::get(
            path,
            &[query, ("end", &end), ("since", since), ("limit", "5000")],
        ));
    }
    for path in [
        "/loki/api/v1/labels",
        "/loki/api/v1/label/namespace/values",
        "/loki/api/v1/label/none/values",
        "/loki/api/v1/label/service_name/values",
        "/loki/api/v1/series",
    ] {
        let selector = if path.ends_with("series") {
            "match[]"
        } else {
            "query"
        };
        for text in [
            "",
            "{namespace=\"shop\"}",
            "{pod=~\"cart.*\"}",
            "{none=\"x\"}",
            "{namespace!=\"shop\"}",
            "nonsense",
            "{namespace=\"shop\"} |= \"a\"",
        ] {
            asks.push(Ask::get(
                path,
                &[(selector, text), ("start", &start), ("end", &end)],
            ));
        }
        asks.push(Ask::get(path, &[("start", &start), ("end", &end)]));
        asks.push(Ask::get(path, &[("start", &end), ("end", &start)]));
    }
    for query in ["{namespace=\"shop\"}", "", "{"] {
        asks.push(Ask::get("/loki/api/v1/query", &[("query", query), ("time", &end)]).worded());
    }
    asks
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_loki_find_the_same_lines() {
    const TEST: &str = "forms of LogQL";
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, TEST).await else {
        return;
    };
    for selector in SELECTORS {
        let ask = both.range(selector, 0, 3600);
        both.same(&ask).await;
    }
    for filter in FILTERS {
        both.same(&both.range(&format!("{{namespace=~\".+\"}} {filter}"), 0, 3600))
            .await;
    }
    both.expect_results(EMPTY);
    for query in BROKEN {
        let ask = both.range(query, 0, 3600);
        both.same(&ask).await;
    }
    for ask in api(both.begin) {
        both.same(&ask).await;
        both.same(&ask.posted()).await;
    }
    both.end(TEST);
}
