//! From text to an expression that is safe to evaluate.

use std::panic;

use promql_parser::parser::{self, Expr, VectorSelector};

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
    let expr = panic::catch_unwind(|| parser::parse(query))
        .map_err(|_| EvalError::parse("parse error: duration out of range"))?
        .map_err(syntax)?;
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
    let mut quote = None;
    let mut escaped = false;
    let mut count = 0_usize;
    for c in query.chars() {
        match quote {
            Some(open) => {
                if escaped {
                    escaped = false;
                } else if c == '\\' && open != '`' {
                    escaped = true;
                } else if c == open {
                    quote = None;
                }
            }
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c.is_whitespace() || (c.is_ascii_punctuation() && c != '_') => {
                count = count.saturating_add(1)
            }
            None => {}
        }
    }
    count
}

fn syntax(message: String) -> EvalError {
    EvalError::parse(format!("parse error: {message}"))
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
                open.push((&aggregate.expr, depth));
                open.extend(aggregate.param.iter().map(|param| (param.as_ref(), depth)));
            }
            Expr::Unary(unary) => open.push((&unary.expr, depth)),
            Expr::Binary(binary) => {
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
