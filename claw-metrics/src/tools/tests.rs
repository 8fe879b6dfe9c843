use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::ManualClock;
use claw_core::tool::{ErasedTool, Tool, ToolContext, ToolErrorKind};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::logs::{LogAnswer, LogLine, MockLogSource};
use crate::series::{Labels, Series};
use crate::source::{Answer, Metadata, MockMetricSource, Names, SourceError};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(ManualClock::at(at(0))), Duration::from_secs(5))
}

#[test]
fn schemas_are_stable() {
    let metrics = || Arc::new(MockMetricSource::new());
    let tools: [Box<dyn ErasedTool>; 3] = [
        Box::new(QueryPrometheus::new(metrics())),
        Box::new(ListMetrics::new(metrics())),
        Box::new(SearchLogs::new(Arc::new(MockLogSource::new()))),
    ];
    for tool in tools {
        insta::assert_json_snapshot!(tool.name(), tool.spec());
    }
}

#[tokio::test]
async fn a_range_without_step_gets_one_that_suits_it() {
    let mut source = MockMetricSource::new();
    source
        .expect_range()
        .withf(|_, query, grid| {
            query == "up" && grid.step == 30 && grid.start == at(0) && grid.end == at(3600)
        })
        .times(1)
        .returning(|_, _, _| Ok(Answer::default()));
    let tool = QueryPrometheus::new(Arc::new(source));
    let output = tool
        .call(&cx(), QueryPrometheusInput::range("up", at(0), at(3600), None))
        .await
        .unwrap();
    assert!(output.series.is_empty() && !output.truncated);
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_server() {
    let tool = QueryPrometheus::new(Arc::new(MockMetricSource::new()));
    let valid = QueryPrometheusInput::range("up", at(0), at(60), Some(15));
    for (wrong, reason) in [
        (QueryPrometheusInput::instant("up{"), "not valid"),
        (
            QueryPrometheusInput {
                end: None,
                ..valid.clone()
            },
            "belong together",
        ),
        (
            QueryPrometheusInput {
                time: Some(at(0)),
                ..valid.clone()
            },
            "not both",
        ),
        (
            QueryPrometheusInput {
                step: Some(0),
                ..valid.clone()
            },
            "at least 1",
        ),
        (
            QueryPrometheusInput {
                step: Some(5),
                ..QueryPrometheusInput::instant("up")
            },
            "needs start",
        ),
        (QueryPrometheusInput::range("up", at(60), at(0), None), "swap"),
        (
            QueryPrometheusInput::range("up", at(0), at(86_400), Some(1)),
            "at least 8 seconds",
        ),
        (
            QueryPrometheusInput::range("up", Timestamp::MIN, Timestamp::MAX, Some(1)),
            "at least",
        ),
    ] {
        let error = tool.call(&cx(), wrong).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let error = tool
        .call_json(&cx(), json!({ "query": "up", "steps": 5 }))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("unknown field"), "{error}");
}

#[tokio::test]
async fn what_was_cut_is_said() {
    let series = |name: &str, points: i64| {
        let labels: Labels = [("__name__".to_owned(), name.to_owned())].into();
        Series::new(labels, (0..points).map(|i| (at(i), 1.0)).collect())
    };
    let mut source = MockMetricSource::new();
    let answer = Answer {
        series: vec![series("a", 150_000), series("b", 60_000)],
        warnings: vec!["w".to_owned()],
        total: 2,
    };
    source
        .expect_instant()
        .returning(move |_, _, _| Ok(answer.clone()));
    let output = QueryPrometheus::new(Arc::new(source))
        .call(&cx(), QueryPrometheusInput::instant("x"))
        .await
        .unwrap();
    assert_eq!(
        (output.series.len(), output.total_series, output.truncated),
        (1, 2, true)
    );
    assert_eq!(output.warnings, vec!["w"]);
}

#[tokio::test]
async fn names_come_with_type_and_unit_and_without_metadata_too() {
    let names = || Names {
        names: ["http_seconds_bucket", "up"].map(str::to_owned).to_vec(),
        warnings: Vec::new(),
    };
    let mut source = MockMetricSource::new();
    source
        .expect_names()
        .withf(|_, selector, _| *selector == Some("{a=\"b\"}"))
        .returning(move |_, _, _| Ok(names()));
    source.expect_metadata().returning(|_| {
        let known = Metadata {
            kind: "histogram".to_owned(),
            unit: "seconds".to_owned(),
            help: String::new(),
        };
        Ok(BTreeMap::from([("http_seconds".to_owned(), known)]))
    });
    let input = ListMetricsInput {
        selector: Some("{a=\"b\"}".to_owned()),
        ..Default::default()
    };
    let output = ListMetrics::new(Arc::new(source))
        .call(&cx(), input.clone())
        .await
        .unwrap();
    assert_eq!(output.metrics[0].kind.as_deref(), Some("histogram"));
    assert_eq!(
        (output.metrics[1].kind.as_deref(), output.warnings.len()),
        (None, 0)
    );

    let mut source = MockMetricSource::new();
    source.expect_names().returning(move |_, _, _| Ok(names()));
    source.expect_metadata().returning(|_| {
        Err(SourceError::Malformed {
            service: "prometheus",
            what: "not json".to_owned(),
        })
    });
    let tool = ListMetrics::new(Arc::new(source));
    let output = tool.call(&cx(), input).await.unwrap();
    assert_eq!((output.metrics.len(), output.warnings.len()), (2, 1));
    let wrong = ListMetricsInput {
        selector: Some("rate(up[5m])".to_owned()),
        ..Default::default()
    };
    assert_eq!(
        tool.call(&cx(), wrong).await.unwrap_err().kind(),
        ToolErrorKind::InvalidInput
    );
}

fn search() -> SearchLogsInput {
    SearchLogsInput {
        namespace: Some("shop".to_owned()),
        pod: None,
        container: None,
        labels: BTreeMap::new(),
        contains: Some(String::new()),
        start: at(0),
        end: at(60),
        limit: None,
    }
}

#[tokio::test]
async fn log_searches_have_a_limit_and_long_lines_are_cut() {
    let mut source = MockLogSource::new();
    source
        .expect_search()
        .withf(|_, query| query.limit == 1000 && query.contains.is_none())
        .returning(|_, _| {
            let line = |second, text: String| LogLine {
                time: at(second),
                labels: BTreeMap::new(),
                line: text,
            };
            Ok(LogAnswer {
                lines: vec![line(1, "ü".repeat(20_000)), line(2, "short".to_owned())],
                ..Default::default()
            })
        });
    let tool = SearchLogs::new(Arc::new(source));
    let output = tool.call(&cx(), search()).await.unwrap();
    assert!(
        output.truncated && output.lines[0].line.ends_with("… (cut)") && output.lines[0].line.len() < 17_000
    );
    assert_eq!(output.lines[1].line, "short");
    for wrong in [
        SearchLogsInput {
            limit: Some(0),
            ..search()
        },
        SearchLogsInput {
            limit: Some(5001),
            ..search()
        },
        SearchLogsInput {
            namespace: Some(String::new()),
            ..search()
        },
        SearchLogsInput {
            start: at(61),
            ..search()
        },
    ] {
        assert_eq!(
            tool.call(&cx(), wrong).await.unwrap_err().kind(),
            ToolErrorKind::InvalidInput
        );
    }
}

#[tokio::test]
async fn too_much_text_keeps_the_newest_lines() {
    let mut source = MockLogSource::new();
    source.expect_search().returning(|_, _| {
        let lines = (0..2000)
            .map(|i| LogLine {
                time: at(i),
                labels: BTreeMap::new(),
                line: "x".repeat(10_000),
            })
            .collect();
        Ok(LogAnswer {
            lines,
            ..Default::default()
        })
    });
    let output = SearchLogs::new(Arc::new(source))
        .call(&cx(), search())
        .await
        .unwrap();
    assert!(output.truncated && output.lines.len() < 900);
    assert_eq!(output.lines.last().unwrap().time, at(1999));
}
