//! How a select chooses: [`run`].
//!
//! 1. In shuffled order, try each case under its own channel's lock. Most selects end here.
//! 2. Take all the locks, in the order of their addresses, and try once more. If nothing is
//!    possible now, there was a moment at which nothing was: the moment for `default`.
//! 3. Still under all the locks, queue in every channel, all places with one ticket, then
//!    release and wait. Whoever claims the ticket for a case serves that case; nobody else can.
//! 4. Awake, take the places of the losers out.
//!
//! A descriptor has no lock. It is looked at in step 1, and the ticket goes into its slot when the channels
//! have it: what happens to the descriptor in between moves its slot's count, and ends the wait at once.
//! Only for `default` it is looked at in step 2.
//!
//! No value is lost: a value lands only with the claim, and the claim decides the select.

use super::case::{Case, Prize, Tried, heard};
use super::landing::Landing;
use crate::chan::base::Base;
use crate::chan::ops::meet;
use crate::time::NEVER;
use crate::waiter::{Kind, Outcome, Waiter, WakeList};
use crate::{random, wait};
use core::cell::Cell;
use core::mem::MaybeUninit;
use gort_sched::checkpoint;
use gort_sched::netpoll::{Interest, wait_beside};
use gort_sched::park::{self, READY, SHUTDOWN, TIMEOUT, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::chance::Chance;
use gort_sys::clock;

/// Selects of at most this many cases allocate nothing.
const FEW: usize = 8;

/// How long a select may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Now,
    At(u64),
    Never,
}

/// What a select is for.
#[derive(Clone, Copy)]
pub(super) enum Goal<'l, 'a> {
    /// To win a case; values land there, and what is won is put here. Both stay where they are.
    Win(&'l Landing, &'l Cell<Option<Prize<'a>>>),
    /// To hear which case could be won.
    Watch,
}

/// Chooses among `cases`: at random among those that are possible, or the first of them if
/// `biased`. `None`: none became possible within the limit.
pub(super) fn run<'a>(
    cases: &[Case<'a>],
    biased: bool,
    limit: Limit,
    goal: Goal<'_, 'a>,
) -> Option<usize> {
    let run = Run { cases, goal, outcome: Cell::new(Outcome::Pending), watches: Cell::new(false) };
    match cases.len() {
        0..=2 => run.with_room::<2>(biased, limit),
        3..=4 => run.with_room::<4>(biased, limit),
        5..=FEW => run.with_room::<FEW>(biased, limit),
        n => run.go::<0>(biased, limit, &mut vec![0; n], &mut vec![None; n]),
    }
}

/// One select under way.
struct Run<'c, 'a, 'l> {
    cases: &'c [Case<'a>],
    goal: Goal<'l, 'a>,
    /// For a value that another select has promised.
    outcome: Cell<Outcome>,
    /// Whether there are descriptors among the cases; known after step 1.
    watches: Cell<bool>,
}

/// How one round ended.
enum Round {
    Won(usize),
    /// Something was possible, or has changed: look again.
    Again,
    NotReady,
}

impl<'a> Run<'_, 'a, '_> {
    /// Runs with room for `N` cases on the stack.
    fn with_room<const N: usize>(&self, biased: bool, limit: Limit) -> Option<usize> {
        let (mut order, mut locks) = ([0; N], [None; N]);
        let n = self.cases.len();
        self.go::<N>(biased, limit, &mut order[..n], &mut locks[..n])
    }

