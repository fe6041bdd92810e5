//! [`Slot`]: one direction of a descriptor; who waits for it, and what has happened.
//!
//! ```text
//!  63                      4    3      2      1      0
//! ┌─────────────────────────┬───────┬───────┬──────┬──────┐
//! │   what happened: count  │ ENDED │ CROWD │ WAIT │ BUSY │
//! └─────────────────────────┴───────┴───────┴──────┴──────┘
//! ```
//! Whoever uses the descriptor notes the count, tries, and waits only as long as the count is the
//! one that it noted (NET-1). So there is no "ready" to be forgotten or to be cleared too late: an
//! event between the attempt and the wait has moved the count, and the attempt is made again.
//!
//! | step | by | word | and then |
//! |---|---|---|---|
//! | sit | waiter | BUSY, if the count is the noted one | writes its ticket |
//! | wait | the same | WAIT instead of BUSY, if the count still is | parks |
//! | event | whoever polled | count + 1, WAIT and CROWD gone | claims and wakes the ticket that it read before |
//! | leave | waiter, deadline passed | count + 1, WAIT gone | runs on |
//!
//! A word with WAIT is written by one waiter and never comes back once it has changed, as every way
//! out of it counts up. So a ticket that was read while the word stood, and was still standing when
//! the exchange took it, is whole (NET-2).
//!
//! The second waiter of one direction is rare: it joins a list under a lock, and CROWD says that the
//! next event has to look there.

use crate::park::Ticket;
use core::fmt;
use core::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static CROWD_RANK: Rank = Rank { layer: layer::SCHED, n: 11, name: "sched.net_crowd" };

const BUSY: u64 = 1;
const WAIT: u64 = 2;
const CROWD: u64 = 4;
const ENDED: u64 = 8;
const ONE: u64 = 16;

/// What the word said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Of no slot.
    pub(crate) const NONE: Self = Self(0);

    fn count(self) -> u64 {
        self.0 / ONE
    }

    /// The other side has closed, or there is an error: a short read says nothing about what is
    /// still to come.
    pub(crate) fn ended(self) -> bool {
        self.0 & ENDED != 0
    }
}

/// Where a waiter has its ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seat {
    Slot,
    Crowd,
}

enum Joined {
    Stale,
    Sits,
    Free,
}

