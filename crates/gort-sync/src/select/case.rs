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
use gort_sched::netpoll::{AsSource, Direction, Interest};
use gort_sched::park::Ticket;
use std::io;
use std::sync::Arc;

/// One operation of a select. Made by `select!` and [`Select`](crate::Select).
#[derive(Clone, Copy)]
pub struct Case<'a> {
    what: What<'a>,
    /// What has to be locked to try it.
    base: Option<&'a Base>,
    /// When the channel closes by itself; `NEVER` for most.
    closes: u64,
    /// The room that a received value needs.
    room: Layout,
}

/// The room of what brings no value.
const NO_ROOM: Layout = Layout::new::<()>();

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Receive from a channel.
    Recv(&'a (dyn AnyChan + 'a)),
    /// Send into a channel.
    Send(&'a (dyn AnyChan + 'a)),
    /// Receive from a clock.
    Clock(&'a (dyn AnyClock + 'a)),
    /// Hear that a descriptor is ready.
    Ready(Interest<'a>),
    /// Receive from nowhere.
    Never,
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            What::Recv(_) => "Case(recv)",
            What::Send(_) => "Case(send)",
            What::Clock(_) => "Case(clock)",
            What::Ready(_) => "Case(ready)",
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
    /// A descriptor is ready.
    Ready,
    /// A descriptor was closed, or the system cannot watch it: its error, or 0.
    Broken(i32),
}

/// How a try ended.
pub(super) enum Tried {
    Won,
    NotReady,
    /// Another select will bring the value: release the locks and meet it.
    Promised(Ticket),
}

impl<'a> Case<'a> {
    /// Receiving from `r`.
    #[inline]
    pub fn recv<T>(r: &'a Receiver<T>) -> Self {
        match r.flavor() {
            Flavor::Chan(chan) => {
                Self::channel(What::Recv(&**chan), &chan.base, Layout::new::<T>())
            }
            Flavor::Clock(clock) => Self {
                what: What::Clock(&**clock),
                base: clock.crowd(),
                closes: NEVER,
                room: Layout::new::<T>(),
            },
            Flavor::Until(until) => {
                let chan = &until.chan;
                let case = Self::channel(What::Recv(chan), &chan.base, Layout::new::<T>());
                Self { closes: until.due, ..case }
            }
            Flavor::Never => Self { what: What::Never, base: None, closes: NEVER, room: NO_ROOM },
        }
    }

    /// Sending into `s`.
    #[inline]
    pub fn send<T>(s: &'a Sender<T>) -> Self {
        Self::channel(What::Send(s.any()), &s.chan().base, NO_ROOM)
    }

    /// Hearing that `d` can be read (or has ended, or has an error).
    pub fn readable(d: &'a (impl AsSource + ?Sized)) -> Self {
        Self::ready(Interest::new(d, Direction::Read))
    }

    /// Hearing that `d` can be written to.
    pub fn writable(d: &'a (impl AsSource + ?Sized)) -> Self {
        Self::ready(Interest::new(d, Direction::Write))
    }

    fn ready(interest: Interest<'a>) -> Self {
        Self { what: What::Ready(interest), base: None, closes: NEVER, room: NO_ROOM }
    }

