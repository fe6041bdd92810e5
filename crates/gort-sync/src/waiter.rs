//! [`Waiter`], one place in one wait queue; [`Queue`], the queue; [`WakeList`], those to wake.
//!
//! A waiter is a node on the stack of the goroutine (or thread) that waits, so queueing costs no
//! memory. It may be looked at by others because of three rules:
//!
//! 1. a node enters and leaves a queue under the lock that guards the queue;
//! 2. whoever has claimed its ticket may write to it until he wakes it, and not later;
//! 3. its owner leaves its frame only after its `wait` returned and its nodes are out of all queues.
//!
//! `select` puts several nodes with one ticket into several queues. Those that lost stay there
//! until their owner takes them out; meanwhile others may meet them, fail to claim them, and
//! skip them.

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr;
use gort_sched::park::Ticket;
use gort_sys::atomic::{AtomicPtr, Ordering};

/// What a waiter wants from the one who serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `slot` holds the value to send, or is the room for the value to receive.
    Value,
    /// A send case of a select: the value comes into being after the case has won.
    Promise,
    /// Only wants to hear that an operation may succeed now.
    Watch,
}

/// What has become of a waiter, written by the one who claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nobody has decided.
    Pending,
    /// The value has changed hands.
    Done,
    /// The channel was closed.
    Closed,
    /// The one who promised a value went back on it: start again.
    Retry,
    /// To a promise: a place in the buffer is kept for it.
    Room,
    /// To a promise: a receiver waits for its value; see `peer`.
    Met,
}

/// A receiver that waits for the value of one certain select, and how to hand it over.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    /// The receiver's wait.
    pub(crate) ticket: Ticket,
    /// Room for the value. Valid between a successful claim and the wake.
    pub(crate) slot: *mut (),
    /// Where the receiver reads what happened. Valid like `slot`.
    pub(crate) outcome: *const Cell<Outcome>,
    /// Whether the claim has been made already.
    pub(crate) claim: Claim,
}

/// Whether a peer's ticket has been claimed. As wide as a word: what the enums around it keep in its
/// unused values is then moved in one piece, not byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Claim {
    /// Not yet.
    Open,
    /// By whoever has the peer.
    Made,
}

/// One place in one wait queue.
pub(crate) struct Waiter {
    prev: Cell<*const Waiter>,
    next: Cell<*const Waiter>,
    queued: Cell<bool>,
    pub(crate) kind: Kind,
    /// What a successful claim tells the waiter; the number of the case in a select.
    pub(crate) code: u32,
    pub(crate) ticket: Ticket,
    pub(crate) slot: *mut (),
    pub(crate) outcome: Cell<Outcome>,
    /// Written by whoever serves it with [`Outcome::Met`].
    peer: Cell<MaybeUninit<Peer>>,
}

impl Waiter {
    /// A waiter in no queue.
    #[inline]
    pub(crate) fn new(ticket: Ticket, kind: Kind, code: u32, slot: *mut ()) -> Self {
        Self {
            prev: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            queued: Cell::new(false),
            kind,
            code,
            ticket,
            slot,
            outcome: Cell::new(Outcome::Pending),
            peer: Cell::new(MaybeUninit::uninit()),
        }
    }

    /// Tells a promise who waits for its value; before it is served with [`Outcome::Met`].
    pub(crate) fn introduce(&self, peer: Peer) {
        self.peer.set(MaybeUninit::new(peer));
    }

    /// Whom the promise was introduced to.
    pub(crate) fn peer(&self) -> Option<Peer> {
        // SAFETY: WAIT-3 — who wrote `Met` has written the peer before.
        (self.outcome.get() == Outcome::Met).then(|| unsafe { self.peer.get().assume_init() })
    }

    /// Tries to become the one who serves this waiter.
    #[inline]
    pub(crate) fn claim(&self) -> bool {
        self.ticket.claim(self.code)
    }
}

/// A first-in, first-out queue of waiters, guarded by its owner's lock.
pub(crate) struct Queue {
    head: AtomicPtr<Waiter>,
    tail: Cell<*const Waiter>,
}

