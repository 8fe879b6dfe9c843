//! From text to an expression that is safe to evaluate.

use std::panic;

use claw_metrics::promql::without_raw_strings;
use promql_parser::parser::token::{T_LIMIT_RATIO, T_LIMITK};
use promql_parser::parser::{self, Expr, VectorMatchFillValues, VectorSelector};

use super::EvalError;

/// Longer queries are refused.
const MAX_QUERY_BYTES: usize = 256 << 10;
/// Queries with more words and operators are refused: the parser's work on its result is recursive.
const MAX_COMPLEXITY: usize = 4_000;
/// Expressions that nest deeper are refused.
const MAX_DEPTH: usize = 100;

/// Parses a query and refuses what Prometheus refuses without its experimental features.
pub(super) fn parse(query: &str) -> Result<Expr, EvalError> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(EvalError::unsupported(format!(
            "a query of more than {MAX_QUERY_BYTES} bytes"
        )));
    }
    if complexity(query) > MAX_COMPLEXITY {
        return Err(EvalError::unsupported(format!(
            "a query of more than {MAX_COMPLEXITY} words and operators"
        )));
    }
    // Some numbers that stand for a duration make the parser panic instead of returning an error.
    let text = without_raw_strings(query);
    let expr = panic::catch_unwind(|| parser::parse(&text))
        .map_err(|_| EvalError::parse("parse error: duration out of range"))?
        .map_err(|message| refused(&text, &message))?;
    check(&expr)?;
    Ok(expr)
}

/// Parses the selector of a `match[]` parameter.
pub(crate) fn parse_selector(text: &str) -> Result<VectorSelector, EvalError> {
    match parse(text)? {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => Ok(selector),
        _ => Err(EvalError::parse("parse error: expected a series selector")),
    }
}

/// The number of operators, brackets and gaps outside of quotes: an upper bound for how deep the expression nests.
fn complexity(query: &str) -> usize {
    let counts = |c: &char| c.is_whitespace() || (c.is_ascii_punctuation() && *c != '_');
    outside_of_strings(query).chars().filter(counts).count()
}

/// Why a query cannot be read: it is wrong, or newer than the parser.
fn refused(query: &str, message: &str) -> EvalError {
    let words = outside_of_strings(query);
    if words
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == "anchored" || word == "smoothed")
    {
        return EvalError::unsupported("the range modifiers anchored and smoothed");
    }
    let digits = |at: usize| words.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let separated = |at: usize| {
        let number = words.get(..at).unwrap_or_default();
        let start = number.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        start.len() < at && !start.ends_with(|c: char| c.is_ascii_alphabetic() || c == ':') && digits(at + 1)
    };
    if words.match_indices('_').any(|(at, _)| separated(at)) {
        return EvalError::unsupported("underscores in numbers");
    }
    // `[5m * 2]`
    let ranges = words.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    let calculates = |range: &str| {
        let rest = range.trim_start().get(1..).unwrap_or_default();
        rest.contains(['+', '-', '*', '/', '%', '^']) && range.contains(|c: char| c.is_ascii_digit())
    };
    if ranges.into_iter().any(calculates) {
        return EvalError::unsupported("arithmetic with durations");
    }
    // Only what is there has a position.
    let position = if message == "no expression found in input" {
        "unknown position: "
    } else {
        ""
    };
    EvalError::parse(format!("{position}parse error: {message}"))
}

/// The query without what is quoted in it.
fn outside_of_strings(query: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let outside = query.chars().filter(|c| match quote {
        Some(open) => {
            if escaped {
                escaped = false;
            } else if *c == '\\' && open != '`' {
                escaped = true;
            } else if *c == open {
                quote = None;
            }
            false
        }
        None => {
            if matches!(c, '"' | '\'' | '`') {
                quote = Some(*c);
            }
            quote.is_none()
        }
    });
    outside.collect()
}

/// Walks the expression without recursion and refuses experimental functions and excessive depth.
fn check(expr: &Expr) -> Result<(), EvalError> {
    let mut open = vec![(expr, 0_usize)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(EvalError::unsupported(format!(
                "an expression that nests deeper than {MAX_DEPTH} levels"
            )));
        }
        let depth = depth.saturating_add(1);
        match expr {
            Expr::Aggregate(aggregate) => {
                if [T_LIMITK, T_LIMIT_RATIO].contains(&aggregate.op.id()) {
                    return Err(EvalError::parse(format!(
                        "parse error: {}() is experimental and must be enabled with \
                         --enable-feature=promql-experimental-functions",
                        aggregate.op
                    )));
                }
                open.push((&aggregate.expr, depth));
                open.extend(aggregate.param.iter().map(|param| (param.as_ref(), depth)));
            }
            Expr::Unary(unary) => open.push((&unary.expr, depth)),
            Expr::Binary(binary) => {
                let fill = binary.modifier.as_ref().map(|modifier| &modifier.fill_values);
                if fill.is_some_and(|fill| *fill != VectorMatchFillValues::default()) {
                    return Err(EvalError::parse(
                        "parse error: binop fill modifiers are experimental and not enabled",
                    ));
                }
                open.push((&binary.lhs, depth));
                open.push((&binary.rhs, depth));
            }
            Expr::Paren(paren) => open.push((&paren.expr, depth)),
            Expr::Subquery(subquery) => open.push((&subquery.expr, depth)),
            Expr::Call(call) => {
                if call.func.experimental {
                    let name = call.func.name;
                    return Err(EvalError::parse(format!(
                        "parse error: function {name:?} is not enabled"
                    )));
                }
                open.extend(call.args.args.iter().map(|arg| (arg.as_ref(), depth)));
            }
            _ => {}
        }
    }
    Ok(())
}
