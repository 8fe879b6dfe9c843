//! Checks on PromQL before it is sent: syntax, and how much it would make the server read.

use std::time::Duration;

use claw_core::tool::ToolError;
use promql_parser::parser::{Expr, Offset};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::promql::without_raw_strings;

/// Longest query in bytes. The parser's result is a tree that is dropped recursively, so length bounds depth.
const MAX_LENGTH: usize = 4 * 1024;
/// Longest range of a selector or subquery, and farthest offset: a little over a year.
const MAX_REACH: Duration = Duration::from_secs(400 * 86_400);
/// Most selectors in one query.
const MAX_SELECTORS: usize = 64;

/// Refuses a query that is not PromQL, or that reads more than any sensible one.
pub(crate) fn check(query: &str) -> Result<(), ToolError> {
    let expr = parse(query)?;
    let mut reach = Reach::default();
    walk_expr(&mut reach, &expr).map_err(ToolError::invalid_input)?;
    if reach.selectors > MAX_SELECTORS {
        return Err(ToolError::invalid_input(format!(
            "query has {} selectors, at most {MAX_SELECTORS} are allowed; split it",
            reach.selectors
        )));
    }
    Ok(())
}

/// Refuses what is not a plain series selector, `up{namespace="shop"}`.
pub(super) fn check_selector(selector: &str) -> Result<(), ToolError> {
    match parse(selector)? {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => Ok(()),
        _ => Err(ToolError::invalid_input(
            "match must be a plain series selector such as {namespace=\"shop\"}; leave functions, ranges and offsets out",
        )),
    }
}

fn parse(query: &str) -> Result<Expr, ToolError> {
    if query.trim().is_empty() {
        return Err(ToolError::invalid_input(
            "query is empty; give a PromQL expression",
        ));
    }
    if query.len() > MAX_LENGTH {
        return Err(ToolError::invalid_input(format!(
            "query is {} bytes long, at most {MAX_LENGTH} are allowed",
            query.len()
        )));
    }
    let text = without_raw_strings(query);
    // Some numbers that stand for a duration make the parser panic instead of returning an error.
    std::panic::catch_unwind(|| promql_parser::parser::parse(&text))
        .unwrap_or_else(|_| Err("a duration is out of range".to_owned()))
        .map_err(|error| ToolError::invalid_input(format!("query is not valid PromQL: {error}")))
}

#[derive(Default)]
struct Reach {
    selectors: usize,
}

impl ExprVisitor for Reach {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let (range, offset) = match expr {
            Expr::VectorSelector(selector) => {
                self.selectors += 1;
                (Duration::ZERO, &selector.offset)
            }
            Expr::MatrixSelector(selector) => {
                self.selectors += 1;
                (selector.range, &selector.vs.offset)
            }
            Expr::Subquery(subquery) => (subquery.range, &subquery.offset),
            _ => return Ok(true),
        };
        let offset = match offset {
            Some(Offset::Pos(by) | Offset::Neg(by)) => *by,
            None => Duration::ZERO,
        };
        if range > MAX_REACH || offset > MAX_REACH {
            return Err("query reaches back more than 400 days; use a shorter range or offset".to_owned());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_people_write() {
        for query in [
            "up",
            r#"sum by (pod) (rate(http_requests_total{namespace="shop",code=~"5.."}[5m] offset 1d))"#,
            "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
            "max_over_time(deriv(rate(a[1m])[5m:10s])[30m:1m])",
            "1 - avg(a) / avg(b)",
            r"up{pod=~`cart-\d+`}",
        ] {
            check(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        for (query, reason) in [
            ("", "empty"),
            ("sum(", "not valid"),
            ("rate(a[1e300])", "out of range"),
            ("a offset 1e300", "out of range"),
            ("a[NaN]", "not valid"),
            ("rate(a[500d])", "400 days"),
            ("a offset 500d", "400 days"),
            ("avg_over_time(a[500d:1h])", "400 days"),
        ] {
            let error = check(query).expect_err(query).to_string();
            assert!(error.contains(reason), "{query}: {error}");
        }
        assert!(check(&"a + ".repeat(70).chars().chain(['a']).collect::<String>()).is_err());
        assert!(check(&"a".repeat(MAX_LENGTH + 1)).is_err());
    }

    #[test]
    fn survives_deep_nesting() {
        for (open, close) in [("(", ")"), ("-", ""), ("abs(", ")"), ("1+", "")] {
            let depth = (MAX_LENGTH - 1) / (open.len() + close.len());
            let _ = check(&format!("{}1{}", open.repeat(depth), close.repeat(depth)));
        }
    }

    #[test]
    fn selectors_are_plain() {
        assert!(check_selector(r#"{namespace="shop"}"#).is_ok());
        assert!(check_selector("up").is_ok());
        for query in ["rate(up[5m])", "up[5m]", "up offset 5m", "up + up", "{}"] {
            assert!(check_selector(query).is_err(), "{query}");
        }
    }
}
