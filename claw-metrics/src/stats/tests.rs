use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::series::Point;

const FLOOR: Floor = Floor {
    relative: 0.05,
    absolute: 0.0,
    by_chance: 0.0,
};

fn points(step: i64, values: &[f64]) -> Vec<Point> {
    (0i64..)
        .zip(values)
        .map(|(i, v)| (Timestamp::from_second(1_700_000_000 + i * step).unwrap(), *v))
        .collect()
}

/// Deterministic noise in -1..1.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

#[test]
fn percentiles_by_both_definitions() {
    let values = [15.0, 20.0, 35.0, 40.0, 50.0];
    for (q, nearest, linear) in [
        (0.0, 15.0, 15.0),
        (0.3, 20.0, 23.0),
        (0.4, 20.0, 29.0),
        (0.5, 35.0, 35.0),
        (1.0, 50.0, 50.0),
    ] {
        assert_eq!(percentile(&values, q, Interpolation::Nearest), Some(nearest));
        assert!((percentile(&values, q, Interpolation::Linear).unwrap() - linear).abs() < 1e-9);
    }
    assert_eq!(percentile(&[], 0.5, Interpolation::Linear), None);
    assert_eq!(percentile(&[f64::NAN], 0.5, Interpolation::Linear), None);
    assert_eq!(percentile(&values, f64::NAN, Interpolation::Linear), None);
    assert_eq!(percentile(&values, 1.1, Interpolation::Linear), None);
    assert_eq!(
        percentile(&[f64::MAX, f64::MIN], 0.5, Interpolation::Linear),
        Some(0.0)
    );
}

#[test]
fn a_step_stands_out_and_noise_does_not() {
    let usual: Vec<f64> = noise(1).take(60).map(|x| 10.0 + x).collect();
    let calm: Vec<f64> = noise(2).take(10).map(|x| 10.0 + x).collect();
    let step: Vec<f64> = noise(3).take(10).map(|x| 20.0 + x).collect();
    assert!(deviation(&usual, &calm, FLOOR).unwrap().score < 3.0);
    let found = deviation(&usual, &step, FLOOR).unwrap();
    assert!(found.up && found.score > 8.0, "{found:?}");
    let found = deviation(&step, &usual, FLOOR).unwrap();
    assert!(!found.up && found.score > 8.0, "{found:?}");
}

#[test]
fn false_alarms_are_rare_on_many_kinds_of_noise() {
    type Shape = fn(f64) -> f64;
    let shapes: [(&str, Shape); 4] = [
        ("uniform", |x| 10.0 + x),
        ("tail", |x| (2.0 * x).exp()),
        ("mostly zero", |x| if x > 0.8 { 1.0 } else { 0.0 }),
        ("constant", |_| 7.0),
    ];
    for (name, shape) in shapes {
        let alarms = (0..500)
            .filter(|seed| {
                let all: Vec<f64> = noise(*seed + 10).take(45).map(shape).collect();
                let (baseline, window) = all.split_at(40);
                deviation(baseline, window, FLOOR).unwrap().score >= 4.0
            })
            .count();
        assert!(alarms <= 25, "{name}: {alarms} of 500");
    }
}

#[test]
fn a_constant_baseline_needs_more_than_a_wobble() {
    let constant = [7.0; 30];
    assert!(deviation(&constant, &[7.2; 5], FLOOR).unwrap().score < 1.0);
    assert!(deviation(&constant, &[14.0; 5], FLOOR).unwrap().score > 10.0);
    let zeros = [0.0; 30];
    let floor = Floor {
        relative: 0.05,
        absolute: 0.5,
        by_chance: 0.0,
    };
    assert!(deviation(&zeros, &[0.3; 5], floor).unwrap().score < 1.0);
    assert!(deviation(&zeros, &[40.0; 5], floor).unwrap().score > 10.0);
    assert!(deviation(&zeros, &[0.0; 5], FLOOR).unwrap().score < 1e-9);
}

#[test]
fn five_rows_suffice_and_one_odd_row_does_not() {
    let baseline: Vec<f64> = noise(5).take(288).map(|x| 0.10 + 0.01 * x).collect();
    assert!(
        deviation(&baseline, &[0.1, 0.3, 0.31, 0.29, 0.3], FLOOR)
            .unwrap()
            .score
            > 8.0
    );
    let odd = deviation(&baseline, &[0.1, 0.1, 0.13, 0.1, 0.1], FLOOR).unwrap();
    assert!(odd.score < 4.0, "{odd:?}");
}

#[test]
fn an_incident_in_a_part_of_the_window_is_found() {
    let baseline: Vec<f64> = noise(6).take(40).map(|x| 10.0 + x).collect();
    let mut window: Vec<f64> = noise(7).take(16).map(|x| 10.0 + x).collect();
    window[5..10].fill(30.0);
    assert!(deviation(&baseline, &window, FLOOR).unwrap().score > 8.0);
}

#[test]
fn an_earlier_incident_in_the_baseline_does_not_hide_the_next() {
    let mut baseline: Vec<f64> = noise(8).take(40).map(|x| 10.0 + x).collect();
    baseline[10..13].fill(30.0);
    assert!(deviation(&baseline, &[30.0; 5], FLOOR).unwrap().score > 4.0);
}

#[test]
fn deviation_of_nothing_is_nothing() {
    assert_eq!(deviation(&[], &[1.0], FLOOR), None);
    assert_eq!(deviation(&[1.0], &[f64::NAN], FLOOR), None);
}

