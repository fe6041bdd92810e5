//! [`RawLock`], the runtime's mutex, and [`Lock`], the same with the data it guards.
//!
//! Three states in one word: free, held, held with sleepers. A taker that finds it held spins
//! for a short while and then sleeps on the word. (The algorithm is the third mutex of Ulrich
//! Drepper, "Futexes Are Tricky".) The lock neither allocates nor poisons, and belongs to no
//! thread: whoever holds the right to it may release it.

use crate::rank::{self, Rank};
use crate::{futex, thread};
use core::cell::UnsafeCell;
use core::fmt;
use core::hint::spin_loop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// Looks at a held lock before its taker sleeps, and the longest wait between two, in pauses. The wait
/// doubles from [`FIRST_PAUSES`]: who looks often takes the line away from the holder, who looks rarely lets it
/// go on alone for a while. Of two threads that do nothing but take one lock, each works in stretches.
const LOOKS: u32 = 6;
const PAUSES: u32 = 128;
const FIRST_PAUSES: u32 = 4;

/// How often a taker had to sleep, in this process.
static WAITS: AtomicU64 = AtomicU64::new(0);

/// How often, in this process so far, a thread slept because another one held a lock of the runtime. Spinning that
/// succeeded is not counted.
pub fn waits() -> u64 {
    WAITS.load(Relaxed) // ORDER: Relaxed — a figure.
}

/// A futex mutex with a rank and without data.
pub struct RawLock {
    word: AtomicU32,
    rank: &'static Rank,
}

impl fmt::Debug for RawLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawLock({})", self.rank.name)
    }
}

impl RawLock {
    /// A free lock of the given rank.
    pub const fn new(rank: &'static Rank) -> Self {
        Self { word: AtomicU32::new(FREE), rank }
    }

    /// Takes the lock; released when the guard goes. In debug builds a thread that holds a lock of
    /// an equal or greater rank ends the process (RANK-2).
    #[inline]
    pub fn lock(&self) -> RawGuard<'_> {
        self.acquire();
        RawGuard(self)
    }

    /// Takes the lock without a guard; pair it with [`release`](Self::release).
    #[inline]
    pub fn acquire(&self) {
        if cfg!(debug_assertions) {
            rank::taken(self.rank, false);
        }
        self.take();
    }

    /// Like [`acquire`](Self::acquire), where other locks of the same rank are held already;
    /// the caller takes them in the order of their addresses.
    #[inline]
    pub fn acquire_again(&self) {
        if cfg!(debug_assertions) {
            rank::taken(self.rank, true);
        }
        self.take();
    }

    #[inline]
    fn take(&self) {
        // ORDER: Acquire ⇐ `release`: what the last holder wrote. Relaxed on failure: no right
        // was gained, the slow path looks again.
        if self.word.compare_exchange(FREE, HELD, Acquire, Relaxed).is_err() {
            self.take_slow();
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<RawGuard<'_>> {
        // ORDER: Acquire ⇐ `release`; Relaxed on failure: nothing was gained.
        if self.word.compare_exchange(FREE, HELD, Acquire, Relaxed).is_err() {
            return None;
        }
        if cfg!(debug_assertions) {
            rank::taken(self.rank, true);
        }
        Some(RawGuard(self))
    }

    /// Releases a lock that this caller holds by [`acquire`](Self::acquire).
    #[inline]
    pub fn release(&self) {
        if cfg!(debug_assertions) {
            rank::released(self.rank);
        }
        // ORDER: Release ⇒ `take`, `take_slow`: what this holder wrote.
        if self.word.swap(FREE, Release) == CONTENDED {
            futex::wake(&self.word, 1);
        }
    }

    #[cold]
    fn take_slow(&self) {
        if thread::cpus() > 1 {
            let mut pauses = FIRST_PAUSES;
            for _ in 0..LOOKS {
                for _ in 0..pauses {
                    spin_loop();
                }
                // ORDER: Relaxed — a look; the exchange below acquires.
                if self.word.load(Relaxed) == FREE
                    // ORDER: Acquire ⇐ `release`; Relaxed on failure: the loop looks again.
                    && self.word.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok()
                {
                    return;
                }
                pauses = (2 * pauses).min(PAUSES);
            }
        }
        // From here on the word says "with sleepers", even if we are the only one: a release
        // then makes one wake too many, never one too few.
        // ORDER: Acquire ⇐ `release`.
        while self.word.swap(CONTENDED, Acquire) != FREE {
            WAITS.fetch_add(1, Relaxed); // ORDER: Relaxed — a figure.
            futex::wait(&self.word, CONTENDED, None);
        }
    }
}