/// One direction of a descriptor.
#[repr(align(64))]
pub(crate) struct Slot {
    word: AtomicU64,
    /// The waiter's ticket, in two parts; good while the word has WAIT.
    who: AtomicUsize,
    number: AtomicU32,
    /// The count at which a read has found the descriptor empty.
    drained: AtomicU64,
    crowd: Lock<Vec<Ticket>>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({:?})", self.look())
    }
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            who: AtomicUsize::new(0),
            number: AtomicU32::new(0),
            drained: AtomicU64::new(u64::MAX),
            crowd: Lock::new(&CROWD_RANK, Vec::new()),
        }
    }

    /// To be called before an attempt; [`sit`](Self::sit) wants the answer.
    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // ORDER: Acquire ⇐ `event`; and keeps the attempt behind this look (NET-1).
        Seen(self.word.load(Acquire))
    }

    /// A read that began at `seen` has left nothing behind.
    #[inline]
    pub(crate) fn set_drained(&self, seen: Seen) {
        // ORDER: Relaxed — it counts only together with the very same count.
        self.drained.store(seen.count(), Relaxed);
    }

    /// Whether nothing has come since a read left nothing behind.
    #[inline]
    pub(crate) fn is_drained(&self, seen: Seen) -> bool {
        // ORDER: Relaxed — as in `set_drained`.
        !seen.ended() && self.drained.load(Relaxed) == seen.count()
    }

    /// Leaves `ticket` for the next event, unless something has happened since `seen`: then `None`.
    pub(crate) fn sit(&self, seen: Seen, ticket: Ticket) -> Option<Seat> {
        // ORDER: Relaxed — a look; the exchange decides.
        let mut now = self.word.load(Relaxed);
        loop {
            if Seen(now).count() != seen.count() {
                return None;
            }
            if now & (BUSY | WAIT) != 0 {
                match self.join_crowd(seen, ticket) {
                    Joined::Stale => return None,
                    Joined::Sits => return Some(Seat::Crowd),
                    Joined::Free => now = self.word.load(Relaxed), // ORDER: Relaxed — as above.
                }
                continue;
            }
            // ORDER: Acquire ⇐ the last waiter's way out: it does not write the ticket any more.
            match self.word.compare_exchange_weak(now, now | BUSY, Acquire, Relaxed) {
                Ok(_) => break,
                Err(seen) => now = seen,
            }
        }
        let (who, number) = ticket.parts();
        // ORDER: Relaxed — NET-2: published by the exchange below.
        self.who.store(who, Relaxed);
        // ORDER: Relaxed — as above.
        self.number.store(number, Relaxed);
        loop {
            // ORDER: Relaxed — a look; the exchange decides.
            let now = self.word.load(Relaxed);
            let stale = Seen(now).count() != seen.count();
            let next = if stale { now & !BUSY } else { (now & !BUSY) | WAIT };
            // ORDER: Release ⇒ `event`: the ticket. Relaxed on failure: looked at again.
            if self.word.compare_exchange_weak(now, next, Release, Relaxed).is_ok() {
                return (!stale).then_some(Seat::Slot);
            }
        }
    }

    #[cold]
    fn join_crowd(&self, seen: Seen, ticket: Ticket) -> Joined {
        let mut crowd = self.crowd.lock();
        loop {
            // ORDER: Relaxed — a look; the exchange decides.
            let now = self.word.load(Relaxed);
            if Seen(now).count() != seen.count() {
                return Joined::Stale;
            }
            if now & (BUSY | WAIT) == 0 {
                return Joined::Free;
            }
            // ORDER: AcqRel — an event that takes the flag looks into the list, after us.
            if self.word.compare_exchange_weak(now, now | CROWD, AcqRel, Relaxed).is_ok() {
                crowd.push(ticket);
                return Joined::Sits;
            }
        }
    }

    /// Takes back what [`sit`](Self::sit) has left, if it is still there.
    pub(crate) fn leave(&self, seen: Seen, seat: Seat, ticket: Ticket) {
        if seat == Seat::Crowd {
            self.crowd.lock().retain(|&t| t != ticket);
            return;
        }
        // ORDER: Relaxed — a look; the exchange decides.
        let mut now = self.word.load(Relaxed);
        while Seen(now).count() == seen.count() {
            // ORDER: Release ⇒ the next waiter, which writes a ticket over ours.
            match self.word.compare_exchange_weak(now, (now + ONE) & !WAIT, Release, Relaxed) {
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// Something has happened: counts it, and gives the waiters' tickets to `claim`.
    pub(crate) fn event(&self, ended: bool, mut claim: impl FnMut(Ticket)) {
        let ended = if ended { ENDED } else { 0 };
        // ORDER: Acquire ⇐ `sit`: the ticket.
        let mut now = self.word.load(Acquire);
        let ticket = loop {
            // ORDER: Relaxed — NET-2: they count only if the exchange finds the word unchanged.
            let parts = (self.who.load(Relaxed), self.number.load(Relaxed));
            let next = ((now + ONE) & !(WAIT | CROWD)) | ended;
            // ORDER: AcqRel — Release ⇒ `look`, and the next `sit`: the ticket was read; Acquire ⇐
            // `sit`. Acquire on failure ⇐ `sit`.
            match self.word.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) => break parts,
                Err(seen) => now = seen,
            }
        };
        if now & WAIT != 0 {
            claim(Ticket::from_parts(ticket.0, ticket.1));
        }
        if now & CROWD != 0 {
            let crowd = core::mem::take(&mut *self.crowd.lock());
            crowd.into_iter().for_each(claim);
        }
    }

    /// Forgets the last descriptor. Nobody waits.
    pub(crate) fn reset(&self) {
        // ORDER: Relaxed — the next owner gets the record under a lock.
        self.word.fetch_and(!ENDED, Relaxed);
        // ORDER: Relaxed — as above.
        self.drained.store(u64::MAX, Relaxed);
    }
}
