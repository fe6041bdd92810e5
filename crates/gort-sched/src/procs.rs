//! [`Ps`]: the processors, whose number may change while they work.
//!
//! A P that was made stays until the scheduler goes. The first [`Scheduler::procs`] of them count; one
//! that no longer does is retired by whoever holds it next in the scheduler's own code: its queue goes to
//! the injector, its timers to the first P, its records and stacks to the common lists (PROCS-1). Its
//! goroutine runs on until it parks or its slice ends. sysmon takes it from a thread that computes.

use crate::p::P;
use crate::ready::send_home;
use crate::scheduler::{SchedError, Scheduler};
use core::alloc::Layout;
use core::ops::Deref;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, fence};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::SCHED, n: 3, name: "sched.procs" };

/// The processors that were ever made, in one stretch of memory that has room for all that may be.
#[derive(Debug)]
pub(crate) struct Ps {
    base: NonNull<P>,
    made: AtomicUsize,
    /// How many count.
    active: AtomicU32,
    /// The program has chosen the number.
    said: AtomicBool,
    /// Held while the number changes.
    changing: Lock<()>,
}

// SAFETY: PROCS-1 — Ps are shared by design, and the memory is theirs alone.
unsafe impl Send for Ps {}
// SAFETY: PROCS-1 — as above.
unsafe impl Sync for Ps {}

impl Deref for Ps {
    type Target = [P];

    #[inline]
    fn deref(&self) -> &[P] {
        // ORDER: Acquire ⇐ `make`: the Ps below the count are written.
        let made = self.made.load(Acquire);
        // SAFETY: PROCS-1 — that many were written, and none is moved or dropped before this is.
        unsafe { core::slice::from_raw_parts(self.base.as_ptr(), made) }
    }
}

impl<'a> IntoIterator for &'a Ps {
    type Item = &'a P;
    type IntoIter = core::slice::Iter<'a, P>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Ps {
    fn layout() -> Layout {
        Layout::new::<[P; Scheduler::MAX_PROCS as usize]>()
    }

    /// The first `count`. Room for the most there can be is address space only.
    pub(crate) fn new(count: u32) -> Self {
        // SAFETY: PROCS-1 — the layout has a size.
        let base = unsafe { std::alloc::alloc(Self::layout()) };
        let Some(base) = NonNull::new(base.cast::<P>()) else {
            std::alloc::handle_alloc_error(Self::layout());
        };
        let this = Self {
            base,
            made: AtomicUsize::new(0),
            active: AtomicU32::new(count),
            said: AtomicBool::new(false),
            changing: Lock::new(&RANK, ()),
        };
        this.make(count);
        this
    }

    /// Makes Ps until there are `count`. By one thread at a time.
    fn make(&self, count: u32) {
        for id in self.len()..count as usize {
            // SAFETY: PROCS-1 — below `MAX_PROCS`, and not written yet.
            unsafe { self.base.as_ptr().add(id).write(P::new(id as u32)) };
            // ORDER: Release ⇒ `deref`.
            self.made.store(id + 1, Release);
        }
    }

    /// How many count.
    #[inline]
    pub(crate) fn active(&self) -> u32 {
        // ORDER: Relaxed — a figure; a P that is over it is found when it is next held.
        self.active.load(Relaxed)
    }
}

impl Drop for Ps {
    fn drop(&mut self) {
        let made = *self.made.get_mut();
        // SAFETY: PROCS-1 — that many were written; nobody has the scheduler any more.
        unsafe {
            core::ptr::slice_from_raw_parts_mut(self.base.as_ptr(), made).drop_in_place();
            std::alloc::dealloc(self.base.as_ptr().cast(), Self::layout());
        }
    }
}

/// The number of the processor on which the calling goroutine runs, below that of [`Scheduler::procs`]; after
/// the call it may run on another one. `None` on a thread that is no goroutine.
#[inline]
pub fn processor() -> Option<u32> {
    // SAFETY: M-OWN — a non-null word is this thread's M, and the cell is its own. SCHED-MEM — Ps live as long as the
    // scheduler, whoever has them.
    unsafe { crate::m::M::current().as_ref().and_then(|m| m.p.get().as_ref()) }.map(|p| p.id)
}

impl Scheduler {
    /// Processors.
    #[inline]
    pub fn procs(&self) -> u32 {
        self.ps.active()
    }

