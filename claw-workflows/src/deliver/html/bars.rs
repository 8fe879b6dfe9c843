//! Picture of how a hypothesis came to its score.

use serde::Serialize;

use super::measure::{fitted, px};
use crate::deliver::view::{Hypothesis, Term};

const WIDTH: f64 = 500.0;
const LABELS: f64 = 226.0;
const VALUES: f64 = 44.0;
const ROW: f64 = 19.0;
const TOP: f64 = 4.0;
/// Terms that get a bar of their own; the rest share one.
const TERMS: usize = 9;

/// Bars to the right speak for the cause, bars to the left against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Picture {
    width: i32,
    height: i32,
    zero: i32,
    bars: Vec<Bar>,
    /// Sum of all terms.
    sum: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Bar {
    label: String,
    name: String,
    value: String,
    value_x: i32,
    value_anchor: &'static str,
    x: i32,
    y: i32,
    width: i32,
    speaks_for: bool,
}

impl Picture {
    /// `None` where there are no terms.
    pub(super) fn new(hypothesis: &Hypothesis) -> Option<Self> {
        if hypothesis.terms.is_empty() {
            return None;
        }
        let terms = largest(&hypothesis.terms);
        let most = terms.iter().map(|term| term.log_odds).fold(0.0, f64::max);
        let least = terms.iter().map(|term| term.log_odds).fold(0.0, f64::min);
        let span = (most - least).max(0.1);
        let plot = WIDTH - LABELS - 2.0 * VALUES;
        let zero = LABELS + VALUES - least / span * plot;
        let bars = terms
            .iter()
            .enumerate()
            .map(|(index, term)| {
                let speaks_for = term.log_odds >= 0.0;
                let length = (term.log_odds.abs() / span * plot).max(1.0);
                let x = if speaks_for { zero } else { zero - length };
                Bar {
                    label: fitted(&term.name, LABELS, 11.5),
                    name: term.name.clone(),
                    value: signed(term.log_odds),
                    value_x: px(if speaks_for { x + length + 4.0 } else { x - 4.0 }),
                    value_anchor: if speaks_for { "start" } else { "end" },
                    x: px(x),
                    y: px(TOP + ROW * index as f64),
                    width: px(length).max(1),
                    speaks_for,
                }
            })
            .collect();
        Some(Self {
            width: px(WIDTH),
            height: px(TOP + ROW * terms.len() as f64 + 2.0),
            zero: px(zero),
            bars,
            sum: signed(hypothesis.terms.iter().map(|term| term.log_odds).sum()),
        })
    }
}

/// The terms that weigh most, in their order, and the rest as one.
fn largest(terms: &[Term]) -> Vec<Term> {
    if terms.len() <= TERMS.saturating_add(1) {
        return terms.to_vec();
    }
    let mut order: Vec<_> = terms.iter().enumerate().collect();
    order.sort_by(|a, b| {
        b.1.log_odds
            .abs()
            .total_cmp(&a.1.log_odds.abs())
            .then(a.0.cmp(&b.0))
    });
    let rest = order.split_off(TERMS);
    order.sort_by_key(|(index, _)| *index);
    let mut shown: Vec<_> = order.into_iter().map(|(_, term)| term.clone()).collect();
    shown.push(Term {
        name: format!("{} smaller terms", rest.len()),
        log_odds: rest.iter().map(|(_, term)| term.log_odds).sum(),
    });
    shown
}

fn signed(value: f64) -> String {
    let text = format!("{:.1}", value.abs());
    match text.as_str() {
        "0.0" => text,
        _ if value < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::sample;
    use crate::deliver::view::View;

    fn hypothesis(terms: &[f64]) -> Hypothesis {
        let mut hypothesis = View::new(&sample::incident()).hypotheses.swap_remove(0);
        hypothesis.terms = terms
            .iter()
            .map(|log_odds| Term {
                name: format!("term {log_odds}"),
                log_odds: *log_odds,
            })
            .collect();
        hypothesis
    }

    #[test]
    fn bars_begin_at_zero_and_stay_inside() {
        let picture = Picture::new(&hypothesis(&[-2.9, 2.6, 1.4, 0.0])).unwrap();
        assert_eq!(picture.sum, "+1.1");
        for bar in &picture.bars {
            let edge = if bar.speaks_for { bar.x } else { bar.x + bar.width };
            assert!((edge - picture.zero).abs() <= 1, "{bar:?}");
            assert!(
                bar.x >= px(LABELS) && bar.x + bar.width <= picture.width,
                "{bar:?}"
            );
        }
        assert_eq!(picture.bars[0].value, "−2.9");
        assert_eq!(picture.bars[3].value, "0.0");
    }

    #[test]
    fn small_terms_share_a_bar() {
        let terms: Vec<_> = (0..30).map(|index| 0.1 * f64::from(index)).collect();
        let picture = Picture::new(&hypothesis(&terms)).unwrap();
        assert_eq!(picture.bars.len(), TERMS + 1);
        assert_eq!(picture.bars.last().unwrap().name, "21 smaller terms");
    }

    #[test]
    fn no_terms_no_picture() {
        assert_eq!(Picture::new(&hypothesis(&[])), None);
    }
}
