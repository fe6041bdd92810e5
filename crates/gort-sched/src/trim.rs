//! Memory below the frames of goroutines that stay parked goes back to the system.
//!
//! A goroutine that once went deep keeps the pages that it touched. One that was found parked in the
//! same wait twice is held for as long as one `madvise` takes ([`crate::word`], HOLD-1), and what
//! lies below its saved stack pointer is given up; once for each wait.

use crate::g::G;
use crate::scheduler::Scheduler;
use crate::state::GState;
use core::sync::atomic::Ordering::Relaxed;

/// The margin below the stack pointer: the red zone, and a page for the next call.
const MARGIN: usize = 8 << 10;
const PAGE: usize = 4096;

/// What one round came upon.
pub(crate) struct Round {
    /// Records looked at.
    pub(crate) looked: usize,
    /// Goroutines that stay parked and were not yet seen to the end.
    pub(crate) found: usize,
    /// Stacks trimmed.
    pub(crate) trimmed: usize,
}

enum Seen {
    /// Not parked, or trimmed in this wait already.
    Nothing,
    /// Parked since the last look, or on its way out: another look is needed.
    First,
    Trimmed,
}

impl Scheduler {
    /// Looks at up to `most * 8` records and trims up to `most` stacks; returns how many. Two calls without a wake between
    /// them trim a stack.
    pub fn trim_parked(&self, most: usize) -> usize {
        self.trim_round(most).trimmed
    }

    /// The same, once a second by sysmon.
    pub(crate) fn trim_round(&self, most: usize) -> Round {
        let all = self.gs.len();
        // ORDER: Relaxed — a place to go on from.
        let from = self.trim_cursor.load(Relaxed);
        let mut round = Round { looked: 0, found: 0, trimmed: 0 };
        while round.looked < all.min(most * 8) && round.trimmed < most {
            match self.gs.get((from + round.looked) % all).map_or(Seen::Nothing, trim) {
                Seen::Nothing => {}
                Seen::First => round.found += 1,
                Seen::Trimmed => {
                    round.found += 1;
                    round.trimmed += 1;
                }
            }
            round.looked += 1;
        }
        // ORDER: Relaxed — as above.
        self.trim_cursor.store(if all == 0 { 0 } else { (from + round.looked) % all }, Relaxed);
        round
    }

    /// Records that a pass has to look at.
    pub(crate) fn goroutine_records(&self) -> usize {
        self.gs.len()
    }
}

fn trim(g: &G) -> Seen {
    if g.state.get() != GState::Waiting {
        return Seen::Nothing;
    }
    let number = g.word.number();
    let seen = u64::from(number) << 1;
    // ORDER: Relaxed — the trimmer's own note; two trimmers at once do the work twice.
    let mark = g.trim_mark.swap(seen, Relaxed);
    if mark == seen | 1 {
        // ORDER: Relaxed — as above.
        g.trim_mark.store(mark, Relaxed);
        return Seen::Nothing;
    }
    if mark != seen || !g.word.hold(number) {
        return Seen::First;
    }
    let class = g.stack_class();
    let low = g.stack_low.get() + class.guard_bytes();
    let high = g.sp.get().saturating_sub(MARGIN) & !(PAGE - 1);
    if g.stack_low.get() != 0 && low < high {
        // SAFETY: HOLD-1 — nobody runs the goroutine while it is held, and what lies below its saved
        // stack pointer and the red zone is dead.
        unsafe { libc::madvise(low as *mut _, high - low, libc::MADV_DONTNEED) };
    }
    g.word.let_go();
    // ORDER: Relaxed — as above.
    g.trim_mark.store(seen | 1, Relaxed);
    Seen::Trimmed
}
