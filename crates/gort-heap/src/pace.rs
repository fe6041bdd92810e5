//! When the scavenger works, and how much: a pure function of clock and figures.
//!
//! Free memory is kept as long as it is likely to be wanted again: up to a tenth over the most that was in use during the
//! last second. What is above that goes back, with at most a hundredth of one processor. So a process that goes
//! idle has given back nine tenths of its free memory within five seconds, if that is not more than half a gibibyte; more
//! takes the longer (shown by the simulation below).

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing, for so many nanoseconds.
    Sleep(u64),
    /// Give up to so many bytes back, then report by [`Pacer::worked`].
    Release(u64),
}

/// Samples remembered, and time between two of them in nanoseconds: a second in all.
const SAMPLES: usize = 4;
/// See `SAMPLES`.
pub const TICK: u64 = 250_000_000;
/// Bytes released in one go: about 0.4 ms.
const STEP: u64 = 4 << 20;
/// One part in so many of a processor.
const SHARE: u64 = 100;
/// Work done in advance at most, in nanoseconds: a second's share.
const BURST: u64 = 10_000_000;

/// The pace of one heap.
#[derive(Clone, Debug)]
pub struct Pacer {
    samples: [u64; SAMPLES],
    next: usize,
    last: u64,
    sampled: u64,
    /// Nanoseconds of work that are still to be paid by sleeping, times [`SHARE`].
    owed: u64,
}

impl Pacer {
    /// Starts at `now` nanoseconds.
    pub const fn new(now: u64) -> Self {
        Self { samples: [u64::MAX; SAMPLES], next: 0, last: now, sampled: now, owed: 0 }
    }

    /// Bytes of free memory that stay.
    fn keep(&self, in_use: u64, warm: u64) -> u64 {
        let most = self.samples.iter().copied().max().unwrap_or(in_use).max(in_use);
        if most == u64::MAX {
            return warm; // The window is not full yet.
        }
        let over = (most - in_use).saturating_add(most / 10);
        // An idle process keeps little, whatever it uses.
        if most == in_use { over.min(warm / 20) } else { over }
    }

    /// At `now` nanoseconds, with so many bytes in spans and so many behind free pages. `limit`: most bytes of both, whatever
    /// the clock says.
    pub fn order(&mut self, now: u64, in_use: u64, warm: u64, limit: u64) -> Order {
        self.owed = self.owed.saturating_sub(now - self.last);
        self.last = now;
        if now - self.sampled >= TICK {
            self.sampled = now;
            self.samples[self.next] = in_use;
            self.next = (self.next + 1) % SAMPLES;
        }
        // Not more than 95 % of the limit.
        let room = (limit - limit / 20).saturating_sub(in_use);
        if warm > room {
            return Order::Release((warm - room).min(STEP));
        }
        let excess = warm.saturating_sub(self.keep(in_use, warm));
        if excess < 64 << 10 {
            return Order::Sleep(TICK);
        }
        if self.owed > BURST * SHARE {
            return Order::Sleep((self.owed - BURST * SHARE).clamp(10_000_000, TICK));
        }
        Order::Release(excess.min(STEP))
    }

    /// Says that the last order took `spent` nanoseconds of a processor and gave `released` bytes back.
    pub fn worked(&mut self, spent: u64, released: u64) {
        // Work that finds nothing waits as long as work that does not end.
        let spent = if released == 0 { spent.max(BURST) } else { spent };
        self.owed = self.owed.saturating_add(spent.saturating_mul(SHARE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Plays a trace of (nanoseconds until, bytes in use, bytes mapped); cost per byte in picoseconds. Returns warm bytes at
    /// the end, and the share of a processor used, in parts of a thousand.
    fn play(trace: &[(u64, u64, u64)], cost: u64) -> (u64, f64) {
        let (mut now, mut work, mut released) = (0, 0, 0u64);
        let mut pacer = Pacer::new(0);
        let mut warm = 0;
        for &(until, in_use, mapped) in trace {
            // Memory used again comes from what was free, warm first.
            warm = mapped.saturating_sub(in_use).saturating_sub(released);
            while now < until {
                match pacer.order(now, in_use, warm, u64::MAX) {
                    Order::Sleep(ns) => now += ns,
                    Order::Release(bytes) => {
                        let bytes = bytes.min(warm);
                        let spent = 2_000 + bytes * cost / 1000;
                        (now, work) = (now + spent, work + spent);
                        warm -= bytes;
                        released += bytes;
                        pacer.worked(spent, bytes);
                    }
                }
            }
        }
        (warm, work as f64 / now as f64 * 1000.0)
    }

    const S: u64 = 1_000_000_000;
    const MIB: u64 = 1 << 20;

    #[test]
    fn an_idle_process_gives_nine_tenths_back_in_five_seconds() {
        for (in_use, free) in [(10, 100), (100, 100), (400, 200), (1, 500), (1000, 300)] {
            let trace = [
                (3 * S, (in_use + free) * MIB, (in_use + free) * MIB),
                (8 * S, in_use * MIB, (in_use + free) * MIB),
            ];
            let (warm, _) = play(&trace, 85);
            assert!(warm <= free * MIB / 10, "{in_use} {free}: {} MiB are left", warm / MIB);
        }
    }

    #[test]
    fn a_busy_process_keeps_what_it_will_want() {
        // Up and down between 100 and 200 MiB, twice in a second.
        let trace: Vec<_> = (1..40)
            .map(|i| (i * S / 2, if i % 2 == 0 { 100 } else { 200 } * MIB, 210 * MIB))
            .collect();
        let (_, share) = play(&trace, 85);
        assert!(share < 0.1, "it gave back what was wanted: {share}");
    }

    #[test]
    fn one_hundredth_of_a_processor() {
        // Far more than can be released: slow memory, many bytes.
        let (_, share) = play(&[(1, 1 << 40, 1 << 40), (100 * S, 1 << 20, 1 << 40)], 5_000);
        assert!((5.0..15.0).contains(&share), "{share} of a thousand");
    }

    #[test]
    fn a_limit_does_not_wait() {
        let mut pacer = Pacer::new(0);
        assert_eq!(pacer.order(1, 50 * MIB, 60 * MIB, 100 * MIB), Order::Release(STEP));
        assert_eq!(pacer.order(2, 50 * MIB, 40 * MIB, 100 * MIB), Order::Sleep(TICK));
    }

    proptest! {
        #[test]
        fn never_more_than_its_share(steps in prop::collection::vec((1..5u64, 0..2000u64, 0..3000u64), 1..30), cost in 10..20_000u64) {
            let mut at = 0;
            let trace: Vec<_> = steps.iter().map(|(s, used, free)| { at += s * S; (at, used * MIB, (used + free) * MIB) }).collect();
            let (_, share) = play(&trace, cost);
            // A burst, and a step begun before the account was full, come on top.
            let most = 10.0 + (BURST + 2_000 + STEP * cost / 1000) as f64 / at as f64 * 1000.0;
            prop_assert!(share <= most * 1.05, "{} of a thousand, at most {}", share, most);
        }
    }
}
