//! The pacer's rule: when a cycle begins, how far the heap may grow, and how much an allocation owes. Numbers in, numbers out;
//! no clock, no atomics. The simulation at its side plays programs against it.
//!
//! ```text
//! marked ------------------- trigger -------- goal          bytes of objects
//!        the program runs            a cycle runs
//! ```
//! * `goal = marked + (marked + roots) * percent / 100`, not below the floor; with a memory limit at most what that leaves
//!   for objects, but never below what is alive.
//! * `trigger = goal - runway`. The runway is what the program will allocate while the expected work is done at the target
//!   share of the processors: `cons_mark * (1 - share) / share * work`. `cons_mark` is bytes allocated per byte
//!   scanned, each per processor time, as the last cycles had it: the greatest of four, so that one quiet cycle does not
//!   make the next one late.
//! * The trigger is earlier by what the program allocated, on an average of the last four cycles, while the cycle waited for tasks
//!   and had nothing to mark: no worker and no assist makes that shorter.
//! * Between 70 % (earlier by those bytes) and 95 % of the way from `marked` to the goal; in large heaps as near to the goal as the floor is wide.
//! * Of the objects made while the cycle ended, which stay until the next one, the goal counts only the share that lives as a rule.
//! * While a cycle runs, `ratio` is scan work left per byte of heap left: what an allocation owes.
//!
//! These are Go's rules, with roots for its stacks and globals.

/// The share of the processors that background workers take while marking.
pub(crate) const SHARE: f64 = 0.25;
/// The smallest goal at 100 percent.
pub(crate) const FLOOR: u64 = 4 << 20;
/// A goal is at least this far from what was alive when the sweep began: there is time to sweep.
const SWEEP_DISTANCE: u64 = 1 << 20;
/// A cycle that has begun gets this many bytes at least.
const RUNWAY: u64 = 64 << 10;
/// Beyond the goal, this much of it is granted before an allocation owes everything.
const OVERSHOOT: f64 = 1.1;

/// What the rule remembers between cycles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// `GOGC`; `None`: no cycle because of growth.
    pub(crate) percent: Option<u32>,
    /// The smallest goal at 100 percent.
    pub(crate) floor: u64,
    /// Bytes that the last cycle found alive; of them, with pointers.
    pub(crate) marked: u64,
    pub(crate) scanned: u64,
    /// Bytes of roots.
    pub(crate) roots: u64,
    /// See the module page.
    cons_mark: f64,
    last: [f64; 4],
    /// Bytes allocated while the last four cycles waited.
    late: [u64; 4],
    /// Of `marked`, bytes that the next cycle will probably find dead.
    floating: u64,
    /// The share of new bytes that lived to be found by a cycle.
    survival: f64,
    /// Bytes at which the goal lies at least, since the sweep.
    swept_from: u64,
    /// Bytes at which the present cycle began.
    triggered: Option<u64>,
}

/// Bytes of objects at which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) trigger: u64,
    pub(crate) goal: u64,
}

/// How a cycle goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Bytes of objects, dead or alive; of them, with pointers.
    pub(crate) live: u64,
    pub(crate) scannable: u64,
    /// Bytes of roots now.
    pub(crate) roots: u64,
    /// Bytes scanned, roots included.
    pub(crate) work: u64,
}

/// How a cycle went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// At its end.
    pub(crate) live: u64,
    /// Bytes of objects scanned, and of roots.
    pub(crate) scanned: u64,
    pub(crate) roots: u64,
    /// Bytes of objects that stay because they were made when marking was at its end: nobody knows whether they are alive.
    pub(crate) fresh: u64,
    /// Bytes allocated while the cycle waited and had nothing to mark.
    pub(crate) late: u64,
    /// The share of the processors' time that assists took.
    pub(crate) assists: f64,
}

impl Pace {
    pub(crate) fn new(percent: Option<u32>, floor: u64) -> Self {
        Self {
            percent,
            floor,
            marked: 0,
            scanned: 0,
            roots: 0,
            cons_mark: 0.0,
            last: [0.0; 4],
            late: [0; 4],
            floating: 0,
            survival: 1.0,
            swept_from: 0,
            triggered: None,
        }
    }

