//! [`SelectedOperation`], what a select has won and has yet to be completed.

use super::case::{Case, Prize, address_of_descriptor, address_of_receiver};
use super::engine::{Goal, Limit, run};
use super::landing::Landing;
use crate::chan::base::Grant;
use crate::chan::steps::{Chan, Put};
use crate::waiter::{Claim, Outcome, Peer, WakeList};
use crate::{Receiver, RecvError, SendError, Sender};
use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr;
use gort_sched::netpoll::AsSource;
use std::io;

/// An operation that a select has chosen; [`send`](Self::send) or [`recv`](Self::recv)
/// completes it.
///
/// A chosen receive already has its message; a chosen send has a place for its message, or a
/// receiver who waits for it, until it is completed.
///
/// # Panics
/// Dropping it instead is a mistake, and panics. (A message that was received is then leaked.)
#[must_use = "a selected operation has to be completed"]
pub struct SelectedOperation<'a> {
    index: usize,
    address: *const (),
    /// `None` before it is chosen, and once it is completed.
    prize: Cell<Option<Prize<'a>>>,
    landing: Landing,
}

impl<'a> SelectedOperation<'a> {
    /// None of `cases` yet, with room for what any of them may bring.
    #[doc(hidden)]
    #[inline]
    pub fn for_cases(cases: &[Case<'a>]) -> Self {
        let landing = Landing::for_cases(cases);
        Self { index: 0, address: ptr::null(), prize: Cell::new(None), landing }
    }

    /// Chooses one of `cases`, for which it was made; `false`: none became possible within the limit.
    ///
    /// What is won lies in its place already: nothing of it moves.
    #[inline]
    pub(super) fn choose(&mut self, cases: &[Case<'a>], biased: bool, limit: Limit) -> bool {
        let goal = Goal::Win(&self.landing, &self.prize);
        let Some(at) = run(cases, biased, limit, goal) else { return false };
        self.index = at;
        self.address = cases[at].address();
        true
    }

    /// Gives it the number that the caller knows it by.
    pub(super) fn renumber(&mut self, number: impl FnOnce(usize) -> usize) {
        self.index = number(self.index);
    }

    /// Which operation it is: the number that [`Select`](crate::Select) gave it.
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Completes a send.
    ///
    /// # Errors
    /// If the channel is disconnected.
    ///
    /// # Panics
    /// If `s` does not send into the selected channel.
    #[inline]
    pub fn send<T>(mut self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        let same = self.address == ptr::from_ref(s.chan()).cast();
        assert!(
            same && matches!(self.prize.get_mut(), Some(Prize::Grant(..))),
            "passed a sender that wasn't selected",
        );
        match self.prize.take() {
            Some(Prize::Grant(_, Grant::Room)) => fill(s.chan(), msg),
            // SAFETY: SEL-1 — the grant is of this channel, so the peer receives a `T`.
            Some(Prize::Grant(_, Grant::Peer(peer))) => match unsafe { hand_over(peer, msg) } {
                Ok(()) => Ok(()),
                // It has gone with its runtime; send to whoever comes.
                Err(msg) => s.send(msg),
            },
            _ => Err(SendError(msg)),
        }
    }

    /// Completes a receive.
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    ///
    /// # Panics
    /// If `r` does not receive from the selected channel.
    #[inline]
    pub fn recv<T>(mut self, r: &Receiver<T>) -> Result<T, RecvError> {
        let same = self.address == address_of_receiver(r);
        assert!(
            same && matches!(self.prize.get_mut(), Some(Prize::Value | Prize::Nothing)),
            "passed a receiver that wasn't selected",
        );
        match self.prize.take() {
            // SAFETY: SEL-1 — the value came from this channel, so it is a `T`; it is read once,
            // as the prize is gone now.
            Some(Prize::Value) => Ok(unsafe { self.landing.room().cast::<T>().read() }),
            _ => Err(RecvError),
        }
    }

    /// Completes a wait for a descriptor. Others may read from it meanwhile, so it is advice: the call
    /// that follows may have to wait all the same.
    ///
    /// # Errors
    /// The descriptor cannot be watched, or was closed.
    ///
    /// # Panics
    /// If it was not `d` that was selected.
    pub fn ready(mut self, d: &(impl AsSource + ?Sized)) -> io::Result<()> {
        let same = self.address == address_of_descriptor(d);
        assert!(
            same && matches!(self.prize.get_mut(), Some(Prize::Ready | Prize::Broken(_))),
            "passed a descriptor that wasn't selected",
        );
        match self.prize.take() {
            Some(Prize::Broken(0)) => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the descriptor was closed while in use",
            )),
            Some(Prize::Broken(code)) => Err(io::Error::from_raw_os_error(code)),
            _ => Ok(()),
        }
    }
}

/// Puts `msg` into a reserved place.
fn fill<T>(chan: &Chan<T>, msg: T) -> Result<(), SendError<T>> {
    let msg = ManuallyDrop::new(msg);
    let wakes = WakeList::new();
    chan.base.lock.acquire();
    // SAFETY: CHAN-LOCK — just taken; the place was ours by the grant.
    let put = unsafe { chan.put_reserved(&raw const *msg, &wakes) };
    chan.base.lock.release();
    wakes.wake();
    match put {
        Put::Done => Ok(()),
        Put::Closed | Put::Full => Err(SendError(ManuallyDrop::into_inner(msg))),
    }
}

/// Gives `msg` to a receiver that waits for it; back if that one has gone.
///
/// # Safety
/// SEL-1: the peer receives values of type `T`, and was promised one.
unsafe fn hand_over<T>(peer: Peer, msg: T) -> Result<(), T> {
    if peer.claim == Claim::Open && !peer.ticket.claim(0) {
        return Err(msg);
    }
    // SAFETY: WAIT-3 — claimed, so the receiver stays until the wake; CHAN-SLOT — room for a `T`.
    unsafe { peer.slot.cast::<T>().write(msg) };
    // SAFETY: WAIT-3 — as above.
    unsafe { &*peer.outcome }.set(Outcome::Done);
    peer.ticket.wake();
    Ok(())
}

/// Goes back on a promise.
fn let_down(peer: Peer) {
    if peer.claim == Claim::Made || peer.ticket.claim(0) {
        // SAFETY: WAIT-3 — claimed, so the receiver stays until the wake.
        unsafe { &*peer.outcome }.set(Outcome::Retry);
        peer.ticket.wake();
    }
}

impl Drop for SelectedOperation<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.prize.get_mut().is_some() {
            self.abandon();
        }
    }
}

impl SelectedOperation<'_> {
    /// Dropped without being completed.
    #[cold]
    #[inline(never)]
    fn abandon(&mut self) {
        match self.prize.take() {
            None => return,
            Some(Prize::Grant(chan, Grant::Room)) => chan.give_up_room(),
            Some(Prize::Grant(_, Grant::Peer(peer))) => let_down(peer),
            // Nothing was taken.
            Some(Prize::Ready | Prize::Broken(_)) => {}
            // A value that landed is forgotten, not dropped: this thread may have no right to it
            // (SEL-2).
            Some(Prize::Value | Prize::Nothing | Prize::Grant(_, Grant::Closed)) => {}
        }
        // A message that panicked while it was made is reason enough; two panics abort.
        if !std::thread::panicking() {
            panic!("dropped `SelectedOperation` without completing the operation");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}
