//! What the collector has done, in numbers.

use core::panic::Location;
use core::time::Duration;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::cycle::Report;

static STATS: Rank = Rank { layer: layer::GC, n: 8, name: "gc.stats" };

/// Numbers of one collector, from [`Collector::stats`](crate::Collector::stats).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Cycles swept to the end, and those of them that somebody asked for by `collect`.
    pub cycles: u64,
    /// Of [`cycles`](Self::cycles): asked for by `collect`.
    pub forced_cycles: u64,
    /// Rounds in all cycles.
    pub rounds: u64,
    /// Handshakes: how long the coordinator waited for all contexts to pass.
    pub handshakes: Histogram,
    /// The longest of them.
    pub longest_handshake: Duration,
    /// The longest wait for one guard, and where that was pinned.
    pub longest_pin: Option<LongPin>,
    /// Time that the coordinator spent marking.
    pub mark_time: Duration,
    /// Bytes that mutators scanned for the collector, and how long they did.
    pub assist_bytes: u64,
    /// See [`assist_bytes`](Self::assist_bytes).
    pub assist_time: Duration,
    /// Whether the collector has had its share of the processors, half of them over seconds: then nobody assists, and the
    /// heap may pass its goal.
    pub limiting: bool,
    /// Processor time of the collector beyond that share, ever.
    pub limiter_overflow: Duration,
    /// Bytes of objects that the last marking found alive.
    pub live_bytes: u64,
    /// Bytes of objects, dead or alive, at which the next cycle should have ended.
    pub goal_bytes: u64,
    /// Bytes of spans that hold objects.
    pub heap_in_use: u64,
    /// Bytes of memory that the heap has from the system.
    pub committed: u64,
    /// Objects allocated, ever.
    pub alloc_objects: u64,
    /// Tiny objects that share the slot of another, ever; not in [`alloc_objects`](Self::alloc_objects).
    pub tiny_allocs: u64,
    /// Bytes allocated, ever.
    pub alloc_bytes: u64,
    /// Objects freed, ever.
    pub freed_objects: u64,
    /// Contexts: the greatest number of guards that existed at once.
    pub contexts: u64,
    /// Dead objects whose drop glue has run.
    pub glue_run: u64,
    /// Of these: whose glue panicked.
    pub glue_panics: u64,
    /// With `Config::verify_trace`: words that looked like pointers and were in no map, ever.
    pub untraced_words: u64,
    /// With `Config::check_mark`: objects of which the second walk found that they were marked, ever.
    pub checked_objects: u64,
    /// Cleanups whose object died.
    pub cleanups_queued: u64,
    /// Of these: run.
    pub cleanups_run: u64,
    /// Of these: whose function panicked.
    pub cleanup_panics: u64,
}

/// A guard that let the collector wait.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LongPin {
    /// How long.
    pub waited: Duration,
    /// Where it was pinned.
    pub at: &'static Location<'static>,
}

/// Durations counted by powers of two: bucket `i` holds those of `2^i` to `2^(i+1) - 1` nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The counts.
    pub buckets: [u64; 40],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; 40] }
    }
}

impl Histogram {
    /// Counts a duration.
    fn add(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.buckets[(ns.ilog2() as usize).min(39)] += 1;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper bound of the bucket below which `fraction` of the durations lie.
    pub fn quantile(&self, fraction: f64) -> Duration {
        let target = (self.count() as f64 * fraction).ceil() as u64;
        let mut sum = 0;
        for (i, n) in self.buckets.iter().enumerate() {
            sum += n;
            if sum >= target && sum > 0 {
                return Duration::from_nanos((2 << i) - 1);
            }
        }
        Duration::ZERO
    }
}

/// The part of [`Stats`] that the coordinator writes.
#[derive(Debug)]
pub(crate) struct StatsCell(Lock<Stats>);

impl StatsCell {
    pub(crate) fn new() -> Self {
        Self(Lock::new(&STATS, Stats::default()))
    }

    pub(crate) fn get(&self) -> Stats {
        self.0.lock().clone()
    }

    /// All contexts have passed; `last` is where the last one waited for was pinned.
    pub(crate) fn handshake(&self, time: Duration, last: Option<&'static Location<'static>>) {
        let mut stats = self.0.lock();
        stats.handshakes.add(time);
        stats.longest_handshake = stats.longest_handshake.max(time);
        if let Some(at) = last
            && stats.longest_pin.is_none_or(|pin| pin.waited < time)
        {
            stats.longest_pin = Some(LongPin { waited: time, at });
        }
    }

    pub(crate) fn cycle(&self, number: u64, report: &Report) {
        let mut stats = self.0.lock();
        stats.cycles = number;
        stats.forced_cycles += u64::from(report.forced);
        stats.rounds += u64::from(report.rounds);
        stats.mark_time += report.work;
    }

    pub(crate) fn assisted(&self, bytes: u64, time: Duration) {
        let mut stats = self.0.lock();
        stats.assist_bytes += bytes;
        stats.assist_time += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let mut h = Histogram::default();
        assert_eq!(h.quantile(0.5), Duration::ZERO);
        for ns in [0, 1, 3, 100, 1000, u64::MAX] {
            h.add(Duration::from_nanos(ns));
        }
        assert_eq!(h.count(), 6);
        assert_eq!(h.quantile(0.5), Duration::from_nanos(3));
        assert_eq!(h.quantile(0.6), Duration::from_nanos(127));
    }
}
