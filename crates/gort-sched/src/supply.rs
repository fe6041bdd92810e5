//! [`Supply`]: how many Ps are idle, and how many Ms look for work, in one word.
//!
//! ```text
//!  31            16 15             0
//! ┌────────────────┬────────────────┐
//! │  spinning Ms   │    idle Ps     │
//! └────────────────┴────────────────┘
//! ```

use gort_sys::atomic::{AtomicU32, Ordering::SeqCst};

const ONE_SPIN: u32 = 1 << 16;

/// The word. All changes are SeqCst: they are one half of WAKE-1 (see [`crate::wake`]).
#[derive(Debug, Default)]
pub(crate) struct Supply(AtomicU32);

/// What the word said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(u32);

impl Seen {
    pub(crate) fn idle(self) -> u32 {
        self.0 & 0xffff
    }

    pub(crate) fn spinning(self) -> u32 {
        self.0 >> 16
    }

    /// A P is idle, and nobody is on the way to find work for it.
    #[inline]
    pub(crate) fn wants_a_spinner(self) -> bool {
        self.idle() > 0 && self.spinning() == 0
    }
}

impl Supply {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // ORDER: SeqCst — the load half of WAKE-1.
        Seen(self.0.load(SeqCst))
    }

    /// Becomes the only spinner; `false` if there is one, or no P to find work for.
    pub(crate) fn claim_spin(&self) -> bool {
        let seen = self.look();
        seen.wants_a_spinner()
            // ORDER: SeqCst — WAKE-1; one claimant wins.
            && self.0.compare_exchange(seen.0, seen.0 + ONE_SPIN, SeqCst, SeqCst).is_ok()
    }

    /// One more spinner, without asking (at most half of the busy Ps, the caller's rule).
    pub(crate) fn start_spin(&self) {
        // ORDER: SeqCst — WAKE-1.
        self.0.fetch_add(ONE_SPIN, SeqCst);
    }

    /// A spinner stops. `true`: it was the last one.
    #[must_use = "the last spinner must look once more (WAKE-1)"]
    pub(crate) fn stop_spin(&self) -> bool {
        // ORDER: SeqCst — the store half of WAKE-1.
        Seen(self.0.fetch_sub(ONE_SPIN, SeqCst)).spinning() == 1
    }

    pub(crate) fn add_idle(&self) {
        // ORDER: SeqCst — the store half of WAKE-1.
        self.0.fetch_add(1, SeqCst);
    }

    pub(crate) fn sub_idle(&self) {
        // ORDER: SeqCst — WAKE-1.
        self.0.fetch_sub(1, SeqCst);
    }
}
