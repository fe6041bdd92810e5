//! Timers: a 4-ary heap per processor, of the deadlines of goroutines that wait.
//!
//! An entry is a due time and a goroutine. It counts as long as the goroutine's own word says that its
//! present wait ends at that time, so a wait that ended early leaves its entry behind for nothing:
//! there is no record to free, and moving an entry touches the heap alone. Entries that no longer
//! count are dropped when they are due, when they are first while a thread goes to sleep, and all
//! at once when they are more than half (TIMER-1).
//!
//! Due timers are run by the P's own thread between goroutines, by thieves in their last round, by
//! whoever keeps the time while all sleep. (Plain threads sleep with a deadline of their own.)

use crate::g::{G, GFifo};
use crate::m::M;
use crate::park::{TIMEOUT, Ticket};
use crate::scheduler::Scheduler;
use crate::sleep;
use core::fmt;
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use gort_sys::clock;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::SCHED, n: 10, name: "sched.timers" };

/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;
/// Timers that are run under one lock.
const BATCH: usize = 32;
/// Dead entries, at least, before a heap is swept.
const SWEEP: u32 = 64;

/// A due time, and the goroutine whose wait ends then.
type Entry = (u64, *mut G);

/// The timers of one processor.
pub(crate) struct Timers {
    heap: Lock<Vec<Entry>>,
    /// Due time of the first; `NEVER` if there is none.
    next: AtomicU64,
    /// Entries whose wait has ended, about.
    dead: AtomicU32,
}

// SAFETY: TIMER-1 — entries name records that live as long as the scheduler (G-MEM).
unsafe impl Send for Timers {}
// SAFETY: TIMER-1 — as above; the heap is reached under its lock alone.
unsafe impl Sync for Timers {}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timers(next {})", self.next())
    }
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            heap: Lock::new(&RANK, Vec::new()),
            next: AtomicU64::new(NEVER),
            dead: AtomicU32::new(0),
        }
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
        next != NEVER && next <= clock::nanos()
    }

    fn add(&self, when: u64, g: *mut G) {
        let mut heap = self.heap.lock();
        heap.push((when, g));
        let last = heap.len() - 1;
        up(&mut heap, last);
        self.note_next(&heap);
    }

    fn note_next(&self, heap: &[Entry]) {
        let next = heap.first().map_or(NEVER, |e| e.0);
        // ORDER: Relaxed — a look's value; the lock orders what matters.
        if self.next.load(Relaxed) != next {
            // ORDER: Release ⇒ lookers.
            self.next.store(next, Release);
        }
    }

    /// Takes the first entries that are due at `now`; how many.
    fn take_due(&self, now: u64, into: &mut [Entry]) -> usize {
        let mut heap = self.heap.lock();
        let mut taken = 0;
        while taken < into.len()
            && let Some(&first) = heap.first()
            && first.0 <= now
        {
            crate::g::prefetch(first.1);
            into[taken] = first;
            taken += 1;
            drop_first(&mut heap);
        }
        self.note_next(&heap);
        taken
    }

    /// Drops entries that no longer count from the front; when the first that does is due.
    pub(crate) fn prune(&self) -> u64 {
        if self.next() != NEVER {
            let mut heap = self.heap.lock();
            while let Some(&first) = heap.first()
                && !counts(first)
            {
                drop_first(&mut heap);
            }
            self.note_next(&heap);
        }
        self.next()
    }

    /// Moves all entries to another heap.
    pub(crate) fn move_to(&self, other: &Self) {
        let entries = core::mem::take(&mut *self.heap.lock());
        // ORDER: Relaxed — an empty heap.
        self.next.store(NEVER, Relaxed);
        let live = entries.into_iter().filter(|&e| counts(e));
        live.for_each(|(when, g)| other.add(when, g));
    }

    /// A wait ended before its time.
    fn note_dead(&self) {
        // ORDER: Relaxed — a figure that says when to sweep.
        let dead = self.dead.fetch_add(1, Relaxed) + 1;
        if dead.is_multiple_of(SWEEP) {
            self.sweep(dead);
        }
    }

    #[cold]
    fn sweep(&self, dead: u32) {
        let mut heap = self.heap.lock();
        if (dead as usize) * 2 < heap.len() {
            return;
        }
        // ORDER: Relaxed — a figure.
        self.dead.store(0, Relaxed);
        heap.retain(|&e| counts(e));
        for at in (0..heap.len().div_ceil(4)).rev() {
            down(&mut heap, at);
        }
        self.note_next(&heap);
    }
}

/// TIMER-1: whether the goroutine's present wait ends at this entry's time.
fn counts((when, g): Entry) -> bool {
    // SAFETY: G-MEM — records live as long as their scheduler.
    // ORDER: Acquire ⇐ `Deadline::set`: seen by whoever sees the entry.
    unsafe { (*g).deadline.load(Acquire) == when }
}

