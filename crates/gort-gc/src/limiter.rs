//! The limiter of the collector's share: a bucket that the collector's processor time fills and the program's empties.
//!
//! With one second of each processor in it, the bucket is full, and the collector is limited: no assists, and the heap
//! may pass its goal. So a memory limit that is too low, or a heap that is nearly full, costs half of the processors at
//! most, over some seconds. A pure function of the times that it is told (nanoseconds); the rules are Go's.

/// What the bucket holds, for each processor.
pub(crate) const CAPACITY: u64 = 1_000_000_000;
/// How long a reading stays good.
pub(crate) const PERIOD: u64 = 10_000_000;

/// The bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    procs: u64,
    last: u64,
    fill: u64,
    limiting: bool,
    /// Time of the collector that found the bucket full, ever.
    overflow: u64,
    /// Assists and idle time since the last reading.
    assists: u64,
    idle: u64,
    /// The share of the processors that background workers take now.
    share: f64,
}

impl Limiter {
    pub(crate) fn new(now: u64, procs: u64) -> Self {
        let (fill, limiting, overflow, assists, idle) = (0, false, 0, 0, 0);
        Self { procs, last: now, fill, limiting, overflow, assists, idle, share: 0.0 }
    }

    fn capacity(&self) -> u64 {
        self.procs * CAPACITY
    }

    /// Whether the collector has had its share.
    pub(crate) fn limiting(&self) -> bool {
        self.limiting
    }

    /// Processor time of the collector that found the bucket full, ever, in nanoseconds.
    pub(crate) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Whether the last reading is too old.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.last) > PERIOD
    }

    /// A task assisted for so long.
    pub(crate) fn assisted(&mut self, time: u64) {
        self.assists += time;
    }

    /// A processor had nothing to do for so long: it counts for nobody.
    #[cfg(test)]
    pub(crate) fn idled(&mut self, time: u64) {
        self.idle += time;
    }

    /// Background workers take this share of the processors from `now` on; 0 between cycles.
    pub(crate) fn set_share(&mut self, now: u64, share: f64) {
        self.update(now);
        self.share = share;
    }

    /// Takes a reading.
    pub(crate) fn update(&mut self, now: u64) {
        let window = self.window(now).saturating_sub(core::mem::take(&mut self.idle));
        let workers = (window as f64 * self.share) as u64;
        let collector = core::mem::take(&mut self.assists).saturating_add(workers);
        self.add(collector, window.saturating_sub(collector));
    }

    /// Since the last reading nothing but the collector ran: all were held for it.
    #[cfg(test)]
    pub(crate) fn update_held(&mut self, now: u64) {
        let window = self.window(now);
        self.add(window, 0);
    }

    /// The number of processors changed.
    #[cfg(test)]
    pub(crate) fn set_procs(&mut self, now: u64, procs: u64) {
        self.update(now);
        self.procs = procs;
        // Not an overflow: nobody worked too much.
        self.limiting = self.fill >= self.capacity();
        self.fill = self.fill.min(self.capacity());
    }

    fn window(&mut self, now: u64) -> u64 {
        let time = now.saturating_sub(self.last);
        self.last = self.last.max(now);
        time.saturating_mul(self.procs)
    }

    fn add(&mut self, collector: u64, program: u64) {
        let room = self.capacity() - self.fill;
        if collector > program {
            let more = collector - program;
            if more >= room {
                self.overflow += more - room;
                self.fill = self.capacity();
                self.limiting = true;
                return;
            }
            self.fill += more;
        } else {
            self.fill = self.fill.saturating_sub(program - collector);
        }
        if collector != program {
            self.limiting = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::SHARE;

    const MS: u64 = 1_000_000;
    const PROCS: u64 = 14;

    /// A clock, and a limiter that reads it.
    struct Bench {
        now: u64,
        l: Limiter,
    }

    impl Bench {
        /// Time passes, with assists of a share of the processors.
        fn pass(&mut self, time: u64, assists: f64) {
            self.l.assisted((assists * time as f64) as u64 * PROCS);
            self.now += time;
            self.l.update(self.now);
        }
        fn state(&self) -> (u64, bool, u64) {
            (self.l.fill, self.l.limiting, self.l.overflow)
        }
    }

    /// The life of a bucket, twice over, so that nothing of the first stays.
    #[test]
    fn a_bucket_of_fourteen_processors() {
        let mut b = Bench { now: 0, l: Limiter::new(0, PROCS) };
        let full = PROCS * CAPACITY;
        for turn in 0..2 {
            let base = turn * (CAPACITY / 2 + 6 * MS) * PROCS;
            // The program alone leaves it empty.
            for time in [10 * MS, 1000 * MS, 3_600_000 * MS] {
                b.pass(time, 0.0);
            }
            assert_eq!(b.state(), (0, false, base));
            assert!(!b.l.is_due(b.now + PERIOD / 2) && b.l.is_due(b.now + PERIOD * 3 / 2));
            // All held for the collector: it fills by that time.
            b.now += 2 * MS + 1000;
            b.l.update_held(b.now);
            b.l.set_share(b.now, SHARE);
            assert_eq!(b.state(), ((2 * MS + 1000) * PROCS, false, base));
            // Workers alone: it empties by half of the time.
            b.pass(((2 * MS + 1000) - 1) * 2, 0.0);
            assert_eq!(b.state(), (PROCS, false, base));
            b.pass(2 * CAPACITY, 0.0);
            assert_eq!(b.state(), (0, false, base));
            // Half for each: nothing moves.
            b.pass(10 * MS, 0.5 - SHARE);
            assert_eq!(b.state(), (0, false, base));
            // All for the collector.
            b.pass(MS, 1.0 - SHARE);
            assert_eq!(b.state(), (PROCS * MS, false, base));
            b.pass(CAPACITY - MS, 1.0 - SHARE);
            assert_eq!(b.state(), (full, true, base), "full to the brim");
            b.pass(1000 * MS, 0.5 - SHARE);
            assert_eq!(b.state(), (full, true, base), "half for each changes nothing");
            b.pass(CAPACITY, 0.0);
            assert_eq!(b.state(), (full / 2, false, base));
            b.pass(CAPACITY, 1.0 - SHARE);
            assert_eq!(b.state(), (full, true, base + full / 2), "more than it takes");
            // The end of a cycle, with assists left over.
            b.l.assisted(((1.0 - SHARE) * MS as f64) as u64 * PROCS);
            b.now += MS;
            b.l.set_share(b.now, 0.0);
            assert_eq!(b.state(), (full, true, base + full / 2 + MS * PROCS));
            b.now += 5 * MS;
            b.l.update_held(b.now);
            let over = base + full / 2 + 6 * MS * PROCS;
            assert_eq!(b.state(), (full, true, over));
            // More processors, then fewer.
            b.l.set_procs(b.now, PROCS + 10);
            assert_eq!(b.state(), (full, false, over));
            b.l.set_procs(b.now, PROCS - 10);
            assert_eq!(b.state(), ((PROCS - 10) * CAPACITY, true, over));
            b.now += CAPACITY * PROCS;
            b.l.set_procs(b.now, PROCS);
            assert_eq!(b.state(), (0, false, over));
        }
    }

    #[test]
    fn idle_time_counts_for_nobody() {
        let mut l = Limiter::new(0, 2);
        l.set_share(0, 0.5);
        l.idled(15 * MS);
        l.assisted(2 * MS);
        l.update(10 * MS);
        // Five milliseconds are left: half of them and two more against the rest.
        assert_eq!(l.fill, 4 * MS);
    }
}
