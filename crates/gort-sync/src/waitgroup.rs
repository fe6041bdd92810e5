//! [`WaitGroup`], Go's counter of goroutines to wait for.

use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{rank, wait_in};
use core::cell::UnsafeCell;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use gort_sched::park::{self, SHUTDOWN, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::atomic::{AtomicIsize, Ordering};
use gort_sys::lock::RawLock;
use std::sync::Arc;

/// Waits until all of a group are done. Clones are the same group.
///
/// ```
/// use gort_sync::WaitGroup;
///
/// let wg = WaitGroup::new();
/// wg.add(3);
/// for _ in 0..3 {
///     let wg = wg.clone();
///     std::thread::spawn(move || wg.done());
/// }
/// wg.wait();
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    group: Arc<Group>,
}

struct Group {
    /// How many are not done. It reaches 0 under `lock` only, so that a wait that sees another
    /// number queues before the wake.
    count: AtomicIsize,
    lock: RawLock,
    /// Guarded by `lock`.
    queue: UnsafeCell<Queue>,
}

// SAFETY: WAIT-1 — the queue is reached under `lock` only.
unsafe impl Sync for Group {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for Group {}
impl UnwindSafe for WaitGroup {}
impl RefUnwindSafe for WaitGroup {}

impl WaitGroup {
    /// A group of none.
    pub fn new() -> Self {
        Self {
            group: Arc::new(Group {
                count: AtomicIsize::new(0),
                lock: RawLock::new(&rank::GROUP),
                queue: UnsafeCell::new(Queue::new()),
            }),
        }
    }

    /// Adds `delta`, which may be negative, to the number of those who are not done. When it
    /// becomes 0, all waits end.
    ///
    /// # Panics
    /// If the number becomes negative.
    pub fn add(&self, delta: isize) {
        self.group.add(delta);
    }

    /// One is done.
    ///
    /// # Panics
    /// If more are done than were added.
    pub fn done(&self) {
        self.group.add(-1);
    }

    /// Waits until all are done.
    pub fn wait(&self) {
        self.group.wait();
    }

    /// Runs `f` on a new goroutine of this group; it is done when `f` has returned or panicked.
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.add(1);
        let member = Member(self.clone());
        drop(gort_sched::go(move || {
            let _member = member;
            f();
        }));
    }
}

/// One of a group; done when dropped.
struct Member(WaitGroup);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl Group {
    fn add(&self, delta: isize) {
        sim::at_drop("add");
        // ORDER: Relaxed — a look; the exchange decides.
        let mut now = self.count.load(Ordering::Relaxed);
        loop {
            let Some(next) = now.checked_add(delta).filter(|&next| next >= 0) else {
                panic!("negative WaitGroup counter");
            };
            if next == 0 && delta < 0 {
                // The last one, or so it seems.
                if self.last(now) {
                    return;
                }
                // ORDER: Relaxed — as above.
                now = self.count.load(Ordering::Relaxed);
                continue;
            }
            // ORDER: Release ⇒ `wait`, through the one that makes it 0: what was done.
            match self.count.compare_exchange_weak(now, next, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// Makes the count 0, if it still is `now`, and ends all waits.
    fn last(&self, now: isize) -> bool {
        let wakes = WakeList::new();
        self.lock.acquire();
        // ORDER: AcqRel — Acquire ⇐ `add` of the others, Release ⇒ `wait`: what all have done.
        let won = self.count.compare_exchange(now, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if won {
            // SAFETY: WAIT-1 — taken above.
            let queue = unsafe { &*self.queue.get() };
            // SAFETY: WAIT-1 — taken above.
            while let Some(w) = unsafe { queue.pop() } {
                // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
                if unsafe { &*w }.claim() {
                    // SAFETY: WAIT-3 — just claimed.
                    unsafe { crate::chan::base::served(w, Outcome::Done, &wakes) };
                }
            }
        }
        self.lock.release();
        wakes.wake();
        won
    }

    fn wait(&self) {
        sim::at("wait");
        // ORDER: Acquire ⇐ `last`: what all have done.
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        self.lock.acquire();
        // ORDER: Acquire ⇐ `last`: what all have done.
        if self.count.load(Ordering::Acquire) == 0 {
            self.lock.release();
            return;
        }
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, ptr::null_mut());
        // SAFETY: WAIT-1 — taken above.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — taken above; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { queue.push(&w) };
        self.lock.release();
        if wait_in(&w, queue, &self.lock, WaitReason::WaitGroup, None) == SHUTDOWN {
            park::unwind();
        }
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDER: Relaxed — for the eye only.
        let count = self.group.count.load(Ordering::Relaxed);
        f.debug_struct("WaitGroup").field("count", &count).finish()
    }
}