    /// The descriptor, if it waits for one.
    #[inline]
    pub(super) fn interest(&self) -> Option<Interest<'a>> {
        match self.what {
            What::Ready(interest) => Some(interest),
            _ => None,
        }
    }

    #[inline]
    fn channel(what: What<'a>, base: &'a Base, room: Layout) -> Self {
        Self { what, base: Some(base), closes: NEVER, room }
    }

    /// Closes the channel if its time has come. No lock is held.
    #[inline]
    pub(super) fn expire(&self) {
        if self.closes != NEVER
            && self.closes <= gort_sys::clock::nanos()
            && let What::Recv(chan) = self.what
        {
            chan.close_any();
        }
    }

    /// Which handle this is, for a check that the right one completes it.
    #[inline]
    pub(super) fn address(&self) -> *const () {
        match self.what {
            What::Recv(chan) | What::Send(chan) => ptr::from_ref(chan).cast(),
            What::Clock(clock) => ptr::from_ref(clock).cast(),
            What::Ready(interest) => interest.address().cast(),
            What::Never => ptr::null(),
        }
    }

    /// The room that a received value needs.
    #[inline]
    pub(super) fn room(&self) -> Layout {
        self.room
    }

    /// What has to be locked to try it.
    #[inline]
    pub(super) fn base(&self) -> Option<&'a Base> {
        self.base
    }

    /// Where to wait for it.
    #[inline]
    pub(super) fn queue(&self) -> Option<&'a Queue> {
        self.base.map(|base| if self.sends() { &base.sendq } else { &base.recvq })
    }

    #[inline]
    fn sends(&self) -> bool {
        matches!(self.what, What::Send(_))
    }

    /// When it becomes ready by itself.
    pub(super) fn due(&self) -> u64 {
        match self.what {
            What::Clock(clock) => clock.due_any(),
            _ => self.closes,
        }
    }

    /// Whether trying is likely to be in vain; without the lock.
    #[inline]
    pub(super) fn looks_stuck(&self) -> bool {
        match self.what {
            What::Recv(_) => self.locked().looks_empty(),
            What::Send(_) => self.locked().looks_full(),
            What::Clock(_) | What::Ready(_) => false,
            What::Never => true,
        }
    }

    /// Tries to win it; what is won goes to `prize`.
    ///
    /// # Safety
    /// CHAN-LOCK: the lock of `base` is held. `landing` was made for this case, is empty, and
    /// stays where it is, like `outcome`, until a promise was met.
    #[inline]
    pub(super) unsafe fn attempt(
        &self,
        landing: &Landing,
        prize: &Cell<Option<Prize<'a>>>,
        outcome: &Cell<Outcome>,
        wakes: &WakeList,
    ) -> Tried {
        let won = match self.what {
            What::Recv(chan) => {
                // SAFETY: CHAN-LOCK and the landing are the caller's promise.
                match unsafe { chan.take_any(landing.room(), outcome, wakes) } {
                    Taken::Done => Prize::Value,
                    Taken::Closed => Prize::Nothing,
                    Taken::Empty => return Tried::NotReady,
                    Taken::Promised(ticket) => return Tried::Promised(ticket),
                }
            }
            What::Send(chan) => {
                // SAFETY: CHAN-LOCK is the caller's promise; the prize redeems the grant.
                match unsafe { self.locked().grant(wakes) } {
                    Some(grant) => Prize::Grant(chan, grant),
                    None => return Tried::NotReady,
                }
            }
            What::Clock(clock) => {
                // SAFETY: the landing is the caller's promise.
                match unsafe { clock.take_any(landing.room()) } {
                    true => Prize::Value,
                    false => return Tried::NotReady,
                }
            }
            What::Ready(interest) => match heard(interest.is_ready()) {
                Some(heard) => heard,
                None => return Tried::NotReady,
            },
            What::Never => return Tried::NotReady,
        };
        prize.set(Some(won));
        Tried::Won
    }

    /// Whether it would not have to wait.
    ///
    /// # Safety
    /// CHAN-LOCK: the lock of `base` is held.
    pub(super) unsafe fn is_ready(&self) -> bool {
        match self.what {
            // SAFETY: CHAN-LOCK is the caller's promise.
            What::Recv(_) => unsafe { self.locked().is_ready(false) },
            // SAFETY: CHAN-LOCK is the caller's promise.
            What::Send(_) => unsafe { self.locked().is_ready(true) },
            What::Clock(clock) => clock.due_any() <= gort_sys::clock::nanos(),
            What::Ready(interest) => interest.is_ready().unwrap_or(true),
            What::Never => false,
        }
    }

    /// The base of a channel's case.
    fn locked(&self) -> &'a Base {
        match self.base {
            Some(base) => base,
            None => unreachable!("a channel's case has its base"),
        }
    }

    /// How this case waits: a receive for its value, a send with a promise.
    pub(super) fn kind(&self) -> Kind {
        match self.what {
            What::Send(_) => Kind::Promise,
            // Woken when the clock is set anew.
            What::Clock(_) => Kind::Watch,
            _ => Kind::Value,
        }
    }

    /// What is won when a promise was kept.
    pub(super) fn met(&self) -> Prize<'a> {
        match self.what {
            What::Recv(_) => Prize::Value,
            _ => Prize::Nothing,
        }
    }

    /// What was won by the waiter `w` of this case; `None`: start again.
    pub(super) fn prize(&self, w: &Waiter) -> Option<Prize<'a>> {
        match (self.what, w.outcome.get()) {
            (What::Recv(_), Outcome::Done) => Some(Prize::Value),
            (What::Recv(_), Outcome::Closed) => Some(Prize::Nothing),
            (What::Send(chan), Outcome::Room) => Some(Prize::Grant(chan, Grant::Room)),
            (What::Send(chan), Outcome::Closed) => Some(Prize::Grant(chan, Grant::Closed)),
            (What::Send(chan), Outcome::Met) => {
                w.peer().map(|peer| Prize::Grant(chan, Grant::Peer(peer)))
            }
            _ => None,
        }
    }
}

/// What a look at a descriptor has won.
pub(super) fn heard<'a>(ready: io::Result<bool>) -> Option<Prize<'a>> {
    match ready {
        Ok(ready) => ready.then_some(Prize::Ready),
        Err(e) => Some(Prize::Broken(e.raw_os_error().unwrap_or(0))),
    }
}

/// The address of what `d` waits with, as [`Case::address`].
pub(super) fn address_of_descriptor(d: &(impl AsSource + ?Sized)) -> *const () {
    ptr::from_ref(d.as_source().0).cast()
}

/// The address of what `r` receives from, as [`Case::address`].
pub(super) fn address_of_receiver<T>(r: &Receiver<T>) -> *const () {
    match r.flavor() {
        Flavor::Chan(chan) => Arc::as_ptr(chan).cast(),
        Flavor::Clock(clock) => Arc::as_ptr(clock).cast(),
        Flavor::Until(until) => ptr::from_ref(&until.chan).cast(),
        Flavor::Never => ptr::null(),
    }
}
