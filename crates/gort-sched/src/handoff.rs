//! Entering and leaving the runtime, and how sysmon takes a processor away (HANDOFF-1).
//!
//! While a goroutine computes, its thread holds a P that it does not touch. sysmon may take that
//! P away and give it to another thread; the computing thread notices when it next enters the
//! runtime. The two sides meet on two words of the M:
//!
//! ```text
//! thread  enter:   in_runtime = 1;  barrier A;  read request      (0: the P is mine to touch)
//! sysmon  retake:  request = ASKED; barrier B;  read in_runtime   (0: the P may be taken)
//! ```
//! With both barriers, at least one side sees the other: either the thread finds the request, or
//! sysmon finds it inside and withdraws. Barrier B is `membarrier(2)`, which runs a fence on every
//! running thread, so barrier A need only stop the compiler; without membarrier A is an exchange.
//!
//! A thread that finds a request may still answer "no" as long as sysmon has not decided: both
//! decide by exchange on `request`, ASKED → NONE (stays) or ASKED → TAKEN. `tests/models/handoff.rs`
//! explores both orders with store buffers, and finds the overlap when a barrier is left out.

use crate::m::{M, Post};
use crate::p::P;
use crate::schedule;
use crate::state::GState;
use core::sync::atomic::{
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    compiler_fence,
};
use gort_sys::membarrier;

pub(crate) const NONE: u32 = 0;
pub(crate) const ASKED: u32 = 1;
pub(crate) const TAKEN: u32 = 2;
/// The thread has lent its P ([`crate::blocking`]): sysmon does not ask.
pub(crate) const LENT: u32 = 3;

/// The calling thread is in the runtime and holds a P, until this value goes. Entering again
/// while inside is free.
#[must_use = "leaves the runtime when dropped"]
pub(crate) struct Inside {
    outermost: bool,
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.outermost {
            leave();
        }
    }
}

/// Leaves the runtime: from here on the P may be taken away.
#[inline]
pub(crate) fn leave() {
    let m = M::current();
    // SAFETY: M-OWN — the caller is a goroutine, so its thread has an M.
    let m = unsafe { &*m };
    // ORDER: Release ⇒ `retake`: all that this thread did to the P.
    m.in_runtime.store(0, Release);
}

/// Enters the runtime if this thread is an M that still holds its P, without ever switching.
#[inline]
pub(crate) fn try_enter() -> Option<(&'static M, Inside)> {
    let m = M::current();
    // SAFETY: M-OWN — a non-null word is this thread's M, which lives while the thread does. The
    // lifetime is a convenience: callers drop it before they switch.
    let m: &'static M = unsafe { m.as_ref() }?;
    // ORDER: Relaxed — this thread alone writes the word.
    if m.in_runtime.load(Relaxed) != 0 {
        // On g0 without a P the thread is inside too, with nothing to touch.
        return (!m.p.get().is_null()).then_some((m, Inside { outermost: false }));
    }
    announce(m);
    // ORDER: Acquire ⇐ `retake`: barrier A stands before it.
    if m.request.load(Acquire) != NONE && !answer(m) {
        // ORDER: Release ⇒ `retake`.
        m.in_runtime.store(0, Release);
        return None;
    }
    Some((m, Inside { outermost: true }))
}

/// Enters the runtime; where the P was taken away, waits for one, which may switch.
#[inline]
pub(crate) fn enter() -> (&'static M, Inside) {
    match try_enter() {
        Some(inside) => inside,
        None => {
            regain();
            // The thread may be another one now; it came out of the scheduler with a P, inside.
            let m = M::current();
            // SAFETY: M-OWN — a goroutine runs, so its thread has an M.
            (unsafe { &*m }, Inside { outermost: true })
        }
    }
}

