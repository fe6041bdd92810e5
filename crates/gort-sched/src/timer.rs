//! Timers: a 4-ary heap per processor, of the deadlines of goroutines that wait.
//!
//! A heap entry is the due time and a record; the record knows its place, so that a wait that ended
//! leaves the heap at once and holds nothing (TIMER-1). Due timers are run by the P's own thread
//! between goroutines, by thieves in their last round, by whoever keeps the time while all sleep, and
//! by sysmon when they are late. What a timer does is short: it ends a wait. (Plain threads sleep
//! with a deadline of their own and need none.)

use crate::park::{TIMEOUT, Ticket};
use crate::scheduler::Scheduler;
use crate::sleep;
use core::fmt;
use core::ptr::null;
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, Release},
};
use gort_sys::clock;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::SCHED, n: 10, name: "sched.timers" };

/// Not in a heap.
const NOWHERE: usize = usize::MAX;

/// A timer that may be in a heap. The fields belong to the lock of that heap while it is, else
/// to the owner.
pub(crate) struct TimerRec {
    at: usize,
    ticket: Ticket,
    heap: *const Timers,
}

/// The timers of one processor.
pub(crate) struct Timers {
    heap: Lock<Vec<(u64, *mut TimerRec)>>,
    /// Due time of the first; `u64::MAX` if there is none.
    next: AtomicU64,
}

// SAFETY: TIMER-1 — records in the heap are reached under its lock alone.
unsafe impl Send for Timers {}
// SAFETY: TIMER-1 — as above.
unsafe impl Sync for Timers {}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timers(next {})", self.next())
    }
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { heap: Lock::new(&RANK, Vec::new()), next: AtomicU64::new(u64::MAX) }
    }

    /// When the first is due, in nanoseconds of the monotonic clock.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        // ORDER: Relaxed — a look; the lock orders the heap.
        self.next.load(Relaxed)
    }

    /// Whether one is due. Reads the clock only if there is a timer.
    #[inline]
    pub(crate) fn are_due(&self) -> bool {
        let next = self.next();
        next != u64::MAX && next <= clock::nanos()
    }

    /// Adds a record.
    ///
    /// # Safety
    /// TIMER-1: `rec` is in no heap, and stays alive until it was run or removed.
    unsafe fn add(&self, when: u64, rec: *mut TimerRec) {
        let mut heap = self.heap.lock();
        // SAFETY: TIMER-1 — the caller's promise; from here on the record is the lock's.
        unsafe { (*rec).heap = self };
        heap.push((when, rec));
        let last = heap.len() - 1;
        up(&mut heap, last);
        self.note_next(&heap);
    }

    /// Removes a record; `false` if it is in no heap (it ran).
    ///
    /// # Safety
    /// TIMER-1: `rec` was last added to this heap.
    unsafe fn remove(&self, rec: *mut TimerRec) -> bool {
        let mut heap = self.heap.lock();
        // SAFETY: TIMER-1 — under the lock of the heap that it is in.
        let at = unsafe { (*rec).at };
        if at == NOWHERE {
            return false;
        }
        take(&mut heap, at);
        self.note_next(&heap);
        true
    }

    fn note_next(&self, heap: &[(u64, *mut TimerRec)]) {
        let next = heap.first().map_or(u64::MAX, |e| e.0);
        // ORDER: Release ⇒ lookers; the lock orders what matters.
        self.next.store(next, Release);
    }

    /// Runs what is due at `now`; returns how many were run.
    pub(crate) fn run(&self, now: u64) -> usize {
        let mut ran = 0;
        loop {
            let ticket = {
                let mut heap = self.heap.lock();
                let Some(&(when, rec)) = heap.first() else { return ran };
                if when > now {
                    return ran;
                }
                // SAFETY: TIMER-1 — under the lock of the heap that it is in.
                let ticket = unsafe { (*rec).ticket };
                take(&mut heap, 0);
                self.note_next(&heap);
                ticket
            };
            ran += 1;
            if ticket.claim(TIMEOUT) {
                ticket.wake();
            }
        }
    }
}

fn place(heap: &[(u64, *mut TimerRec)], at: usize) {
    // SAFETY: TIMER-1 — the caller holds the lock of this heap.
    unsafe { (*heap[at].1).at = at };
}

fn up(heap: &mut [(u64, *mut TimerRec)], mut at: usize) {
    while at > 0 && heap[at].0 < heap[(at - 1) / 4].0 {
        heap.swap(at, (at - 1) / 4);
        place(heap, at);
        at = (at - 1) / 4;
    }
    place(heap, at);
}

