//! Interleaved rounds, and their evaluation.

/// One value per round.
#[derive(Clone, Debug)]
pub struct Series(pub Vec<f64>);

impl Series {
    pub fn median(&self) -> f64 {
        percentile(&mut self.0.clone(), 0.5)
    }

    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Subtracts another series round by round.
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }
}

/// A ratio of two series that were measured in the same rounds.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// The median of the ratios of the rounds, which a machine that slows down for some rounds
    /// affects less than the ratio of the medians.
    pub median: f64,
    /// The smallest and the largest ratio of a round.
    pub min: f64,
    pub max: f64,
}

impl Ratio {
    pub fn of(dividend: &Series, divisor: &Series) -> Self {
        let rounds = dividend.0.iter().zip(&divisor.0).map(|(a, b)| a / b);
        let rounds = Series(rounds.collect());
        Self { median: rounds.median(), min: rounds.min(), max: rounds.max() }
    }
}

/// Returns a percentile of values.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    assert!(!values.is_empty());
    let index = ((values.len() - 1) as f64 * part).round() as usize;
    *values.select_nth_unstable_by(index, f64::total_cmp).1
}

/// Measures something once and returns its cost.
pub type Contestant<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Measures each contestant once per round, starting with a different one each time. Disturbances
/// by the machine and by what one leaves in the caches then affect all of them equally. Returns the
/// series in the order of the contestants. The first round is a warm-up and is discarded.
pub fn interleave(rounds: usize, contestants: &mut [Contestant<'_>]) -> Vec<Series> {
    let count = contestants.len();
    let mut series = vec![Series(Vec::new()); count];
    for round in 0..=rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            let cost = contestants[index]();
            if round > 0 {
                series[index].0.push(cost);
            }
        }
    }
    series
}