#[test]
fn onset_is_the_first_sample_of_the_run() {
    let mut values = vec![1.0; 20];
    values[12..18].fill(5.0);
    let points = points(60, &values);
    let reference = Reference {
        baseline: 1.0,
        spread: 0.1,
        observed: 5.0,
    };
    let found = onset(&points, reference, points[13].0).unwrap();
    assert_eq!((found.at, found.after), (points[12].0, Some(points[11].0)));
    // A scrape that the change fell into.
    let mut partial = points.clone();
    partial[11].1 = 2.0;
    assert_eq!(onset(&partial, reference, points[13].0).unwrap().at, points[11].0);
    // Elevated from the first sample on: nothing is known of what was before.
    let found = onset(&points[12..], reference, points[12].0).unwrap();
    assert_eq!((found.at, found.after), (points[12].0, None));
}

#[test]
fn an_old_episode_that_has_ended_is_not_the_onset() {
    let mut values = vec![1.0; 40];
    values[3..8].fill(5.0);
    values[30..40].fill(5.0);
    let points = points(60, &values);
    let reference = Reference {
        baseline: 1.0,
        spread: 0.1,
        observed: 5.0,
    };
    assert_eq!(onset(&points, reference, points[32].0).unwrap().at, points[30].0);
}

#[test]
fn change_points_of_levels_and_none_of_noise() {
    let values: Vec<f64> = noise(9)
        .take(60)
        .enumerate()
        .map(|(i, x)| x + if i >= 35 { 4.0 } else { 0.0 })
        .collect();
    let series = points(30, &values);
    let found = change_point(&series).unwrap();
    assert_eq!(found.at, series[35].0);
    assert!(found.after_level > found.before_level + 3.0);
    let calm: Vec<f64> = noise(10).take(60).collect();
    assert_eq!(change_point(&points(30, &calm)), None);
    assert_eq!(change_point(&points(30, &[1.0; 30])), None);
    assert_eq!(change_point(&points(30, &[1.0, 2.0])), None);
}

#[test]
fn a_leak_is_a_trend_and_noise_is_not() {
    let leak: Vec<f64> = noise(11)
        .take(40)
        .enumerate()
        .map(|(i, x)| 100.0 + 2.0 * i as f64 + 5.0 * x)
        .collect();
    let found = trend(&points(60, &leak)).unwrap();
    assert!(
        found.z > 5.0 && (found.per_second * 60.0 - 2.0).abs() < 0.3,
        "{found:?}"
    );
    let calm: Vec<f64> = noise(12).take(40).map(|x| 100.0 + 5.0 * x).collect();
    assert!(trend(&points(60, &calm)).unwrap().z.abs() < 2.6);
    assert_eq!(trend(&points(60, &[1.0; 20])).unwrap().z, 0.0);
    assert_eq!(trend(&points(60, &[1.0; 3])), None);
}

#[test]
fn rates_survive_resets_and_holes() {
    let found = rates(&points(10, &[100.0, 120.0, f64::NAN, 160.0, 5.0, 25.0]));
    let rates: Vec<f64> = found.iter().map(|point| point.1).collect();
    assert_eq!(rates, vec![2.0, 2.0, 0.5, 2.0]);
}

#[test]
fn counters_are_told_from_gauges() {
    assert!(counts_up(&points(
        10,
        &[1.0, 2.0, 5.0, 5.0, 9.0, 12.0, 13.0, 20.0, 21.0]
    )));
    assert!(counts_up(&points(
        10,
        &[1.0, 2.0, 5.0, 5.0, 9.0, 0.0, 3.0, 7.0, 8.0]
    )));
    assert!(!counts_up(&points(
        10,
        &[1.0, 2.0, 1.5, 5.0, 9.0, 12.0, 13.0, 20.0, 21.0]
    )));
    assert!(!counts_up(&points(10, &[3.0; 20])));
}

proptest! {
    #[test]
    fn percentiles_are_monotonic_and_within_bounds(values in prop::collection::vec(-1e9..1e9f64, 1..60), a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
        let (low, high) = (a.min(b), a.max(b));
        for interpolation in [Interpolation::Nearest, Interpolation::Linear] {
            let at = |q| percentile(&values, q, interpolation).unwrap();
            prop_assert!(at(low) <= at(high) + 1e-3);
            prop_assert!(at(0.0) <= at(low) + 1e-3 && at(high) <= at(1.0) + 1e-3);
        }
        prop_assert!(values.contains(&percentile(&values, a, Interpolation::Nearest).unwrap()));
    }

    #[test]
    fn no_input_breaks_the_statistics(values in prop::collection::vec(any::<f64>(), 0..40), split in 0usize..40) {
        let (a, b) = values.split_at(split.min(values.len()));
        if let Some(found) = deviation(a, b, FLOOR) {
            prop_assert!((0.0..=MAX_SCORE).contains(&found.score));
        }
        let series = points(15, &values);
        let _ = (change_point(&series), trend(&series), rates(&series), counts_up(&series), mad(&values));
        if let Some(first) = series.first() {
            let _ = onset(&series, Reference { baseline: 0.0, spread: 1.0, observed: 3.0 }, first.0);
        }
    }

    #[test]
    fn scores_do_not_depend_on_the_unit(values in prop::collection::vec(0.1..100.0f64, 12..40)) {
        let (baseline, window) = values.split_at(8);
        let scaled: Vec<f64> = values.iter().map(|value| value * 1024.0).collect();
        let (scaled_baseline, scaled_window) = scaled.split_at(8);
        let one = deviation(baseline, window, FLOOR).unwrap();
        let other = deviation(scaled_baseline, scaled_window, FLOOR).unwrap();
        prop_assert!((one.score - other.score).abs() < 1e-6);
    }
}