    /// Where a cycle should end, and where it may begin at the earliest. `room`: what a memory limit leaves for objects.
    fn goal(&self, room: u64) -> (u64, u64) {
        let by_percent = match self.percent {
            None => u64::MAX,
            Some(percent) => {
                let part = |bytes: u64| (u128::from(bytes) * u128::from(percent) / 100) as u64;
                let alive = self.marked - self.floating;
                let grown = alive.saturating_add(part(alive.saturating_add(self.roots)));
                // What floats does not make the heap larger, but it must not make cycles follow each other at once.
                let least = self.marked.saturating_add(part(self.marked / 4));
                grown.max(least).max(part(self.floor))
            }
        };
        let by_limit = room.max(self.marked);
        if by_limit < by_percent {
            return (by_limit, 0);
        }
        let mut goal = by_percent.max(self.swept_from);
        if let Some(at) = self.triggered {
            goal = goal.max(at.saturating_add(RUNWAY));
        }
        (goal, self.swept_from)
    }

    /// The plan in force.
    pub(crate) fn plan(&self, room: u64) -> Plan {
        let (goal, earliest) = self.goal(room);
        if self.marked >= goal {
            return Plan { trigger: goal, goal };
        }
        let way = goal - self.marked;
        let from = self.marked + (way / 64 * 45).saturating_sub(self.late()).max(way / 4);
        let from = earliest.max(from);
        let to =
            (self.marked + way / 64 * 61).max(goal.saturating_sub(self.floor.max(1))).max(from);
        let trigger = goal.saturating_sub(self.runway()).clamp(from, to).min(goal);
        Plan { trigger, goal }
    }

    /// Bytes that the program allocates until marking begins and while the expected work is done.
    fn runway(&self) -> u64 {
        let work = self.scanned.saturating_add(self.roots);
        self.late().saturating_add((self.cons_mark * (1.0 - SHARE) / SHARE * work as f64) as u64)
    }

    /// Bytes that the program allocates while a cycle waits, as the last four had it.
    fn late(&self) -> u64 {
        self.late.iter().map(|bytes| bytes / 4).sum()
    }

    /// A cycle begins.
    pub(crate) fn start(&mut self, live: u64) {
        self.triggered = Some(live);
    }

    /// Bytes of scan work that a byte allocated now owes.
    pub(crate) fn ratio(&self, now: Progress, room: u64) -> f64 {
        let mut goal = self.goal(room).0;
        let expected = self.scanned.saturating_add(self.roots);
        let most = now.scannable.saturating_add(now.roots);
        let mut work = expected;
        if now.work > expected {
            // More is alive than the last time. The goal moves out as the work grows, but not beyond what the next goal
            // would be if all were alive.
            let start = self.triggered.unwrap_or(now.live);
            let per_work = goal.saturating_sub(start) as f64 / expected.max(1) as f64;
            let extended = per_work * most as f64 + start as f64;
            let hard = (1.0 + f64::from(self.percent.unwrap_or(100_000)) / 100.0) * goal as f64;
            goal = extended.min(hard) as u64;
            work = most;
        }
        if now.live > goal {
            goal = (goal as f64 * OVERSHOOT) as u64;
            work = most;
        }
        let left = work.saturating_sub(now.work).max(1000);
        left as f64 / goal.saturating_sub(now.live).max(1) as f64
    }

    /// Marking has ended.
    pub(crate) fn learn(&mut self, done: Done) {
        let Some(start) = self.triggered else { return };
        let work = done.scanned + done.roots;
        self.late.rotate_left(1);
        self.late[3] = done.late;
        let start = start.saturating_add(done.late);
        if done.live <= start || work == 0 {
            return; // It said nothing about the program.
        }
        let share = (SHARE + done.assists).min(0.99);
        let now = (done.live - start) as f64 * share / (work as f64 * (1.0 - share));
        self.cons_mark = self.last.iter().fold(now, |most, &c| most.max(c));
        self.last.rotate_left(1);
        self.last[3] = now;
    }

