//! A goroutine that blocks its thread and says so: [`blocking`] lends the processor meanwhile (LEND-1).
//!
//! ```text
//! lender    request = LENT;  outside;  p.lender = me         reclaims:  p.lender: me → null
//! borrower                                                   takes:     p.lender: any → null
//! ```
//! Whoever empties `p.lender` has the P. So a call that nobody needs the P for costs two exchanges and
//! wakes nobody, and a thread that comes back from its own call and finds its P gone takes one that
//! another has just lent: two hundred threads share two Ps without a sleep. A P that is on its way to
//! a thread that sleeps is lent as well, until that thread is awake: it takes 20 µs and more, and
//! threads that come back meanwhile would all have to queue behind it.
//!
//! If goroutines wait for a P at the moment of the call, the P is handed to a thread at once, unless
//! calls on it have lately been too short to pay for the wake-up ([`Habit`]); then sysmon takes it
//! when the call has lasted for one of its rounds.

use crate::g::G;
use crate::handoff::{self, LENT, TAKEN};
use crate::m::M;
use crate::p::{P, bump};
use crate::scheduler::Scheduler;
use crate::state::GState;
use crate::wake::Idle;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::fence;
use gort_sys::clock;

/// A call that lasts this long, in nanoseconds, pays for waking another thread.
const WORTH_A_WAKE: u64 = 20_000;

/// How long the blocking calls on a P have been: counts up with each long one, down with each short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit(u8);

impl Habit {
    const MOST: u8 = 3;

    /// The caller says that it may block, and is believed at first.
    pub(crate) const NEW: Self = Self(2);

    fn note(&mut self, nanos: u64) {
        self.0 = if nanos < WORTH_A_WAKE {
            self.0.saturating_sub(1)
        } else {
            (self.0 + 1).min(Self::MOST)
        };
    }

    fn is_long(self) -> bool {
        self.0 > Self::MOST / 2
    }
}

/// Runs `f`, which says that it may block its thread (a system call, a foreign function): others have
/// the processor meanwhile, at once if any wait for it. A call of the runtime inside `f` takes the
/// processor back, and what follows it is ordinary code (10 ms until sysmon helps).
///
/// Costs about 0.1 µs when nobody waits.
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    struct Back(u64);
    impl Drop for Back {
        fn drop(&mut self) {
            let (m, inside) = handoff::enter();
            // SAFETY: P-OWN — inside, with a P.
            unsafe { m.held().own() }.habit.note(clock::nanos().saturating_sub(self.0));
            drop(inside);
        }
    }
    // SAFETY: M-OWN — a non-null word is this thread's M.
    let on_goroutine = unsafe { M::current().as_ref() }
        .is_some_and(|m| !m.cur.get().is_null() && m.sim().is_none());
    if !on_goroutine {
        return f();
    }
    lend();
    let _back = Back(clock::nanos());
    f()
}

/// The calling goroutine's thread lends its P, or hands it on.
fn lend() {
    // A P that was taken away already is asked for again at the end of the call.
    let Some((m, inside)) = handoff::try_enter() else { return };
    core::mem::forget(inside);
    let s = m.scheduler();
    // SAFETY: P-OWN — inside, with a P. G-OWN — the running goroutine.
    let (p, hands_on) = unsafe {
        (*m.cur.get()).state.step(GState::Running, GState::Syscall);
        (m.held(), m.held().own().habit.is_long())
    };
    // ORDER: Release ⇒ sysmon, whose withdrawn or late request is overwritten: it can take nothing from
    // a thread whose word is not ASKED (HANDOFF-1).
    m.request.store(LENT, Release);
    // ORDER: Release ⇒ whoever looks.
    m.in_runtime.store(0, Release);
    // ORDER: SeqCst — LEND-1, Release ⇒ the borrower: all that this thread did to the P. Before the look
    // at who waits; pairs with `Scheduler::inject`.
    p.lender.store(core::ptr::from_ref(m).cast_mut(), SeqCst);
    fence(SeqCst); // ORDER: SeqCst — as above.
    s.stir_sysmon();
    if hands_on && s.is_wanted(p) && take_back(m, p) {
        bump(&p.counts.handoffs, 1);
        s.hand_off(p);
    }
}

