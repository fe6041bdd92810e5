//! [`Base`], what every channel has whatever it carries: the lock, the two queues, the counts.
//!
//! A channel is a buffer of `cap` places (none at all for a rendezvous) and two queues of
//! waiters. Under the lock:
//!
//! - CHAN-1  `len + reserved <= cap`. A reserved place belongs to a select that has won a send
//!   case and has not brought its value yet.
//! - CHAN-2  If a receiver waits (its ticket open), the buffer is empty and no sender waits.
//! - CHAN-3  If a sender waits (its ticket open), `len + reserved == cap`.
//! - CHAN-4  In a closed channel nobody begins to wait, and who closes it serves all who wait.
//!
//! `len`, `closed` and the heads of the queues are written under the lock only, and may be read
//! without it by those who would not wait anyway.

use crate::rank;
use crate::waiter::{Claim, Kind, Outcome, Peer, Queue, Waiter, WakeList};
use core::cell::{Cell, UnsafeCell};
use gort_sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use gort_sys::lock::RawLock;

/// The part of a channel that does not know the type of its values.
pub(crate) struct Base {
    pub(crate) lock: RawLock,
    /// Places in the buffer; `usize::MAX` if there is no bound.
    pub(crate) cap: usize,
    len: AtomicUsize,
    closed: AtomicBool,
    reserved: UnsafeCell<usize>,
    pub(crate) recvq: Queue,
    pub(crate) sendq: Queue,
}

// SAFETY: CHAN-LOCK — `reserved` and the queues' cells are reached under the lock only.
unsafe impl Sync for Base {}
// SAFETY: CHAN-LOCK, and nothing in it belongs to a thread. The queues are empty when it moves:
// who waits borrows the channel.
unsafe impl Send for Base {}

/// What a select gets for a send case that it has won, to be redeemed with the value.
pub(crate) enum Grant {
    /// The channel is closed: the send will fail.
    Closed,
    /// A place in the buffer is reserved.
    Room,
    /// A receiver waits for the value.
    Peer(Peer),
}

impl Base {
    pub(crate) const fn new(cap: usize) -> Self {
        Self {
            lock: RawLock::new(&rank::CHAN),
            cap,
            len: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            reserved: UnsafeCell::new(0),
            recvq: Queue::new(),
            sendq: Queue::new(),
        }
    }

    /// Values in the buffer.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // ORDER: Acquire ⇐ `set_len`: what is looked at next is not older than this answer.
        self.len.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn set_len(&self, len: usize) {
        // ORDER: Release ⇒ `len` of one who does not hold the lock.
        self.len.store(len, Ordering::Release);
    }

