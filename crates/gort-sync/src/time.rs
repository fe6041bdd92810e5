//! Deadlines, and sleeping until one.
//!
//! The runtime counts nanoseconds ([`gort_sys::clock`]); users speak of [`Instant`] and
//! [`Duration`]. The two scales are tied together once per process, so that going there and back
//! gives the same instant.

use core::time::Duration;
use gort_sched::park;
use gort_sys::clock;
use std::sync::OnceLock;
use std::time::Instant;

/// A point in time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// One instant on both scales. The second is not before the first, by a microsecond at most
/// (unless the machine is hopelessly busy), so that no deadline comes early.
fn tie() -> (Instant, u64) {
    static TIE: OnceLock<(Instant, u64)> = OnceLock::new();
    *TIE.get_or_init(|| {
        let look = || {
            let before = clock::nanos();
            let instant = Instant::now();
            let after = clock::nanos();
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

/// Nanoseconds of `d`; what does not fit is for ever.
pub(crate) fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(NEVER)
}

/// The moment `d` from now.
pub(crate) fn ns_after(d: Duration) -> u64 {
    clock::nanos().saturating_add(ns(d))
}

/// `when`, on the runtime's scale.
pub(crate) fn ns_at(when: Instant) -> u64 {
    let (instant, at) = tie();
    match when.checked_duration_since(instant) {
        Some(later) => at.saturating_add(ns(later)),
        None => at.saturating_sub(ns(instant.duration_since(when))),
    }
}

/// The runtime's `at`, on the users' scale.
pub(crate) fn instant_at(at: u64) -> Instant {
    let (instant, base) = tie();
    let moved = if at >= base {
        instant.checked_add(Duration::from_nanos(at - base))
    } else {
        instant.checked_sub(Duration::from_nanos(base - at))
    };
    moved.unwrap_or(instant)
}

/// Sleeps for at least `duration`.
///
/// ```
/// use std::time::{Duration, Instant};
/// let start = Instant::now();
/// gort_sync::sleep(Duration::from_millis(2));
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(duration: Duration) {
    if !duration.is_zero() {
        park::sleep_until(ns_after(duration));
    }
}

/// Sleeps until `deadline`; returns at once if it has passed.
pub fn sleep_until(deadline: Instant) {
    if deadline > Instant::now() {
        park::sleep_until(ns_at(deadline));
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
            assert_eq!(instant_at(ns_at(now + d)), now + d);
            if let Some(past) = now.checked_sub(d) {
                assert_eq!(instant_at(ns_at(past)), past);
            }
        }
    }

    #[test]
    fn what_is_too_long_is_for_ever() {
        assert_eq!(ns(Duration::MAX), NEVER);
        assert_eq!(ns_after(Duration::MAX), NEVER);
    }

    #[test]
    fn sleep_until_the_past_returns() {
        sleep_until(Instant::now());
        sleep(Duration::ZERO);
    }
}
