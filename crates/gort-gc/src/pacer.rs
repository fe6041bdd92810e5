//! When a cycle begins, and how far the heap may grow: numbers in, numbers out.
//!
//! ```text
//! marked ----------------- trigger ------------- goal          bytes of objects
//!        the program runs          a cycle runs
//! ```
//! * `goal = marked + (marked + roots) * percent / 100`, at least `4 MiB * percent / 100`; with a memory
//!   limit at most what the limit leaves for objects.
//! * `trigger = goal - runway`, between 70 % and 95 % of the way from `marked` to the goal. The runway is what
//!   was allocated while the last four cycles ran, at most: so a cycle should end at the goal.
//!
//! The account: `taken` counts the bytes that were lent to caches, ever. `live` is what the last cycle left
//! plus what was taken since.

use crate::atomic::{AtomicU64, Ordering};

/// `percent` for "off".
const OFF: u64 = u64::MAX;

/// The smallest goal at 100 percent.
const MIN_GOAL: u64 = 4 << 20;

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Bytes that the last cycle found alive.
    pub(crate) marked: u64,
    /// Bytes of the root table.
    pub(crate) roots: u64,
    /// `GOGC`; `None`: no cycle because of growth.
    pub(crate) percent: Option<u32>,
    /// Bytes that a memory limit leaves for objects; `u64::MAX` without one.
    pub(crate) room: u64,
    /// Bytes that the program allocates while a cycle runs.
    pub(crate) runway: u64,
}

/// Bytes of objects at which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) trigger: u64,
    pub(crate) goal: u64,
}

/// The pacer's rule.
pub(crate) fn plan(f: Facts) -> Plan {
    let by_percent = match f.percent {
        None => u64::MAX,
        Some(percent) => {
            let percent = u128::from(percent);
            let growth = (u128::from(f.marked) + u128::from(f.roots)) * percent / 100;
            let min = u128::from(MIN_GOAL) * percent / 100;
            (u128::from(f.marked) + growth).max(min).min(u128::from(u64::MAX)) as u64
        }
    };
    // A limit below what is alive asks for cycle after cycle; a sixteenth keeps the program going.
    let by_limit = f.room.max(f.marked.saturating_add(f.marked / 16).saturating_add(64 << 10));
    let goal = if f.room == u64::MAX { by_percent } else { by_percent.min(by_limit) };
    let way = goal.saturating_sub(f.marked);
    let from = f.marked + way / 10 * 7;
    let to = f.marked + way / 20 * 19;
    Plan { trigger: goal.saturating_sub(f.runway).clamp(from, to), goal }
}

