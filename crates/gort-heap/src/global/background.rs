//! The scavenger's thread: started when much memory lies free for the first time, asleep while little does.
//!
//! `GORT_SCAVENGER=off` in the environment keeps it from starting; [`GortAlloc::free_os_memory`](crate::GortAlloc) works
//! all the same. The child of a fork starts its own.

use super::process::PROCESS;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::scavenger::{Next, Scavenger};
use core::ffi::c_void;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use gort_sys::{Linux, clock, futex, process};

/// Free memory that is not worth a thread's attention, in bytes.
const LITTLE: u64 = 8 << 20;

/// No thread yet.
const NONE: u32 = 0;
const AWAKE: u32 = 1;
/// Waits on the word.
const ASLEEP: u32 = 2;
/// There is none, and there shall be none.
const OFF: u32 = 3;

static STATE: AtomicU32 = AtomicU32::new(NONE);

/// Looks whether there is something to do; called where pages were freed, without a lock or a lease.
#[inline]
pub(super) fn look(inner: &Inner<Linux>) {
    let state = STATE.load(Relaxed); // ORDER: Relaxed — a look; the exchanges below decide.
    if (state == NONE || state == ASLEEP) && inner.warm() > LITTLE {
        call(state);
    }
}

impl Heap<Linux> {
    /// Says that pages may have become free, as after a sweep: wakes the scavenger if this is the process's heap and there
    /// is much for it to do. Another heap has none; its owner calls [`Heap::scavenge`].
    pub fn look_for_free_memory(&self) {
        if PROCESS.get().is_some_and(|heap| core::ptr::eq(heap.inner(), self.inner())) {
            look(self.inner());
        }
    }
}

#[cold]
fn call(state: u32) {
    // ORDER: Acquire ⇐ whoever was here before; Relaxed on failure: somebody else calls.
    if STATE.compare_exchange(state, AWAKE, Acquire, Relaxed).is_err() {
        return;
    }
    if state == ASLEEP {
        futex::wake(&STATE, 1);
        return;
    }
    let off = process::env(c"GORT_SCAVENGER").is_some_and(|v| v == b"off");
    if off || !process::background(run) {
        STATE.store(OFF, Release); // ORDER: Release — the last word of this function.
    }
}

/// In the child of a fork there is no such thread.
pub(super) fn forked() {
    // ORDER: Relaxed, both — one thread is left.
    if STATE.load(Relaxed) != OFF {
        STATE.store(NONE, Relaxed);
    }
}

extern "C" fn run(_: *mut c_void) -> *mut c_void {
    let Some(heap) = PROCESS.get() else { return core::ptr::null_mut() };
    let mut scavenger = Scavenger::new(clock::nanos());
    loop {
        match scavenger.step(heap, clock::nanos(), process::thread_nanos) {
            Next::Again => {}
            Next::Sleep(ns) => clock::pause(ns),
            Next::Idle => {
                // ORDER: Release ⇒ `call`; Relaxed on failure: cannot fail, nobody else leaves AWAKE.
                if STATE.compare_exchange(AWAKE, ASLEEP, Release, Relaxed).is_ok() {
                    while STATE.load(Acquire) == ASLEEP {
                        // ORDER: Acquire (above) ⇐ `call`.
                        futex::wait(&STATE, ASLEEP, None);
                    }
                }
                scavenger = Scavenger::new(clock::nanos());
            }
        }
    }
}
