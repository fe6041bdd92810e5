//! Deadlines, and sleeping until one.
//!
//! The runtime counts nanoseconds; users speak of [`Instant`] and [`Duration`]. The two scales are
//! tied together in [`gort_sys::clock`].

use core::time::Duration;
use gort_sched::park;
use gort_sys::clock;
use std::time::Instant;

pub(crate) use clock::{instant_at, nanos_at as ns_at};

/// A point in time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// Nanoseconds of `d`; what does not fit is for ever.
pub(crate) fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(NEVER)
}

/// The moment `d` from now.
pub(crate) fn ns_after(d: Duration) -> u64 {
    clock::nanos().saturating_add(ns(d))
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
    if deadline > clock::now() {
        park::sleep_until(ns_at(deadline));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