/// The account and the plan in force.
#[derive(Debug)]
pub(crate) struct Pacer {
    percent: AtomicU64,
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
    runways: [AtomicU64; 4],
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
    pub(crate) fn new(percent: Option<u32>, limit: Option<u64>) -> Self {
        let pacer = Self {
            percent: AtomicU64::new(percent.map_or(OFF, u64::from)),
            limit: AtomicU64::new(limit.unwrap_or(u64::MAX)),
            taken: AtomicU64::new(0),
            base: AtomicU64::new(0),
            marked: AtomicU64::new(0),
            trigger_at: AtomicU64::new(0),
            goal_at: AtomicU64::new(0),
            goal: AtomicU64::new(0),
            runways: [const { AtomicU64::new(0) }; 4],
        };
        pacer.replan(0, 0);
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

    /// A marking ended: it found `marked` bytes; `during` bytes were allocated since it was triggered.
    /// `black` of them were born black and so count as alive, and are in `marked`.
    pub(crate) fn learn(&self, number: u64, marked: u64, during: u64, roots: u64, overhead: u64) {
        // ORDER: Relaxed — see above.
        self.runways[(number % 4) as usize].store(during, Ordering::Relaxed);
        // ORDER: Relaxed — see above.
        self.marked.store(marked, Ordering::Relaxed);
        // ORDER: Relaxed — see above.
        self.base.store(self.taken(), Ordering::Relaxed);
        self.replan(roots, overhead);
    }

    /// Puts a new plan in force. `overhead`: bytes of the process that are not objects.
    pub(crate) fn replan(&self, roots: u64, overhead: u64) {
        // ORDER: Relaxed — see above.
        let runway = self.runways.iter().map(|r| r.load(Ordering::Relaxed)).max().unwrap_or(0);
        let room = match self.limit() {
            None => u64::MAX,
            Some(limit) => limit.saturating_sub(overhead).saturating_sub((limit / 33).max(1 << 20)),
        };
        let marked = self.marked();
        let plan = plan(Facts { marked, roots, percent: self.percent(), room, runway });
        // ORDER: Relaxed — see above.
        let base = self.base.load(Ordering::Relaxed);
        let at = |bytes: u64| base.saturating_add(bytes.saturating_sub(marked));
        // ORDER: Relaxed — see above.
        self.goal.store(plan.goal, Ordering::Relaxed);
        // ORDER: Relaxed — see above.
        self.goal_at.store(at(plan.goal), Ordering::Relaxed);
        // ORDER: Relaxed — see above.
        self.trigger_at.store(at(plan.trigger), Ordering::Relaxed);
    }

    pub(crate) fn percent(&self) -> Option<u32> {
        // ORDER: Relaxed — see above.
        u32::try_from(self.percent.load(Ordering::Relaxed)).ok()
    }

    /// Sets `GOGC` and returns the old value.
    pub(crate) fn set_percent(&self, percent: Option<u32>) -> Option<u32> {
        // ORDER: Relaxed — see above.
        let old = self.percent.swap(percent.map_or(OFF, u64::from), Ordering::Relaxed);
        u32::try_from(old).ok()
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        // ORDER: Relaxed — see above.
        Some(self.limit.load(Ordering::Relaxed)).filter(|&l| l != u64::MAX)
    }

    /// Sets the memory limit and returns the old value.
    pub(crate) fn set_limit(&self, limit: Option<u64>) -> Option<u64> {
        // ORDER: Relaxed — see above.
        Some(self.limit.swap(limit.unwrap_or(u64::MAX), Ordering::Relaxed))
            .filter(|&l| l != u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// MiB alive, MiB of roots, percent, MiB of room, MiB of runway; MiB of trigger and goal.
    fn check(
        marked: u64,
        roots: u64,
        percent: Option<u32>,
        room: u64,
        runway: u64,
        want: (u64, u64),
    ) {
        let room = if room == u64::MAX { room } else { room * MIB };
        let f =
            Facts { marked: marked * MIB, roots: roots * MIB, percent, room, runway: runway * MIB };
        let got = plan(f);
        assert_eq!((got.trigger / MIB, got.goal / MIB), want, "{f:?}");
    }

    #[test]
    fn doubles_at_100() {
        check(64, 0, Some(100), u64::MAX, 20, (108, 128));
    }
    #[test]
    fn roots_count() {
        check(64, 32, Some(100), u64::MAX, 0, (155, 160));
    }
    #[test]
    fn small_heaps_get_the_floor() {
        check(1, 0, Some(100), u64::MAX, 0, (3, 4));
        check(1, 0, Some(200), u64::MAX, 0, (7, 8));
    }
    #[test]
    fn the_trigger_is_not_too_early() {
        check(100, 0, Some(100), u64::MAX, 90, (170, 200));
    }
    #[test]
    fn off_is_off() {
        assert_eq!(
            plan(Facts { marked: 9, roots: 0, percent: None, room: u64::MAX, runway: 0 }).goal,
            u64::MAX
        );
    }
    #[test]
    fn the_limit_wins() {
        check(64, 0, Some(100), 96, 0, (94, 96));
        check(64, 0, None, 96, 0, (94, 96));
        check(64, 0, Some(100), 32, 0, (67, 68));
    }

    #[test]
    fn the_account_speaks_at_trigger_and_goal() {
        let pacer = Pacer::new(Some(100), None);
        assert_eq!(pacer.add(MIB), Verdict::Quiet);
        assert_eq!(pacer.add(2 * MIB + 900 * 1024), Verdict::Trigger);
        assert_eq!(pacer.add(MIB), Verdict::OverGoal(900 * 1024));
        pacer.learn(1, 10 * MIB, 2 * MIB, 0, 0);
        assert_eq!((pacer.live(), pacer.goal()), (10 * MIB, 20 * MIB));
        assert_eq!(pacer.add(7 * MIB), Verdict::Quiet);
        assert_eq!(pacer.add(MIB), Verdict::Trigger);
        assert_eq!(pacer.set_percent(None), Some(100));
        assert_eq!(pacer.set_limit(Some(5)), None);
        assert_eq!((pacer.percent(), pacer.limit()), (None, Some(5)));
    }
}