impl Queue {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), tail: Cell::new(ptr::null()) }
    }

    /// Whether nobody waits. Exact under the lock; without it, an answer that was true once.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // ORDER: Acquire ⇐ `set_head`: what is looked at next is not older than this answer.
        self.head.load(Ordering::Acquire).is_null()
    }

    fn head(&self) -> *const Waiter {
        // ORDER: Relaxed — WAIT-1: under the lock, which orders everything.
        self.head.load(Ordering::Relaxed)
    }

    fn set_head(&self, to: *const Waiter) {
        // ORDER: Release ⇒ `is_empty` of one who does not hold the lock.
        self.head.store(to.cast_mut(), Ordering::Release);
    }

    /// Puts `w` at the end.
    ///
    /// # Safety
    /// WAIT-1: the caller holds the queue's lock. WAIT-2: `w` is in no queue, and neither moves
    /// nor ends before it is popped or removed.
    #[inline]
    pub(crate) unsafe fn push(&self, w: &Waiter) {
        debug_assert!(!w.queued.get(), "WAIT-2: a waiter is in one queue at most");
        let last = self.tail.get();
        w.prev.set(last);
        w.next.set(ptr::null());
        w.queued.set(true);
        if last.is_null() {
            self.set_head(w);
        } else {
            // SAFETY: WAIT-2 — a queued node is alive, and we hold the lock (WAIT-1).
            unsafe { &*last }.next.set(w);
        }
        self.tail.set(w);
    }

    /// Puts `w` before all others.
    ///
    /// # Safety
    /// As [`push`](Self::push).
    pub(crate) unsafe fn push_front(&self, w: &Waiter) {
        debug_assert!(!w.queued.get(), "WAIT-2: a waiter is in one queue at most");
        let first = self.head();
        w.prev.set(ptr::null());
        w.next.set(first);
        w.queued.set(true);
        if first.is_null() {
            self.tail.set(w);
        } else {
            // SAFETY: WAIT-2 — a queued node is alive, and we hold the lock (WAIT-1).
            unsafe { &*first }.prev.set(w);
        }
        self.set_head(w);
    }

    /// Takes the first one out.
    ///
    /// # Safety
    /// WAIT-1: the caller holds the queue's lock. The pointer is good while the lock is held
    /// and, after a successful claim, until the wake (WAIT-3).
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<*const Waiter> {
        let first = self.head();
        if first.is_null() {
            return None;
        }
        // SAFETY: WAIT-2 — queued, so alive; WAIT-1 is the caller's promise.
        unsafe { self.unlink(&*first) };
        Some(first)
    }

    /// Takes `w` out; `false` if somebody else has done so.
    ///
    /// # Safety
    /// WAIT-1: the caller holds the queue's lock. `w` is in this queue or in none.
    pub(crate) unsafe fn remove(&self, w: &Waiter) -> bool {
        if !w.queued.get() {
            return false;
        }
        // SAFETY: WAIT-1, WAIT-2 — both are the caller's promise.
        unsafe { self.unlink(w) };
        true
    }

    /// # Safety
    /// WAIT-1, and `w` is in this queue.
    unsafe fn unlink(&self, w: &Waiter) {
        let (prev, next) = (w.prev.get(), w.next.get());
        w.queued.set(false);
        if prev.is_null() {
            self.set_head(next);
        } else {
            // SAFETY: WAIT-2 — a neighbour in the queue is alive.
            unsafe { &*prev }.next.set(next);
        }
        if next.is_null() {
            self.tail.set(prev);
        } else {
            // SAFETY: WAIT-2 — a neighbour in the queue is alive.
            unsafe { &*next }.prev.set(prev);
        }
    }

    /// The first waiter that `wanted` accepts, left where it is.
    ///
    /// # Safety
    /// WAIT-1: the caller holds the queue's lock.
    pub(crate) unsafe fn any(&self, mut wanted: impl FnMut(&Waiter) -> bool) -> bool {
        let mut at = self.head();
        while !at.is_null() {
            // SAFETY: WAIT-2 — queued, so alive.
            let w = unsafe { &*at };
            if wanted(w) {
                return true;
            }
            at = w.next.get();
        }
        false
    }
}

/// Claimed waiters, in the order in which they will be woken: after the lock was released.
#[must_use = "a claimed waiter sleeps until it is woken"]
pub(crate) struct WakeList {
    first: Cell<*const Waiter>,
    last: Cell<*const Waiter>,
}

impl WakeList {
    /// Nobody.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    /// Adds one.
    ///
    /// # Safety
    /// WAIT-3: the caller has claimed `w`, which is in no queue, and does not touch it again.
    #[inline]
    pub(crate) unsafe fn push(&self, w: *const Waiter) {
        // SAFETY: WAIT-3 — a claimed waiter stays until it is woken.
        unsafe { &*w }.next.set(ptr::null());
        let last = self.last.replace(w);
        if last.is_null() {
            self.first.set(w);
        } else {
            // SAFETY: WAIT-3 — claimed, and woken only by `wake`, which empties the list.
            unsafe { &*last }.next.set(w);
        }
    }

    /// Wakes them all. Holds no lock.
    #[inline]
    pub(crate) fn wake(self) {
        let mut at = self.first.replace(ptr::null());
        while !at.is_null() {
            // SAFETY: WAIT-3 — not woken yet; after `wake` the node is not touched again.
            let w = unsafe { &*at };
            let (next, ticket) = (w.next.get(), w.ticket);
            ticket.wake();
            at = next;
        }
    }
}

impl Drop for WakeList {
    fn drop(&mut self) {
        debug_assert!(self.first.get().is_null(), "WAIT-3: a claimed waiter was forgotten");
    }
}
