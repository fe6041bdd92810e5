//! [`Chan`], a channel of values of one type: each step that happens under its lock.
//!
//! The steps move values and decide who is served; they never wait, wake, or run the user's code
//! (no value is dropped here). `ops` puts them together into sends and receives that wait,
//! `select` into choices.

use super::base::{Base, served};
use super::buf::Buf;
use crate::waiter::{Claim, Kind, Outcome, Peer, WakeList};
use core::cell::{Cell, UnsafeCell};
use core::mem::ManuallyDrop;
use gort_sched::park::Ticket;
use gort_sys::atomic::AtomicUsize;

/// A channel; shared by its senders and receivers, who are counted.
pub(crate) struct Chan<T> {
    pub(crate) base: Base,
    /// Allocated once if there is a bound, so that a send does not allocate under the lock.
    buf: UnsafeCell<Buf<T>>,
    pub(crate) senders: AtomicUsize,
    pub(crate) receivers: AtomicUsize,
}

// SAFETY: CHAN-LOCK — the buffer is reached under the lock; values cross threads, hence `Send`.
unsafe impl<T: Send> Sync for Chan<T> {}
// SAFETY: CHAN-LOCK — as above.
unsafe impl<T: Send> Send for Chan<T> {}

/// How a try to send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The value has been moved out.
    Done,
    /// Nobody will receive it.
    Closed,
    /// It has to wait.
    Full,
}

/// How a try to receive ended.
pub(crate) enum Taken {
    /// The value has been moved in.
    Done,
    /// There is none and there will be none.
    Closed,
    /// It has to wait.
    Empty,
    /// A select will bring the value: wait on this ticket, without a deadline.
    Promised(Ticket),
}

impl<T> Chan<T> {
    /// A channel with `cap` places, one sender and one receiver. `usize::MAX`: no bound.
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            base: Base::new(cap),
            buf: UnsafeCell::new(Buf::new(cap)),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    /// # Safety
    /// CHAN-LOCK: the caller holds the lock, and no other result of this call.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it exclusive: CHAN-LOCK")]
    unsafe fn buf(&self) -> &mut Buf<T> {
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { &mut *self.buf.get() }
    }

    /// # Safety
    /// CHAN-LOCK, CHAN-1 (there is room), and `value` can be moved out.
    #[inline]
    unsafe fn push(&self, value: *const T) {
        // SAFETY: CHAN-LOCK is the caller's promise.
        let buf = unsafe { self.buf() };
        // SAFETY: moving out of `value` is the caller's promise.
        buf.push(unsafe { value.read() });
        self.base.set_len(buf.len());
    }

    /// Sends, if that can be done without waiting.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock. `value` is a value, and moved out on `Done` only.
    #[inline]
    pub(crate) unsafe fn put(&self, value: *const T, wakes: &WakeList) -> Put {
        if self.base.is_closed() {
            return Put::Closed;
        }
        // SAFETY: CHAN-LOCK is the caller's promise.
        if let Some(w) = unsafe { self.base.next_receiver(wakes) } {
            // SAFETY: WAIT-3 — we have claimed it; its slot is room for a `T` (CHAN-SLOT).
            unsafe { (*w).slot.cast::<T>().copy_from_nonoverlapping(value, 1) };
            // SAFETY: WAIT-3 — we have claimed it.
            unsafe { served(w, Outcome::Done, wakes) };
            return Put::Done;
        }
        // SAFETY: CHAN-LOCK is the caller's promise.
        if unsafe { self.base.has_room() } {
            // SAFETY: CHAN-LOCK, and there is room; `value` is the caller's promise.
            unsafe { self.push(value) };
            return Put::Done;
        }
        Put::Full
    }

    /// Receives, if that can be done without waiting.
    ///
    /// On `Promised`, `dst` and `outcome` have been published: the caller releases the lock,
    /// wakes, and waits on the ticket; `outcome` then says `Done` (the value is in `dst`) or
    /// `Retry`.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock. `dst` is room for a `T`.
    #[inline]
    pub(crate) unsafe fn take(
        &self,
        dst: *mut T,
        outcome: &Cell<Outcome>,
        wakes: &WakeList,
    ) -> Taken {
        // SAFETY: CHAN-LOCK is the caller's promise.
        let buf = unsafe { self.buf() };
        if let Some(value) = buf.pop() {
            self.base.set_len(buf.len());
            // SAFETY: `dst` is the caller's promise.
            unsafe { dst.write(value) };
            // SAFETY: CHAN-LOCK is the caller's promise.
            unsafe { self.admit(wakes) };
            return Taken::Done;
        }
        // SAFETY: CHAN-LOCK is the caller's promise.
        if let Some(at) = unsafe { self.base.next_sender(wakes) } {
            // SAFETY: WAIT-3 — we have claimed it.
            let w = unsafe { &*at };
            if w.kind == Kind::Value {
                // SAFETY: CHAN-SLOT — a waiting sender's slot holds a `T`, which moves out now.
                unsafe { dst.copy_from_nonoverlapping(w.slot.cast::<T>(), 1) };
                // SAFETY: WAIT-3 — we have claimed it.
                unsafe { served(at, Outcome::Done, wakes) };
                return Taken::Done;
            }
            let ticket = Ticket::open();
            let slot = dst.cast();
            w.introduce(Peer { ticket, slot, outcome, claim: Claim::Open });
            // SAFETY: WAIT-3 — we have claimed it.
            unsafe { served(at, Outcome::Met, wakes) };
            return Taken::Promised(ticket);
        }
        if self.base.is_closed() { Taken::Closed } else { Taken::Empty }
    }

