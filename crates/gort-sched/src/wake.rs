//! Who sleeps, who is woken, and why no goroutine stays behind (WAKE-1).
//!
//! # Why no wake is lost
//! A waker publishes work, then looks for an idle P and a spinner. A thread that runs out of
//! work makes its P idle (or stops spinning), then looks at all queues once more.
//!
//! ```text
//! waker:    W1 publish the goroutine     W2 look at supply
//! sleeper:  S1 change supply             S2 look at every queue
//! ```
//! W1 is a SeqCst exchange of `runnext`, or followed by a SeqCst fence; W2, S1 are SeqCst; S2
//! comes after a SeqCst fence. So either W2 sees S1, and the waker starts a spinner; or S2 sees
//! W1, and the sleeper takes the work. A waker that sees a spinner does nothing, because the
//! spinner either finds the work or, as the last one, goes through S1 and S2 itself. A spinner
//! that finds work starts the next one, so a burst wakes threads one after another.
//! `tests/models/wake.rs` explores this with store buffers, and loses a goroutine when S2 is left out.
//!
//! # One lock
//! [`Idle`] holds the idle Ps, the sleeping Ms, and the Ms that have bound goroutines to run but
//! no P. A P that becomes free goes to such an M first.

use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::ready;
use crate::scheduler::{EXITING, Scheduler};
use crate::state::GState;
use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use core::sync::atomic::fence;
use gort_sys::thread::ThreadWord;
use std::collections::VecDeque;

/// What is free and who sleeps; under `Scheduler::idle`.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) ps: Vec<*const P>,
    /// Ms without work, the last to sleep on top.
    pub(crate) ms: Vec<*const M>,
    /// Ms that sleep until the goroutine that owns them is ready.
    pub(crate) locked: Vec<*const M>,
    /// Ms with bound goroutines to run and no P, the first to come in front.
    pub(crate) waiters: VecDeque<*const M>,
    /// Ms alive, and those of them that sleep.
    pub(crate) threads: u32,
    pub(crate) sleeping: u32,
}

// SAFETY: SCHED-MEM — the pointers name records of the scheduler that owns this.
unsafe impl Send for Idle {}

impl Idle {
    pub(crate) fn new(ps: &[P]) -> Self {
        ps.iter().for_each(|p| p.retired.set(false));
        Self {
            ps: ps.iter().rev().map(core::ptr::from_ref).collect(),
            ms: Vec::new(),
            locked: Vec::new(),
            waiters: VecDeque::new(),
            threads: 0,
            sleeping: 0,
        }
    }

    /// The last M that went to sleep, the one in the network poller only if there is no other.
    fn pop_m(&mut self) -> Option<*const M> {
        let last = self.ms.pop()?;
        // SAFETY: SCHED-MEM — Ms live as long as the scheduler.
        // ORDER: Relaxed — a preference.
        if unsafe { (*last).in_poller.load(Relaxed) }
            && let Some(other) = self.ms.pop()
        {
            self.ms.push(last);
            return Some(other);
        }
        Some(last)
    }

    /// Takes a sleeping M out of whatever list it is in.
    fn unpark(&mut self, m: &M) {
        // ORDER: Relaxed — the lock orders it.
        m.parked.store(false, Relaxed);
        self.sleeping -= 1;
    }
}

impl Scheduler {
    /// Work was published: sees to it that somebody will run it.
    #[inline]
    pub(crate) fn wake_one(&self) {
        if self.supply.look().wants_a_spinner() {
            self.wake_spinner();
        }
    }

    /// As [`wake_one`](Self::wake_one), after a publication that was not SeqCst itself.
    #[inline]
    pub(crate) fn wake_after_fence(&self) {
        // ORDER: SeqCst — W1 before W2.
        fence(SeqCst);
        self.wake_one();
    }

    #[cold]
    fn wake_spinner(&self) {
        if !self.supply.claim_spin() {
            return;
        }
        let mut idle = self.idle.lock();
        let Some(p) = idle.ps.pop() else {
            drop(idle);
            if self.supply.stop_spin() {
                // WAKE-1: nobody may rely on this spinner any more; all Ps are busy, and each
                // looks at the queues before it becomes idle.
            }
            return;
        };
        self.supply.sub_idle();
        self.start(idle, p, true);
    }

    /// Gives `p` to a sleeping M, or to a new one.
    fn start(&self, mut idle: gort_sys::lock::Guard<'_, Idle>, p: *const P, spinning: bool) {
        self.stir_sysmon();
        if let Some(m) = idle.pop_m() {
            // SAFETY: SCHED-MEM — Ms live as long as the scheduler; it sleeps, so its cells are
            // ours under the lock.
            let m = unsafe { &*m };
            idle.unpark(m);
            m.spinning.set(spinning);
            if spinning {
                m.give_p(p)
            } else {
                m.lend_p(p)
            }
            drop(idle);
            m.rouse();
            return;
        }
        idle.threads += 1;
        let threads = idle.threads;
        drop(idle);
        self.new_thread(p, spinning, threads);
    }

