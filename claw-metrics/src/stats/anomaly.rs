use super::{Interpolation, mad, median, quantile_of_sorted, sorted};

/// Scores end here: beyond it more is not more certain.
pub const MAX_SCORE: f64 = 100.0;
/// MAD of normal samples times this is their standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The 95th percentile of a normal distribution in standard deviations.
const SIGMAS_AT_95: f64 = 1.645;
/// How much of the spread in the tail counts. All of it would let one earlier incident in the baseline hide the next.
const TAIL_WEIGHT: f64 = 0.5;
/// The same where most samples are equal, so that the tail is all the spread there is.
const TAIL_WEIGHT_OF_CONSTANT: f64 = 0.8;
/// About how many samples are looked at to learn the spread of runs.
const WORK_PER_SPREAD: usize = 20_000;
/// Growth may count this much more than it does on a logarithmic scale.
const LOG_ALLOWANCE: f64 = 1.25;
/// In a baseline of fewer samples two odd ones in a row are as rare as three are in a longer one.
const SHORT: usize = 40;
/// With fewer samples the spread is hardly known, and is taken to be at least this share of the level.
const FEW: usize = 4;
const SPREAD_OF_FEW: f64 = 0.15;

/// The smallest spread that a baseline is taken to have, whatever its samples say. One robust standard deviation is never less
/// than the larger of the two, so that a constant baseline does not make every wobble an anomaly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// As a share of the baseline's level.
    pub relative: f64,
    /// In the unit of the samples.
    pub absolute: f64,
    /// What a single sample is off by chance, in the unit of the samples: that evens out over a run of them.
    pub by_chance: f64,
}

impl Floor {
    /// The smallest spread of runs of `length` samples, whatever their level. Runs are compared by their medians, which vary by
    /// √(π/2) times what means of as many samples do, and those below three by their means.
    fn of_run(&self, length: usize) -> f64 {
        let evened = match length {
            0 | 1 => 1.0,
            2 => std::f64::consts::FRAC_1_SQRT_2,
            _ => (std::f64::consts::FRAC_PI_2 / length as f64).sqrt(),
        };
        self.absolute.max(self.by_chance * evened)
    }
}

/// How a window differs from its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Distance in robust standard deviations, 0 to [`MAX_SCORE`]. Not negative: see `up`.
    pub score: f64,
    /// Whether the window is above its baseline.
    pub up: bool,
    /// Level of the baseline: its median.
    pub baseline: f64,
    /// Level of the run of samples that differs most.
    pub observed: f64,
    /// One robust standard deviation of a single sample of the baseline.
    pub spread: f64,
}

/// How far `window` is from `baseline`, both in order of time. `None` if one of them has no finite sample.
///
/// The incident may fill only a part of the window, and a single odd sample is no incident. So runs of consecutive samples are
/// compared: a quarter, a half and all of the window (with less than five samples, single ones too), each by its median (its mean
/// below three samples) with runs of the same length in the baseline. That way slow waves of the baseline count as usual, and so
/// do its spikes if they are as long. The distance is measured in
///
/// - 1.4826 × MAD of the baseline's runs,
/// - or half the distance of their 95th percentile on that side (more where most samples are equal), scaled alike: baselines
///   with a tail (latency) or mostly zero,
/// - or the [`Floor`], whichever is largest,
///
/// and growth of samples that are all positive counts no more than it does on a logarithmic scale (with some allowance), because
/// what varies by factors goes far up as a matter of course. The distance shrinks where there are few baseline samples, or where runs of the baseline have come as far as this one.
pub fn deviation(baseline: &[f64], window: &[f64], floor: Floor) -> Option<Deviation> {
    let baseline: Vec<f64> = baseline
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    let window: Vec<f64> = window.iter().copied().filter(|value| value.is_finite()).collect();
    let baseline = without_episodes(baseline, floor)?;
    let level = median(&baseline)?;
    let count = window.len();
    let mut lengths: Vec<usize> = [count.div_ceil(4), count.div_ceil(2), count].to_vec();
    if count >= 5 {
        lengths.retain(|length| *length >= 2);
    }
    lengths.dedup();
    let spread = Spread::of(&baseline, 1, level, floor)?;
    let logarithms = baseline.iter().chain(&window).all(|value| *value > 0.0).then(|| {
        let logarithm = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
        let least = (1.0 + floor.relative).ln(); // the absolute floor is minded on the linear scale
        (
            logarithm(&baseline),
            logarithm(&window),
            level.ln(),
            Floor {
                relative: 0.0,
                absolute: least,
                by_chance: 0.0,
            },
        )
    });
    lengths
        .into_iter()
        .filter(|length| *length > 0)
        .flat_map(|length| [(length, true), (length, false)])
        .filter_map(|(length, up)| {
            let found = run_deviation(&baseline, &window, length, up, level, floor)?;
            let score = match logarithms {
                Some((ref baseline, ref window, level, floor)) if up => {
                    let by_factor = run_deviation(baseline, window, length, up, level, floor)?.score;
                    found.score.min(LOG_ALLOWANCE * by_factor)
                }
                _ => found.score,
            };
            Some(Deviation { score, ..found })
        })
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .map(|best| Deviation {
            spread: spread.sigma(best.up),
            ..best
        })
}

