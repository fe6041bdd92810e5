//! A goroutine that owns its thread: `lock_os_thread`, and goroutines that unwind.
//!
//! The thread then runs nothing else; while the goroutine waits, the thread sleeps without a P.

use crate::g::{G, MIGRATES};
use crate::m::M;

/// The current goroutine `g` owns `m` from now on. The caller has counted the lock.
pub(crate) fn take(m: &M, g: *mut G) {
    if m.sim().is_some() {
        return; // There is one thread for all.
    }
    m.exclusive.set(g);
    // SAFETY: G-OWN — the goroutine that runs here.
    let g = unsafe { &*g };
    if g.home().is_null() {
        g.set_home(m);
        m.bound_live.set(m.bound_live.get() + 1);
    }
}

/// One lock less; with the last the thread is free again, and a migrating goroutine too.
pub(crate) fn release(g: &G) {
    let left = g.thread_locks.get().saturating_sub(1);
    g.thread_locks.set(left);
    if left > 0 {
        return;
    }
    // SAFETY: M-OWN — a goroutine runs, so its thread has an M.
    let m = unsafe { &*M::current() };
    m.exclusive.set(core::ptr::null_mut());
    if g.has(MIGRATES) {
        g.set_home(core::ptr::null());
        m.bound_live.set(m.bound_live.get().saturating_sub(1));
    }
}

/// Keeps the calling goroutine on its OS thread, and everybody else off it, until the guard
/// goes. Counted: guards nest. On a plain thread it does nothing.
#[must_use = "the thread is released when the guard goes"]
#[derive(Debug)]
pub struct OsThreadGuard {
    g: *const G,
}

/// See [`OsThreadGuard`]. For libraries that keep state by thread.
pub fn lock_os_thread() -> OsThreadGuard {
    // SAFETY: M-OWN — a non-null word is this thread's M.
    let g = unsafe { M::current().as_ref() }.map_or(core::ptr::null_mut(), |m| m.cur.get());
    if !g.is_null() {
        // SAFETY: G-OWN — the goroutine that runs here is the caller; its thread has an M.
        unsafe {
            (*g).thread_locks.set((*g).thread_locks.get() + 1);
            take(&*M::current(), g);
        }
    }
    OsThreadGuard { g }
}

impl Drop for OsThreadGuard {
    fn drop(&mut self) {
        // SAFETY: G-OWN — the guard is not Send, so this is the goroutine that took it.
        if let Some(g) = unsafe { self.g.as_ref() } {
            release(g);
        }
    }
}
