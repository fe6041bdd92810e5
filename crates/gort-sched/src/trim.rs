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

impl Scheduler {
    /// Looks at up to `most * 8` records and trims up to `most` stacks; returns how many. Called by
    /// sysmon once a second; two calls without a wake between them trim a stack.
    pub fn trim_parked(&self, most: usize) -> usize {
        let all = self.gs.len();
        // ORDER: Relaxed — a place to go on from.
        let from = self.trim_cursor.load(Relaxed);
        let (mut trimmed, mut looked) = (0, 0);
        while looked < all.min(most * 8) && trimmed < most {
            if let Some(g) = self.gs.get((from + looked) % all) {
                trimmed += usize::from(trim(g));
            }
            looked += 1;
        }
        // ORDER: Relaxed — as above.
        self.trim_cursor.store(if all == 0 { 0 } else { (from + looked) % all }, Relaxed);
        trimmed
    }
}

fn trim(g: &G) -> bool {
    if g.state.get() != GState::Waiting {
        return false;
    }
    let number = g.word.number();
    let seen = u64::from(number) << 1;
    // ORDER: Relaxed — the trimmer's own note; two trimmers at once do the work twice.
    let mark = g.trim_mark.swap(seen, Relaxed);
    if mark == seen | 1 {
        // ORDER: Relaxed — as above.
        g.trim_mark.store(mark, Relaxed);
        return false;
    }
    if mark != seen || !g.word.hold(number) {
        return false;
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
    true
}
