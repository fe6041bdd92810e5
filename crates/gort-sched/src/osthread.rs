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

/// Whether this thread unwinds. Never inlined: it may read a thread-local (TLS-1 of gort-sys).
#[inline(never)]
pub(crate) fn panicking() -> bool {
    std::thread::panicking()
}

/// std counts panics by thread. A goroutine that parks or yields while it unwinds therefore keeps its
/// thread for itself. `true`: until [`release_kept`].
#[inline]
pub(crate) fn keep_while_unwinding(m: &M, g: *mut G) -> bool {
    let unwinds = panicking();
    if unwinds {
        lock(m, g);
    }
    unwinds
}

#[cold]
pub(crate) fn lock(m: &M, g: *mut G) {
    // SAFETY: G-OWN — the goroutine that runs here.
    let g_ref = unsafe { &*g };
    g_ref.thread_locks.set(g_ref.thread_locks.get() + 1);
    take(m, g);
}

#[inline]
pub(crate) fn release_kept(g: *mut G, kept: bool) {
    if kept {
        // SAFETY: G-OWN — the goroutine that runs here.
        release(unsafe { &*g });
    }
}

/// Keeps the calling goroutine on its OS thread, and everybody else off it, until the guard
/// goes. Counted: guards nest. On a plain thread it does nothing.
#[must_use = "the thread is released when the guard goes"]
#[derive(Debug)]
pub struct OsThreadGuard {
    g: *const G,
    id: u64,
}

fn running<'a>() -> Option<&'a G> {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) }
}

/// See [`OsThreadGuard`]. For libraries that keep state by thread.
pub fn lock_os_thread() -> OsThreadGuard {
    let Some(g) = running() else { return OsThreadGuard { g: core::ptr::null(), id: 0 } };
    // SAFETY: M-OWN — a goroutine runs, so its thread has an M.
    lock(unsafe { &*M::current() }, core::ptr::from_ref(g).cast_mut());
    OsThreadGuard { g, id: g.id.get() }
}

impl Drop for OsThreadGuard {
    fn drop(&mut self) {
        // The guard is not Send, but a thread-local may keep it until another goroutine has the thread.
        if let Some(g) = running().filter(|g| core::ptr::eq(*g, self.g) && g.id.get() == self.id) {
            release(g);
        }
    }
}
