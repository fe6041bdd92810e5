//! A policy for the percent (GC-14): spend memory while there is plenty, and the processor where there is not.
//!
//! ```text
//! percent = 100 · (bytes allocated in a minute) / (free bytes), within 50 and 200
//! ```
//! A program that would fill the free memory once in a minute gets Go's 100. One that allocates little keeps a small heap,
//! since its cycles are rare anyway; one that allocates much gets room, so that its cycles do not follow each other.
//!
//! The collector does not apply it: a program that wants it reads its own figures from time to time and sets what comes
//! out. The policy is a pure function of its readings.

use core::time::Duration;

/// Time over which allocation is compared with free memory.
const HORIZON: Duration = Duration::from_secs(60);
/// Weight of a new reading against the average of the ones before.
const WEIGHT: f64 = 0.25;
/// A percent changes only by at least this share of itself: settings that flicker make the pacer guess.
const HYSTERESIS: f64 = 0.15;

/// What a program has seen since its last reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Bytes allocated meanwhile.
    pub allocated: u64,
    /// How long that was.
    pub over: Duration,
    /// Bytes of memory that the program may still take.
    pub free: u64,
}

/// The closed loop: readings in, percents out.
///
/// ```
/// use gort_gc::{ClosedLoop, Reading};
/// use std::time::Duration;
///
/// let mut policy = ClosedLoop::new();
/// // 100 MiB a second beside 1 GiB of free memory: room for more than Go's 100.
/// let reading = Reading { allocated: 100 << 20, over: Duration::from_secs(1), free: 1 << 30 };
/// assert_eq!(policy.next(&reading), Some(200));
/// // The same again changes nothing.
/// assert_eq!(policy.next(&reading), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedLoop {
    percent: u32,
    /// What the readings ask for, averaged; `None` before the first.
    wanted: Option<f64>,
}

impl Default for ClosedLoop {
    fn default() -> Self {
        Self::new()
    }
}

impl ClosedLoop {
    /// The smallest percent that the policy gives.
    pub const LEAST: u32 = 50;
    /// The largest.
    pub const MOST: u32 = 200;

    /// A loop that begins at 100.
    #[must_use]
    pub const fn new() -> Self {
        Self { percent: 100, wanted: None }
    }

    /// The percent in force.
    #[must_use]
    pub fn percent(&self) -> u32 {
        self.percent
    }

    /// Takes a reading; the percent to set, if it changes. A reading over no time says nothing.
    pub fn next(&mut self, reading: &Reading) -> Option<u32> {
        if reading.over.is_zero() {
            return None;
        }
        let in_a_minute =
            reading.allocated as f64 * HORIZON.as_secs_f64() / reading.over.as_secs_f64();
        let now = (100.0 * in_a_minute / (reading.free as f64).max(1.0))
            .clamp(f64::from(Self::LEAST), f64::from(Self::MOST));
        let wanted = self.wanted.map_or(now, |before| before + WEIGHT * (now - before));
        self.wanted = Some(wanted);
        let change = (wanted - f64::from(self.percent)).abs() / f64::from(self.percent);
        let at_an_end =
            wanted <= f64::from(Self::LEAST) + 0.5 || wanted >= f64::from(Self::MOST) - 0.5;
        if change < HYSTERESIS && !(at_an_end && change > 0.01) {
            return None;
        }
        self.percent = wanted.round() as u32;
        Some(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(mib_per_second: u64, free_mib: u64) -> Reading {
        Reading {
            allocated: mib_per_second << 20,
            over: Duration::from_secs(1),
            free: free_mib << 20,
        }
    }

    #[test]
    fn table() {
        // (MiB/s, free MiB) → the percent that a steady load comes to.
        let cases = [(0, 1000, 50), (10, 600, 100), (15, 600, 150), (100, 600, 200), (1, 0, 200)];
        for (rate, free, percent) in cases {
            let mut policy = ClosedLoop::new();
            for _ in 0..100 {
                policy.next(&reading(rate, free));
            }
            let off = policy.percent().abs_diff(percent);
            assert!(off * 100 <= percent * 15, "{rate} MiB/s: {}, not {percent}", policy.percent());
        }
    }

    #[test]
    fn a_reading_over_no_time_says_nothing() {
        let none = Reading { over: Duration::ZERO, ..reading(5, 5) };
        assert_eq!(ClosedLoop::new().next(&none), None);
    }

    proptest! {
        /// Whatever comes, the percent stays in its range, and a steady load is left alone after a while.
        #[test]
        fn bounded_and_quiet(
            first in prop::collection::vec((any::<u64>(), 1..10_000_u64, any::<u64>()), 0..50),
            rate in 0..10_000_u64,
            free in 0..100_000_u64,
        ) {
            let mut policy = ClosedLoop::new();
            for (allocated, millis, free) in first {
                policy.next(&Reading { allocated, over: Duration::from_millis(millis), free });
                prop_assert!((ClosedLoop::LEAST..=ClosedLoop::MOST).contains(&policy.percent()));
            }
            for _ in 0..60 {
                policy.next(&reading(rate, free));
            }
            prop_assert_eq!(policy.next(&reading(rate, free)), None);
        }
    }
}