    /// Changes the number of processors, from now on as the program says; the number before. Nothing is lost: what waits on a processor
    /// that goes moves to others. One that computes goes at the end of its slice.
    ///
    /// # Errors
    /// [`SchedError::Procs`]: 0, or more than [`MAX_PROCS`](Self::MAX_PROCS).
    pub fn set_procs(&self, count: u32) -> Result<u32, SchedError> {
        if count == 0 || count > Self::MAX_PROCS {
            return Err(SchedError::Procs { asked: count });
        }
        // ORDER: Relaxed — whoever changes the number at this moment may do it once more.
        self.ps.said.store(true, Relaxed);
        Ok(self.change_procs(count))
    }

    /// Follows what the system allows, unless the program has chosen a number.
    pub(crate) fn follow_system(&self) {
        // ORDER: Relaxed — as in `set_procs`.
        if !self.ps.said.load(Relaxed)
            && let Some(count) = (self.config.hooks.procs)()
            && (1..=Self::MAX_PROCS).contains(&count)
            && count != self.procs()
        {
            self.change_procs(count);
        }
    }

    fn change_procs(&self, count: u32) -> u32 {
        let changing = self.ps.changing.lock();
        self.ps.make(count);
        self.tell_priorities();
        // ORDER: SeqCst — before the idle list is looked through; pairs with `retires`.
        let before = self.ps.active.swap(count, SeqCst);
        let mut gone = Vec::new();
        {
            let mut idle = self.idle.lock();
            idle.ps.retain(|&p| {
                // SAFETY: SCHED-MEM — Ps live as long as the scheduler.
                let p = unsafe { &*p };
                if p.id < count {
                    return true;
                }
                self.supply.sub_idle();
                gone.push(p);
                false
            });
            // Retired ones count again, new ones for the first time.
            for p in self.ps.iter().take(count as usize).filter(|p| p.retired.replace(false)) {
                idle.ps.push(p);
                self.supply.add_idle();
            }
        }
        drop(changing);
        for p in &self.ps[count as usize..] {
            // The holder looks around.
            p.wishes.end_slice();
        }
        gone.into_iter().for_each(|p| self.retire(p));
        self.stir_sysmon();
        self.wake_after_fence();
        before
    }

    /// All Ps, and those that will be made, look at priorities from now on.
    pub(crate) fn look_at_priorities(&self) {
        let changing = self.ps.changing.lock();
        self.tell_priorities();
        drop(changing);
    }

    /// The number of Ps does not change meanwhile.
    fn tell_priorities(&self) {
        // ORDER: Relaxed — ordered by the lock.
        if self.first_flags.load(Relaxed) & crate::priority::LOOK != 0 {
            self.ps.iter().for_each(|p| p.wishes.look_at_priorities());
        }
    }

    /// Whether `p`, which the caller holds, no longer counts.
    #[inline]
    pub(crate) fn retires(&self, p: &P) -> bool {
        p.id >= self.ps.active()
    }

    /// PROCS-1: `p`, which the caller alone has, gives all that it has to others and rests.
    #[cold]
    pub(crate) fn retire(&self, p: &P) {
        p.set_holder(null_mut());
        self.empty(p);
        let mut idle = self.idle.lock();
        if self.retires(p) {
            p.retired.set(true);
        } else {
            // The number has grown again.
            idle.ps.push(p);
            self.supply.add_idle();
        }
        drop(idle);
        // ORDER: SeqCst — W1 before W2 of WAKE-1.
        fence(SeqCst);
        if self.any_work() {
            self.wake_one();
        }
    }

    fn empty(&self, p: &P) {
        // ORDER: AcqRel — Acquire ⇐ `run_next`.
        let next = p.runnext.swap(null_mut(), AcqRel);
        let queued = core::iter::from_fn(|| p.runq.pop());
        for g in (!next.is_null()).then_some(next).into_iter().chain(queued) {
            // SAFETY: G-OWN — taken out of the slot or the queue.
            unsafe {
                if (*g).home().is_null() { self.injector.push(g) } else { send_home(self, g) }
            }
        }
        if p.id != 0 {
            p.timers.move_to(&self.ps[0].timers);
            crate::sleep::timer_added(self, self.ps[0].timers.next(), false);
        }
        // SAFETY: P-OWN — the caller alone has it.
        let own = unsafe { p.own() };
        self.gs.give(&mut own.free, 0);
        own.stacks.flush(&self.stacks);
    }
}