fn up(heap: &mut [Entry], mut at: usize) {
    let entry = heap[at];
    while at > 0 && entry.0 < heap[(at - 1) / 4].0 {
        heap[at] = heap[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    heap[at] = entry;
}

fn down(heap: &mut [Entry], mut at: usize) {
    let Some(&entry) = heap.get(at) else { return };
    loop {
        let first = 4 * at + 1;
        let children = heap.get(first..(first + 4).min(heap.len())).unwrap_or(&[]);
        match children.iter().enumerate().min_by_key(|(_, e)| e.0) {
            Some((i, child)) if child.0 < entry.0 => {
                heap[at] = *child;
                at = first + i;
            }
            _ => break,
        }
    }
    heap[at] = entry;
}

fn drop_first(heap: &mut Vec<Entry>) {
    heap.swap_remove(0);
    down(heap, 0);
}

/// Runs up to `most` timers of `timers` that are due: their goroutines become runnable on the P of this
/// thread, which is inside and holds it.
pub(crate) fn run(m: &M, timers: &Timers, most: usize) {
    let now = clock::nanos();
    let mut due = [(0, core::ptr::null_mut()); BATCH];
    let mut ready = GFifo::new();
    let mut left = most.max(1);
    while left > 0 {
        let want = left.min(BATCH);
        let taken = timers.take_due(now, &mut due[..want]);
        for &(when, g) in &due[..taken] {
            if let Some(g) = fire(m, when, g) {
                // SAFETY: G-OWN — its ticket was won and woken.
                unsafe { ready.push(g) };
            }
        }
        if taken < want {
            break;
        }
        left -= want;
    }
    crate::ready::make_all_ready(m, ready);
}

/// Ends the wait that an entry stands for. A goroutine that is parked is the caller's to run.
fn fire(m: &M, when: u64, g: *mut G) -> Option<*mut G> {
    // SAFETY: G-MEM — records live as long as their scheduler.
    let g = unsafe { &*g };
    // The number before the deadline: a wait that has come since makes the claim fail, and has an
    // entry of its own.
    let ticket = Ticket::present(g);
    if counts((when, core::ptr::from_ref(g).cast_mut())) && ticket.claim(TIMEOUT) {
        return ticket.wake_on(m.sched);
    }
    None
}

/// Adds an entry for the calling goroutine to the heap of its thread's P; where the P was taken away,
/// to any of its scheduler.
fn add_here(s: &Scheduler, when: u64, g: *mut G) -> *const Timers {
    let (timers, by_worker) = match crate::handoff::try_enter() {
        Some((m, _inside)) => {
            // SAFETY: P-OWN — inside, with a P.
            let timers = unsafe { &m.held().timers };
            timers.add(when, g);
            (timers, true)
        }
        None => {
            s.ps[0].timers.add(when, g);
            (&s.ps[0].timers, false)
        }
    };
    sleep::timer_added(s, when, by_worker);
    timers
}

/// The deadline of a goroutine's wait.
pub(crate) struct Deadline<'a> {
    g: &'a G,
    timers: *const Timers,
}

impl<'a> Deadline<'a> {
    /// The present wait of the calling goroutine ends at `when` with TIMEOUT.
    pub(crate) fn set(g: &'a G, when: u64) -> Self {
        let when = when.min(NEVER - 1);
        // ORDER: Release ⇒ `counts`: after the wait's number.
        g.deadline.store(when, Release);
        Self { g, timers: add_here(g.scheduler(), when, core::ptr::from_ref(g).cast_mut()) }
    }

    /// The wait is over; `early`: not by its deadline, so the entry is still there.
    pub(crate) fn end(self, early: bool) {
        // ORDER: Release ⇒ `counts`: before the number of the next wait.
        self.g.deadline.store(NEVER, Release);
        if early {
            // SAFETY: SCHED-MEM — heaps live as long as the scheduler.
            unsafe { (*self.timers).note_dead() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// TIMER-1: the heap agrees with a sorted map under adding, ending early, pruning and running.
        #[test]
        fn agrees_with_a_sorted_map(ops in proptest::collection::vec((0..4u8, 0..50u64), 0..400)) {
            let timers = Timers::new();
            let mut model: BTreeMap<(u64, usize), *mut G> = BTreeMap::new();
            let mut made = Vec::new();
            for (serial, (op, n)) in ops.into_iter().enumerate() {
                match op {
                    0 | 1 => {
                        let g = Box::into_raw(Box::new(G::new(core::ptr::null())));
                        made.push(g);
                        // SAFETY: G-MEM — it is freed at the end.
                        unsafe { (*g).deadline.store(n, Relaxed) };
                        timers.add(n, g);
                        model.insert((n, serial), g);
                    }
                    2 => {
                        if let Some((&key, &g)) = model.iter().nth(n as usize % model.len().max(1)) {
                            // SAFETY: G-MEM — as above.
                            unsafe { (*g).deadline.store(NEVER, Relaxed) };
                            timers.note_dead();
                            model.remove(&key);
                        }
                        let next = model.keys().next().map_or(NEVER, |k| k.0);
                        prop_assert_eq!(timers.prune(), next);
                    }
                    _ => {
                        let due = model.range(..=(n, usize::MAX)).count();
                        let mut got = [(0, core::ptr::null_mut()); 500];
                        let taken = timers.take_due(n, &mut got);
                        prop_assert!(got[..taken].is_sorted_by_key(|e| e.0));
                        prop_assert_eq!(got[..taken].iter().filter(|&&e| counts(e)).count(), due);
                        model.retain(|k, _| k.0 > n);
                    }
                }
                let next = model.keys().next().map_or(NEVER, |k| k.0);
                prop_assert!(timers.next() <= next);
                let dead = timers.heap.lock().len() - model.len();
                prop_assert!(dead <= SWEEP as usize + model.len() + 1);
            }
            for g in made {
                // SAFETY: G-MEM — the heap goes with it.
                drop(unsafe { Box::from_raw(g) });
            }
        }
    }
}
