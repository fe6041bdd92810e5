//! [`Condvar`], std's condition variable for goroutines.

use crate::time::ns_after;
use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{MutexGuard, rank, wait_in};
use core::cell::UnsafeCell;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::time::Duration;
use gort_sched::park::{self, SHUTDOWN, TIMEOUT, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::clock;
use gort_sys::lock::RawLock;
use std::sync::{LockResult, PoisonError};

/// Waiting for a condition that others make true under a [`Mutex`](crate::Mutex).
///
/// Waits end in the order in which they began, and only by a notification or a time-out.
///
/// ```
/// use gort_sync::{Condvar, Mutex};
/// use std::sync::Arc;
///
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let other = Arc::clone(&pair);
/// std::thread::spawn(move || {
///     *other.0.lock().unwrap() = true;
///     other.1.notify_one();
/// });
/// let ready = pair.1.wait_while(pair.0.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// ```
pub struct Condvar {
    lock: RawLock,
    /// Guarded by `lock`.
    queue: UnsafeCell<Queue>,
}

// SAFETY: WAIT-1 — the queue is reached under `lock` only.
unsafe impl Sync for Condvar {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for Condvar {}
impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

/// Whether a wait with a limit ended because of it.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time ran out.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A condition variable on which nobody waits.
    pub const fn new() -> Self {
        Self { lock: RawLock::new(&rank::CONDVAR), queue: UnsafeCell::new(Queue::new()) }
    }

    /// Unlocks, waits for a notification, and locks again.
    ///
    /// # Errors
    /// If a holder has panicked; the guard is in the error.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None).0
    }

    /// Waits as long as `condition` holds.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits for a notification, for at most `limit`.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, notified) = self.wait_until(guard, Some(ns_after(limit)));
        let result = WaitTimeoutResult(!notified);
        match guard {
            Ok(guard) => Ok((guard, result)),
            Err(poison) => Err(PoisonError::new((poison.into_inner(), result))),
        }
    }

    /// Waits for a notification, for at most `ms` milliseconds; says whether it came.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    #[deprecated(note = "replaced by `wait_timeout`, in std too")]
    pub fn wait_timeout_ms<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        match self.wait_timeout(guard, Duration::from_millis(u64::from(ms))) {
            Ok((guard, result)) => Ok((guard, !result.timed_out())),
            Err(poison) => {
                let (guard, result) = poison.into_inner();
                Err(PoisonError::new((guard, !result.timed_out())))
            }
        }
    }

    /// Waits as long as `condition` holds, for at most `limit`.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout_while<'a, T: ?Sized, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let start = clock::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = limit.checked_sub(clock::now().duration_since(start)) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// The wait itself; says whether it was notified.
    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<u64>,
    ) -> (LockResult<MutexGuard<'a, T>>, bool) {
        sim::at("wait");
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, ptr::null_mut());
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — taken above; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { queue.push(&w) };
        self.lock.release();
        // Queued before the mutex is unlocked: no notification is missed.
        guard.unlocked(|| {
            let code = wait_in(&w, queue, &self.lock, WaitReason::Cond, deadline);
            if code == SHUTDOWN {
                park::unwind();
            }
            code != TIMEOUT
        })
    }

    /// Ends the wait that began first.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Ends all waits.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    fn notify(&self, mut count: usize) {
        sim::at_drop("notify");
        let wakes = WakeList::new();
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let queue = unsafe { &*self.queue.get() };
        while count > 0 {
            // SAFETY: WAIT-1 — taken above.
            let Some(w) = (unsafe { queue.pop() }) else { break };
            // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
            if unsafe { &*w }.claim() {
                // SAFETY: WAIT-3 — just claimed.
                unsafe { crate::chan::base::served(w, Outcome::Done, &wakes) };
                count -= 1;
            }
        }
        self.lock.release();
        wakes.wake();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
