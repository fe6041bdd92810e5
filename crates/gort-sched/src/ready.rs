//! Where a goroutine goes that has become runnable: the run-next slot, the local queue, or the thread that
//! it is bound to.
//!
//! What is readied runs next on the P of whoever readied it, as its data is warm there; what the slot
//! held before goes to the end of the queue, where others can steal it. A bound goroutine goes to the
//! list or the inbox of its own thread. Each way ends with a wake-up if somebody else is needed (WAKE-1).

use crate::g::{G, GFifo};
use crate::m::M;
use crate::p::P;
use crate::priority::{self, PRIORITIES};
use crate::scheduler::Scheduler;
use crate::state::GState;
use core::sync::atomic::Ordering::SeqCst;

/// Appends to the local queue; what does not fit goes to the injector in one batch.
#[inline]
pub(crate) fn push_local(s: &Scheduler, p: &P, g: *mut G) {
    p.runq.push(g, &mut |g| {
        // SAFETY: G-OWN — what the ring hands out is the caller's.
        unsafe { s.injector.push(g) };
    });
}

/// A parked goroutine becomes runnable: it will run next on this P, and what was to run next
/// goes to the queue. The caller's thread is inside and holds a P.
#[inline]
pub(crate) fn make_ready(m: &M, g: *mut G) {
    // SAFETY: G-OWN — the caller won its ticket.
    unsafe { (*g).state.step(GState::Waiting, GState::Runnable) };
    // SAFETY: G-OWN — as above.
    let (home, has_class) = unsafe { ((*g).home(), (*g).has(PRIORITIES)) };
    if has_class {
        priority::make_ready(m, g);
        return;
    }
    if !home.is_null() {
        if !core::ptr::eq(home, m) {
            send_home(m.scheduler(), g);
            return;
        }
        if !m.exclusive.get().is_null() {
            // A timer that ran on g0 has readied the goroutine that owns this thread.
            // SAFETY: M-OWN, G-OWN — on this thread, with a goroutine that nobody else has.
            unsafe { m.bound().push(g) };
            return;
        }
    }
    run_next(m, g, false);
}

/// Puts a runnable goroutine into the run-next slot.
#[inline]
pub(crate) fn run_next(m: &M, g: *mut G, fresh: bool) {
    let s = m.scheduler();
    // SAFETY: P-OWN — the caller's thread is inside and holds a P.
    let p = unsafe { m.held() };
    // ORDER: SeqCst — W1 of WAKE-1, and Release ⇒ thieves: the goroutine.
    let kicked = p.runnext.swap(g, SeqCst);
    if !kicked.is_null() {
        // SAFETY: G-OWN — the swap took it out of the slot.
        let home = unsafe { (*kicked).home() };
        if home.is_null() {
            push_local(s, p, kicked);
            if s.procs() > 1 {
                s.wake_after_fence();
            }
        } else if core::ptr::eq(home, m) {
            // Nobody else can run it: nobody is woken.
            // SAFETY: M-OWN — called on this thread.
            unsafe { m.bound().push(kicked) };
        } else {
            // The P came from another thread, and with it a goroutine that is bound there.
            send_home(s, kicked);
        }
    } else if fresh {
        s.wake_one();
    }
}

/// Hands a ready goroutine to the thread that it is bound to.
#[cold]
pub(crate) fn send_home(s: &Scheduler, g: *mut G) {
    // SAFETY: G-OWN — the caller owns it until it is posted. SCHED-MEM — Ms live on.
    let home = unsafe { &*(*g).home() };
    home.post_to_inbox(g);
    s.notify_home(home, g);
}

/// Goroutines that a poll has found become runnable: here, or on the threads that they are bound to.
/// The thread is inside and holds a P.
pub(crate) fn make_all_ready(m: &M, mut list: GFifo) {
    let s = m.scheduler();
    let mut queued = 0;
    while let Some(g) = list.pop() {
        // SAFETY: G-OWN, P-OWN, M-OWN — what is in the list belongs to the list; the thread holds
        // a P, and is its own M's.
        unsafe {
            (*g).state.step(GState::Waiting, GState::Runnable);
            let home = (*g).home();
            if (*g).has(PRIORITIES) {
                priority::make_ready(m, g);
            } else if home.is_null() {
                push_local(s, m.held(), g);
                queued += 1;
            } else if core::ptr::eq(home, m) {
                m.bound().push(g);
            } else {
                send_home(s, g);
            }
        }
    }
    // The first one runs here.
    if queued > 1 && s.procs() > 1 {
        s.wake_after_fence();
    }
}