/// How far `window` is from the samples right before it, where it leads beyond everything in `baseline`; `None` where it does
/// not, or where a sample is missing on either side.
///
/// What swings over days has a wide spread, and few samples right before have hardly any that is known. What one sample differs
/// from the next in the baseline tells how much a step is: 1.4826 × the median of these differences / √2 is their standard
/// deviation, and never less than the [`Floor`].
pub fn step(baseline: &[f64], recent: &[f64], window: &[f64], floor: Floor) -> Option<Deviation> {
    let level = median(recent)?;
    let observed = median(window)?;
    let up = observed > level;
    let sigma = floor.of_run(window.len()).max(floor.relative * level.abs());
    let beyond = |value: &f64| match up {
        true => observed > value + sigma,
        false => observed < value - sigma,
    };
    if !baseline.iter().chain(recent).all(beyond) {
        return None;
    }
    let differences: Vec<f64> = baseline
        .iter()
        .zip(baseline.iter().skip(1))
        .map(|(a, b)| (a - b).abs())
        .collect();
    let noise = MAD_TO_SIGMA * median(&differences)? / std::f64::consts::SQRT_2;
    let spread = sigma.max(noise);
    let few = 1.0 + 2.0 / recent.len() as f64;
    let score = ((observed - level).abs() / (spread * few)).clamp(0.0, MAX_SCORE);
    (spread > 0.0 && score.is_finite()).then_some(Deviation {
        score,
        up,
        baseline: level,
        observed,
        spread,
    })
}

/// The baseline without earlier incidents: at most two runs of three or more samples in a row (two of a short baseline) that are
/// all more than six robust standard deviations out on one side, together no more than three tenths of the samples. Scattered
/// outliers stay, because they are the baseline's habit, and so do runs that come back a third time.
fn without_episodes(baseline: Vec<f64>, floor: Floor) -> Option<Vec<f64>> {
    let level = median(&baseline)?;
    let sigma = (MAD_TO_SIGMA * mad(&baseline)?)
        .max(floor.relative * level.abs())
        .max(floor.of_run(1));
    let side = |value: f64| match value - level {
        distance if distance > 6.0 * sigma => 1_i8,
        distance if distance < -6.0 * sigma => -1,
        _ => 0,
    };
    let least = if baseline.len() < SHORT { 2 } else { 3 };
    let mut kept = Vec::with_capacity(baseline.len());
    let mut episodes = 0;
    for run in baseline.chunk_by(|a, b| side(*a) == side(*b)) {
        if run.len() >= least && run.first().is_some_and(|first| side(*first) != 0) {
            episodes += 1;
        } else {
            kept.extend_from_slice(run);
        }
    }
    let few = episodes <= 2 && kept.len() * 10 >= baseline.len() * 7;
    Some(if few { kept } else { baseline })
}

fn run_deviation(
    baseline: &[f64],
    window: &[f64],
    length: usize,
    up: bool,
    level: f64,
    floor: Floor,
) -> Option<Deviation> {
    let observed = runs(window, length).into_iter().max_by(|a, b| match up {
        true => a.total_cmp(b),
        false => b.total_cmp(a),
    })?;
    let distance = if up { observed - level } else { level - observed };
    let spread = Spread::of(baseline, length, level, floor)?;
    let sigma = spread.sigma(up);
    let few = 1.0 + 2.0 / baseline.len() as f64;
    let raw = (distance / (sigma * few)).clamp(0.0, MAX_SCORE);
    // As far as this before, and not only once by accident: then it is not that unusual, however tight the middle is.
    let share = spread.share_as_far(observed, up);
    let tolerance = ((share - 0.02) / 0.18).clamp(0.0, 1.0);
    let score = raw * (1.0 - 0.75 * tolerance);
    let score = if score.is_finite() { score } else { 0.0 };
    Some(Deviation {
        score,
        up,
        baseline: level,
        observed,
        spread: sigma,
    })
}