    /// The sweep begins; `marked` bytes are alive. (Go's order: first `learn`, then this.)
    pub(crate) fn flip(&mut self, marked: u64, done: Done) {
        let (found, fresh) = (marked.saturating_sub(done.fresh), done.fresh.min(marked));
        let alive = self.marked - self.floating;
        let made = done.live.saturating_sub(self.marked).saturating_sub(fresh);
        if made > 0 {
            let lived = found.saturating_sub(alive) as f64 / made as f64;
            self.survival = (self.survival + lived.min(1.0)) / 2.0;
        }
        self.floating = (fresh as f64 * (1.0 - self.survival)) as u64;
        self.marked = marked;
        self.scanned = done.scanned;
        self.roots = done.roots;
        self.swept_from = marked.saturating_add(SWEEP_DISTANCE);
        self.triggered = None;
    }

    /// The sweep is complete.
    pub(crate) fn swept(&mut self) {
        self.swept_from = 0;
    }
}

/// What a memory limit leaves for objects. `committed`: bytes that the process's heaps have from the system; `objects`: of
/// them, objects and free pages of the collector. Three hundredths, at least 1 MiB, stay free.
pub(crate) fn room(limit: u64, committed: u64, objects: u64) -> u64 {
    let others = committed.saturating_sub(objects);
    let over = committed.saturating_sub(limit);
    let goal = limit.saturating_sub(others.saturating_add(over));
    let spare = (goal / 100 * 3).max(1 << 20);
    match goal.checked_sub(spare) {
        Some(left) if left >= spare => left,
        _ if goal == 0 => 0,
        _ => spare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn plan(marked: u64, roots: u64, percent: Option<u32>, room: u64) -> (u64, u64) {
        let mut pace = Pace::new(percent, FLOOR);
        pace.flip(marked * MIB, Done { roots: roots * MIB, ..Done::default() });
        pace.swept();
        let room = if room == u64::MAX { room } else { room * MIB };
        let plan = pace.plan(room);
        assert!(plan.trigger <= plan.goal);
        (plan.trigger / MIB, plan.goal / MIB)
    }

    #[test]
    fn goals() {
        // MiB alive, MiB of roots, percent, MiB of room; MiB of trigger and goal.
        let cases = [
            (64, 0, Some(100), u64::MAX, (125, 128)),
            (64, 32, Some(100), u64::MAX, (156, 160)),
            (1, 0, Some(100), u64::MAX, (3, 4)),
            (1, 0, Some(200), u64::MAX, (7, 8)),
            (64, 0, Some(100), 96, (94, 96)),
            (64, 0, None, 96, (94, 96)),
            (64, 0, Some(100), 32, (64, 64)),
            (64, 0, None, u64::MAX, (u64::MAX / MIB - 4, u64::MAX / MIB)),
        ];
        for (marked, roots, percent, room, want) in cases {
            assert_eq!(
                plan(marked, roots, percent, room),
                want,
                "{marked} {roots} {percent:?} {room}"
            );
        }
    }

    /// What was allocated during long handshakes makes the next triggers earlier, a quarter of it for four cycles.
    #[test]
    fn a_late_start() {
        let mut pace = Pace::new(Some(100), FLOOR);
        let mut after = |late: u64| {
            pace.start(120 * MIB);
            let done = Done {
                live: (121 + late) * MIB,
                scanned: 64 * MIB,
                late: late * MIB,
                ..Done::default()
            };
            pace.learn(done);
            pace.flip(64 * MIB, done);
            pace.swept();
            pace.plan(u64::MAX).trigger / MIB
        };
        assert_eq!([0, 16, 8, 0, 0, 0, 0].map(&mut after), [125, 123, 121, 121, 121, 125, 125]);
        // With none of the last four waiting, as before; with all, a quarter of the way is left at least.
        assert_eq!([90, 90, 90, 90].map(&mut after)[3], 80);
    }

    #[test]
    fn what_a_limit_leaves() {
        // MiB of limit, committed, of that objects; MiB left (rounded down).
        for (limit, committed, objects, want) in [
            (512, 100, 60, 457),
            (512, 0, 0, 496),
            (512, 600, 580, 391),
            (10, 30, 5, 0),
            (2, 1, 1, 1),
        ] {
            assert_eq!(room(limit * MIB, committed * MIB, objects * MIB) / MIB, want, "{limit}");
        }
    }
}
