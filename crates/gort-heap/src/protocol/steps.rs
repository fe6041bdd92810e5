//! The protocol's steps on the words of one span, and nothing else: generic over the atomics, so that the functions that run
//! are the ones that loom explores (`tests`).

use crate::span::{State, Word};
use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed};

/// A 64-bit atomic: core's, or loom's.
pub(crate) trait Atomic64 {
    fn load(&self, o: Ordering) -> u64;
    fn swap(&self, v: u64, o: Ordering) -> u64;
    fn fetch_or(&self, v: u64, o: Ordering) -> u64;
    fn fetch_add(&self, v: u64, o: Ordering) -> u64;
    fn fetch_sub(&self, v: u64, o: Ordering) -> u64;
    /// The word is left as it is, and its value returned, if it was not `old`.
    fn exchange(&self, old: u64, new: u64, ok: Ordering, no: Ordering) -> Result<u64, u64>;
}

macro_rules! atomic64 {
    ($of:ty) => {
        impl Atomic64 for $of {
            #[inline(always)]
            fn load(&self, o: Ordering) -> u64 {
                self.load(o)
            }
            #[inline(always)]
            fn swap(&self, v: u64, o: Ordering) -> u64 {
                self.swap(v, o)
            }
            #[inline(always)]
            fn fetch_or(&self, v: u64, o: Ordering) -> u64 {
                self.fetch_or(v, o)
            }
            #[inline(always)]
            fn fetch_add(&self, v: u64, o: Ordering) -> u64 {
                self.fetch_add(v, o)
            }
            #[inline(always)]
            fn fetch_sub(&self, v: u64, o: Ordering) -> u64 {
                self.fetch_sub(v, o)
            }
            #[inline(always)]
            fn exchange(&self, old: u64, new: u64, ok: Ordering, no: Ordering) -> Result<u64, u64> {
                self.compare_exchange(old, new, ok, no)
            }
        }
    };
}
atomic64!(core::sync::atomic::AtomicU64);
#[cfg(all(test, loom))]
atomic64!(loom::sync::atomic::AtomicU64);

/// The words of a span that are everybody's.
pub(crate) trait Words {
    type Cell: Atomic64;
    /// Count, state and generation.
    fn st(&self) -> &Self::Cell;
    /// Free bits.
    fn word(&self, w: usize) -> &Self::Cell;
    /// Number of slots.
    fn n(&self) -> i32;
}

/// What a giver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Done,
    /// These bits were free before.
    Twice(u64),
    /// The span was full: under the lock of its central, [`settle`] it if it still is of this generation.
    FirstFree(u32),
    /// The span is all free: under the lock, see whether it still is ([`is_empty`]).
    Emptied(u32),
}

/// What whoever settles a span has to do next, still under the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Somebody else moved it on, or nothing is to do.
    Nothing,
    /// Put it into the list.
    Link,
    /// Release it: nobody else can reach it any more.
    Release,
}

fn state<S: Words>(s: &S) -> Word {
    Word(s.st().load(Relaxed)) // ORDER: Relaxed — a look; who acts on it holds the span or its list's lock.
}

/// Takes a whole word of free bits. Holder only.
#[inline]
pub(crate) fn take<S: Words>(s: &S, w: usize) -> u64 {
    // ORDER: Relaxed — a look; a bit that it misses is found by the next one, or by `detach` through the count.
    if s.word(w).load(Relaxed) == 0 {
        return 0;
    }
    let bits = s.word(w).swap(0, AcqRel); // ORDER: Acquire ⇐ `give`: the slots' last use. Release: keeps the order for the next taker.
    s.st().fetch_sub(bits.count_ones().into(), AcqRel); // ORDER: AcqRel — one order for all changes of the word.
    bits
}

/// Gives bits of one word back. Anybody.
#[inline]
pub(crate) fn give<S: Words>(s: &S, w: usize, bits: u64) -> Given {
    let n = s.n();
    let old = s.word(w).fetch_or(bits, AcqRel); // ORDER: Release ⇒ `take`: our last use of the slots.
    if old & bits != 0 {
        return Given::Twice(old & bits);
    }
    // ORDER: AcqRel — after the OR, never before (H-2); Acquire: we may go on to release the span.
    let was = Word(s.st().fetch_add(bits.count_ones().into(), AcqRel));
    let now = was.count() + bits.count_ones() as i32;
    match was.state() {
        State::Full => Given::FirstFree(was.generation()),
        State::Partial if now == n => Given::Emptied(was.generation()),
        _ => Given::Done,
    }
}

/// Lets go of a span without free bits. `false`: somebody gave meanwhile. Holder only.
pub(crate) fn detach<S: Words>(s: &S) -> bool {
    // ORDER: Acquire ⇐ `give`'s addition: if it says that there are bits, the next look at the words sees them.
    let mut st = Word(s.st().load(Acquire));
    while st.count() <= 0 {
        // ORDER: AcqRel — one order for all changes of the word; who gives afterwards sees FULL.
        match s.st().exchange(st.0, st.with_state(State::Full).0, AcqRel, Acquire) {
            Ok(_) => return true,
            Err(now) => st = Word(now),
        }
    }
    false
}

/// Whether a listed span of this generation is all free. Under the lock of its central.
pub(crate) fn is_empty<S: Words>(s: &S, generation: u32) -> bool {
    let st = state(s);
    // The state moves from PARTIAL under this lock only, and the count of a listed span only rises.
    st.generation() == generation && st.state() == State::Partial && st.count() == s.n()
}

/// Moves a span that is in no list to where its count says, if it is still `from` and of this generation. Under the lock of
/// its central.
pub(crate) fn settle<S: Words>(s: &S, from: State, generation: u32) -> Settled {
    let mut st = state(s);
    loop {
        if st.generation() != generation || st.state() != from {
            return Settled::Nothing;
        }
        let to = match st.count() {
            count if count == s.n() => State::Free,
            count if count > 0 => State::Partial,
            _ if from == State::Full => return Settled::Nothing, // Given and taken again.
            _ => State::Full,
        };
        // FREE is written by `retire`; HELD keeps others away until then.
        let next = if to == State::Free { State::Held } else { to };
        // ORDER: AcqRel — one order for all changes of the word. Acquire on failure: the count may make us release.
        match s.st().exchange(st.0, st.with_state(next).0, AcqRel, Acquire) {
            Ok(_) => {
                return match to {
                    State::Free => Settled::Release,
                    State::Partial => Settled::Link,
                    _ => Settled::Nothing,
                };
            }
            Err(now) => st = Word(now),
        }
    }
}

/// A span that was taken out of the list gets a holder. Under the lock of its central.
pub(crate) fn hold<S: Words>(s: &S) {
    let mut st = state(s);
    // ORDER: AcqRel — one order for all changes of the word.
    while let Err(now) = s.st().exchange(st.0, st.with_state(State::Held).0, AcqRel, Acquire) {
        st = Word(now);
    }
}

/// The end of a span that nobody else can reach: FREE, and another generation (H-8).
pub(crate) fn retire<S: Words>(s: &S) {
    let generation = state(s).generation().wrapping_add(1);
    // ORDER: AcqRel — a late giver that reads the new generation sees a span that is not its own any more; and nothing of
    // what follows comes before the last giver's addition.
    s.st().swap(Word::new(State::Free, 0, generation).0, AcqRel);
}
