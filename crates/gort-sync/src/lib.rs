//! What goroutines use to talk and to wait for each other: channels, `select!`, [`Mutex`], [`RwLock`],
//! [`Condvar`], [`Barrier`], [`WaitGroup`], [`Semaphore`], [`sleep`], [`Timer`], [`after_func`],
//! [`context`]; a [`Map`] that many read, and a [`Pool`] of what is dear to make.
//!
//! Channels have the interface of crossbeam-channel 0.5, locks that of `std::sync`. Whoever has
//! to wait parks: a goroutine gives its processor to another, a plain thread sleeps. One channel
//! may join both worlds.
//!
//! ```
//! use gort_sync::{bounded, select, after};
//! use std::time::Duration;
//!
//! let (work, jobs) = bounded(4);
//! let (sums, results) = bounded(0);
//! std::thread::spawn(move || {
//!     sums.send(jobs.iter().sum::<u64>()).unwrap();
//! });
//! for n in 1..=10 {
//!     work.send(n).unwrap();
//! }
//! work.close();
//! select! {
//!     recv(results) -> sum => assert_eq!(sum, Ok(55)),
//!     recv(after(Duration::from_secs(5))) -> _ => unreachable!("that is not much work"),
//! }
//! ```
//!
//! # Does not know
//! How a goroutine is parked, on what it runs, or what runs next: only
//! [`Ticket`], the one parking primitive, `go`, and the points at which a simulation may switch
//! (`sim::at`).
//!
//! # Invariants
//! - WAIT-1 A queue, and a waiter that is in it, are touched under the queue's lock only.
//! - WAIT-2 A waiter in a queue is alive: its owner takes it out before its frame ends.
//! - WAIT-3 Who has claimed a waiter's ticket, and nobody else, may write to it, until he wakes
//!   it; he wakes it exactly once and does not touch it afterwards.
//! - CHAN-LOCK A channel's buffer, reserved places and queues are touched under its lock only.
//! - CHAN-SLOT A waiter in a channel's queue of kind `Value` points to a value (sender) or to
//!   room for one (receiver), of the channel's type.
//! - A channel's own four (CHAN-n) stand in `chan/base`, a mutex' three (MUTEX-n) in `raw_mutex`, a
//!   reader-writer lock's three (RWLOCK-n) in `raw_rwlock`.
//! - SEL-1 What a select has won is completed with a handle of the same channel, so that the
//!   types agree.
//! - SEL-2 A value that a select received is touched only by who names its type.
//! - LAND-1 A landing's heap room has the layout that it was allocated with, not of size 0.
//! - ONCE-1 A once cell's value is written by the one run, and shared only after it.
//! - MUTEX-DATA The data of a mutex is reached by its holder only.
//! - RWLOCK-DATA The data of a reader-writer lock is changed by a writer only, who is alone.
//! - MAP-1 What a task reaches in a map while it is pinned is alive until it unpins: a node is
//!   retired after it was unlinked, and freed after all who were pinned then have unpinned.
//! - MAP-2 What a map's root slot leads to is changed under its stripe's lock only, and only
//!   where a walk under that lock has come to; an unlinked node does not change any more.
//! - MAP-3 Who unlinks a node of a map, and nobody else, retires it, and once; what was never
//!   linked is its maker's.
//! - MAP-4 A map's root, once it has one, stays until the map is dropped.
//!
//! # Locks
//! Each object has one `RawLock` around its queue, of layer `SYNC`; a map has one for each stripe, a pool
//! one for each shelf. Under it nobody waits, wakes
//! or runs the user's code. A select takes several channels' locks, in the order of their
//! addresses.
//!
//! # Read in this order
//! `waiter` → `chan/base` → `chan/steps` → `chan/ops` → `select/engine` → `select/operation` →
//! `raw_mutex` → `raw_rwlock` → `poison` → `chan/clockwork` → `chan/until` → [`context`] → `func_timer` → [`pool`] → `map` (`map/node` → `map/pin` → `map/root`) → the rest

