//! [`Timer`] and [`Ticker`]: clocks that can be set anew and stopped.
//!
//! Both are a due time that receivers look at ([`after`](crate::after) and [`tick`](crate::tick) are the
//! same without the setting). So there is nothing stale to receive: after a reset or a stop returns, only
//! the new time counts, as in Go since 1.23; and a stopped timer holds nothing.

use crate::Receiver;
use crate::chan::clockwork::Clockwork;
use crate::chan::receiver::Flavor;
use crate::time::{NEVER, ns, ns_after};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

/// One message at a time that can be put off. Go's `time.Timer`.
///
/// ```
/// use gort_sync::{Timer, select};
/// use std::time::Duration;
///
/// let timer = Timer::new(Duration::from_secs(3600));
/// assert!(timer.reset(Duration::from_millis(1)), "it was running");
/// select! { recv(timer.receiver()) -> at => assert!(at.is_ok()) }
/// assert!(!timer.stop(), "it has fired");
/// ```
pub struct Timer {
    clock: Arc<Clockwork<Instant>>,
    receiver: Receiver<Instant>,
}

impl Timer {
    /// A timer that fires once, `after` from now.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        let (clock, receiver) = adjustable(ns_after(after), 0);
        Self { clock, receiver }
    }

    /// Where the time arrives at which it was due. Clones outlive the timer.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Fires once, `after` from now, and not when it was to before. Says whether it was running: not
    /// stopped, and its message not received.
    pub fn reset(&self, after: Duration) -> bool {
        self.clock.set(ns_after(after), None) != NEVER
    }

    /// Does not fire. Says whether it was running, as [`reset`](Self::reset).
    pub fn stop(&self) -> bool {
        self.clock.set(NEVER, None) != NEVER
    }
}

/// A message in every period, which can be changed. Go's `time.Ticker`.
///
/// Messages that nobody receives in time are left out.
pub struct Ticker {
    clock: Arc<Clockwork<Instant>>,
    receiver: Receiver<Instant>,
}

impl Ticker {
    /// A ticker whose first message comes after one period.
    ///
    /// # Panics
    /// If the period is zero.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        let (clock, receiver) = adjustable(ns_after(period), beat(period));
        Self { clock, receiver }
    }

    /// Where the times arrive. Clones outlive the ticker.
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.receiver
    }

    /// Goes on with another period, the first one from now.
    ///
    /// # Panics
    /// If the period is zero.
    pub fn reset(&self, period: Duration) {
        self.clock.set(ns_after(period), Some(beat(period)));
    }

    /// No more messages, until it is reset.
    pub fn stop(&self) {
        self.clock.set(NEVER, None);
    }
}

fn beat(period: Duration) -> u64 {
    assert!(!period.is_zero(), "a ticker's period is longer than zero");
    ns(period)
}

fn adjustable(due: u64, period: u64) -> (Arc<Clockwork<Instant>>, Receiver<Instant>) {
    let clock = Arc::new(Clockwork::adjustable(due, period));
    (Arc::clone(&clock), Receiver::new(Flavor::Clock(clock)))
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}
