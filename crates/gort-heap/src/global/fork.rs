//! Forks: the child has one thread, and a heap in which nobody is in the middle of anything.
//!
//! Before a fork its caller takes all locks of the heap, in the order of their ranks; afterwards both processes release
//! them. In the child the caches of the other threads go to the pool with all that they have borrowed. One whose owner was
//! in the middle of more than a pop or a push cannot be put in order: what it has is lost to the child.
//!
//! A fork may also come from a signal handler that interrupted the heap's own code. Its thread may hold any of the locks, so
//! none is taken: it goes on in both processes where it was interrupted, and the child may want no lock that another
//! thread held. (The C library gives the same promise: its child may use signal-safe functions only.)

use super::process::{PROCESS, leave};
use super::word;
use crate::config::Kind;
use crate::held::Held;
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

struct Stopped(UnsafeCell<Option<Held<'static>>>);

// SAFETY: GLOBAL-4 — touched by the thread that forks alone, between its handlers, under the C library's lock for forks.
unsafe impl Sync for Stopped {}

static STOPPED: Stopped = Stopped(UnsafeCell::new(None));
static WATCHED: AtomicU32 = AtomicU32::new(0);

/// Asks to be told of forks, once.
pub(crate) fn watch() {
    // ORDER: Relaxed, both — only the first caller goes on; nothing is published.
    if WATCHED.load(Relaxed) == 0 && WATCHED.swap(1, Relaxed) == 0 {
        gort_sys::process::at_fork(prepare, parent, child);
    }
}

/// The calling thread was interrupted in the middle of the heap's code.
fn interrupted() -> bool {
    // SAFETY: GLOBAL-2 — the thread's own record, or a static one.
    unsafe { word::get().as_ref() }.busy.get()
}

unsafe extern "C" fn prepare() {
    if interrupted() {
        return;
    }
    if let Some(heap) = PROCESS.get() {
        let held = heap.inner().hold();
        // SAFETY: GLOBAL-4 — this thread forks.
        unsafe { *STOPPED.0.get() = Some(held) };
    }
}

unsafe extern "C" fn parent() {
    // SAFETY: GLOBAL-4 — this thread has forked.
    drop(unsafe { (*STOPPED.0.get()).take() });
}

unsafe extern "C" fn child() {
    // SAFETY: GLOBAL-4 — the only thread of the child.
    let held = unsafe { (*STOPPED.0.get()).take() };
    super::background::forked();
    let Some(heap) = PROCESS.get() else { return };
    if held.is_none() && interrupted() {
        return;
    }
    drop(held);
    let mine = word::get();
    for rec in heap.inner().records().filter(|r| r.kind.get() == Kind::Explicit) {
        if !rec.process.get() || rec.pooled.get() || core::ptr::eq(rec, mine.as_ptr()) {
            continue;
        }
        if rec.busy.get() {
            rec.process.set(false);
            continue;
        }
        settle(rec);
        leave(heap, NonNull::from(rec));
    }
}

/// Where stores may be seen in another order than they were made, the newest entry of an array may be missing although
/// its place is counted: it is not counted then.
fn settle(rec: &crate::record::CacheRec) {
    if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
        return;
    }
    for mag in &rec.mags {
        let top = mag.top.load(Relaxed); // ORDER: Relaxed — one thread is left.
        if top != mag.lo.load(Relaxed) {
            mag.top.store(top.wrapping_sub(1), Relaxed); // ORDER: Relaxed — as above.
        }
    }
}
