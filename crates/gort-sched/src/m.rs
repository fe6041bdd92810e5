//! [`M`], an operating-system thread that runs goroutines.
//!
//! Its own stack is its g0, on which the scheduling loop runs ([`crate::schedule`]). An M is
//! found through the first thread word; the pointer must be read again after every switch.

use crate::g::{G, GFifo};
use crate::nodes::Reach;
use crate::p::P;
use crate::priority::{LANES, PRIORITIES, Turns, lane_of};
use crate::scheduler::Scheduler;
use crate::sim::engine::Sim;
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    fence,
};
use gort_sys::note::Note;
use gort_sys::thread::ThreadWord;

/// What the side that arrives after a switch does for the side that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Post {
    /// Nothing.
    None,
    /// The context of a parked goroutine is saved: it may be resumed from now on.
    Commit(*mut G),
    /// A goroutine that yielded goes to the end of the queue.
    Yield(*mut G),
    /// A goroutine has ended: its stack and record are free.
    Dead(*mut G),
    /// The thread lost its processor under this goroutine.
    Preempted(*mut G),
    /// The resumed goroutine prints its frames and switches back to g0.
    Frames,
}

/// Marks a P in `next_p` that others may borrow meanwhile (LEND-1).
const LENT: usize = 1;

/// A thread of the scheduler. Cells belong to the thread itself (M-OWN).
#[repr(C, align(128))]
pub(crate) struct M {
    // First line: every switch.
    /// Stack pointer of g0 while a goroutine runs.
    pub(crate) g0_sp: Cell<usize>,
    /// The goroutine that runs, or null on g0.
    pub(crate) cur: Cell<*mut G>,
    /// The P it holds. Stale once `request` says that it was taken.
    pub(crate) p: Cell<*const P>,
    pub(crate) post: Cell<Post>,
    /// 1 while this thread may touch its P; see [`crate::handoff`].
    pub(crate) in_runtime: AtomicU32,
    /// sysmon's request for the P; see [`crate::handoff`].
    pub(crate) request: AtomicU32,
    /// Whether entering needs no fence (membarrier is there).
    pub(crate) asymmetric: bool,
    pub(crate) sched: *const Scheduler,
    pub(crate) id: u32,
    /// The kernel's number of the thread.
    pub(crate) tid: AtomicI32,
    // Second line and on: the slow paths.
    pub(crate) spinning: Cell<bool>,
    /// Attempts that have failed here; see [`crate::checkpoint`].
    pub(crate) polls: Cell<u32>,
    /// A goroutine that owns this thread until it lets go (locked, or unwinding).
    pub(crate) exclusive: Cell<*mut G>,
    /// That goroutine has yielded: others have the P first.
    pub(crate) ceded: Cell<bool>,
    /// Goroutines bound to this thread that are ready, as the thread knows them.
    pub(crate) bound: UnsafeCell<GFifo>,
    /// The same of those that have a class, and the choices that the thread has made.
    own_lanes: UnsafeCell<[GFifo; LANES]>,
    pub(crate) turns: Turns,
    /// How far it looks for work.
    pub(crate) reach: Reach,
    /// Goroutines bound to this thread that others have readied: a stack of links.
    pub(crate) inbox: AtomicPtr<G>,
    /// How many live goroutines are bound here.
    pub(crate) bound_live: Cell<usize>,
    /// Where the thread sleeps.
    pub(crate) note: Note,
    /// It sleeps in the network poller, not on its note.
    pub(crate) in_poller: AtomicBool,
    /// The P that a waker hands over.
    pub(crate) next_p: AtomicPtr<P>,
    /// Whether it sleeps as idle or waits for a P; written under the idle lock.
    pub(crate) parked: AtomicBool,
    /// The simulation that this thread runs, or null.
    pub(crate) sim: Cell<*const Sim>,
}

// SAFETY: M-OWN — cells belong to the thread; the rest is atomic.
unsafe impl Sync for M {}
// SAFETY: M-OWN — the record is made by one thread and given to another once.
unsafe impl Send for M {}

impl core::fmt::Debug for M {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "M{}", self.id)
    }
}

