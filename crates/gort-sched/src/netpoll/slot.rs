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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::park::{TIMEOUT, WaitReason};
    use core::sync::atomic::AtomicU64 as Count;
    use core::sync::atomic::Ordering::SeqCst;
    use gort_sys::clock;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Wakes whoever waits, as a poll does.
    fn tell(slot: &Slot) {
        slot.event(false, |ticket| {
            if ticket.claim(1) {
                ticket.wake();
            }
        });
    }

    /// Waits until `data` has come to `wanted`; with waits of at most `nap`, which pass and begin anew.
    fn wait_for(slot: &Slot, data: &Count, wanted: u64, nap: Option<u64>) {
        let end = clock::nanos() + 10_000_000_000;
        loop {
            let seen = slot.look();
            // ORDER: SeqCst — stands for the kernel.
            if data.load(SeqCst) >= wanted {
                return;
            }
            assert!(clock::nanos() < end, "an event was missed (NET-1)");
            let ticket = Ticket::open();
            let Some(seat) = slot.sit(seen, ticket) else {
                assert!(ticket.cancel());
                continue;
            };
            let until = nap.map_or(end, |nap| clock::nanos() + nap);
            let code = ticket.wait_until(WaitReason::IoWait, until);
            assert!(code == 1 || code == TIMEOUT);
            slot.leave(seen, seat, ticket);
        }
    }

    /// NET-1, NET-2: waiters with deadlines and without, in the seat and in the crowd, against events
    /// that come right then: nobody sleeps over one.
    #[test]
    fn nobody_sleeps_over_an_event() {
        const ROUNDS: u64 = 1_500;
        let shared = Arc::new((Slot::new(), Count::new(0), [const { Count::new(0) }; 3]));
        let waiters: Vec<_> = [None, Some(3_000), None]
            .into_iter()
            .enumerate()
            .map(|(n, nap)| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    for round in 1..=ROUNDS {
                        wait_for(&shared.0, &shared.1, round, nap);
                        // ORDER: SeqCst — a figure of the test.
                        shared.2[n].store(round, SeqCst);
                    }
                })
            })
            .collect();
        for round in 1..=ROUNDS {
            // ORDER: SeqCst — stands for the kernel.
            shared.1.store(round, SeqCst);
            tell(&shared.0);
            let end = clock::nanos() + 20_000_000_000;
            // ORDER: SeqCst — a figure of the test.
            while shared.2.iter().any(|done| done.load(SeqCst) < round) {
                assert!(clock::nanos() < end, "a waiter does not come back");
                std::thread::yield_now();
            }
        }
        waiters.into_iter().for_each(|w| w.join().expect("a waiter"));
    }

    proptest! {
        /// One thread at a time: a slot agrees with a counter and a set of waiters.
        #[test]
        fn agrees_with_a_counter(ops in proptest::collection::vec((0..4u8, 0..4usize), 0..60)) {
            let slot = Slot::new();
            // Marks taken so far, each with the model's count; a ticket stands for its waiter.
            let (mut count, mut marks) = (0u64, vec![(slot.look(), 0u64)]);
            let mut sits: Vec<(Seen, Seat, Ticket)> = Vec::new();
            let mut serial = 1;
            for (op, pick) in ops {
                match op {
                    0 => marks.push((slot.look(), count)),
                    1 => {
                        let (seen, at) = marks[pick % marks.len()];
                        let ticket = Ticket::from_parts(serial << 5, serial as u32);
                        serial += 1;
                        let seat = slot.sit(seen, ticket);
                        prop_assert_eq!(seat.is_some(), at == count, "NET-1");
                        if let Some(seat) = seat {
                            prop_assert_eq!(seat == Seat::Slot, sits.is_empty() || sits.iter().all(|s| s.1 == Seat::Crowd));
                            sits.push((seen, seat, ticket));
                        }
                    }
                    2 => {
                        let mut woken = Vec::new();
                        slot.event(false, |t| woken.push(t));
                        count += 1;
                        let expected: Vec<Ticket> = sits.drain(..).map(|s| s.2).collect();
                        prop_assert_eq!(woken.len(), expected.len());
                        prop_assert!(expected.iter().all(|t| woken.contains(t)));
                    }
                    _ => {
                        if !sits.is_empty() {
                            let (seen, seat, ticket) = sits.swap_remove(pick % sits.len());
                            slot.leave(seen, seat, ticket);
                            if seat == Seat::Slot {
                                count += 1;
                            }
                        }
                    }
                }
            }
        }
    }
}
