//! [`Clockwork`], the channel behind `after`, `at` and `tick`: its messages are due times.
//!
//! Nothing sends them. A message is there as soon as its time has come, and whoever receives it
//! first moves the time on; who has to wait sleeps until then. So a clock costs one allocation,
//! no timer runs for a clock on which nobody waits, and nothing has to be stopped when the last
//! receiver goes.

use super::base::Base;
use crate::time::{NEVER, instant_at, ns_at};
use crate::waiter::{Kind, Waiter, WakeList};
use crate::{TryRecvError, wait, wait_in};
use core::time::Duration;
use gort_sched::park::{self, SHUTDOWN, Ticket, WaitReason};
use gort_sys::atomic::{AtomicU64, Ordering};
use gort_sys::clock;
use std::time::Instant;

/// A source of instants. `T` is [`Instant`]; the function makes that visible to the types.
pub(crate) struct Clockwork<T> {
    /// When the next message is there; `NEVER` after the only one.
    due: AtomicU64,
    /// Nanoseconds between messages; 0 if there is only one.
    period: AtomicU64,
    /// Those who wait, for a clock that can be set anew; they are told then.
    crowd: Option<Box<Base>>,
    message: fn(Instant) -> T,
}

/// The message that follows one that was due at `due` and is taken at `now`: the next multiple
/// of the period that is still to come. Those that nobody took are left out, like in Go.
fn following(due: u64, now: u64, period: u64) -> u64 {
    if period == 0 {
        return NEVER;
    }
    let late = now.saturating_sub(due) / period;
    due.saturating_add(period.saturating_mul(late.saturating_add(1)))
}

impl Clockwork<Instant> {
    /// One message, at `when`.
    pub(crate) fn once(when: Instant) -> Self {
        Self::new(ns_at(when), 0, None)
    }

    fn new(due: u64, period: u64, crowd: Option<Box<Base>>) -> Self {
        let (due, period) = (AtomicU64::new(due), AtomicU64::new(period));
        Self { due, period, crowd, message: |at| at }
    }

    /// A clock that can be set: as [`every`](Self::every), or with a single message if `period` is 0.
    pub(crate) fn adjustable(due: u64, period: u64) -> Self {
        Self::new(due, period, Some(Box::new(Base::new(0))))
    }

    /// A message every `period`, the first after one period.
    pub(crate) fn every(period: Duration) -> Self {
        let period = crate::time::ns(period).max(1);
        Self::new(clock::nanos().saturating_add(period), period, None)
    }
}

impl<T> Clockwork<T> {
    /// When the next message is there.
    pub(crate) fn due(&self) -> u64 {
        // ORDER: Relaxed — the word is the whole state.
        self.due.load(Ordering::Relaxed)
    }

    /// 1 if a message is there, else 0.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.due() <= clock::nanos())
    }

    /// The message, if it is there.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let now = clock::nanos();
        let mut due = self.due();
        while due <= now && due != NEVER {
            // ORDER: Relaxed — a beat that is changed meanwhile comes with another due time, and the
            // exchange fails.
            let next = following(due, now, self.period.load(Ordering::Relaxed));
            // ORDER: Relaxed — the word is the whole state; the exchange makes the winner unique.
            match self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok((self.message)(instant_at(due))),
                Err(seen) => due = seen,
            }
        }
        Err(TryRecvError::Empty)
    }

    /// The next message; `None` if `deadline` passes first.
    pub(crate) fn recv(&self, deadline: Option<u64>) -> Option<T> {
        loop {
            if let Ok(message) = self.try_recv() {
                return Some(message);
            }
            let due = self.due();
            let until = deadline.map_or(due, |d| d.min(due));
            match &self.crowd {
                None => nap((until != NEVER).then_some(until)),
                Some(crowd) => self.wait_in_crowd(crowd, due, (until != NEVER).then_some(until)),
            }
            if deadline.is_some_and(|d| d <= clock::nanos()) {
                return self.try_recv().ok();
            }
        }
    }
}