/// LEND-1: `true` if the lender has its P again.
fn take_back(m: &M, p: &P) -> bool {
    let me = core::ptr::from_ref(m).cast_mut();
    // ORDER: AcqRel — Acquire ⇐ an earlier holder, Release ⇒ nobody; Relaxed on failure.
    p.lender.compare_exchange(me, null_mut(), AcqRel, Relaxed).is_ok()
}

/// The lender enters the runtime again. `true`: with its P.
#[cold]
pub(crate) fn reclaim(m: &M) -> bool {
    // SAFETY: G-OWN — the goroutine that runs on this thread. SCHED-MEM — Ps live as long as the
    // scheduler, and `take_back` decides whether this one may be touched.
    let kept = unsafe {
        (*m.cur.get()).state.step(GState::Syscall, GState::Running);
        take_back(m, &*m.p.get())
    };
    // ORDER: Release — this thread's own answer: the word is clean, or says that the P is gone.
    m.request.store(if kept { handoff::NONE } else { TAKEN }, Release);
    kept
}

impl P {
    /// It goes to `m`, which has yet to wake up: until then a thread that is awake may borrow it.
    pub(crate) fn lend_to_sleeper(&self, m: &M) {
        self.set_holder(null_mut());
        // ORDER: Release ⇒ the borrower: what the last holder did to the P.
        self.lender.store(core::ptr::from_ref(m).cast_mut(), Release);
    }

    /// `m` is awake: `true` if nobody has borrowed it meanwhile.
    pub(crate) fn reach_sleeper(&self, m: &M) -> bool {
        take_back(m, self)
    }

    /// Whether a thread that blocks has lent it.
    pub(crate) fn is_lent(&self) -> bool {
        // ORDER: Relaxed — a look; the exchange takes.
        !self.lender.load(Relaxed).is_null()
    }

    /// LEND-1: `true` if the caller has it now.
    pub(crate) fn borrow(&self) -> bool {
        // ORDER: AcqRel — Acquire ⇐ `lend`: what the lender did to the P.
        self.is_lent() && !self.lender.swap(null_mut(), AcqRel).is_null()
    }
}

impl Scheduler {
    /// Whether somebody waits for a P like `p`: work in its queue or in the injector, a thread with
    /// bound goroutines, timers and descriptors that nobody watches.
    pub(crate) fn is_wanted(&self, p: &P) -> bool {
        p.has_work()
            || !self.injector.is_empty()
            || self.has_waiters()
            // ORDER: Acquire — a look: with a keeper the time is kept.
            || (p.timers.next() != u64::MAX && self.timekeeper.load(Acquire).is_null())
            || self.net_to_poll().is_some()
    }

    /// A P that some thread has lent, now the caller's.
    pub(crate) fn borrow_any(&self) -> Option<*const P> {
        self.ps.iter().find(|p| p.borrow()).map(core::ptr::from_ref)
    }

    /// A P for a thread that has something to run: an idle one, or one that was lent.
    pub(crate) fn spare_processor(&self, idle: &mut Idle) -> Option<*const P> {
        match idle.ps.pop() {
            Some(p) => {
                self.supply.sub_idle();
                Some(p)
            }
            None => self.borrow_any(),
        }
    }

    /// The same for a goroutine that comes back without a P; takes the lock only if it helps.
    pub(crate) fn spare_for_returner(&self) -> Option<*const P> {
        if self.supply.look().idle() == 0 {
            return self.borrow_any();
        }
        self.spare_processor(&mut self.idle.lock())
    }
}

/// Whether the goroutine must come back on this thread whatever happens: it unwinds, and std counts
/// panics by thread; or it has said that it must not be switched out.
pub(crate) fn keeps_thread(g: &G) -> bool {
    g.no_park.get() != 0 || crate::osthread::panicking()
}
