//! [`Case`], one operation of a select, and how it is tried.

use super::landing::Landing;
use crate::chan::base::{Base, Grant};
use crate::chan::clockwork::AnyClock;
use crate::chan::receiver::Flavor;
use crate::chan::steps::{AnyChan, Taken};
use crate::time::NEVER;
use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{Receiver, Sender};
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::ptr;
use gort_sched::park::Ticket;
use std::sync::Arc;

/// One operation of a select. Made by `select!` and [`Select`](crate::Select).
#[derive(Clone, Copy)]
pub struct Case<'a>(pub(super) What<'a>);

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Receive from a channel.
    Recv(&'a (dyn AnyChan + 'a)),
    /// Send into a channel.
    Send(&'a (dyn AnyChan + 'a)),
    /// Receive from a clock.
    Clock(&'a (dyn AnyClock + 'a)),
    /// Receive from nowhere.
    Never,
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            What::Recv(_) => "Case(recv)",
            What::Send(_) => "Case(send)",
            What::Clock(_) => "Case(clock)",
            What::Never => "Case(never)",
        })
    }
}

/// What a select has won, to be completed by the one who asked.
pub(super) enum Prize<'a> {
    /// The value has landed.
    Value,
    /// The channel is empty and disconnected.
    Nothing,
    /// The right to send.
    Grant(&'a (dyn AnyChan + 'a), Grant),
}

/// How a try ended.
pub(super) enum Tried<'a> {
    Won(Prize<'a>),
    NotReady,
    /// Another select will bring the value: release the locks and meet it.
    Promised(Ticket),
}

impl<'a> Case<'a> {
    /// Receiving from `r`.
    pub fn recv<T>(r: &'a Receiver<T>) -> Self {
        Self(match r.flavor() {
            Flavor::Chan(chan) => What::Recv(&**chan),
            Flavor::Clock(clock) => What::Clock(&**clock),
            Flavor::Never => What::Never,
        })
    }

    /// Sending into `s`.
    pub fn send<T>(s: &'a Sender<T>) -> Self {
        Self(What::Send(s.any()))
    }

    /// Which handle this is, for a check that the right one completes it.
    pub(super) fn address(&self) -> *const () {
        match self.0 {
            What::Recv(chan) | What::Send(chan) => ptr::from_ref(chan).cast(),
            What::Clock(clock) => ptr::from_ref(clock).cast(),
            What::Never => ptr::null(),
        }
    }

    /// The room that a received value needs.
    pub(super) fn layout(&self) -> Layout {
        match self.0 {
            What::Recv(chan) => chan.layout(),
            What::Clock(clock) => clock.layout(),
            What::Send(_) | What::Never => Layout::new::<()>(),
        }
    }

    /// What has to be locked to try it.
    pub(super) fn base(&self) -> Option<&'a Base> {
        match self.0 {
            What::Recv(chan) | What::Send(chan) => Some(chan.base()),
            What::Clock(_) | What::Never => None,
        }
    }

    /// Where to wait for it.
    pub(super) fn queue(&self) -> Option<&'a Queue> {
        match self.0 {
            What::Recv(chan) => Some(&chan.base().recvq),
            What::Send(chan) => Some(&chan.base().sendq),
            What::Clock(_) | What::Never => None,
        }
    }

    /// When it becomes ready by itself.
    pub(super) fn due(&self) -> u64 {
        match self.0 {
            What::Clock(clock) => clock.due_any(),
            _ => NEVER,
        }
    }

    /// Whether trying is likely to be in vain; without the lock.
    pub(super) fn looks_stuck(&self) -> bool {
        match self.0 {
            What::Recv(chan) => chan.base().looks_empty(),
            What::Send(chan) => chan.base().looks_full(),
            What::Clock(_) => false,
            What::Never => true,
        }
    }

    /// Tries to win it.
    ///
    /// # Safety
    /// CHAN-LOCK: the lock of `base` is held. `landing` was made for this case, is empty, and
    /// stays where it is, like `outcome`, until a promise was met.
    pub(super) unsafe fn attempt(
        &self,
        landing: &Landing,
        outcome: &Cell<Outcome>,
        wakes: &WakeList,
    ) -> Tried<'a> {
        match self.0 {
            What::Recv(chan) => {
                // SAFETY: CHAN-LOCK and the landing are the caller's promise.
                match unsafe { chan.take_any(landing.room(), outcome, wakes) } {
                    Taken::Done => Tried::Won(Prize::Value),
                    Taken::Closed => Tried::Won(Prize::Nothing),
                    Taken::Empty => Tried::NotReady,
                    Taken::Promised(ticket) => Tried::Promised(ticket),
                }
            }
            What::Send(chan) => {
                // SAFETY: CHAN-LOCK is the caller's promise; the prize redeems the grant.
                match unsafe { chan.base().grant(wakes) } {
                    Some(grant) => Tried::Won(Prize::Grant(chan, grant)),
                    None => Tried::NotReady,
                }
            }
            What::Clock(clock) => {
                // SAFETY: the landing is the caller's promise.
                match unsafe { clock.take_any(landing.room()) } {
                    true => Tried::Won(Prize::Value),
                    false => Tried::NotReady,
                }
            }
            What::Never => Tried::NotReady,
        }
    }

    /// Whether it would not have to wait.
    ///
    /// # Safety
    /// CHAN-LOCK: the lock of `base` is held.
    pub(super) unsafe fn is_ready(&self) -> bool {
        match self.0 {
            // SAFETY: CHAN-LOCK is the caller's promise.
            What::Recv(chan) => unsafe { chan.base().is_ready(false) },
            // SAFETY: CHAN-LOCK is the caller's promise.
            What::Send(chan) => unsafe { chan.base().is_ready(true) },
            What::Clock(clock) => clock.due_any() <= gort_sys::clock::nanos(),
            What::Never => false,
        }
    }

    /// How this case waits: a receive for its value, a send with a promise.
    pub(super) fn kind(&self) -> Kind {
        match self.0 {
            What::Send(_) => Kind::Promise,
            _ => Kind::Value,
        }
    }

    /// What is won when a promise was kept.
    pub(super) fn met(&self) -> Prize<'a> {
        match self.0 {
            What::Recv(_) => Prize::Value,
            _ => Prize::Nothing,
        }
    }

    /// What was won by the waiter `w` of this case; `None`: start again.
    pub(super) fn prize(&self, w: &Waiter) -> Option<Prize<'a>> {
        match (self.0, w.outcome.get()) {
            (What::Recv(_), Outcome::Done) => Some(Prize::Value),
            (What::Recv(_), Outcome::Closed) => Some(Prize::Nothing),
            (What::Send(chan), Outcome::Room) => Some(Prize::Grant(chan, Grant::Room)),
            (What::Send(chan), Outcome::Closed) => Some(Prize::Grant(chan, Grant::Closed)),
            (What::Send(chan), Outcome::Met) => {
                w.peer.get().map(|peer| Prize::Grant(chan, Grant::Peer(peer)))
            }
            _ => None,
        }
    }
}

/// The address of what `r` receives from, as [`Case::address`].
pub(super) fn address_of_receiver<T>(r: &Receiver<T>) -> *const () {
    match r.flavor() {
        Flavor::Chan(chan) => Arc::as_ptr(chan).cast(),
        Flavor::Clock(clock) => Arc::as_ptr(clock).cast(),
        Flavor::Never => ptr::null(),
    }
}