impl M {
    pub(crate) fn new(id: u32, sched: *const Scheduler, asymmetric: bool) -> Self {
        Self {
            g0_sp: Cell::new(0),
            cur: Cell::new(null_mut()),
            p: Cell::new(core::ptr::null()),
            post: Cell::new(Post::None),
            in_runtime: AtomicU32::new(0),
            request: AtomicU32::new(0),
            asymmetric,
            sched,
            id,
            tid: AtomicI32::new(0),
            spinning: Cell::new(false),
            polls: Cell::new(0),
            exclusive: Cell::new(null_mut()),
            ceded: Cell::new(false),
            bound: UnsafeCell::new(GFifo::new()),
            own_lanes: UnsafeCell::new([const { GFifo::new() }; LANES]),
            turns: Turns::default(),
            reach: Reach::default(),
            inbox: AtomicPtr::new(null_mut()),
            bound_live: Cell::new(0),
            note: Note::new(),
            in_poller: AtomicBool::new(false),
            next_p: AtomicPtr::new(null_mut()),
            parked: AtomicBool::new(false),
            sim: Cell::new(core::ptr::null()),
        }
    }

    /// The M of the calling thread, or null on a thread that is none.
    ///
    /// The answer is good until the next switch.
    #[inline(always)]
    pub(crate) fn current() -> *const M {
        ThreadWord::<0>::get().cast::<M>()
    }

    /// The scheduler.
    #[inline]
    pub(crate) fn scheduler(&self) -> &Scheduler {
        // SAFETY: SCHED-MEM — threads are joined before the scheduler goes.
        unsafe { &*self.sched }
    }

    /// The simulation that this thread runs.
    pub(crate) fn sim<'a>(&self) -> Option<&'a Sim> {
        // SAFETY: SIM-2 — a simulation outlives the time in which its thread serves.
        unsafe { self.sim.get().as_ref() }
    }

    /// The P that this thread holds.
    ///
    /// # Safety
    /// P-OWN: the calling thread is this M, in the runtime, and holds a P.
    #[inline]
    pub(crate) unsafe fn held(&self) -> &P {
        debug_assert!(!self.p.get().is_null());
        // SAFETY: P-OWN — the caller's promise; Ps live as long as the scheduler.
        unsafe { &*self.p.get() }
    }

