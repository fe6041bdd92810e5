//! [`Note`]: one thread sleeps until another wakes it, once.
//!
//! A note is clear or set. The sleeper waits for "set"; the waker sets it once per sleep; the
//! sleeper clears it before the next. A wake that comes first is not lost (NOTE-1).

use crate::futex;
use core::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

const CLEAR: u32 = 0;
const SET: u32 = 1;
const ASLEEP: u32 = 2;
/// The sleeper waits for something that can ring, not for the note.
const ARMED: u32 = 3;

/// A one-shot event between one sleeper and one waker.
#[derive(Debug, Default)]
pub struct Note(AtomicU32);

impl Note {
    /// A clear note.
    pub const fn new() -> Self {
        Self(AtomicU32::new(CLEAR))
    }

    /// Makes the note ready for another sleep. Only the sleeper calls this.
    pub fn clear(&self) {
        // ORDER: Relaxed — between two sleeps no waker is on its way.
        self.0.store(CLEAR, Relaxed);
    }

    /// Wakes the sleeper, or makes its next sleep return at once. `true`: the sleeper has [armed](Self::arm)
    /// it, and stays until the caller has rung as the two have agreed.
    #[inline]
    pub fn wake(&self) -> bool {
        let word: *const AtomicU32 = &raw const self.0;
        // ORDER: AcqRel — Release ⇒ `sleep`: what the waker did before; Acquire ⇐ `arm`: how to ring.
        let before = self.0.swap(SET, AcqRel);
        if before == ASLEEP {
            futex::wake(word, 1);
        }
        before == ARMED
    }

    /// Says that the sleeper will not sleep here, but where a waker has to ring. `false`: the note is set
    /// already, and nobody will ring.
    pub fn arm(&self) -> bool {
        // ORDER: Release ⇒ `wake`: how to ring; Acquire on failure ⇐ `wake`.
        self.0.compare_exchange(CLEAR, ARMED, Release, Acquire).is_ok()
    }

    /// Sleeps until the note is set.
    pub fn sleep(&self) {
        while !self.is_set() {
            // ORDER: Relaxed — announces the sleeper; the word itself carries the event.
            if self.0.compare_exchange(CLEAR, ASLEEP, Relaxed, Relaxed).is_ok()
                // ORDER: Relaxed — a look, to know whether to sleep.
                || self.0.load(Relaxed) == ASLEEP
            {
                futex::wait(&self.0, ASLEEP, None);
            }
        }
    }

    /// Sleeps until the note is set or `timeout` has passed; `true` if it was set.
    ///
    /// After `false` the note is clear, and a later wake counts for the next sleep.
    pub fn sleep_for(&self, timeout: Duration) -> bool {
        let end = Instant::now().checked_add(timeout);
        loop {
            if self.is_set() {
                return true;
            }
            let left = match end {
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        // ORDER: Acquire ⇐ `wake`, should it come between the look above and this.
                        return self.0.compare_exchange(ASLEEP, CLEAR, Relaxed, Acquire)
                            == Err(SET);
                    }
                    Some(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
                }
                None => None,
            };
            // ORDER: Relaxed — as in `sleep`.
            if self.0.compare_exchange(CLEAR, ASLEEP, Relaxed, Relaxed).is_ok()
                // ORDER: Relaxed — a look, to know whether to sleep.
                || self.0.load(Relaxed) == ASLEEP
            {
                futex::wait(&self.0, ASLEEP, left);
            }
        }
    }

    /// Whether the note is set.
    pub fn is_set(&self) -> bool {
        // ORDER: Acquire ⇐ `wake`.
        self.0.load(Acquire) == SET
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_wake_before_the_sleep_counts() {
        let note = Note::new();
        note.wake();
        note.sleep();
        assert!(note.sleep_for(Duration::ZERO));
        note.clear();
        assert!(!note.sleep_for(Duration::from_millis(1)));
        assert!(!note.is_set());
    }

    #[test]
    fn an_armed_note_asks_for_a_ring() {
        let note = Note::new();
        assert!(note.arm());
        assert!(note.wake(), "the waker has to ring");
        assert!(!note.arm(), "set already");
        assert!(!note.wake());
        note.clear();
        assert!(!note.wake(), "nobody is there");
    }

    #[test]
    fn passes_a_token_back_and_forth() {
        const ROUNDS: u32 = if cfg!(miri) { 20 } else { 2_000 };
        let pair = Arc::new((Note::new(), Note::new()));
        let other = Arc::clone(&pair);
        let thread = std::thread::spawn(move || {
            for _ in 0..ROUNDS {
                other.0.sleep();
                other.0.clear();
                other.1.wake();
            }
        });
        for _ in 0..ROUNDS {
            pair.0.wake();
            pair.1.sleep();
            pair.1.clear();
        }
        thread.join().expect("no panic");
    }
}
