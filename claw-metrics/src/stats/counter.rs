use crate::series::Point;

/// The rate per second of a counter at each sample but the first: growth since the sample before, by time. A counter that went
/// down was reset and has grown from zero since. Samples that are not finite are left out.
pub fn rates(points: &[Point]) -> Vec<Point> {
    let points: Vec<Point> = points
        .iter()
        .copied()
        .filter(|point| point.1.is_finite())
        .collect();
    points
        .iter()
        .zip(points.iter().skip(1))
        .filter_map(|((t0, v0), (t1, v1))| {
            let seconds = t1.duration_since(*t0).as_secs_f64();
            let growth = if v1 >= v0 { v1 - v0 } else { v1.max(0.0) };
            let rate = growth / seconds;
            (seconds > 0.0 && rate.is_finite()).then_some((*t1, rate))
        })
        .collect()
}

/// Whether samples look like those of a counter: eight or more, never negative, never down but for resets to almost zero, and
/// up in a third of the steps.
///
/// For names that do not tell. A gauge that only grew is taken for a counter too: ask this only of metrics that count.
pub fn counts_up(points: &[Point]) -> bool {
    let values: Vec<f64> = points
        .iter()
        .map(|point| point.1)
        .filter(|value| value.is_finite())
        .collect();
    if values.len() < 8 || values.iter().any(|value| *value < 0.0) {
        return false;
    }
    let pairs = || values.iter().zip(values.iter().skip(1));
    let ups = pairs().filter(|(a, b)| b > a).count();
    let down = pairs().filter(|(a, b)| b < a).count();
    let resets = pairs().filter(|(a, b)| b < a && **b <= 0.1 * **a).count();
    down == resets && resets <= 1 + values.len() / 50 && ups * 3 >= values.len() - 1
}