fn down(heap: &mut [(u64, *mut TimerRec)], mut at: usize) {
    loop {
        let first = 4 * at + 1;
        let least = (first..(first + 4).min(heap.len())).min_by_key(|&i| heap[i].0);
        match least {
            Some(child) if heap[child].0 < heap[at].0 => {
                heap.swap(at, child);
                place(heap, at);
                at = child;
            }
            _ => return place(heap, at),
        }
    }
}

fn take(heap: &mut Vec<(u64, *mut TimerRec)>, at: usize) {
    let (_, rec) = heap.swap_remove(at);
    // SAFETY: TIMER-1 — the caller holds the lock of this heap.
    unsafe { (*rec).at = NOWHERE };
    if at < heap.len() {
        // What took its place may belong further up or further down; one of the two does nothing.
        down(heap, at);
        up(heap, at);
    }
}

/// Adds a record of the calling goroutine to the heap of its thread's P; where the P was taken away,
/// to any of its scheduler.
///
/// # Safety
/// As [`Timers::add`].
unsafe fn add_here(s: &Scheduler, when: u64, rec: *mut TimerRec) {
    match crate::handoff::try_enter() {
        Some((m, _inside)) => {
            // SAFETY: P-OWN — inside, with a P. TIMER-1 — the caller's promise.
            unsafe { m.held().timers.add(when, rec) };
            sleep::timer_added(s, when, true);
        }
        None => {
            // SAFETY: TIMER-1 — the caller's promise.
            unsafe { s.ps[0].timers.add(when, rec) };
            sleep::timer_added(s, when, false);
        }
    }
}

/// The deadline of a goroutine's wait; taken back when it goes.
pub(crate) struct Deadline {
    rec: *mut TimerRec,
}

impl Deadline {
    /// Fires `ticket` with TIMEOUT at `when`. On goroutines only: the record is the goroutine's.
    pub(crate) fn set(g: &crate::g::G, ticket: Ticket, when: u64) -> Self {
        // ORDER: Relaxed — the goroutine alone uses its record.
        let mut rec = g.timer.load(Relaxed);
        if rec.is_null() {
            rec = Box::into_raw(Box::new(TimerRec { at: NOWHERE, ticket, heap: null() }));
            // ORDER: Relaxed — as above.
            g.timer.store(rec, Relaxed);
        }
        // SAFETY: TIMER-1 — the record is in no heap between waits, and freed with the G only.
        unsafe {
            (*rec).ticket = ticket;
            add_here(g.scheduler(), when, rec);
        }
        Self { rec }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // SAFETY: TIMER-1 — the heap that it was added to; heaps live as long as the scheduler.
        unsafe { (*(*self.rec).heap).remove(self.rec) };
    }
}

/// Frees the record of a goroutine that is freed itself.
pub(crate) fn free_record(rec: *mut TimerRec) {
    if !rec.is_null() {
        // SAFETY: TIMER-1 — made by `Deadline::set`, in no heap, and its goroutine is gone.
        drop(unsafe { Box::from_raw(rec) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn rec() -> *mut TimerRec {
        // A ticket that nobody waits for any more.
        let ticket = Ticket::open();
        ticket.cancel();
        Box::into_raw(Box::new(TimerRec { at: NOWHERE, ticket, heap: null() }))
    }

    proptest! {
        /// TIMER-1: the heap agrees with a sorted map under adding, removing and running.
        #[test]
        fn agrees_with_a_sorted_map(ops in proptest::collection::vec((0..3u8, 0..50u64), 0..120)) {
            let timers = Timers::new();
            let mut model: BTreeMap<(u64, usize), *mut TimerRec> = BTreeMap::new();
            let mut made = Vec::new();
            for (serial, (op, n)) in ops.into_iter().enumerate() {
                match op {
                    0 => {
                        let r = rec();
                        made.push(r);
                        // SAFETY: TIMER-1 — in no heap, and freed at the end.
                        unsafe { timers.add(n, r) };
                        model.insert((n, serial), r);
                    }
                    1 => {
                        if let Some((&key, &r)) = model.iter().nth(n as usize % model.len().max(1)) {
                            // SAFETY: TIMER-1 — it was added to this heap.
                            let (first, second) = unsafe { (timers.remove(r), timers.remove(r)) };
                            prop_assert!(first && !second);
                            model.remove(&key);
                        }
                    }
                    _ => {
                        let due = model.range(..=(n, usize::MAX)).count();
                        prop_assert_eq!(timers.run(n), due);
                        model.retain(|k, _| k.0 > n);
                    }
                }
                let next = model.keys().next().map_or(u64::MAX, |k| k.0);
                prop_assert_eq!(timers.next(), next);
            }
            for r in made {
                // SAFETY: TIMER-1 — it was added to this heap.
                unsafe { timers.remove(r) };
                free_record(r);
            }
        }
    }
}