    /// The ready goroutines that are bound here.
    ///
    /// # Safety
    /// M-OWN: called on this thread, and no other reference from this function is alive.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "M-OWN: the thread is alone, which the caller promises"
    )]
    pub(crate) unsafe fn bound(&self) -> &mut GFifo {
        // SAFETY: M-OWN — the caller's promise.
        unsafe { &mut *self.bound.get() }
    }

    /// The ready goroutines that are bound here and have a class.
    ///
    /// # Safety
    /// M-OWN: as [`bound`](Self::bound).
    #[expect(
        clippy::mut_from_ref,
        reason = "M-OWN: the thread is alone, which the caller promises"
    )]
    pub(crate) unsafe fn own_lanes(&self) -> &mut [GFifo; LANES] {
        // SAFETY: M-OWN — the caller's promise.
        unsafe { &mut *self.own_lanes.get() }
    }

    /// Whether there are such, those in the inbox included. On this thread.
    pub(crate) fn has_own_lanes(&self) -> bool {
        // SAFETY: M-OWN — callers are on this thread.
        unsafe {
            self.take_inbox();
            self.own_lanes().iter().any(|lane| !lane.is_empty())
        }
    }

    /// Appends a ready goroutine that is bound here to the list of its class. The one that owns the
    /// thread has no class to wait for.
    ///
    /// # Safety
    /// M-OWN, G-OWN: called on this thread, with a goroutine that is the caller's.
    pub(crate) unsafe fn push_bound(&self, g: *mut G) {
        // SAFETY: M-OWN, G-OWN — the caller's promise.
        unsafe {
            if (*g).has(PRIORITIES) && self.exclusive.get() != g {
                self.own_lanes()[lane_of(&*g)].push(g);
            } else {
                self.bound().push(g);
            }
        }
    }

    /// Puts a ready goroutine that is bound here into the inbox; any thread.
    pub(crate) fn post_to_inbox(&self, g: *mut G) {
        // ORDER: Relaxed — the exchange below decides.
        let mut top = self.inbox.load(Relaxed);
        loop {
            // SAFETY: G-OWN — the caller hands over a goroutine that it owns.
            unsafe { (*g).link.set(top) };
            // ORDER: AcqRel — Release ⇒ `take_inbox`: the goroutine. Relaxed on failure.
            match self.inbox.compare_exchange_weak(top, g, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Whether others have readied goroutines of this thread.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        // ORDER: Acquire ⇐ `post_to_inbox`.
        !self.inbox.load(Acquire).is_null()
    }

    /// Moves the inbox to the list of ready bound goroutines, oldest first.
    ///
    /// # Safety
    /// M-OWN: called on this thread.
    pub(crate) unsafe fn take_inbox(&self) {
        if !self.has_mail() {
            return;
        }
        // ORDER: AcqRel — Acquire ⇐ `post_to_inbox`: the goroutines.
        let mut top = self.inbox.swap(null_mut(), AcqRel);
        let mut order = null_mut();
        while !top.is_null() {
            // SAFETY: G-OWN — the swap took the whole stack of links.
            let next = unsafe { (*top).link.replace(order) };
            order = top;
            top = next;
        }
        while !order.is_null() {
            // SAFETY: G-OWN, M-OWN — as above, and the list is this thread's.
            unsafe {
                let next = (*order).link.replace(null_mut());
                self.push_bound(order);
                order = next;
            }
        }
    }

    /// Whether a bound goroutine is ready.
    ///
    /// # Safety
    /// M-OWN: called on this thread.
    #[inline]
    pub(crate) unsafe fn has_bound_work(&self) -> bool {
        // SAFETY: M-OWN — the caller's promise.
        !unsafe { self.bound() }.is_empty() || self.has_mail()
    }

    /// Whether a bound goroutine is ready that this thread may run: any, or if one owns the
    /// thread, that one.
    ///
    /// # Safety
    /// M-OWN: called on this thread.
    pub(crate) unsafe fn has_runnable_bound(&self) -> bool {
        // SAFETY: M-OWN — the caller's promise.
        unsafe {
            self.take_inbox();
            let own = self.exclusive.get();
            if own.is_null() {
                !self.bound().is_empty() || self.has_own_lanes()
            } else {
                self.bound().contains(own)
            }
        }
    }

    /// Spins no more. Who calls looks at the queues afterwards, or has somebody look (WAKE-1).
    pub(crate) fn stop_spinning(&self) {
        if self.spinning.replace(false) {
            let _last = self.scheduler().supply.stop_spin();
        }
    }

    /// Wakes this thread, wherever it sleeps.
    pub(crate) fn rouse(&self) {
        self.note.wake();
        // ORDER: SeqCst — the note before the look; pairs with `sleep::in_poller`.
        fence(SeqCst);
        // ORDER: Relaxed — ordered by the fences.
        if self.in_poller.load(Relaxed)
            && let Some(net) = self.scheduler().net()
        {
            net.interrupt();
        }
    }

    /// Takes the P that a waker left, if any.
    pub(crate) fn take_next_p(&self) -> *const P {
        // ORDER: Acquire ⇐ `give_p`: what the last holder left in it.
        let given = self.next_p.swap(null_mut(), Acquire);
        if given.addr() & LENT == 0 {
            return given;
        }
        let p = given.map_addr(|a| a & !LENT);
        // SAFETY: SCHED-MEM — Ps live as long as the scheduler.
        if unsafe { &*p }.reach_sleeper(self) { p } else { null_mut() }
    }

    /// As [`give_p`](Self::give_p), but until this thread is awake another may borrow the P.
    pub(crate) fn lend_p(&self, p: *const P) {
        // SAFETY: SCHED-MEM — as above.
        unsafe { &*p }.lend_to_sleeper(self);
        self.give_p(p.map_addr(|a| a | LENT));
    }

    /// Hands a P to this thread, which sleeps; the caller then wakes its note.
    pub(crate) fn give_p(&self, p: *const P) {
        // ORDER: Release ⇒ `take_next_p`.
        self.next_p.store(p.cast_mut(), Release);
    }
}
