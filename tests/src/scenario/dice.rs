//! Reproducible chance.

/// SplitMix64: the same seed gives the same numbers.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A position in something of that length; 0 when it is empty.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(0);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Between 0 and 1.
    pub(super) fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1 << 20)).unwrap_or(0)) / f64::from(1_u32 << 20)
    }

    /// Between 1 and 10.
    pub(super) fn level(&mut self) -> f64 {
        1.0 + 9.0 * self.share()
    }

    /// Whether something of that probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Between two positive numbers, evenly in orders of magnitude.
    pub(super) fn magnitude(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// About 0, with a standard deviation of 1.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.share().max(1e-9).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// The letters and digits of which Kubernetes makes the random parts of names.
    pub(super) fn hash(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length)
            .filter_map(|_| self.pick(LETTERS).map(|byte| char::from(*byte)))
            .collect()
    }

    pub(super) fn address(&mut self) -> String {
        format!(
            "10.{}.{}.{}",
            200 + self.below(50),
            self.below(256),
            1 + self.below(254)
        )
    }
}
