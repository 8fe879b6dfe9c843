//! Sums and moments that lose as little as Prometheus' own.

/// A sum with Neumaier's compensation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn total(&self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.lost
        }
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

/// An arithmetic mean. It is a plain quotient until the sum overflows, then it is carried on incrementally.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    count: f64,
    state: Sum,
    incremental: bool,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.state;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.state = next;
                return;
            }
            self.incremental = true;
            self.state.sum /= self.count - 1.0;
            self.state.lost /= self.count - 1.0;
        }
        let keep = (self.count - 1.0) / self.count;
        let mut next = Sum {
            sum: keep * self.state.sum,
            lost: keep * self.state.lost,
        };
        next.add(value / self.count);
        self.state = next;
    }

    pub(super) fn mean(&self) -> f64 {
        if self.incremental {
            return self.state.total();
        }
        if self.state.sum.is_infinite() {
            return self.state.sum / self.count;
        }
        self.state.sum / self.count + self.state.lost / self.count
    }
}

impl FromIterator<f64> for Mean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Self::default();
        values.into_iter().for_each(|value| mean.add(value));
        mean
    }
}

/// The variance of a population by Welford's method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean.total();
        self.mean.add(delta / self.count);
        self.squares.add(delta * (value - self.mean.total()));
    }

    pub(super) fn variance(&self) -> f64 {
        self.squares.total() / self.count
    }
}

/// The same without compensation, as Prometheus aggregates: of large numbers that are close together it loses digits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlainVariance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl PlainVariance {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    pub(super) fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

impl FromIterator<f64> for Variance {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut variance = Self::default();
        values.into_iter().for_each(|value| variance.add(value));
        variance
    }
}

/// The smaller value; a number wins over NaN.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if b < a || a.is_nan() { b } else { a }
}

/// The larger value; a number wins over NaN.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if b > a || a.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_survive_large_ones() {
        assert_eq!(
            [1.0, 1e100, 1.0, -1e100].into_iter().collect::<Sum>().total(),
            2.0
        );
    }

    #[test]
    fn a_mean_does_not_overflow() {
        let mean = [f64::MAX, f64::MAX, f64::MAX]
            .into_iter()
            .collect::<Mean>()
            .mean();
        assert!((mean / f64::MAX - 1.0).abs() < 1e-12, "{mean}");
        assert_eq!(
            [f64::INFINITY, 1.0].into_iter().collect::<Mean>().mean(),
            f64::INFINITY
        );
    }

    #[test]
    fn the_variance_is_that_of_a_population() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((values.into_iter().collect::<Variance>().variance() - 4.0).abs() < 1e-12);
        let mut plain = PlainVariance::default();
        values.into_iter().for_each(|value| plain.add(value));
        assert!((plain.variance() - 4.0).abs() < 1e-12);
    }
}
