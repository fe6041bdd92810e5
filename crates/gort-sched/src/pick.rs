//! The successor of a goroutine that parks, found without leaving its stack: the run-next slot, the local
//! queue, the list of bound goroutines.
//!
//! Whoever has to look further ([`pick`] gives null) goes to g0, where the loop of
//! [`schedule`](crate::schedule) looks in the documented order.

use crate::g::{G, prefetch};
use crate::m::M;
use crate::p::P;
use crate::priority;
use crate::ready::send_home;
use crate::schedule::{ENOUGH, INJECTOR_TURN};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

/// Whether timers are to be run now: while many goroutines wait, theirs would only wait as well.
#[inline]
pub(crate) fn timers_wanted(p: &P) -> bool {
    p.timers.next() != u64::MAX && p.runq.len() < ENOUGH && p.timers.are_due()
}

/// The successor that can be had without leaving the goroutine's stack, or null.
#[inline]
pub(crate) fn pick(m: &M, p: &P) -> *mut G {
    if !m.exclusive.get().is_null() || p.wishes.any() || timers_wanted(p) {
        return pick_by_priority(m, p);
    }
    pick_normal(m, p)
}

/// The same where goroutines have classes. Null as well if the slice is over, or the timers have their turn.
#[cold]
#[inline(never)]
fn pick_by_priority(m: &M, p: &P) -> *mut G {
    if !m.exclusive.get().is_null() || p.wishes.slice_is_over() || timers_wanted(p) {
        return null_mut();
    }
    let s = m.scheduler();
    if !priority::any(m, s) {
        p.note_background(false);
        return pick_normal(m, p);
    }
    if is_injectors_turn(m, p) {
        return null_mut();
    }
    let first = priority::before_normal(m, s);
    if !first.is_null() {
        p.begin_slice();
        // SAFETY: G-OWN — it was taken out of a lane or list.
        p.note_background(unsafe { (*first).has(priority::BACKGROUND) });
        return first;
    }
    p.note_background(false);
    let next = pick_normal(m, p);
    if next.is_null() {
        // g0 makes the choice.
        m.turns.take_back();
    }
    next
}

/// Whether g0 has to look further in the slice that would begin now.
#[inline]
fn is_injectors_turn(m: &M, p: &P) -> bool {
    let s = m.scheduler();
    (p.tick().wrapping_add(1)).is_multiple_of(INJECTOR_TURN)
        && (s.has_waiters() || !s.injector.is_empty() || s.net_to_poll().is_some())
}

#[inline]
fn pick_normal(m: &M, p: &P) -> *mut G {
    let next = take_runnext(m, p);
    if !next.is_null() {
        return next;
    }
    // g0 begins the slice that the turn belongs to.
    if is_injectors_turn(m, p) {
        return null_mut();
    }
    p.begin_slice();
    pick_queued(m, p)
}

/// Takes what is to run next, if this thread may run it.
#[inline]
pub(crate) fn take_runnext(m: &M, p: &P) -> *mut G {
    // ORDER: Relaxed — a look; the exchange takes.
    if p.runnext.load(Relaxed).is_null() {
        return null_mut();
    }
    // ORDER: AcqRel — Acquire ⇐ `run_next`.
    let g = p.runnext.swap(null_mut(), AcqRel);
    if g.is_null() {
        return g;
    }
    // SAFETY: G-OWN — the swap took it.
    let home = unsafe { (*g).home() };
    if home.is_null() || core::ptr::eq(home, m) {
        return g;
    }
    // The P came from another thread, and with it a goroutine that is bound there.
    send_home(m.scheduler(), g);
    null_mut()
}

/// Takes from the queue and the list of bound goroutines in turn.
#[inline]
pub(crate) fn pick_queued(m: &M, p: &P) -> *mut G {
    // SAFETY: M-OWN — called on this thread.
    unsafe {
        if !m.has_bound_work() {
            return pop(p);
        }
        m.take_inbox();
        let first = if p.tick() & 1 == 0 { m.bound().pop() } else { p.runq.pop() };
        first.or_else(|| p.runq.pop()).or_else(|| m.bound().pop()).unwrap_or(null_mut())
    }
}

/// Takes from the local queue, and fetches what those behind it will need: goroutines that slept are in no
/// cache. A record is fetched two turns before its stack, whose address it has.
#[inline]
fn pop(p: &P) -> *mut G {
    let g = p.runq.pop().unwrap_or(null_mut());
    if let Some([near, far]) = p.runq.peek_ahead() {
        prefetch(far);
        // SAFETY: G-MEM — whoever has it, the record lives.
        let sp = unsafe { (*near).sp.get() };
        prefetch(core::ptr::without_provenance::<u8>(sp));
        prefetch(core::ptr::without_provenance::<u8>(sp.wrapping_add(64)));
        prefetch(core::ptr::without_provenance::<u8>(sp.wrapping_add(128)));
    }
    g
}
