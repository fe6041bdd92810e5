//! [`after_func`]: something to do later. Go's `time.AfterFunc`.

use crate::chan::clockwork::Clockwork;
use crate::time::{NEVER, ns_after};
use crate::{Mutex, MutexGuard};
use core::fmt;
use core::time::Duration;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Runs `f` on a goroutine of its own, `after` from now, unless the timer is stopped before. Dropping
/// the timer does not stop it.
///
/// ```
/// # gort_sched::testing::run(1, || {
/// use gort_sync::{after_func, bounded};
/// use std::time::Duration;
///
/// let (s, r) = bounded(1);
/// let timer = after_func(Duration::from_secs(3600), move || s.send("done").unwrap());
/// assert!(timer.reset(Duration::from_millis(1)), "it had not run");
/// assert_eq!(r.recv(), Ok("done"));
/// assert!(!timer.stop(), "it has run");
/// # });
/// ```
///
/// # Panics
/// As [`gort_sched::go`].
pub fn after_func<F>(after: Duration, f: F) -> FuncTimer
where
    F: Fn() + Send + Sync + 'static,
{
    let clock = Clockwork::adjustable(ns_after(after), 0);
    let shared = Arc::new(Shared { clock, watched: Mutex::new(true), f });
    watch(&shared);
    FuncTimer(shared)
}

/// What [`after_func`] has planned. Clones are the same timer.
///
/// A goroutine waits while the function is to run; when the timer was stopped, or has run, none does.
#[derive(Clone)]
pub struct FuncTimer(Arc<dyn Plan>);

impl FuncTimer {
    /// Does not run. Says whether that was still to come: if not, it was stopped, or the function has
    /// begun, and may be running now.
    pub fn stop(&self) -> bool {
        self.0.clone().set(NEVER)
    }

    /// Runs `after` from now, and not when it was to before; after it has run, once more. Says as
    /// [`stop`](Self::stop).
    pub fn reset(&self, after: Duration) -> bool {
        self.0.clone().set(ns_after(after))
    }
}

impl fmt::Debug for FuncTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FuncTimer").finish_non_exhaustive()
    }
}

/// A timer, whatever it does.
trait Plan: Send + Sync {
    /// Sets when it runs; says whether it was to run before.
    fn set(self: Arc<Self>, due: u64) -> bool;
}

struct Shared<F> {
    clock: Clockwork<Instant>,
    /// Whether a goroutine looks after the clock. It takes the clock's message, and decides to go,
    /// under this lock: who sets the clock under it knows which of the two comes first.
    watched: Mutex<bool>,
    f: F,
}

impl<F> Shared<F> {
    /// No user code runs under it.
    fn watched(&self) -> MutexGuard<'_, bool> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn() + Send + Sync + 'static> Plan for Shared<F> {
    fn set(self: Arc<Self>, due: u64) -> bool {
        let mut watched = self.watched();
        let before = self.clock.set(due, None);
        if due != NEVER && !core::mem::replace(&mut *watched, true) {
            watch(&self);
        }
        before != NEVER
    }
}

/// Starts the goroutine that waits for the clock.
fn watch<F: Fn() + Send + Sync + 'static>(shared: &Arc<Shared<F>>) {
    let shared = Arc::clone(shared);
    drop(gort_sched::go(move || {
        loop {
            let mut watched = shared.watched();
            let ran_out = shared.clock.try_recv().is_ok();
            if ran_out || shared.clock.due() == NEVER {
                *watched = false;
                drop(watched);
                if ran_out {
                    (shared.f)();
                }
                return;
            }
            drop(watched);
            shared.clock.wait_for_change();
        }
    }));
}