    /// Lets waiting senders into the buffer, as many as there is room for.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock.
    #[inline]
    pub(crate) unsafe fn admit(&self, wakes: &WakeList) {
        // SAFETY: CHAN-LOCK is the caller's promise.
        while !self.base.sendq.is_empty() && unsafe { self.base.has_room() } {
            // SAFETY: CHAN-LOCK is the caller's promise.
            let Some(at) = (unsafe { self.base.next_sender(wakes) }) else { return };
            // SAFETY: WAIT-3 — we have claimed it.
            let w = unsafe { &*at };
            let outcome = if w.kind == Kind::Value {
                // SAFETY: CHAN-LOCK, there is room; CHAN-SLOT: the slot holds a `T`.
                unsafe { self.push(w.slot.cast::<T>()) };
                Outcome::Done
            } else {
                // SAFETY: CHAN-LOCK, and there is room.
                unsafe { self.base.reserve() };
                Outcome::Room
            };
            // SAFETY: WAIT-3 — we have claimed it.
            unsafe { served(at, outcome, wakes) };
        }
    }

    /// Brings the value to a place that `grant` or `admit` has reserved. `Closed` or `Done`.
    ///
    /// # Safety
    /// As [`put`](Self::put); and a reserved place was the caller's.
    pub(crate) unsafe fn put_reserved(&self, value: *const T, wakes: &WakeList) -> Put {
        // SAFETY: CHAN-LOCK and the place are the caller's promise.
        unsafe { self.base.unreserve() };
        // If a receiver waits, the value goes to it and the place stays free; but then no sender
        // waits who could be let in (CHAN-2).
        // SAFETY: CHAN-LOCK and the value are the caller's promise.
        unsafe { self.put(value, wakes) }
    }

    /// Takes everything out of the buffer, for the caller to drop without the lock.
    ///
    /// # Safety
    /// CHAN-LOCK: the caller holds the lock. The channel is closed.
    pub(crate) unsafe fn drain(&self) -> Buf<T> {
        self.base.set_len(0);
        // SAFETY: CHAN-LOCK is the caller's promise.
        unsafe { self.buf() }.take()
    }

    /// Closes the channel; `false` if it was closed already.
    pub(crate) fn close(&self) -> bool {
        gort_sched::sim::at_drop("chan close");
        self.base.close()
    }

    /// Closes the channel and drops what nobody will receive: the last receiver has gone.
    pub(crate) fn abandon(&self) {
        gort_sched::sim::at_drop("chan close");
        self.base.close();
        self.base.lock.acquire();
        // SAFETY: CHAN-LOCK — just taken; closed by now.
        let rest = unsafe { self.drain() };
        self.base.lock.release();
        // If dropping one panics, those after it are leaked: a second panic would abort.
        let mut rest = ManuallyDrop::new(rest);
        while rest.pop().is_some() {}
        drop(ManuallyDrop::into_inner(rest));
    }
}

/// A channel as a select sees it: without the type of its values.
pub(crate) trait AnyChan {
    /// [`Chan::take`], without the type.
    ///
    /// # Safety
    /// As there.
    unsafe fn take_any(&self, dst: *mut (), outcome: &Cell<Outcome>, wakes: &WakeList) -> Taken;
    /// Gives a reserved place up.
    fn give_up_room(&self);
    /// [`Chan::close`], without the type.
    fn close_any(&self);
}

impl<T> AnyChan for Chan<T> {
    unsafe fn take_any(&self, dst: *mut (), outcome: &Cell<Outcome>, wakes: &WakeList) -> Taken {
        // SAFETY: CHAN-LOCK and `dst` are the caller's promise.
        unsafe { self.take(dst.cast(), outcome, wakes) }
    }

    fn close_any(&self) {
        self.close();
    }

    fn give_up_room(&self) {
        let wakes = WakeList::new();
        self.base.lock.acquire();
        // SAFETY: CHAN-LOCK — just taken; the place is the caller's.
        unsafe { self.base.unreserve() };
        // SAFETY: CHAN-LOCK — taken above.
        unsafe { self.admit(&wakes) };
        self.base.lock.release();
        wakes.wake();
    }
}
