//! Time, in nanoseconds since an arbitrary start, and as [`Instant`].
//!
//! The runtime counts nanoseconds; users speak of [`Instant`]. The two scales are tied together
//! once per process, so that going there and back gives the same instant.
//!
//! A thread may run on a [`VirtualClock`] for a while: its [`nanos`] and [`now`] are then what that
//! clock says. Threads that never do pay one test of a word that is always 0.

use crate::thread::ThreadWord;
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use core::time::Duration;
use std::sync::OnceLock;
use std::time::Instant;

/// Threads of the process that run on a virtual clock.
static VIRTUAL: AtomicU32 = AtomicU32::new(0);

/// Nanoseconds of the monotonic clock, or of the thread's virtual one. Never goes back; about
/// 20 ns by the vDSO.
#[inline(never)]
pub fn nanos() -> u64 {
    // ORDER: Relaxed — a thread with a virtual clock has counted itself.
    if VIRTUAL.load(Relaxed) != 0
        && let Some(clock) = VirtualClock::of_thread()
    {
        return clock.nanos();
    }
    monotonic()
}

/// Nanoseconds of the monotonic clock, even where the thread has a virtual one.
pub fn monotonic() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: SYS-CLOCK — `ts` is a live out-parameter.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// [`Instant::now`], or the same of the thread's virtual clock.
pub fn now() -> Instant {
    if is_virtual() { instant_at(nanos()) } else { Instant::now() }
}

/// Whether the calling thread runs on a virtual clock.
#[inline]
pub fn is_virtual() -> bool {
    // ORDER: Relaxed — as in `nanos`.
    VIRTUAL.load(Relaxed) != 0 && VirtualClock::of_thread().is_some()
}

/// Lets `ns` nanoseconds pass on this thread (a signal may end it early). Real ones, always.
pub fn pause(ns: u64) {
    let ts = libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: SYS-CLOCK — `ts` is read before the call returns.
    unsafe { libc::nanosleep(&raw const ts, core::ptr::null_mut()) };
}

/// One instant on both scales. The second is not before the first, by a microsecond at most
/// (unless the machine is hopelessly busy), so that no deadline comes early.
fn tie() -> (Instant, u64) {
    static TIE: OnceLock<(Instant, u64)> = OnceLock::new();
    *TIE.get_or_init(|| {
        let look = || {
            let before = monotonic();
            let instant = Instant::now();
            let after = monotonic();
            (after - before, instant, after)
        };
        let mut best = look();
        for _ in 0..16 {
            let next = look();
            if next.0 < best.0 {
                best = next;
            }
        }
        (best.1, best.2)
    })
}

/// `when`, in nanoseconds; what does not fit is for ever.
pub fn nanos_at(when: Instant) -> u64 {
    let ns = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let (instant, at) = tie();
    match when.checked_duration_since(instant) {
        Some(later) => at.saturating_add(ns(later)),
        None => at.saturating_sub(ns(instant.duration_since(when))),
    }
}

/// The instant at which the clock reads `at`.
pub fn instant_at(at: u64) -> Instant {
    let (instant, base) = tie();
    let moved = if at >= base {
        instant.checked_add(Duration::from_nanos(at - base))
    } else {
        instant.checked_sub(Duration::from_nanos(base - at))
    };
    moved.unwrap_or(instant)
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct VirtualClock(AtomicU64);

impl VirtualClock {
    /// A clock that reads `now`.
    pub const fn new(now: u64) -> Self {
        Self(AtomicU64::new(now))
    }

    /// What it reads.
    pub fn nanos(&self) -> u64 {
        // ORDER: Acquire ⇐ `set`, `advance`: another thread may look.
        self.0.load(Acquire)
    }

    /// Moves it to `now`, if that is not back.
    pub fn set(&self, now: u64) {
        // ORDER: Release ⇒ `nanos`; Relaxed on the look: one thread moves the clock.
        self.0.store(now.max(self.0.load(Relaxed)), Release);
    }

    /// Moves it on by `ns`.
    pub fn advance(&self, ns: u64) {
        self.set(self.nanos().saturating_add(ns));
    }

    /// Runs `f` on the calling thread, to which this clock is the clock meanwhile.
    pub fn during<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Before(*mut ());
        impl Drop for Before {
            fn drop(&mut self) {
                ThreadWord::<3>::set(self.0);
                // ORDER: Relaxed — the thread itself looks.
                VIRTUAL.fetch_sub(1, Relaxed);
            }
        }
        let before = Before(ThreadWord::<3>::get());
        // ORDER: Relaxed — the thread itself looks.
        VIRTUAL.fetch_add(1, Relaxed);
        ThreadWord::<3>::set(core::ptr::from_ref(self).cast_mut().cast());
        let result = f();
        drop(before);
        result
    }

    /// The clock of the calling thread.
    fn of_thread<'a>() -> Option<&'a Self> {
        // SAFETY: CLOCK-1 — `during` borrows the clock until it takes the word back.
        unsafe { ThreadWord::<3>::get().cast::<Self>().as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_instant() {
        let now = Instant::now();
        for shift in [0, 1, 999, 1_000_000, 3_600_000_000_000] {
            let d = Duration::from_nanos(shift);
            assert_eq!(instant_at(nanos_at(now + d)), now + d);
            if let Some(past) = now.checked_sub(d) {
                assert_eq!(instant_at(nanos_at(past)), past);
            }
        }
    }

    /// CLOCK-1: the clock counts on its thread and during its closure only, a panic included.
    #[test]
    fn a_virtual_clock_is_one_threads() {
        let clock = VirtualClock::new(monotonic() + 1_000_000_000_000);
        let far = clock.nanos();
        clock.during(|| {
            assert_eq!((nanos(), is_virtual()), (far, true));
            let start = now();
            clock.advance(5);
            clock.set(far);
            assert_eq!((nanos(), now()), (far + 5, start + Duration::from_nanos(5)));
            assert!(monotonic() < far);
            std::thread::scope(|s| s.spawn(|| assert!(nanos() < far && !is_virtual())).join())
                .expect("no panic");
            let inner = VirtualClock::new(7);
            inner.during(|| assert_eq!(nanos(), 7));
            assert_eq!(nanos(), far + 5);
        });
        assert!(nanos() < far && !is_virtual());
        let panics = std::panic::AssertUnwindSafe(|| {
            clock.during(|| std::panic::resume_unwind(Box::new(())))
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(!is_virtual());
    }
}
