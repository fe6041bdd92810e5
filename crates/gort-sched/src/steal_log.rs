//! [`StealLog`]: what one processor has stolen, from whom, and how long that took.
//!
//! Each P keeps a [`Ring`] of its last steals, and a row of the matrix of all. Both are made at
//! the P's first steal: a program on one processor, or one that has never had work to share, pays nothing.
//! Its holder alone writes them (P-OWN); anybody reads.
//!
//! What is a record: goroutines that were taken; a *lost* try, where the victim had some when it was
//! looked at and others were faster; and a *fruitless* search, after which the thread went to sleep, as one
//! record without a victim. Looks into empty queues are no records of their own: a searching thread
//! makes hundreds in its ten microseconds.

use crate::p::{P, bump};
use crate::ring::Ring;
use crate::scheduler::Scheduler;
use core::alloc::Layout;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use gort_sys::clock;

/// Records that a P keeps.
pub(crate) const RECORDS: usize = 256;
const WORDS: usize = 3;
/// Victim of a fruitless search.
pub(crate) const NOBODY: u32 = 0xffff;

/// Figures of one thief and one victim.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) steals: AtomicU64,
    pub(crate) stolen: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) nanos: AtomicU64,
}

/// What one P has stolen. All zero bytes are an empty log.
#[derive(Debug)]
pub(crate) struct StealLog {
    ring: Ring<WORDS, RECORDS>,
    pub(crate) pairs: [Pair; Scheduler::MAX_PROCS as usize],
}

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) at: u64,
    pub(crate) victim: u32,
    pub(crate) thief_len: u32,
    pub(crate) victim_len: u32,
    pub(crate) taken: u32,
    pub(crate) nanos: u32,
    pub(crate) far: bool,
}

impl Try {
    fn pack(self) -> [u64; WORDS] {
        let short = |n: u32| u64::from(n.min(0xffff));
        [
            self.at,
            u64::from(self.nanos) | short(self.taken) << 32 | u64::from(self.far) << 48,
            short(self.victim) | short(self.thief_len) << 16 | short(self.victim_len) << 32,
        ]
    }

    fn unpack([at, how, who]: [u64; WORDS]) -> Self {
        let short = |word: u64, shift: u32| (word >> shift) as u32 & 0xffff;
        Self {
            at,
            victim: short(who, 0),
            thief_len: short(who, 16),
            victim_len: short(who, 32),
            taken: short(how, 32),
            nanos: how as u32,
            far: how >> 48 & 1 != 0,
        }
    }
}

impl StealLog {
    /// Hands the last records to `each`, oldest first; returns how many older ones there were.
    pub(crate) fn copy(&self, mut each: impl FnMut(Try)) -> u64 {
        self.ring.copy(|words| each(Try::unpack(words)))
    }
}

/// A P's log, once there is one.
#[derive(Debug)]
pub(crate) struct LogCell(AtomicPtr<StealLog>);

impl LogCell {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// The log, if the P has stolen.
    pub(crate) fn get(&self) -> Option<&StealLog> {
        // ORDER: Acquire ⇐ `make`: the zeroes.
        // SAFETY: STEAL-LOG — a log stays until its P goes.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    /// The holder: the log, made now if need be; `None` if there is no memory.
    fn get_or_make(&self) -> Option<&StealLog> {
        self.get().or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> Option<&StealLog> {
        // SAFETY: STEAL-LOG — the layout has a size, and zeroes are an empty log.
        let log = unsafe { std::alloc::alloc_zeroed(Layout::new::<StealLog>()) };
        // ORDER: Release ⇒ `get`. The holder of the P alone makes it.
        self.0.store(log.cast(), Release);
        self.get()
    }
}

impl Drop for LogCell {
    fn drop(&mut self) {
        let log = *self.0.get_mut();
        if !log.is_null() {
            // SAFETY: STEAL-LOG — made by `make` with this layout; the P goes, and nobody reads it any more.
            unsafe { std::alloc::dealloc(log.cast(), Layout::new::<StealLog>()) };
        }
    }
}

/// A try that goes on, by the holder of `thief`.
pub(crate) struct Begun<'a> {
    thief: &'a P,
    victim: &'a P,
    thief_len: u32,
    victim_len: u32,
    far: bool,
    at: u64,
}

impl<'a> Begun<'a> {
    /// The victim has something: the clock runs.
    pub(crate) fn new(s: &Scheduler, thief: &'a P, victim: &'a P) -> Self {
        Self::at_distance(thief, victim, s.is_far(thief, victim))
    }

