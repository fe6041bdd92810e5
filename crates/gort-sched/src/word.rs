//! [`TicketWord`]: one atomic word that says who may end a wait, and who must run the waiter.
//!
//! ```text
//!  63            32 31        8 7    5   4     3      2       1      0
//! ┌────────────────┬───────────┬──────┬─────┬──────┬───────┬──────┬──────┐
//! │ number of wait │   code    │ zero │HELD │ WOKEN│CLAIMED│PARKED│ OPEN │
//! └────────────────┴───────────┴──────┴─────┴──────┴───────┴──────┴──────┘
//! ```
//! A wait goes through it like this; the waiter and the waker meet in the middle, in any order:
//!
//! | step | by | does | and then |
//! |---|---|---|---|
//! | open | waiter | number + 1, OPEN | publishes the ticket |
//! | claim | one waker | OPEN, not CLAIMED → CLAIMED with its code | writes the result where the waiter looks |
//! | wake | the same | sets WOKEN | if PARKED stood: runs the waiter |
//! | commit | waiter, off its stack | sets PARKED | if WOKEN stood: runs itself |
//!
//! WAKE-ONCE: `wake` and `commit` are exchanges on one word, so exactly one of them sees the
//! other's bit, and the waiter is made runnable exactly once, after its context is saved.

//!
//! A parked waiter that nobody has claimed may be held for a moment by whoever works on its stack;
//! claims wait that long (HOLD-1: who holds it has the stack for himself).

use gort_sys::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    spin_loop,
};

const OPEN: u64 = 1;
const PARKED: u64 = 2;
const CLAIMED: u64 = 4;
const WOKEN: u64 = 8;
const HELD: u64 = 16;
const CODE_SHIFT: u32 = 8;

/// Largest code that a primitive may claim with.
pub(crate) const CODE_MAX: u32 = 0xff_fff0;

/// The word of one waiter.
#[derive(Debug)]
pub(crate) struct TicketWord(AtomicU64);

impl TicketWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Waiter: opens the next wait and returns its number.
    #[inline]
    pub(crate) fn open(&self) -> u32 {
        // ORDER: Relaxed — only the waiter writes outside a wait (a late claim of an older number
        // fails and writes nothing).
        let number = ((self.0.load(Relaxed) >> 32) as u32).wrapping_add(1);
        // ORDER: Release ⇒ `number`: the end of the wait before, its deadline (TIMER-1). The ticket is
        // published by the queue that it is put into.
        self.0.store((u64::from(number) << 32) | OPEN, Release);
        number
    }

    /// The number of the present (or last) wait.
    pub(crate) fn number(&self) -> u32 {
        // ORDER: Acquire ⇐ `open`: a claim of an old number fails.
        (self.0.load(Acquire) >> 32) as u32
    }

    /// Waker: tries to decide wait `number` with `code`. One caller wins.
    #[inline]
    pub(crate) fn claim(&self, number: u32, code: u32) -> bool {
        // ORDER: Relaxed — a look; the exchange decides.
        let mut now = self.0.load(Relaxed);
        loop {
            if now >> 32 != u64::from(number) || now & (OPEN | CLAIMED) != OPEN {
                return false;
            }
            if now & HELD != 0 {
                // Who holds it makes one system call.
                spin_loop();
                // ORDER: Relaxed — a look, as above.
                now = self.0.load(Relaxed);
                continue;
            }
            let new = now | CLAIMED | (u64::from(code) << CODE_SHIFT);
            // ORDER: AcqRel — Acquire ⇐ `commit` of the waiter; Release ⇒ `outcome`. Relaxed on
            // failure: looked at again.
            match self.0.compare_exchange_weak(now, new, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
    }

    /// Somebody who would work on the stack of a parked waiter: `true` if nobody has claimed wait
    /// `number`, and nobody will until [`let_go`](Self::let_go).
    pub(crate) fn hold(&self, number: u32) -> bool {
        let parked = (u64::from(number) << 32) | OPEN | PARKED;
        // ORDER: AcqRel — Acquire ⇐ `commit`: the saved context. Relaxed on failure.
        self.0.compare_exchange(parked, parked | HELD, AcqRel, Relaxed).is_ok()
    }

    /// Ends [`hold`](Self::hold).
    pub(crate) fn let_go(&self) {
        // ORDER: Release ⇒ `claim`: what was done to the stack.
        self.0.fetch_and(!HELD, Release);
    }

    /// Whether wait `number` is undecided.
    #[inline]
    pub(crate) fn is_open(&self, number: u32) -> bool {
        // ORDER: Relaxed — a hint.
        let now = self.0.load(Relaxed);
        now >> 32 == u64::from(number) && now & (OPEN | CLAIMED) == OPEN
    }

    /// The winner of the claim: lets the waiter go. `true`: it is off its stack, and the caller
    /// makes it run.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        // ORDER: AcqRel — Release ⇒ `commit`, `outcome`: the result that was written; Acquire ⇐
        // `commit`: the saved context.
        self.0.fetch_or(WOKEN, AcqRel) & PARKED != 0
    }

    /// Waiter, after its context was saved. `true`: it was woken meanwhile, and the caller makes
    /// it run.
    #[inline]
    pub(crate) fn commit(&self) -> bool {
        // ORDER: AcqRel — Release ⇒ `wake`: the saved context; Acquire ⇐ `wake`: the result.
        self.0.fetch_or(PARKED, AcqRel) & WOKEN != 0
    }

    /// Waiter: the code, if it was claimed and woken.
    #[inline]
    pub(crate) fn outcome(&self) -> Option<u32> {
        // ORDER: Acquire ⇐ `wake`: the result that was written.
        let now = self.0.load(Acquire);
        (now & WOKEN != 0).then_some((now >> CODE_SHIFT) as u32 & 0xff_ffff)
    }

    /// Waiter: ends the wait; a later claim of its number fails.
    #[inline]
    pub(crate) fn close(&self) {
        // ORDER: Relaxed — only the waiter writes outside a wait.
        let number = self.0.load(Relaxed) >> 32;
        // ORDER: Release ⇒ nobody in particular: keeps the waiter's own reads before it.
        self.0.store(number << 32, Release);
    }
}
