//! [`checkpoint`]: where a goroutine that polls lets others run, if it is time.
//!
//! A goroutine that tries an operation again and again (`try_recv` in a loop) never parks, and what it
//! waits for may be bound to its own thread, or stand in the run-next slot of its own processor. So an
//! upper layer calls this where an attempt has failed: it costs a few loads. It yields every few
//! failures, at once if the time slice is over, and waits if the processor was taken.

use crate::handoff;
use crate::m::M;
use crate::schedule;
use core::sync::atomic::Ordering::Relaxed;

/// Failed attempts on a thread from one yield to the next.
const PATIENCE: u32 = 16;

/// An attempt has failed: lets other goroutines run if it is time. Does nothing on a plain thread, and
/// inside [`no_park`](crate::thread::no_park).
#[inline]
pub fn checkpoint() {
    // SAFETY: M-OWN — a non-null word is this thread's M.
    let Some(m) = (unsafe { M::current().as_ref() }) else { return };
    // ORDER: Relaxed — a look; entering the runtime asks again, and properly.
    let lost = m.request.load(Relaxed) != handoff::NONE;
    // SAFETY: SCHED-MEM — Ps live as long as the scheduler, whoever holds them.
    let over = unsafe { m.p.get().as_ref() }.is_some_and(|p| p.wishes.slice_is_over());
    let polls = m.polls.get().wrapping_add(1);
    m.polls.set(polls);
    if lost || over || polls.is_multiple_of(PATIENCE) {
        yield_slow(m);
    }
}

#[cold]
#[inline(never)]
fn yield_slow(m: &M) {
    // SAFETY: G-OWN — the goroutine that runs here is the caller.
    if unsafe { m.cur.get().as_ref() }.is_some_and(|g| g.no_park.get() == 0) {
        schedule::yield_now();
    }
}
