//! The account of a collector: bytes lent, bytes owed, and the plan in force. The rules are in `pace` and `limiter`; here are
//! the words that allocations look at, and the clock.
//!
//! `taken` counts the bytes that were lent to caches, ever. `live` is what the last cycle left plus what was taken since.
//!
//! # Assists
//! While marking goes on, a byte of allocation owes `ratio` bytes of scan work. What the background scans is credit that
//! pays for it; only where the credit is used up does the allocating task scan. When the collector has had its share of
//! the processors (`limiter`), nobody owes anything.

use std::time::Instant;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::limiter::Limiter;
use crate::pace::{Done, Pace, Progress};

static PACE: Rank = Rank { layer: layer::GC, n: 9, name: "gc.pace" };

/// Scan work that a cycle grants before the background's first credit.
const GRANT: u64 = 256 << 10;

/// The account and the plan in force.
#[derive(Debug)]
pub(crate) struct Pacer {
    rules: Lock<Rules>,
    started: Instant,
    cpus: u64,
    limit: AtomicU64,
    /// Bytes lent to caches, ever.
    taken: AtomicU64,
    /// `taken` at the end of the last marking.
    base: AtomicU64,
    /// Bytes that the last marking found alive.
    marked: AtomicU64,
    /// The plan, in terms of `taken`: one comparison in the slow path of an allocation.
    trigger_at: AtomicU64,
    goal_at: AtomicU64,
    goal: AtomicU64,
    /// Bytes of scan work that a byte owes, as the bits of a `f64`; 0 between cycles.
    ratio: AtomicU64,
    /// In two's complement.
    credit: AtomicU64,
    limiting: AtomicBool,
    exhausted: AtomicBool,
    /// Nanoseconds that tasks assisted: in this cycle, and not yet told to the limiter.
    assist_ns: AtomicU64,
    untold_ns: AtomicU64,
}

/// What the lock protects.
#[derive(Debug)]
struct Rules {
    pace: Pace,
    limiter: Limiter,
    /// Bytes that a memory limit leaves for objects.
    room: u64,
    /// Workers' share of the processors while marking.
    share: f64,
}

/// How a marking ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct End {
    /// Bytes that stay: found alive, or born black; of objects born black; of objects scanned; of roots.
    pub(crate) marked: u64,
    pub(crate) fresh: u64,
    pub(crate) scanned: u64,
    pub(crate) roots: u64,
    /// Bytes allocated while the cycle waited and had nothing to mark.
    pub(crate) late: u64,
    /// How long it took, in nanoseconds.
    pub(crate) ns: u64,
}

/// What an allocation learns from the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Quiet,
    /// A cycle should run.
    Trigger,
    /// A cycle should have ended; the heap is this much larger than its goal.
    OverGoal(u64),
}

impl Pacer {
    pub(crate) fn new(percent: Option<u32>, limit: Option<u64>, floor: u64, cpus: usize) -> Self {
        let cpus = cpus.max(1) as u64;
        let rules = Rules {
            pace: Pace::new(percent, floor),
            limiter: Limiter::new(0, cpus),
            room: limit.map_or(u64::MAX, |limit| crate::pace::room(limit, 0, 0)),
            share: 0.0,
        };
        let pacer = Self {
            rules: Lock::new(&PACE, rules),
            started: Instant::now(),
            cpus,
            limit: AtomicU64::new(limit.unwrap_or(u64::MAX)),
            taken: AtomicU64::new(0),
            base: AtomicU64::new(0),
            marked: AtomicU64::new(0),
            trigger_at: AtomicU64::new(0),
            goal_at: AtomicU64::new(0),
            goal: AtomicU64::new(0),
            ratio: AtomicU64::new(0),
            credit: AtomicU64::new(0),
            limiting: AtomicBool::new(false),
            exhausted: AtomicBool::new(false),
            assist_ns: AtomicU64::new(0),
            untold_ns: AtomicU64::new(0),
        };
        pacer.publish(&pacer.rules.lock());
        pacer
    }