impl<T> Clockwork<T> {
    /// Who has to be locked to set the clock, and where to wait for that.
    #[inline]
    pub(crate) fn crowd(&self) -> Option<&Base> {
        self.crowd.as_deref()
    }

    /// Sets the clock anew and tells those who wait; says when the next message was due before. A message
    /// that was there is gone: it is nothing but the time.
    pub(crate) fn set(&self, due: u64, period: Option<u64>) -> u64 {
        let wakes = WakeList::new();
        let Some(crowd) = self.crowd() else { return NEVER };
        crowd.lock.acquire();
        if let Some(period) = period {
            // ORDER: Relaxed — as in `try_recv`.
            self.period.store(period, Ordering::Relaxed);
        }
        // ORDER: Relaxed — the word is the whole state; the lock orders it for those who wait.
        let before = self.due.swap(due, Ordering::Relaxed);
        // SAFETY: CHAN-LOCK — taken above. They only watch, and are all told.
        let none = unsafe { crowd.next_receiver(&wakes) };
        debug_assert!(none.is_none(), "who waits for a clock only watches");
        crowd.lock.release();
        wakes.wake();
        before
    }

    /// Waits until the next message is there, or until the clock is set anew.
    pub(crate) fn wait_for_change(&self) {
        let due = self.due();
        if due <= clock::nanos() {
            return;
        }
        let until = (due != NEVER).then_some(due);
        match self.crowd() {
            None => nap(until),
            Some(crowd) => self.wait_in_crowd(crowd, due, until),
        }
    }

    /// Waits until `until`, or until the clock is set to something else than `due`.
    fn wait_in_crowd(&self, crowd: &Base, due: u64, until: Option<u64>) {
        crowd.lock.acquire();
        if self.due() != due {
            crowd.lock.release();
            return;
        }
        let w = Waiter::new(Ticket::open(), Kind::Watch, 0, core::ptr::null_mut());
        // SAFETY: WAIT-1 — the lock is held; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { crowd.recvq.push(&w) };
        crowd.lock.release();
        let code = wait_in(&w, &crowd.recvq, &crowd.lock, WaitReason::ChanReceive, until);
        if code == SHUTDOWN {
            park::unwind();
        }
    }
}

/// Waits as a receiver that nobody will ever serve.
pub(crate) fn nap(until: Option<u64>) {
    let reason = if until.is_some() { WaitReason::ChanReceive } else { WaitReason::ChanReceiveNil };
    if wait(Ticket::open(), reason, until) == SHUTDOWN {
        park::unwind();
    }
}

/// A clock as a select sees it.
pub(crate) trait AnyClock {
    /// When the next message is there.
    fn due_any(&self) -> u64;
    /// Moves the message to `dst` if it is there.
    ///
    /// # Safety
    /// `dst` is room for a message (its type is known to who made the clock).
    unsafe fn take_any(&self, dst: *mut ()) -> bool;
}

impl<T> AnyClock for Clockwork<T> {
    fn due_any(&self) -> u64 {
        self.due()
    }

    unsafe fn take_any(&self, dst: *mut ()) -> bool {
        let Ok(message) = self.try_recv() else { return false };
        // SAFETY: CHAN-SLOT — `dst` is room for a `T`, by the caller's promise.
        unsafe { dst.cast::<T>().write(message) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_keeps_the_beat() {
        let table = [
            (100, 100, 50, 150),
            (100, 149, 50, 150),
            (100, 150, 50, 200),
            (100, 350, 50, 400),
            (100, 90, 50, 150),
            (100, 100, 0, NEVER),
            (NEVER - 1, NEVER, 50, NEVER),
        ];
        for (due, now, period, want) in table {
            assert_eq!(following(due, now, period), want, "{due} {now} {period}");
        }
    }

    #[test]
    fn once_fires_once() {
        let when = Instant::now();
        let clock = Clockwork::once(when);
        assert_eq!(clock.len(), 1);
        assert_eq!(clock.try_recv(), Ok(when));
        assert_eq!(clock.try_recv(), Err(TryRecvError::Empty));
        assert_eq!((clock.len(), clock.due()), (0, NEVER));
        assert_eq!(clock.recv(Some(0)), None);
    }
}