    /// `p` has no thread any more (its M blocks, computes or sleeps): whoever can use it gets
    /// it, else it is idle. The caller must not touch it afterwards.
    pub(crate) fn hand_off(&self, p: &P) {
        p.set_holder(core::ptr::null_mut());
        if self.retires(p) {
            self.retire(p);
            return;
        }
        let work = p.has_work()
            || !self.injector.is_empty()
            || p.timers.next() != u64::MAX
            || self.net_to_poll().is_some();
        let mut idle = self.idle.lock();
        if self.give_to_waiter(&mut idle, p) {
            return;
        }
        if work && self.life() != EXITING {
            self.start(idle, p, false);
            return;
        }
        if self.retires(p) {
            drop(idle);
            self.retire(p);
            return;
        }
        idle.ps.push(p);
        self.supply.add_idle();
        drop(idle);
        // S2: work may have been published before the P was idle.
        // ORDER: SeqCst — S1 before S2.
        fence(SeqCst);
        if self.any_work() {
            self.wake_one();
        }
    }

    /// Gives `p` to the M that waits longest for one.
    pub(crate) fn give_to_waiter(&self, idle: &mut Idle, p: *const P) -> bool {
        let Some(m) = idle.waiters.pop_front() else { return false };
        // ORDER: Relaxed — a hint; the lock orders the list.
        self.waiters.store(idle.waiters.len() as u32, Relaxed);
        // SAFETY: SCHED-MEM — as in `start`.
        let m = unsafe { &*m };
        idle.unpark(m);
        m.spinning.set(false);
        m.give_p(p);
        m.rouse();
        true
    }

    /// An M has joined the line: a P that was lent before the lender could see that goes to it.
    pub(crate) fn waiters_grew(&self, idle: &mut Idle) {
        // ORDER: Relaxed — ordered by the fence.
        self.waiters.store(idle.waiters.len() as u32, Relaxed);
        // ORDER: SeqCst — LEND-1: the line before the look; pairs with `blocking::lend`.
        fence(SeqCst);
        if let Some(p) = self.borrow_any() {
            self.give_to_waiter(idle, p);
        }
    }

    /// Whether an M waits for a P.
    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        // ORDER: Relaxed — a hint.
        self.waiters.load(Relaxed) != 0
    }

    /// A goroutine bound to `home` became ready and lies in its inbox: if the thread sleeps, it
    /// gets an idle P, or a place in the line for the next.
    pub(crate) fn notify_home(&self, home: &M, g: *mut G) {
        // ORDER: SeqCst — the mail before the look; pairs with `until_processor`, which looks at its mail
        // after it has said that it sleeps.
        fence(SeqCst);
        // ORDER: Relaxed — ordered by the fences. A thread that works finds its mail itself.
        if !home.parked.load(Relaxed) {
            return;
        }
        let mut idle = self.idle.lock();
        // The cells of a thread that sleeps belong to the lock.
        // ORDER: Relaxed — the lock orders it.
        if !home.parked.load(Relaxed)
            || !(home.exclusive.get().is_null() || home.exclusive.get() == g)
        {
            return;
        }
        if idle.waiters.iter().any(|&m| core::ptr::eq(m, home)) {
            return; // It is in the line already.
        }
        idle.ms.retain(|&m| !core::ptr::eq(m, home));
        idle.locked.retain(|&m| !core::ptr::eq(m, home));
        match self.spare_processor(&mut idle) {
            Some(p) => {
                idle.unpark(home);
                home.give_p(p);
                drop(idle);
                self.stir_sysmon();
                home.rouse();
            }
            None => {
                idle.waiters.push_back(home);
                self.waiters_grew(&mut idle);
            }
        }
    }

    /// Puts a ready goroutine where any P finds it, and sees to it that one looks.
    pub(crate) fn inject(&self, g: *mut G) {
        // SAFETY: G-OWN — the caller owns the goroutine, and hands it over.
        unsafe { self.injector.push(g) };
        self.wake_after_fence();
        // LEND-1: a thread that lends its P looks at the injector afterwards.
        if self.supply.look().idle() == 0
            && let Some(p) = self.borrow_any()
        {
            self.start(self.idle.lock(), p, false);
        }
    }

    /// As [`inject`](Self::inject), for all goroutines of a list that a poll has found: they are
    /// parked, and their tickets won and woken.
    pub(crate) fn inject_ready(&self, mut list: crate::g::GFifo) {
        while let Some(g) = list.pop() {
            // SAFETY: G-OWN — what is in the list belongs to the list.
            let bound = unsafe {
                (*g).state.step(GState::Waiting, GState::Runnable);
                !(*g).home().is_null()
            };
            if bound { ready::send_home(self, g) } else { self.inject(g) }
        }
    }

    /// Wakes sysmon from its deep sleep: a P is about to work.
    pub(crate) fn stir_sysmon(&self) {
        // ORDER: Relaxed — a hint; a stale "no" is mended by sysmon's own look before it sleeps.
        if self.sysmon_deep.load(Relaxed) {
            // ORDER: Release ⇒ sysmon's read after its sleep.
            self.sysmon_deep.store(false, Release);
            self.sysmon_note.wake();
        }
    }

    /// Wakes every thread that sleeps, so that it sees the end of the scheduler.
    pub(crate) fn wake_all(&self) {
        let mut idle = self.idle.lock();
        while let Some(m) =
            idle.ms.pop().or_else(|| idle.locked.pop()).or_else(|| idle.waiters.pop_front())
        {
            // SAFETY: SCHED-MEM — as in `start`.
            let m = unsafe { &*m };
            idle.unpark(m);
            m.rouse();
        }
        // ORDER: Relaxed — a hint.
        self.waiters.store(0, Relaxed);
    }

    /// Binds the calling thread to `m`.
    pub(crate) fn adopt(m: &M) {
        ThreadWord::<0>::set(core::ptr::from_ref(m).cast_mut().cast());
    }
}
