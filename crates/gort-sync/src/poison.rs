//! [`Poison`], the mark that a holder's panic leaves on a lock.
//!
//! As in std: a guard remembers whether its thread was panicking when it was made. One that is dropped by a panic that
//! began under it leaves the mark, and who locks then is told by the error.

use gort_sys::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};
use std::thread;

/// Whether somebody has panicked under a lock.
pub(crate) struct Poison(AtomicBool);

/// Of a guard: whether its thread was panicking already.
pub(crate) struct Panicking(bool);

impl Panicking {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(thread::panicking())
    }
}

impl Poison {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        // ORDER: Relaxed — the lock orders it for holders; for others it is a hint.
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        // ORDER: Relaxed — as `is_set`.
        self.0.store(false, Ordering::Relaxed);
    }

    /// A guard goes, and the lock with it right after.
    #[inline]
    pub(crate) fn end(&self, before: &Panicking) {
        if !before.0 && thread::panicking() {
            // ORDER: Relaxed — the unlock that follows publishes it to the next holder.
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// What a lock gives: the value, or with the mark the value in an error.
    #[inline]
    pub(crate) fn judge<T>(&self, value: T) -> LockResult<T> {
        judge(value, self.is_set())
    }
}

/// The same for a mark that was looked at before.
#[inline]
pub(crate) fn judge<T>(value: T, poisoned: bool) -> LockResult<T> {
    if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
}
