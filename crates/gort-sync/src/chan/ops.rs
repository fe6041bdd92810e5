//! Sends and receives that may wait.
//!
//! Each follows one pattern: look without the lock where waiting is not wanted; take the lock and
//! try; else open a ticket, queue, release the lock, and wait. Whoever serves the waiter moves
//! the value himself, so that the waiter has nothing left to do.

use super::base::Base;
use super::steps::{Chan, Put, Taken};
use crate::waiter::{Kind, Outcome, Waiter, WakeList};
use crate::{SendTimeoutError, TryRecvError, TrySendError, wait_in};
use core::cell::Cell;
use core::mem::{ManuallyDrop, MaybeUninit};
use gort_sched::checkpoint;
use gort_sched::park::{self, SHUTDOWN, TIMEOUT, Ticket, WaitReason};
use gort_sched::sim;

/// Why a receive brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// The deadline has passed.
    Timeout,
    /// The channel is empty and disconnected.
    Closed,
}

/// Waits for the value that a select has promised; `false` if it went back on it.
pub(crate) fn meet(ticket: Ticket, outcome: &Cell<Outcome>) -> bool {
    // Nothing needs taking back at a shutdown: the other one claims the ticket before he touches
    // anything of ours, and cannot any more.
    if ticket.wait(WaitReason::ChanReceive) == SHUTDOWN {
        park::unwind();
    }
    outcome.get() == Outcome::Done
}

impl<T> Chan<T> {
    /// Sends without waiting.
    #[inline]
    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        sim::at("chan send");
        if self.base.looks_full() {
            checkpoint();
            return Err(TrySendError::Full(value));
        }
        let value = ManuallyDrop::new(value);
        let wakes = WakeList::new();
        self.base.lock.acquire();
        // SAFETY: CHAN-LOCK — just taken; `value` is not used again after `Done`.
        let put = unsafe { self.put(&raw const *value, &wakes) };
        self.base.lock.release();
        wakes.wake();
        match put {
            Put::Done => Ok(()),
            Put::Closed => Err(TrySendError::Disconnected(ManuallyDrop::into_inner(value))),
            Put::Full => Err(TrySendError::Full(ManuallyDrop::into_inner(value))),
        }
    }

    /// Sends, waiting until `deadline` if there is one.
    #[inline]
    pub(crate) fn send(&self, value: T, deadline: Option<u64>) -> Result<(), SendTimeoutError<T>> {
        sim::at("chan send");
        let value = ManuallyDrop::new(value);
        let wakes = WakeList::new();
        self.base.lock.acquire();
        // SAFETY: CHAN-LOCK — just taken; `value` is not used again after `Done`.
        match unsafe { self.put(&raw const *value, &wakes) } {
            Put::Done => {
                self.base.lock.release();
                wakes.wake();
                Ok(())
            }
            Put::Closed => {
                self.base.lock.release();
                wakes.wake();
                Err(SendTimeoutError::Disconnected(ManuallyDrop::into_inner(value)))
            }
            Put::Full => self.send_waiting(value, wakes, deadline),
        }
    }

    /// The part of a send that waits. Called with the lock held, which it releases.
    #[inline(never)]
    fn send_waiting(
        &self,
        mut value: ManuallyDrop<T>,
        wakes: WakeList,
        deadline: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        let slot = (&raw mut *value).cast();
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, slot);
        // SAFETY: WAIT-1 — the lock is held; WAIT-2 — `w` stays on this frame until it was popped
        // by whoever claims it, or `wait_in` ends.
        unsafe { self.base.sendq.push(&w) };
        self.base.lock.release();
        wakes.wake();
        let Base { sendq, lock, .. } = &self.base;
        let code = wait_in(&w, sendq, lock, WaitReason::ChanSend, deadline);
        if code == TIMEOUT || code == SHUTDOWN {
            // Nobody has claimed the ticket, and so nobody has moved the value.
            let value = ManuallyDrop::into_inner(value);
            if code == SHUTDOWN {
                // Unwinding drops the value.
                park::unwind();
            }
            return Err(SendTimeoutError::Timeout(value));
        }
        match w.outcome.get() {
            Outcome::Done => Ok(()),
            _ => Err(SendTimeoutError::Disconnected(ManuallyDrop::into_inner(value))),
        }
    }

    /// Receives without waiting (but for the moment in which a select that has won against us
    /// makes its value).
    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        sim::at("chan receive");
        let mut dst = MaybeUninit::uninit();
        let outcome = Cell::new(Outcome::Pending);
        loop {
            if self.base.looks_empty() {
                checkpoint();
                return Err(TryRecvError::Empty);
            }
            let wakes = WakeList::new();
            self.base.lock.acquire();
            // SAFETY: CHAN-LOCK — just taken; `dst` is room for a `T`.
            let taken = unsafe { self.take(dst.as_mut_ptr(), &outcome, &wakes) };
            self.base.lock.release();
            wakes.wake();
            match taken {
                Taken::Done => break,
                Taken::Closed => return Err(TryRecvError::Disconnected),
                Taken::Empty => return Err(TryRecvError::Empty),
                Taken::Promised(ticket) if meet(ticket, &outcome) => break,
                Taken::Promised(_) => {}
            }
        }
        // SAFETY: CHAN-SLOT — `Done`: a value was moved into `dst`.
        Ok(unsafe { dst.assume_init() })
    }

    /// Receives, waiting until `deadline` if there is one.
    #[inline]
    pub(crate) fn recv(&self, deadline: Option<u64>) -> Result<T, NoValue> {
        sim::at("chan receive");
        let mut dst = MaybeUninit::uninit();
        let outcome = Cell::new(Outcome::Pending);
        loop {
            let wakes = WakeList::new();
            self.base.lock.acquire();
            // SAFETY: CHAN-LOCK — just taken; `dst` is room for a `T`.
            match unsafe { self.take(dst.as_mut_ptr(), &outcome, &wakes) } {
                Taken::Done => {
                    self.base.lock.release();
                    wakes.wake();
                    break;
                }
                Taken::Closed => {
                    self.base.lock.release();
                    wakes.wake();
                    return Err(NoValue::Closed);
                }
                Taken::Empty => {
                    if self.recv_waiting(dst.as_mut_ptr(), wakes, deadline)? {
                        break;
                    }
                }
                Taken::Promised(ticket) => {
                    self.base.lock.release();
                    wakes.wake();
                    if meet(ticket, &outcome) {
                        break;
                    }
                }
            }
        }
        // SAFETY: CHAN-SLOT — `Done`: a value was moved into `dst`.
        Ok(unsafe { dst.assume_init() })
    }

    /// The part of a receive that waits. Called with the lock held, which it releases. `false`:
    /// start again.
    #[inline(never)]
    fn recv_waiting(
        &self,
        dst: *mut T,
        wakes: WakeList,
        deadline: Option<u64>,
    ) -> Result<bool, NoValue> {
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, dst.cast());
        // SAFETY: WAIT-1 — the lock is held; WAIT-2 — `w` stays on this frame until it was popped
        // by whoever claims it, or `wait_in` ends.
        unsafe { self.base.recvq.push(&w) };
        self.base.lock.release();
        wakes.wake();
        let Base { recvq, lock, .. } = &self.base;
        match wait_in(&w, recvq, lock, WaitReason::ChanReceive, deadline) {
            SHUTDOWN => park::unwind(),
            TIMEOUT => return Err(NoValue::Timeout),
            _ => {}
        }
        match w.outcome.get() {
            Outcome::Done => Ok(true),
            Outcome::Retry => Ok(false),
            _ => Err(NoValue::Closed),
        }
    }
}