/// Medians (means below three) of all runs of `length` consecutive values.
fn runs(values: &[f64], length: usize) -> Vec<f64> {
    match length {
        0 => Vec::new(),
        1 => values.to_vec(),
        2 => values
            .windows(2)
            .map(|pair| pair.iter().map(|value| value / 2.0).sum())
            .collect(),
        // Neighbouring runs share most of their samples: of a long baseline some hundred tell as much as all.
        _ => values
            .windows(length)
            .step_by((values.len().saturating_mul(length) / WORK_PER_SPREAD).max(1))
            .filter_map(median)
            .collect(),
    }
}

/// What is usual of runs of one length.
struct Spread {
    sorted: Vec<f64>,
    up: f64,
    down: f64,
}

impl Spread {
    fn of(baseline: &[f64], length: usize, level: f64, floor: Floor) -> Option<Self> {
        // Too few runs to know their spread: that of single samples is the larger one, so it is safe.
        let of_runs = if baseline.len() >= length.saturating_add(6) {
            runs(baseline, length)
        } else {
            baseline.to_vec()
        };
        let in_order = sorted(&of_runs);
        let middle = MAD_TO_SIGMA * mad(&of_runs)?;
        let reach = |ordered: &[f64]| {
            let high = quantile_of_sorted(ordered, 0.95, Interpolation::Linear)?;
            let low = quantile_of_sorted(ordered, 0.05, Interpolation::Linear)?;
            Some((high - level, level - low))
        };
        let mut weight = TAIL_WEIGHT;
        let (mut above, mut below) = reach(&in_order)?;
        if middle == 0.0 {
            // Runs of a series that is mostly constant hide its odd samples, and those are all the spread that there is.
            let (above_single, below_single) = reach(&sorted(baseline))?;
            (above, below) = (above.max(above_single), below.max(below_single));
            weight = TAIL_WEIGHT_OF_CONSTANT;
        }
        let relative = match baseline.len() < FEW {
            true => floor.relative.max(SPREAD_OF_FEW.min(floor.relative * 3.0)),
            false => floor.relative,
        };
        let least = (relative * level.abs())
            .max(floor.of_run(length))
            .max(f64::MIN_POSITIVE);
        let tail = |distance: f64| (weight * distance / SIGMAS_AT_95).max(middle).max(least);
        Some(Self {
            up: tail(above),
            down: tail(below),
            sorted: in_order,
        })
    }

    fn sigma(&self, up: bool) -> f64 {
        if up { self.up } else { self.down }
    }

    /// Share of runs at least as far out as `value`.
    fn share_as_far(&self, value: f64, up: bool) -> f64 {
        let total = self.sorted.len().max(1) as f64;
        let beyond = match up {
            true => self.sorted.len() - self.sorted.partition_point(|run| *run < value),
            false => self.sorted.partition_point(|run| *run <= value),
        };
        beyond as f64 / total
    }
}

#[cfg(test)]
mod tests {
    use super::{Floor, SHORT, without_episodes};

    /// How many samples are left of `length` ones of which runs of `odd` begin at these places.
    fn left(length: usize, odd: usize, places: &[usize]) -> usize {
        let is_odd = |at: usize| places.iter().any(|place| (*place..place + odd).contains(&at));
        let samples = (0..length).map(|at| if is_odd(at) { 9.0 } else { 1.0 }).collect();
        let floor = Floor {
            relative: 0.05,
            absolute: 0.0,
            by_chance: 0.0,
        };
        without_episodes(samples, floor).unwrap().len()
    }

    #[test]
    fn two_odd_samples_in_a_row_are_an_episode_of_a_short_baseline_only() {
        assert_eq!(left(SHORT - 1, 2, &[5]), SHORT - 3);
        assert_eq!(left(SHORT, 2, &[5]), SHORT);
        assert_eq!(left(SHORT, 3, &[5]), SHORT - 3);
        assert_eq!(left(SHORT - 1, 1, &[5]), SHORT - 1);
    }

    #[test]
    fn what_comes_back_a_third_time_or_often_is_usual() {
        assert_eq!(left(30, 2, &[5, 15]), 26);
        assert_eq!(left(30, 2, &[5, 15, 25]), 30);
        assert_eq!(left(12, 4, &[4]), 12);
    }
}
