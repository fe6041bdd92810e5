//! Counts of values by size, with 64 steps to each doubling: quantiles to within
//! 1.6 % from a table of fixed size, whatever comes.
//!
//! The idea is that of HdrHistogram (Tene). Recording is a count of leading
//! zeros, two shifts and an increment, so that a timed loop stays what it is.

use crate::report::metric;

/// Steps to a doubling, as a power of two.
const STEPS: u32 = 6;
const SIZE: usize = ((64 - STEPS as usize) + 1) << STEPS;

/// Counts by size.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Nothing counted.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; SIZE], total: 0, max: 0 }
    }

    /// Counts one value; the programs record nanoseconds.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// Adds all counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest value, exact; 0 of none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that a share `q` (0 to 1) of all does not exceed; 0 of none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(at).min(self.max);
            }
        }
        self.max
    }

    /// Prints the metrics `NAME_p50` and so on for the quantiles (in percent),
    /// `NAME_max`, and the histogram itself, all in microseconds of values that
    /// are nanoseconds.
    pub fn report(&self, name: &str, percents: &[f64]) {
        for percent in percents {
            let value = self.quantile(percent / 100.0) as f64 / 1e3;
            metric(&format!("{name}_p{percent}"), value, "us");
        }
        metric(&format!("{name}_max"), self.max as f64 / 1e3, "us");
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let parts: Vec<String> =
            filled.map(|(at, count)| format!("{:.4}:{count}", middle(at) as f64 / 1e3)).collect();
        println!("histogram {name} us {}", parts.join(" "));
    }
}

/// Values below 2^STEPS have a bucket each; above, the leading bits choose.
#[inline]
fn bucket(value: u64) -> usize {
    let shift = (64 - STEPS).saturating_sub(value.leading_zeros() + 1);
    (((shift as usize) << STEPS) + (value >> shift) as usize).min(SIZE - 1)
}

/// A value in the middle of a bucket.
fn middle(at: usize) -> u64 {
    if at < 2 << STEPS {
        return at as u64;
    }
    let shift = (at >> STEPS) as u32 - 1;
    let low = ((at as u64 & ((1 << STEPS) - 1)) | 1 << STEPS) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_are_near_and_buckets_rise() {
        let mut last = 0;
        for value in (0..200_000_u64).chain((20..63).map(|bit| (1 << bit) + 12_345)) {
            let at = bucket(value);
            assert!(at >= last, "{value}");
            last = at;
            let off = middle(at).abs_diff(value) as f64;
            assert!(off <= value as f64 / 64.0, "{value} became {}", middle(at));
        }
        assert!(bucket(u64::MAX) < SIZE);
    }

    #[test]
    fn quantiles_agree_with_sorting() {
        let mut random = crate::Random::new(3);
        let mut values: Vec<u64> = (0..10_000).map(|_| random.below(1 << 20)).collect();
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        values.sort_unstable();
        for q in [0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let want = values[((q * 10_000.0) as usize).clamp(1, 10_000) - 1] as f64;
            let got = histogram.quantile(q) as f64;
            assert!((got - want).abs() <= want / 60.0, "{q}: {got}, sorted {want}");
        }
        assert_eq!(histogram.max(), values[9_999]);
    }

    #[test]
    fn merging_is_counting_both() {
        let (mut a, mut b) = (Histogram::new(), Histogram::new());
        a.record(5);
        b.record(9);
        a.merge(&b);
        assert_eq!((a.total(), a.max(), a.quantile(0.5)), (2, 9, 5));
    }
}
