//! [`Semaphore`], a stock of permits, given out first come, first served.

use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{rank, wait_in};
use core::cell::UnsafeCell;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::time::Duration;
use gort_sched::park::{self, SHUTDOWN, TIMEOUT, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::lock::RawLock;

/// A number of permits. Who asks for more than there are waits, and so does everybody after
/// him: a great request is not overtaken for ever by small ones.
///
/// ```
/// let two = gort_sync::Semaphore::new(2);
/// two.acquire(2);
/// assert!(!two.try_acquire(1));
/// two.release(2);
/// assert!(two.try_acquire(1));
/// ```
pub struct Semaphore {
    lock: RawLock,
    /// Guarded by `lock`.
    state: UnsafeCell<State>,
}

struct State {
    permits: usize,
    queue: Queue,
}

// SAFETY: WAIT-1 — the state is reached under `lock` only.
unsafe impl Sync for Semaphore {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for Semaphore {}
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl Semaphore {
    /// A stock of `permits`.
    pub const fn new(permits: usize) -> Self {
        Self {
            lock: RawLock::new(&rank::SEMAPHORE),
            state: UnsafeCell::new(State { permits, queue: Queue::new() }),
        }
    }

    /// Permits that are there now.
    pub fn available(&self) -> usize {
        sim::at_drop("available");
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let permits = unsafe { (*self.state.get()).permits };
        self.lock.release();
        permits
    }

    /// Takes `n` permits, waiting for them.
    pub fn acquire(&self, n: usize) {
        self.acquire_until(n, None);
    }

    /// Takes `n` permits, waiting for at most `timeout`; `false` if they did not come.
    pub fn acquire_timeout(&self, n: usize, timeout: Duration) -> bool {
        self.acquire_until(n, Some(crate::time::ns_after(timeout)))
    }

    /// Takes `n` permits if they are there and nobody waits.
    pub fn try_acquire(&self, n: usize) -> bool {
        sim::at("try_acquire");
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let taken = unsafe { self.take(n) };
        self.lock.release();
        taken
    }

    /// # Safety
    /// WAIT-1: `lock` is held.
    unsafe fn take(&self, n: usize) -> bool {
        // SAFETY: WAIT-1 is the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        let enough = state.permits >= n && state.queue.is_empty();
        if enough {
            state.permits -= n;
        }
        enough
    }

    fn acquire_until(&self, n: usize, deadline: Option<u64>) -> bool {
        sim::at("acquire");
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        if unsafe { self.take(n) } {
            self.lock.release();
            return true;
        }
        // How many it wants is what its slot says: a number, no pointer.
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, ptr::without_provenance_mut(n));
        // SAFETY: WAIT-1 — taken above.
        let queue = unsafe { &(*self.state.get()).queue };
        // SAFETY: WAIT-1 — taken above; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { queue.push(&w) };
        self.lock.release();
        let code = wait_in(&w, queue, &self.lock, WaitReason::Semaphore, deadline);
        if code == TIMEOUT || code == SHUTDOWN {
            let wakes = WakeList::new();
            self.lock.acquire();
            // The next may be content with less.
            // SAFETY: WAIT-1 — just taken.
            unsafe { self.serve(&wakes) };
            self.lock.release();
            wakes.wake();
            if code == SHUTDOWN {
                park::unwind();
            }
            return false;
        }
        true
    }

    /// Puts `n` permits into the stock.
    ///
    /// # Panics
    /// If there are more than a `usize` can count.
    pub fn release(&self, n: usize) {
        sim::at_drop("release");
        let wakes = WakeList::new();
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let state = unsafe { &mut *self.state.get() };
        let sum = state.permits.checked_add(n);
        if let Some(sum) = sum {
            state.permits = sum;
            // SAFETY: WAIT-1 — taken above.
            unsafe { self.serve(&wakes) };
        }
        self.lock.release();
        wakes.wake();
        assert!(sum.is_some(), "too many permits released");
    }

    /// Serves those who wait, as long as there is enough for the first.
    ///
    /// # Safety
    /// WAIT-1: `lock` is held.
    unsafe fn serve(&self, wakes: &WakeList) {
        // SAFETY: WAIT-1 is the caller's promise.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: WAIT-1 is the caller's promise.
        while let Some(at) = unsafe { state.queue.pop() } {
            // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
            let w = unsafe { &*at };
            let wanted = w.slot.addr();
            if wanted > state.permits {
                // SAFETY: WAIT-1, WAIT-2 — as above, and just popped.
                unsafe { state.queue.push_front(w) };
                return;
            }
            if w.claim() {
                state.permits -= wanted;
                // SAFETY: WAIT-3 — just claimed.
                unsafe { crate::chan::base::served(at, Outcome::Done, wakes) };
            }
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish()
    }
}