    /// Whether sends fail.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // ORDER: Acquire ⇐ `close`: what was buffered before is seen.
        self.closed.load(Ordering::Acquire)
    }

    /// Whether a receive would wait: true at some moment during the call.
    #[inline]
    pub(crate) fn looks_empty(&self) -> bool {
        // The order matters: a channel never opens again, so one that is open now was open when
        // it was empty.
        self.len() == 0 && self.sendq.is_empty() && !self.is_closed()
    }

    /// Whether a send would wait: true at some moment during the call.
    #[inline]
    pub(crate) fn looks_full(&self) -> bool {
        self.len() == self.cap && self.recvq.is_empty() && !self.is_closed()
    }

    /// Whether the buffer has a place that nobody has reserved.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock.
    #[inline]
    pub(crate) unsafe fn has_room(&self) -> bool {
        // SAFETY: CHAN-LOCK is the caller's promise.
        let reserved = unsafe { *self.reserved.get() };
        // No overflow: both count things that exist.
        self.len() + reserved < self.cap
    }

    /// Reserves a place (CHAN-1: there is one).
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock.
    pub(crate) unsafe fn reserve(&self) {
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { *self.reserved.get() += 1 };
    }

    /// Gives a reserved place back. The caller then fills it, or admits a waiting sender.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock; and the place was his.
    pub(crate) unsafe fn unreserve(&self) {
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { *self.reserved.get() -= 1 };
    }

    /// Claims the receiver that has waited longest. Those who only watch are told on the way.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock, and serves whom he gets (WAIT-3).
    #[inline]
    pub(crate) unsafe fn next_receiver(&self, wakes: &WakeList) -> Option<*const Waiter> {
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { next(&self.recvq, wakes) }
    }

    /// Claims the sender that has waited longest. Those who only watch are told on the way.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock, and serves whom he gets (WAIT-3).
    #[inline]
    pub(crate) unsafe fn next_sender(&self, wakes: &WakeList) -> Option<*const Waiter> {
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { next(&self.sendq, wakes) }
    }

    /// What a select can get for a send case now; `None` if it has to wait.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock, and redeems or gives up what it gets.
    pub(crate) unsafe fn grant(&self, wakes: &WakeList) -> Option<Grant> {
        if self.is_closed() {
            return Some(Grant::Closed);
        }
        // SAFETY: CHAN-LOCK is the caller's promise.
        if let Some(w) = unsafe { self.next_receiver(wakes) } {
            // SAFETY: WAIT-3 — we have claimed it.
            let w = unsafe { &*w };
            let (ticket, slot, outcome) = (w.ticket, w.slot, &raw const w.outcome);
            return Some(Grant::Peer(Peer { ticket, slot, outcome, claim: Claim::Made }));
        }
        // SAFETY: CHAN-LOCK is the caller's promise.
        if unsafe { self.has_room() } {
            // SAFETY: CHAN-LOCK, and there is room (CHAN-1).
            unsafe { self.reserve() };
            return Some(Grant::Room);
        }
        None
    }

    /// Whether a receive (or, if `sends`, a send) would not have to wait.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock.
    pub(crate) unsafe fn is_ready(&self, sends: bool) -> bool {
        let counts = |w: &Waiter| w.kind != Kind::Watch && w.ticket.is_open();
        if self.is_closed() {
            return true;
        }
        // SAFETY: CHAN-LOCK is the caller's promise, here and below.
        unsafe {
            match sends {
                true => self.has_room() || self.recvq.any(counts),
                false => self.len() > 0 || self.sendq.any(counts),
            }
        }
    }

    /// Closes the channel, and tells all who wait; `false` if it was closed already. The caller does not hold
    /// the lock.
    ///
    /// A crowd is told some at a time: the lock is held for a moment only, and who was claimed is still
    /// in the cache when it is woken.
    pub(crate) fn close(&self) -> bool {
        self.lock.acquire();
        // ORDER: Release ⇒ `is_closed` of one who does not hold the lock.
        let newly = !self.closed.swap(true, Ordering::Release);
        loop {
            let wakes = WakeList::new();
            // SAFETY: CHAN-LOCK — taken above or below.
            let all = !newly || unsafe { self.tell_some(&wakes) };
            self.lock.release();
            wakes.wake();
            if all {
                return newly;
            }
            self.lock.acquire();
        }
    }

    /// Claims some of those who wait in a channel that was closed; whether nobody waits any more.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock.
    unsafe fn tell_some(&self, wakes: &WakeList) -> bool {
        let mut left = CROWD;
        for queue in [&self.recvq, &self.sendq] {
            while left != 0 {
                // SAFETY: CHAN-LOCK is the caller's promise.
                let Some(w) = (unsafe { next(queue, wakes) }) else { break };
                // SAFETY: WAIT-3 — we have claimed it.
                unsafe { served(w, Outcome::Closed, wakes) };
                left -= 1;
            }
        }
        left != 0
    }
}

/// How many of a closed channel's waiters are told under one lock.
const CROWD: u32 = 64;

/// # Safety
/// The lock of `queue` is held.
#[inline]
unsafe fn next(queue: &Queue, wakes: &WakeList) -> Option<*const Waiter> {
    // SAFETY: WAIT-1 — the lock is held.
    while let Some(at) = unsafe { queue.pop() } {
        // SAFETY: WAIT-2 — it was queued until now, and its owner needs our lock to leave.
        let w = unsafe { &*at };
        if !w.claim() {
            continue;
        }
        if w.kind != Kind::Watch {
            return Some(at);
        }
        // SAFETY: WAIT-3 — we have claimed it.
        unsafe { served(at, Outcome::Done, wakes) };
    }
    None
}

/// Tells a claimed waiter what has become of it, and puts it on the list of those to wake.
///
/// # Safety
/// WAIT-3: the caller has claimed `w`, and does not touch it again.
#[inline]
pub(crate) unsafe fn served(w: *const Waiter, outcome: Outcome, wakes: &WakeList) {
    // SAFETY: WAIT-3 — claimed and not woken, so alive and ours.
    let cell: &Cell<Outcome> = unsafe { &(*w).outcome };
    cell.set(outcome);
    // SAFETY: WAIT-3 — as above; this is the last touch.
    unsafe { wakes.push(w) };
}