/// Holds a [`RawLock`] until dropped.
#[derive(Debug)]
#[must_use = "the lock is released when the guard goes"]
pub struct RawGuard<'a>(&'a RawLock);

impl Drop for RawGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A [`RawLock`] around the data that it guards.
pub struct Lock<T> {
    raw: RawLock,
    data: UnsafeCell<T>,
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

// SAFETY: LOCK-1 — the data is reached by the holder of the lock alone.
unsafe impl<T: Send> Sync for Lock<T> {}
// SAFETY: LOCK-1 — moving the lock moves the data.
unsafe impl<T: Send> Send for Lock<T> {}

impl<T> Lock<T> {
    /// Guards `data` by a free lock of the given rank.
    pub const fn new(rank: &'static Rank, data: T) -> Self {
        Self { raw: RawLock::new(rank), data: UnsafeCell::new(data) }
    }

    /// Takes the lock, as [`RawLock::lock`].
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        self.raw.acquire();
        Guard { lock: self }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        core::mem::forget(self.raw.try_lock()?);
        Some(Guard { lock: self })
    }

    /// The data, where borrowing proves that nobody else can hold the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

/// Access to the data of a [`Lock`], until dropped.
#[must_use = "the lock is released when the guard goes"]
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock.fmt(f)
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: LOCK-1 — the guard exists only while the lock is held.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: LOCK-1 — the guard exists only while the lock is held, and is borrowed alone.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::layer;
    use std::sync::Arc;

    static OUTER: Rank = Rank { layer: 1, n: 0, name: "test.outer" };
    static INNER: Rank = Rank { layer: 2, n: 0, name: "test.inner" };

    #[test]
    fn counts_without_loss() {
        const EACH: u64 = if cfg!(miri) { 30 } else { 10_000 };
        let lock = Arc::new(Lock::new(&OUTER, 0u64));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let lock = Arc::clone(&lock);
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        *lock.lock() += 1;
                    }
                })
            })
            .collect();
        for t in threads {
            t.join().expect("no panic");
        }
        assert_eq!(*lock.lock(), 4 * EACH);
    }

    #[test]
    fn order_outer_then_inner_is_fine() {
        let (a, b) = (RawLock::new(&OUTER), RawLock::new(&INNER));
        let outer = a.lock();
        let inner = b.lock();
        drop(outer);
        drop(inner);
        drop(a.lock());
    }

    #[test]
    #[cfg(all(debug_assertions, not(miri)))]
    fn forbidden_orders_name_both_locks() {
        // The order is fatal, so each case is a process of its own: this test again, told which.
        const CASE: &str = "GORT_LOCK_CASE";
        static MIDDLE: Rank = Rank { layer: 1, n: 7, name: "test.middle" };
        static LAST: Rank = Rank { layer: layer::SYS, n: 15, name: "test.last" };
        // Held, in order, and the one that may not be taken then.
        let cases: [(&[&'static Rank], &'static Rank, &str); 6] = [
            (&[&INNER], &OUTER, "test.inner"),
            (&[&OUTER], &OUTER, "test.outer"),
            (&[&MIDDLE], &OUTER, "test.middle"),
            (&[&OUTER, &INNER], &MIDDLE, "test.inner"),
            (&[&OUTER, &MIDDLE, &INNER, &LAST], &INNER, "test.last"),
            (&[&LAST], &LAST, "test.last"),
        ];
        if let Ok(case) = std::env::var(CASE) {
            let (held, taken, _) = cases[case.parse::<usize>().expect("a number")];
            for rank in held {
                core::mem::forget(RawLock::new(rank).lock());
            }
            let _ = RawLock::new(taken).lock();
            return;
        }
        for (i, (held, taken, named)) in cases.iter().enumerate() {
            let exe = std::env::current_exe().expect("a path");
            let out = std::process::Command::new(exe)
                .args(["--exact", "lock::tests::forbidden_orders_name_both_locks"])
                .env(CASE, std::format!("{i}"))
                .output()
                .expect("a process");
            let text = std::string::String::from_utf8_lossy(&out.stderr);
            let want = std::format!("fatal error: RANK-2: lock order: {} (rank", taken.name);
            assert!(!out.status.success(), "{held:?} then {}", taken.name);
            assert!(text.contains(&want) && text.contains(named), "{text}");
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}