    // ORDER, for this whole file: Relaxed. Every word is a number of its own; acting on an old one
    // starts a cycle a little early or late.

    /// Adds freshly lent bytes.
    pub(crate) fn add(&self, bytes: u64) -> Verdict {
        // ORDER: Relaxed — see above.
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // ORDER: Relaxed — see above.
        if taken < self.trigger_at.load(Ordering::Relaxed) {
            return Verdict::Quiet;
        }
        // ORDER: Relaxed — see above.
        match taken.checked_sub(self.goal_at.load(Ordering::Relaxed)) {
            Some(over) if over > 0 => Verdict::OverGoal(over),
            _ => Verdict::Trigger,
        }
    }

    /// Bytes of scan work that a task owes for `bytes` of allocation and the credit does not pay.
    pub(crate) fn owed(&self, bytes: u64) -> u64 {
        // ORDER: Relaxed — see above.
        let ratio = f64::from_bits(self.ratio.load(Ordering::Relaxed));
        if ratio == 0.0 || self.is_limiting() {
            return 0;
        }
        let debt = (bytes as f64 * ratio).min(1e15) as u64;
        // ORDER: Relaxed — see above.
        let before = self.credit.fetch_sub(debt, Ordering::Relaxed).cast_signed();
        let unpaid = debt.saturating_sub(before.max(0) as u64);
        // What is not paid by credit is asked of the task, or forgiven: it must not weigh on the next one.
        // ORDER: Relaxed — see above.
        self.credit.fetch_add(unpaid, Ordering::Relaxed);
        unpaid
    }

