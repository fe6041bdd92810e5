//! [`P`], a processor: the right to run goroutines, and all that comes with it.
//!
//! A `P` belongs to one thread at a time (P-OWN): the M that holds it touches its lists without
//! a lock; others see only the atomics, the run queue's stealing end and the timers' lock.

use crate::blocking::Habit;
use crate::g::{G, GList};
use crate::m::M;
use crate::nodes::Nodes;
use crate::priority::Wishes;
use crate::runq::RunQueue;
use crate::steal_log::LogCell;
use crate::timer::Timers;
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use gort_stack::StackCache;
use gort_sys::chance::Chance;

/// How many resources of other layers a P can carry.
pub(crate) const SLOTS: usize = 4;

/// What only the holder touches.
pub(crate) struct Own {
    pub(crate) free: GList,
    pub(crate) stacks: StackCache,
    /// Goroutine numbers that this P may give out: next and end.
    pub(crate) ids: (u64, u64),
    pub(crate) chance: Chance,
    pub(crate) habit: Habit,
}

/// Counters of one P, written by its holder, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) spawned: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) stolen: AtomicU64,
    pub(crate) failed_steals: AtomicU64,
    /// Of the steals and the stolen, those from another node.
    pub(crate) far_steals: AtomicU64,
    pub(crate) far_stolen: AtomicU64,
    pub(crate) handoffs: AtomicU64,
    pub(crate) switches: AtomicU64,
}

/// Adds to a counter that only this thread writes.
#[inline]
pub(crate) fn bump(counter: &AtomicU64, by: u64) {
    // ORDER: Relaxed — one writer; readers want a figure, not an order.
    counter.store(counter.load(Relaxed) + by, Relaxed);
}

/// A processor.
#[repr(C, align(128))]
pub(crate) struct P {
    pub(crate) id: u32,
    /// The goroutine to run next: it inherits the rest of the time slice.
    pub(crate) runnext: AtomicPtr<G>,
    /// Turns of the scheduler: grows when a new time slice begins. sysmon watches it.
    tick: AtomicU32,
    /// What the holder looks at before it takes the short way.
    pub(crate) wishes: Wishes,
    /// The M that holds it, or null.
    pub(crate) m: AtomicPtr<M>,
    /// The M that has lent it while it blocks, or null (LEND-1).
    pub(crate) lender: AtomicPtr<M>,
    pub(crate) runq: RunQueue<G>,
    own: UnsafeCell<Own>,
    pub(crate) timers: Timers,
    pub(crate) counts: Counts,
    pub(crate) steal_log: LogCell,
    /// What upper layers attached.
    pub(crate) slots: [AtomicPtr<()>; SLOTS],
    /// The memory node where the thread ran that took it; noted where that counts.
    noted_node: AtomicU32,
    /// A goroutine of the background class runs.
    background: AtomicBool,
    /// It does not count at present, and is in no list; under the idle lock (PROCS-1).
    pub(crate) retired: Cell<bool>,
    /// What sysmon saw last, touched by sysmon alone: the tick, and since when.
    pub(crate) seen: Cell<(u32, u64)>,
}

// SAFETY: P-OWN — `own` is the holder's, `seen` is sysmon's; the rest is atomic or locked.
unsafe impl Sync for P {}
// SAFETY: P-OWN — nothing in it belongs to a thread.
unsafe impl Send for P {}

impl core::fmt::Debug for P {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "P{}", self.id)
    }
}

impl P {
    pub(crate) fn new(id: u32) -> Self {
        Self {
            id,
            runnext: AtomicPtr::new(null_mut()),
            tick: AtomicU32::new(0),
            wishes: Wishes::default(),
            m: AtomicPtr::new(null_mut()),
            lender: AtomicPtr::new(null_mut()),
            runq: RunQueue::new(),
            own: UnsafeCell::new(Own {
                free: GList::new(),
                stacks: StackCache::new(),
                ids: (0, 0),
                chance: Chance::from_os(),
                habit: Habit::NEW,
            }),
            timers: Timers::new(),
            counts: Counts::default(),
            steal_log: LogCell::new(),
            slots: [const { AtomicPtr::new(null_mut()) }; SLOTS],
            noted_node: AtomicU32::new(0),
            background: AtomicBool::new(false),
            retired: Cell::new(true),
            seen: Cell::new((0, 0)),
        }
    }

    /// The holder's part.
    ///
    /// # Safety
    /// P-OWN: the calling thread holds this P and is in the runtime, and no other reference
    /// from this function is alive.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "P-OWN: the holder is alone, which the caller promises"
    )]
    pub(crate) unsafe fn own(&self) -> &mut Own {
        // SAFETY: P-OWN — the caller's promise.
        unsafe { &mut *self.own.get() }
    }

    /// Whether anything waits in the queue or the run-next slot.
    pub(crate) fn has_work(&self) -> bool {
        // ORDER: Acquire ⇐ `ready`: what is seen will be stolen.
        self.runq.len() > 0 || !self.runnext.load(Acquire).is_null()
    }

    /// Begins a new time slice.
    #[inline]
    pub(crate) fn begin_slice(&self) -> u32 {
        // ORDER: Relaxed — the holder writes; sysmon compares two looks.
        let tick = self.tick.load(Relaxed).wrapping_add(1);
        // ORDER: Relaxed — as above.
        self.tick.store(tick, Relaxed);
        tick
    }

    /// The number of the slice.
    pub(crate) fn tick(&self) -> u32 {
        // ORDER: Relaxed — a look.
        self.tick.load(Relaxed)
    }

    /// The holder: what will run is of the background class, or not.
    pub(crate) fn note_background(&self, is: bool) {
        // ORDER: Relaxed — for sysmon's patience.
        self.background.store(is, Relaxed);
    }

    /// Whether some thread runs a goroutine of the background class on it.
    pub(crate) fn runs_background(&self) -> bool {
        // ORDER: Relaxed — as above.
        self.background.load(Relaxed) && !self.holder().is_null()
    }

    /// The node that it is on.
    pub(crate) fn node(&self, nodes: &Nodes) -> u32 {
        // ORDER: Relaxed — a preference.
        nodes.of(self.id, self.noted_node.load(Relaxed))
    }

    /// The calling thread has taken it, and runs on `node`.
    pub(crate) fn note_node(&self, node: u32) {
        // ORDER: Relaxed — a preference.
        self.noted_node.store(node, Relaxed);
    }

    /// Says which M holds it (null: none).
    pub(crate) fn set_holder(&self, m: *mut M) {
        // ORDER: Release ⇒ `holder`: sysmon follows the pointer.
        self.m.store(m, Release);
    }

    /// The M that holds it, or null.
    pub(crate) fn holder(&self) -> *mut M {
        // ORDER: Acquire ⇐ `set_holder`.
        self.m.load(Acquire)
    }
}