    /// `N` is the number of places that are on the stack; 0 if there are more cases than `FEW`.
    #[inline]
    fn go<const N: usize>(
        &self,
        biased: bool,
        mut limit: Limit,
        order: &mut [usize],
        locks: &mut [Option<&'a Base>],
    ) -> Option<usize> {
        sim::at("select");
        for (i, place) in order.iter_mut().enumerate() {
            *place = i;
        }
        let mut chance = Chance::seed(if biased { 0 } else { random() });
        loop {
            if !biased {
                shuffle(order, &mut chance);
            }
            let mut round = self.one_by_one(order, limit);
            if let Round::NotReady = round
                && (limit != Limit::Now || self.cases.len() > 1)
            {
                round = self.all_at_once::<N>(order, locks, limit);
            }
            match round {
                Round::Won(at) => return Some(at),
                Round::NotReady => {
                    checkpoint();
                    return None;
                }
                Round::Again => {}
            }
            if let Limit::At(deadline) = limit
                && deadline <= clock::nanos()
            {
                limit = Limit::Now;
            }
        }
    }

    /// Step 1.
    #[inline]
    fn one_by_one(&self, order: &[usize], limit: Limit) -> Round {
        for &i in order {
            let case = &self.cases[i];
            case.expire();
            if case.looks_stuck() {
                continue;
            }
            let wakes = WakeList::new();
            let base = case.base();
            if let Some(base) = base {
                base.lock.acquire();
            } else if let Some(interest) = case.interest() {
                match self.settle(i, self.watch(interest, limit)) {
                    Round::NotReady => continue,
                    round => return round,
                }
            }
            // SAFETY: CHAN-LOCK — just taken.
            let tried = unsafe { self.attempt(i, &wakes) };
            if let Some(base) = base {
                base.lock.release();
            }
            wakes.wake();
            match self.settle(i, tried) {
                Round::NotReady => {}
                round => return round,
            }
        }
        Round::NotReady
    }

    /// Step 1 for a descriptor.
    #[cold]
    fn watch(&self, interest: Interest<'a>, limit: Limit) -> Tried {
        self.watches.set(true);
        match heard(if limit == Limit::Now { interest.is_ready() } else { interest.look() }) {
            Some(prize) => {
                self.put(prize);
                Tried::Won
            }
            None => Tried::NotReady,
        }
    }

    /// Puts what was won where the caller looks, if he wants it.
    #[inline]
    fn put(&self, prize: Prize<'a>) {
        if let Goal::Win(_, won) = self.goal {
            won.set(Some(prize));
        }
    }

    /// Steps 3 and 4 for the descriptors; the channels have the ticket.
    #[cold]
    fn wait_watching(&self, ticket: Ticket, until: Option<u64>) -> u32 {
        let interests: Vec<_> = self.cases.iter().filter_map(Case::interest).collect();
        wait_beside(ticket, &interests, until)
    }

    /// Steps 2 to 4. `NotReady` only if the limit is `Now`.
    #[inline]
    fn all_at_once<const N: usize>(
        &self,
        order: &[usize],
        locks: &mut [Option<&'a Base>],
        limit: Limit,
    ) -> Round {
        let wakes = WakeList::new();
        for (place, case) in locks.iter_mut().zip(self.cases) {
            *place = case.base();
        }
        sort(locks);
        acquire(locks);
        for &i in order {
            // Under the lock this is the whole truth.
            if self.cases[i].looks_stuck() {
                continue;
            }
            if self.watches.get() && limit != Limit::Now && self.cases[i].interest().is_some() {
                continue;
            }
            // SAFETY: CHAN-LOCK — all are taken.
            match unsafe { self.attempt(i, &wakes) } {
                Tried::NotReady => {}
                tried => {
                    release(locks);
                    wakes.wake();
                    return self.settle(i, tried);
                }
            }
        }
        if limit == Limit::Now {
            release(locks);
            wakes.wake();
            return Round::NotReady;
        }
        let ticket = Ticket::open();
        if N > 0 {
            // Written where they stay: a place that is made elsewhere and moved costs more than its lock.
            let mut room = [const { MaybeUninit::uninit() }; N];
            let room = &mut room[..self.cases.len()];
            for (i, place) in room.iter_mut().enumerate() {
                place.write(self.place(i, ticket));
            }
            // SAFETY: WAIT-2 — each was written just now and stays in this frame; a place needs no drop.
            let places = unsafe { &*(core::ptr::from_ref(room) as *const [Waiter]) };
            self.wait(order, places, ticket, locks, wakes, limit)
        } else {
            let places: Vec<Waiter> =
                (0..self.cases.len()).map(|i| self.place(i, ticket)).collect();
            self.wait(order, &places, ticket, locks, wakes, limit)
        }
    }

    /// The place of case `i` in its queue.
    #[inline]
    fn place(&self, i: usize, ticket: Ticket) -> Waiter {
        let (kind, slot) = match self.goal {
            Goal::Win(landing, _) => (self.cases[i].kind(), landing.room()),
            Goal::Watch => (Kind::Watch, core::ptr::null_mut()),
        };
        Waiter::new(ticket, kind, i as u32, slot)
    }

    /// Steps 3 and 4. Called with all the locks, which it releases.
    fn wait(
        &self,
        order: &[usize],
        places: &[Waiter],
        ticket: Ticket,
        locks: &[Option<&'a Base>],
        wakes: WakeList,
        limit: Limit,
    ) -> Round {
        let mut until = if let Limit::At(deadline) = limit { deadline } else { NEVER };
        let mut reason = WaitReason::SelectNoCases;
        // In the shuffled order too: of two cases of one channel, either may be served first.
        for &i in order {
            let case = &self.cases[i];
            until = until.min(case.due());
            if let Some(queue) = case.queue() {
                reason = WaitReason::Select;
                // SAFETY: WAIT-1 — all locks are taken; WAIT-2 — the place stays in the caller's
                // frame until it was popped by whoever claims it, or `Leave` ends.
                unsafe { queue.push(&places[i]) };
            }
        }
        release(locks);
        wakes.wake();
        let mut leave = Leave { cases: self.cases, places, won: None };
        let until = (until != NEVER).then_some(until);
        let code = if self.watches.get() {
            self.wait_watching(ticket, until)
        } else {
            wait(ticket, reason, until)
        };
        leave.won = Some(code);
        drop(leave);
        if code == SHUTDOWN {
            park::unwind();
        }
        if code == TIMEOUT || code == READY {
            return Round::Again;
        }
        let at = code as usize;
        match self.goal {
            Goal::Watch => Round::Won(at),
            Goal::Win(..) => match self.cases[at].prize(&places[at]) {
                Some(prize) => {
                    self.put(prize);
                    Round::Won(at)
                }
                None => Round::Again,
            },
        }
    }

    /// # Safety
    /// CHAN-LOCK: the lock of case `i` is held.
    #[inline]
    unsafe fn attempt(&self, i: usize, wakes: &WakeList) -> Tried {
        let case = &self.cases[i];
        match self.goal {
            // SAFETY: CHAN-LOCK is the caller's promise; the landing was made for all cases, and
            // neither it nor `outcome` moves while the select runs.
            Goal::Win(landing, prize) => unsafe {
                case.attempt(landing, prize, &self.outcome, wakes)
            },
            // SAFETY: CHAN-LOCK is the caller's promise.
            Goal::Watch => match unsafe { case.is_ready() } {
                true => Tried::Won,
                false => Tried::NotReady,
            },
        }
    }

    /// Turns the result of a try into that of a round. No lock is held.
    #[inline]
    fn settle(&self, at: usize, tried: Tried) -> Round {
        match tried {
            Tried::Won => Round::Won(at),
            Tried::NotReady => Round::NotReady,
            Tried::Promised(ticket) if meet(ticket, &self.outcome) => {
                self.put(self.cases[at].met());
                Round::Won(at)
            }
            Tried::Promised(_) => Round::Again,
        }
    }
}

/// Takes the places out of the queues: after the wait, and when waiting itself panics.
struct Leave<'c, 'a> {
    cases: &'c [Case<'a>],
    places: &'c [Waiter],
    /// The case whose place was popped by who claimed it.
    won: Option<u32>,
}

impl Drop for Leave<'_, '_> {
    fn drop(&mut self) {
        for (case, place) in self.cases.iter().zip(self.places) {
            if let (Some(queue), Some(base)) = (case.queue(), case.base())
                && Some(place.code) != self.won
            {
                base.lock.acquire();
                // SAFETY: WAIT-1 — just taken; the place was pushed to this queue.
                unsafe { queue.remove(place) };
                base.lock.release();
            }
        }
    }
}

fn address(base: &Base) -> usize {
    core::ptr::from_ref(base).addr()
}

/// Takes the locks, which are sorted; one that stands there twice is taken once.
fn acquire(locks: &[Option<&Base>]) {
    let mut last = 0;
    for base in locks.iter().flatten() {
        if address(base) == last {
            continue;
        }
        if last == 0 {
            base.lock.acquire();
        } else {
            base.lock.acquire_again();
        }
        last = address(base);
    }
}

/// Releases what `acquire` has taken.
fn release(locks: &[Option<&Base>]) {
    let mut last = 0;
    for base in locks.iter().flatten() {
        if address(base) != last {
            base.lock.release();
            last = address(base);
        }
    }
}

/// By address. Few are the rule, so by insertion.
#[inline]
fn sort(locks: &mut [Option<&Base>]) {
    let key = |base: &Option<&Base>| base.map_or(0, address);
    if locks.len() > FEW {
        locks.sort_unstable_by_key(key);
        return;
    }
    for i in 1..locks.len() {
        let mut at = i;
        while at > 0 && key(&locks[at - 1]) > key(&locks[at]) {
            locks.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Every order is equally likely (Fisher and Yates).
fn shuffle(order: &mut [usize], chance: &mut Chance) {
    for i in (1..order.len()).rev() {
        order.swap(i, chance.below(i as u32 + 1) as usize);
    }
}