    fn at_distance(thief: &'a P, victim: &'a P, far: bool) -> Self {
        // ORDER: Relaxed — a look.
        let next = u32::from(!victim.runnext.load(Relaxed).is_null());
        Self {
            thief,
            victim,
            thief_len: thief.runq.len(),
            victim_len: victim.runq.len() + next,
            far,
            at: clock::nanos(),
        }
    }

    /// So many goroutines were taken; 0: others were faster.
    pub(crate) fn end(self, taken: u32) {
        let nanos = clock::nanos().saturating_sub(self.at);
        let counts = &self.thief.counts;
        if taken > 0 {
            bump(&counts.steals, 1);
            bump(&counts.stolen, u64::from(taken));
        } else if self.thief.steal_log.get().is_none() {
            return;
        }
        let Some(log) = self.thief.steal_log.get_or_make() else { return };
        let pair = &log.pairs[self.victim.id as usize];
        if taken > 0 {
            bump(&pair.steals, 1);
            bump(&pair.stolen, u64::from(taken));
            bump(&pair.nanos, nanos);
        } else {
            bump(&pair.lost, 1);
        }
        let record = Try {
            at: self.at,
            victim: self.victim.id,
            thief_len: self.thief_len,
            victim_len: self.victim_len,
            taken,
            nanos: u32::try_from(nanos).unwrap_or(u32::MAX),
            far: self.far,
        };
        log.ring.push(record.pack());
    }
}

/// The holder of `thief` has looked everywhere since `began`, and found nothing.
pub(crate) fn fruitless(thief: &P, began: u64, now: u64) {
    bump(&thief.counts.failed_steals, 1);
    if let Some(log) = thief.steal_log.get() {
        let nanos = u32::try_from(now.saturating_sub(began)).unwrap_or(u32::MAX);
        let none = Try {
            at: began,
            victim: NOBODY,
            thief_len: 0,
            victim_len: 0,
            taken: 0,
            nanos,
            far: false,
        };
        log.ring.push(none.pack());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A record survives its packing.
        #[test]
        fn packs_and_unpacks(
            at: u64, nanos: u32, far: bool,
            victim in 0..0x1_0000u32, lens in (0..0x1_0000u32, 0..0x1_0000u32), taken in 0..0x1_0000u32,
        ) {
            let (thief_len, victim_len) = lens;
            let record = Try { at, victim, thief_len, victim_len, taken, nanos, far };
            prop_assert_eq!(Try::unpack(record.pack()), record);
        }
    }

    /// STEAL-LOG: made once, written by the holder, read by anybody.
    #[test]
    fn a_log_begins_with_the_first_steal() {
        let (thief, victim) = (P::new(0), P::new(1));
        fruitless(&thief, 0, 5);
        Begun::at_distance(&thief, &victim, false).end(0);
        assert!(thief.steal_log.get().is_none(), "nothing was stolen yet");
        Begun::at_distance(&thief, &victim, false).end(3);
        fruitless(&thief, 10, 25);
        Begun::at_distance(&thief, &victim, false).end(0);
        let log = thief.steal_log.get().expect("a log");
        let mut seen = Vec::new();
        assert_eq!(log.copy(|t| seen.push((t.victim, t.taken))), 0);
        assert_eq!(seen, [(1, 3), (NOBODY, 0), (1, 0)]);
        // ORDER: Relaxed — figures of this thread.
        let of = |n: &AtomicU64| n.load(Relaxed);
        assert_eq!((of(&log.pairs[1].steals), of(&log.pairs[1].stolen)), (1, 3));
        assert_eq!((of(&log.pairs[1].lost), of(&thief.counts.failed_steals)), (1, 2));
        assert!(victim.steal_log.get().is_none());
    }
}
