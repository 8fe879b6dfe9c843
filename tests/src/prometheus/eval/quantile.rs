//! Quantiles of plain values.

/// The `q`-quantile of the values with linear interpolation. `values` is sorted in passing; NaN counts as smallest.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(nan_first);
    let last = values.len().saturating_sub(1);
    #[allow(clippy::cast_precision_loss)] // there are never 2^53 values
    let rank = q * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the number of values
    let lower = (rank.floor() as usize).min(last);
    let upper = lower.saturating_add(1).min(last);
    let weight = rank - rank.floor();
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if weight == 0.0 {
        // An infinity beside it must not make it NaN.
        return at(lower);
    }
    at(lower) * (1.0 - weight) + at(upper) * weight
}

/// Rising order with NaN before everything else.
pub(super) fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Rising order with NaN after everything else.
pub(super) fn nan_last(a: &f64, b: &f64) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// What is wrong with a quantile, if anything is.
pub(super) fn complaint(q: f64) -> Option<String> {
    let odd = q.is_nan() || !(0.0..=1.0).contains(&q);
    odd.then(|| {
        format!(
            "quantile value should be between 0 and 1, got {}",
            super::super::number::go_g(q)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_between_ranks_are_interpolated() {
        assert_eq!(quantile(0.5, &mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(quantile(0.0, &mut [4.0, 1.0]), 1.0);
        assert_eq!(quantile(1.0, &mut [4.0, 1.0]), 4.0);
        assert_eq!(quantile(0.9, &mut [7.0]), 7.0);
    }

    #[test]
    fn a_quantile_outside_of_its_range_is_infinite() {
        assert_eq!(quantile(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, &mut [1.0]), f64::INFINITY);
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan());
    }

    #[test]
    fn nan_counts_as_smallest() {
        assert_eq!(quantile(1.0, &mut [f64::NAN, 1.0]), 1.0);
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn a_value_that_is_hit_is_not_mixed_with_the_next_one() {
        assert_eq!(quantile(0.5, &mut [1.0, 2.0, f64::INFINITY]), 2.0);
        assert_eq!(quantile(1.0, &mut [1.0, f64::INFINITY]), f64::INFINITY);
    }
}