    /// The background scanned: it pays for allocations.
    pub(crate) fn earn(&self, bytes: u64) {
        // ORDER: Relaxed — see above.
        self.credit.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A task assisted.
    pub(crate) fn assisted(&self, ns: u64) {
        // ORDER: Relaxed, both — see above.
        self.assist_ns.fetch_add(ns, Ordering::Relaxed);
        self.untold_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Nanoseconds of assists in this cycle.
    pub(crate) fn assist_ns(&self) -> u64 {
        // ORDER: Relaxed — see above.
        self.assist_ns.load(Ordering::Relaxed)
    }

    /// Whether the collector has had its share of the processors.
    pub(crate) fn is_limiting(&self) -> bool {
        // ORDER: Relaxed — see above.
        self.limiting.load(Ordering::Relaxed)
    }

    /// Nanoseconds of the collector beyond its share, ever.
    pub(crate) fn overflow_ns(&self) -> u64 {
        self.rules.lock().limiter.overflow()
    }

    pub(crate) fn taken(&self) -> u64 {
        // ORDER: Relaxed — see above.
        self.taken.load(Ordering::Relaxed)
    }

    /// Bytes of objects, dead or alive, as the account sees it.
    pub(crate) fn live(&self) -> u64 {
        // ORDER: Relaxed — see above.
        self.marked() + self.taken().saturating_sub(self.base.load(Ordering::Relaxed))
    }

    pub(crate) fn marked(&self) -> u64 {
        // ORDER: Relaxed — see above.
        self.marked.load(Ordering::Relaxed)
    }

    pub(crate) fn goal(&self) -> u64 {
        // ORDER: Relaxed — see above.
        self.goal.load(Ordering::Relaxed)
    }

    /// Whether the last cycle left nearly nothing of the memory limit.
    pub(crate) fn is_exhausted(&self) -> bool {
        // ORDER: Relaxed — see above.
        self.exhausted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_exhausted(&self, now: bool) {
        // ORDER: Relaxed — see above.
        self.exhausted.store(now, Ordering::Relaxed);
    }

    /// Bytes of scan work that a cycle is expected to do.
    pub(crate) fn expected(&self) -> u64 {
        let rules = self.rules.lock();
        rules.pace.scanned + rules.pace.roots
    }

    /// A cycle begins, with so many workers.
    pub(crate) fn begin(&self, workers: usize) {
        let live = self.live();
        // ORDER: Relaxed, all — see above.
        self.assist_ns.store(0, Ordering::Relaxed);
        self.credit.store(GRANT, Ordering::Relaxed);
        let mut rules = self.rules.lock();
        rules.pace.start(live);
        // A worker on its own thread beside one processor shares it.
        rules.share = (workers as f64 / self.cpus as f64).min(0.5);
        let share = rules.share;
        self.read_clock(&mut rules, Some(share));
    }

    /// Marking goes on: `scanned` bytes of objects are done, roots apart.
    pub(crate) fn revise(&self, scanned: u64, roots: u64) {
        let (live, marked) = (self.live(), self.marked());
        let mut rules = self.rules.lock();
        // How much of what was allocated has pointers is not counted: as much as of what was alive.
        let part = rules.pace.scanned as f64 / marked.max(1) as f64;
        let scannable = if marked == 0 { live } else { (live as f64 * part.min(1.0)) as u64 };
        let now = Progress { live, scannable, roots, work: scanned + roots };
        let ratio = rules.pace.ratio(now, rules.room);
        // ORDER: Relaxed — see above.
        self.ratio.store(ratio.to_bits(), Ordering::Relaxed);
        if rules.limiter.is_due(self.now()) {
            self.read_clock(&mut rules, None);
        }
    }

    /// Marking ended. `room`: what a memory limit leaves for objects.
    pub(crate) fn learn(&self, end: End, room: u64) {
        let End { marked, fresh, scanned, roots, late, ns } = end;
        let assists = self.assist_ns() as f64 / (ns.max(1) * self.cpus) as f64;
        let done = Done { live: self.live(), fresh, scanned, roots, late, assists };
        let mut rules = self.rules.lock();
        // ORDER: Relaxed, all — see above.
        self.ratio.store(0, Ordering::Relaxed);
        self.marked.store(marked, Ordering::Relaxed);
        self.base.store(self.taken(), Ordering::Relaxed);
        self.read_clock(&mut rules, Some(0.0));
        rules.pace.learn(done);
        rules.pace.flip(marked, done);
        // Cycle after cycle would be too much: where the collector has had its share, a sixteenth is granted.
        let least = if self.is_limiting() { marked + marked / 16 } else { 0 };
        rules.room = room.max(least);
        self.publish(&rules);
    }

    /// The sweep is complete.
    pub(crate) fn swept(&self) {
        let mut rules = self.rules.lock();
        rules.pace.swept();
        self.publish(&rules);
    }

    /// A setting changed.
    pub(crate) fn replan(&self, roots: u64, room: u64) {
        let mut rules = self.rules.lock();
        rules.pace.roots = roots;
        rules.room = room;
        self.publish(&rules);
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn read_clock(&self, rules: &mut Rules, share: Option<f64>) {
        // ORDER: Relaxed — see above.
        rules.limiter.assisted(self.untold_ns.swap(0, Ordering::Relaxed));
        match share {
            Some(share) => rules.limiter.set_share(self.now(), share),
            None => rules.limiter.update(self.now()),
        }
        // ORDER: Relaxed — see above.
        self.limiting.store(rules.limiter.limiting(), Ordering::Relaxed);
    }

    /// Puts the plan in force.
    fn publish(&self, rules: &Rules) {
        let plan = rules.pace.plan(rules.room);
        let marked = rules.pace.marked;
        // ORDER: Relaxed — see above.
        let base = self.base.load(Ordering::Relaxed);
        let at = |bytes: u64| base.saturating_add(bytes.saturating_sub(marked));
        // ORDER: Relaxed, all — see above.
        self.goal.store(plan.goal, Ordering::Relaxed);
        self.goal_at.store(at(plan.goal), Ordering::Relaxed);
        self.trigger_at.store(at(plan.trigger), Ordering::Relaxed);
    }

    /// Sets `GOGC` and returns the old value. In force with the next [`replan`](Self::replan).
    pub(crate) fn set_percent(&self, percent: Option<u32>) -> Option<u32> {
        core::mem::replace(&mut self.rules.lock().pace.percent, percent)
    }

    /// Sets the smallest goal at 100 percent and returns the old one. In force as above.
    pub(crate) fn set_floor(&self, bytes: u64) -> u64 {
        core::mem::replace(&mut self.rules.lock().pace.floor, bytes)
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        // ORDER: Relaxed — see above.
        Some(self.limit.load(Ordering::Relaxed)).filter(|&l| l != u64::MAX)
    }

    /// Sets the memory limit and returns the old value. In force as above.
    pub(crate) fn set_limit(&self, limit: Option<u64>) -> Option<u64> {
        // ORDER: Relaxed — see above.
        Some(self.limit.swap(limit.unwrap_or(u64::MAX), Ordering::Relaxed))
            .filter(|&l| l != u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::FLOOR;

    const MIB: u64 = 1 << 20;

    /// All of what is alive, in MiB, was scanned.
    fn end(alive: u64) -> End {
        End { marked: alive * MIB, scanned: alive * MIB, ns: 1000, ..End::default() }
    }

    #[test]
    fn the_account_speaks_at_trigger_and_goal() {
        let pacer = Pacer::new(Some(100), None, FLOOR, 2);
        assert_eq!(pacer.add(MIB), Verdict::Quiet);
        assert_eq!(pacer.add(2 * MIB + 900 * 1024), Verdict::Trigger);
        assert_eq!(pacer.add(MIB), Verdict::OverGoal(900 * 1024));
        pacer.begin(1);
        pacer.learn(end(10), u64::MAX);
        assert_eq!((pacer.live(), pacer.goal()), (10 * MIB, 20 * MIB));
        assert_eq!(pacer.add(7 * MIB), Verdict::Quiet);
        assert_eq!(pacer.add(3 * MIB - 1), Verdict::Trigger);
        assert_eq!(pacer.set_percent(None), Some(100));
        assert_eq!(pacer.set_limit(Some(5)), None);
        assert_eq!((pacer.set_percent(None), pacer.limit()), (None, Some(5)));
        assert_eq!(pacer.set_floor(1), FLOOR);
    }

    /// The background's work pays first; what is left is owed; between cycles nothing is.
    #[test]
    fn credit_pays_for_allocation() {
        let pacer = Pacer::new(Some(100), None, FLOOR, 2);
        assert_eq!(pacer.owed(MIB), 0);
        pacer.begin(1);
        pacer.learn(end(100), u64::MAX);
        pacer.add(95 * MIB);
        pacer.begin(1);
        pacer.revise(0, 0);
        // 100 MiB of work in 5 MiB of heap: 20 bytes for each.
        assert_eq!(pacer.owed(MIB), 20 * MIB - GRANT);
        pacer.earn(30 * MIB);
        assert_eq!(pacer.owed(MIB), 0);
        assert_eq!(pacer.owed(MIB), 10 * MIB);
        assert_eq!(pacer.owed(MIB), 20 * MIB);
        pacer.learn(end(100), u64::MAX);
        assert_eq!(pacer.owed(MIB), 0);
    }

    #[test]
    fn a_limit_below_what_is_alive_asks_for_cycle_after_cycle() {
        let pacer = Pacer::new(Some(100), Some(64 * MIB), FLOOR, 2);
        pacer.begin(1);
        pacer.learn(end(100), crate::pace::room(64 * MIB, 100 * MIB, 100 * MIB));
        assert_eq!((pacer.goal(), pacer.add(1)), (100 * MIB, Verdict::OverGoal(1)));
    }
}
