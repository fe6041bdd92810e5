//! What sysmon does once a second beside its looks at the Ps: it follows the system's number of processors, and gives the
//! memory of stacks back that nobody uses.
//!
//! While everything is idle sysmon goes on with it, a bigger piece at a time since nobody waits for the processor, until one
//! whole pass over the goroutines has found nothing to do. Then it sleeps until something happens: a program in which all
//! wait makes no wake-ups.

use crate::scheduler::Scheduler;
use core::time::Duration;

/// Between two rounds.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// Warm idle stacks that each class keeps.
const KEEP: usize = 64;

/// How much one round may do; a stack costs 1.5 µs.
struct Budget {
    idle_stacks: usize,
    parked: usize,
}

const BESIDE_WORK: Budget = Budget { idle_stacks: 4096, parked: 512 };
const WHILE_IDLE: Budget = Budget { idle_stacks: 16_384, parked: 8192 };

/// How far they are; sysmon's own.
#[derive(Debug)]
pub(crate) struct Chores {
    /// When the last round was.
    last: u64,
    /// Records looked at since there was something to do.
    clean: usize,
    /// Whether anything may be left to do.
    left: bool,
}

impl Chores {
    pub(crate) fn new(now: u64) -> Self {
        Self { last: now, clean: 0, left: true }
    }

    /// Goroutines have run: there may be something to do again.
    pub(crate) fn begin_again(&mut self) {
        (self.clean, self.left) = (0, true);
    }

    /// Whether something may be left to do.
    pub(crate) fn left(&self) -> bool {
        self.left
    }

    /// A round, if it is time for one.
    pub(crate) fn run_if_due(&mut self, s: &Scheduler, now: u64, idle: bool) {
        if u128::from(now.saturating_sub(self.last)) < EVERY.as_nanos() {
            return;
        }
        self.last = now;
        s.follow_system();
        let budget = if idle { WHILE_IDLE } else { BESIDE_WORK };
        let released = s.stacks.trim(KEEP, budget.idle_stacks);
        let round = s.trim_round(budget.parked);
        self.clean = if round.found == 0 { self.clean + round.looked } else { 0 };
        self.left = released == budget.idle_stacks || self.clean < s.goroutine_records();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{spawn, testing, thread};

    /// With a clock of the test's own: rounds come once a second, and a pass that finds nothing ends them.
    #[test]
    fn a_clean_pass_ends_them() {
        testing::run_with(crate::Config { procs: 1, ..Default::default() }, || {
            let parked = [(); 3].map(|()| spawn::go(thread::park));
            thread::yield_now();
            Scheduler::with_current(|s| {
                let second = EVERY.as_nanos() as u64;
                let mut chores = Chores::new(0);
                chores.run_if_due(s, second - 1, true);
                assert_eq!((chores.left(), chores.clean), (true, 0), "not yet due");
                // Seen, trimmed, nothing left; more or fewer if the scheduler's own sysmon came in between.
                let rounds = (1..10).take_while(|n| {
                    chores.run_if_due(s, n * second, true);
                    chores.left()
                });
                assert!(rounds.count() <= 4);
                chores.begin_again();
                assert!(chores.left());
            });
            for g in parked {
                g.thread().unpark();
                g.join().expect("no panic");
            }
        });
    }
}