/// `in_runtime = 1` and barrier A.
#[inline(always)]
fn announce(m: &M) {
    if m.asymmetric {
        // ORDER: Relaxed — HANDOFF-1: sysmon's membarrier makes it visible before its look.
        m.in_runtime.store(1, Relaxed);
        compiler_fence(SeqCst);
    } else {
        // ORDER: SeqCst — HANDOFF-1 without membarrier: the exchange is barrier A.
        m.in_runtime.swap(1, SeqCst);
    }
}

/// There is a request: tries to answer "no". `false`: the P is gone.
#[cold]
fn answer(m: &M) -> bool {
    // ORDER: Relaxed — this thread alone writes LENT.
    if m.request.load(Relaxed) == LENT {
        return crate::blocking::reclaim(m);
    }
    // ORDER: SeqCst — the decision, against sysmon's in `retake`; also a fence, so that the next
    // request finds `in_runtime` set. Acquire on failure.
    m.request.compare_exchange(ASKED, NONE, SeqCst, Acquire).is_ok()
        // ORDER: Acquire ⇐ `retake`, or a request that was withdrawn just now.
        || m.request.load(Acquire) == NONE
}

/// The P was taken while the goroutine computed: get one, here or on another thread.
#[cold]
#[inline(never)]
fn regain() {
    // SAFETY: M-OWN — the caller is a goroutine of this thread.
    let m = unsafe { &*M::current() };
    // ORDER: Relaxed — nobody asks a thread without a P; the thread is inside, with nothing held.
    m.in_runtime.store(1, Relaxed);
    m.p.set(core::ptr::null());
    // ORDER: Release — the request is answered; the next P starts with a clean word.
    m.request.store(NONE, Release);
    let s = m.scheduler();
    if let Some(p) = s.spare_for_returner() {
        crate::sleep::hold(m, p);
        s.stir_sysmon();
        return;
    }
    let g = m.cur.get();
    // SAFETY: G-OWN — the goroutine that runs here belongs to this thread.
    let keeps = crate::blocking::keeps_thread(unsafe { &*g });
    if keeps {
        crate::osthread::lock(m, g);
    }
    // SAFETY: G-OWN — as above.
    unsafe { (*g).state.step(GState::Running, GState::Preempted) };
    schedule::to_g0(m, Post::Preempted(g));
    // Resumed, by a thread that holds a P.
    crate::osthread::release_kept(g, keeps);
}

/// sysmon, first half: asks for the P that `m` holds. One [`membarrier`] then serves all that
/// were asked. `false` if the thread is inside anyway.
pub(crate) fn ask(m: &M) -> bool {
    // ORDER: Acquire — a look that saves a barrier; the one that counts is in `retake`.
    if m.in_runtime.load(Acquire) != 0 {
        return false;
    }
    // ORDER: SeqCst — HANDOFF-1: barrier B follows.
    m.request.compare_exchange(NONE, ASKED, SeqCst, Relaxed).is_ok()
}

/// sysmon: barrier B.
pub(crate) fn barrier(asymmetric: bool) {
    if asymmetric && !membarrier::private() {
        gort_sys::fatal!("HANDOFF-1", "membarrier was registered and is now refused");
    }
    core::sync::atomic::fence(SeqCst); // ORDER: SeqCst — barrier B where entering is an exchange.
}

/// sysmon, second half: `true` if the P of `m` is now the caller's.
pub(crate) fn retake(m: &M, p: &P) -> bool {
    // ORDER: Acquire ⇐ `leave`: what the thread did to the P.
    let outside = m.in_runtime.load(Acquire) == 0 && core::ptr::eq(p.holder(), m);
    if outside {
        // ORDER: AcqRel — the decision, against the thread's in `answer`; Relaxed on failure.
        if m.request.compare_exchange(ASKED, TAKEN, AcqRel, Relaxed).is_ok() {
            return true;
        }
    } else {
        // ORDER: Relaxed — withdrawn; the thread may have answered meanwhile.
        let _ = m.request.compare_exchange(ASKED, NONE, Relaxed, Relaxed);
    }
    false
}