mod barrier;
mod chan;
mod condvar;
pub mod context;
mod func_timer;
mod lazy;
mod map;
pub mod mpsc;
mod mutex;
mod once;
mod poison;
pub mod pool;
mod rank;
mod raw_mutex;
mod raw_rwlock;
mod rwlock;
mod select;
mod semaphore;
mod time;
mod timeout;
mod timer;
mod waiter;
mod waitgroup;

pub use barrier::{Barrier, BarrierWaitResult};
pub use chan::{
    IntoIter, Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, SelectTimeoutError,
    SendError, SendTimeoutError, Sender, TryIter, TryReadyError, TryRecvError, TrySelectError,
    TrySendError, after, at, bounded, never, tick, unbounded,
};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use func_timer::{FuncTimer, after_func};
pub use lazy::LazyLock;
pub use map::{Iter as MapIter, Map};
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceLock, OnceState};
pub use pool::{Lent, Pool};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[doc(hidden)]
pub use select::macro_support;
pub use select::{Select, SelectedOperation};
pub use semaphore::Semaphore;
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
pub use time::{sleep, sleep_until};
pub use timeout::{Elapsed, timeout};
pub use timer::{Ticker, Timer};
pub use waitgroup::WaitGroup;

use crate::waiter::{Queue, Waiter};
use core::cell::Cell;
use core::mem;
use gort_sched::park::{SHUTDOWN, TIMEOUT, Ticket, WaitReason};
use gort_sys::atomic::{AtomicU64, Ordering};
use gort_sys::lock::RawLock;

/// Waits on `ticket`, until `deadline` if there is one.
#[inline]
fn wait(ticket: Ticket, reason: WaitReason, deadline: Option<u64>) -> u32 {
    match deadline {
        None => ticket.wait(reason),
        Some(deadline) => ticket.wait_until(reason, deadline),
    }
}

/// Waits as `w`, which is in `queue`. However the wait ends, `w` is in no queue afterwards.
fn wait_in(
    w: &Waiter,
    queue: &Queue,
    lock: &RawLock,
    reason: WaitReason,
    deadline: Option<u64>,
) -> u32 {
    let leave = Leave { w, queue, lock };
    let code = wait(w.ticket, reason, deadline);
    if code != TIMEOUT && code != SHUTDOWN {
        // Who claimed it has popped it.
        mem::forget(leave);
    }
    code
}

/// Takes a waiter out of its queue: when nobody came, and when waiting itself panics.
struct Leave<'a> {
    w: &'a Waiter,
    queue: &'a Queue,
    lock: &'a RawLock,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken; the waiter was pushed to this queue.
        unsafe { self.queue.remove(self.w) };
        self.lock.release();
    }
}

/// A seed that no other call gets (on this thread; others begin elsewhere).
fn random() -> u64 {
    if let Some(n) = gort_sched::sim::draw() {
        return n;
    }
    let n = next_seed();
    // Neighbours shall look unrelated (the finalizer of splitmix64).
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A number that threads mostly differ in.
#[inline(never)]
fn thread_number() -> usize {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    std::thread_local! {
        // ORDER: Relaxed — the numbers only have to differ.
        static NUMBER: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.try_with(|&n| n as usize).unwrap_or(0)
}

/// A function of its own, so that the address of the thread's word is not remembered over a park.
#[inline(never)]
fn next_seed() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    std::thread_local! {
        static SEED: Cell<u64> = const { Cell::new(0) };
    }
    SEED.try_with(|seed| {
        let mut now = seed.get();
        if now == 0 {
            // ORDER: Relaxed — only that every thread gets a number of its own.
            now = (2 * THREADS.fetch_add(1, Ordering::Relaxed) + 1)
                .wrapping_mul(0x5851_f42d_4c95_7f2d);
        }
        let next = now.wrapping_add(0x9e37_79b9_7f4a_7c15);
        seed.set(if next == 0 { 1 } else { next });
        now
    })
    .unwrap_or(1)
}
