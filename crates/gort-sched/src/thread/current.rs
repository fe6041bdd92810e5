//! What a goroutine asks about itself and does with itself: its handle, waiting, yielding, ending.

use super::handle::{Thread, of};
use crate::g::{G, MAIN};
use crate::m::M;
use crate::park::{self, WaitReason};
use crate::schedule;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use gort_sys::clock;
use std::time::{Duration, Instant};

fn current_g<'a>() -> Option<&'a G> {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) }
}

std::thread_local! {
    // Plain threads only.
    static OUTSIDE: Thread = {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        let name = std::thread::current().name().map(Into::into);
        // ORDER: Relaxed — numbers only have to differ.
        Thread::outside(NEXT.fetch_add(1, Relaxed), name)
    };
}

/// The calling goroutine, or plain thread.
pub fn current() -> Thread {
    match current_g() {
        Some(g) => of(g),
        None => OUTSIDE.with(Thread::clone),
    }
}

/// The number of the calling goroutine, or `None` on a plain thread.
pub fn goroutine_id() -> Option<u64> {
    current_g().map(|g| g.id.get())
}

/// Runs `f` with the number and name of the calling goroutine; for panic hooks.
pub fn with_current_name<R>(f: impl FnOnce(u64, Option<&str>) -> R) -> Option<R> {
    current_g().map(|g| {
        let main = g.has(MAIN).then_some("main");
        f(g.id.get(), g.name().or(main))
    })
}

/// Waits until [`Thread::unpark`] is called for this goroutine, or was since the last park. As
/// with std, it may return without.
pub fn park() {
    current().parker().park(WaitReason::Park, None);
}

/// As [`park()`], at most for a while.
pub fn park_timeout(timeout: Duration) {
    current().parker().park(WaitReason::Park, Some(deadline_after(timeout)));
}

/// The clock's reading after `timeout`, at most the end of time.
pub fn deadline_after(timeout: Duration) -> u64 {
    clock::nanos().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

/// Lets other goroutines run; a plain thread yields to the system. Inside [`no_park`] it does nothing.
#[inline]
pub fn yield_now() {
    match current_g() {
        Some(g) if g.no_park.get() != 0 => {}
        Some(_) => schedule::yield_now(),
        None => gort_sys::thread::yield_os(),
    }
}

/// Waits for a while.
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        yield_now();
    } else {
        park::sleep_till(deadline_after(duration));
    }
}

/// Waits until a moment.
pub fn sleep_until(deadline: Instant) {
    park::sleep_until(clock::nanos_at(deadline));
}

/// Whether the calling goroutine unwinds.
pub fn panicking() -> bool {
    crate::osthread::panicking()
}

/// Whether the caller is inside [`no_park`].
pub(super) fn must_not_park() -> bool {
    current_g().is_some_and(|g| g.no_park.get() != 0)
}

/// Runs `f`, inside which parking is an error: it panics instead. What was handed over at that very moment is
/// taken first, and nothing is lost. The goroutine stays on its thread, which runs no other, even if its processor is taken
/// away; yields do nothing.
///
/// A destructor that parks inside, while a panic unwinds, does wait: it keeps the thread for itself. On a plain thread this
/// does nothing, as nobody else runs on the thread while it waits.
pub fn no_park<T>(f: impl FnOnce() -> T) -> T {
    struct Scope(*const G);
    impl Drop for Scope {
        fn drop(&mut self) {
            // SAFETY: G-OWN — the goroutine that runs is the one that entered: it cannot park.
            if let Some(g) = unsafe { self.0.as_ref() } {
                g.no_park.set(g.no_park.get() - 1);
            }
        }
    }
    let g = current_g();
    if let Some(g) = g {
        g.no_park.set(g.no_park.get() + 1);
    }
    let _scope = Scope(g.map_or(core::ptr::null(), core::ptr::from_ref));
    f()
}

/// What unwinds a goroutine that ends itself.
pub(crate) struct GoexitToken;

/// Ends the calling goroutine: its destructors run, its handle's `join` is an error, others go
/// on. On the main goroutine the program then ends when nobody can run any more, as in Go.
///
/// # Panics
/// On a plain thread.
pub fn goexit() -> ! {
    match current_g() {
        Some(g) => {
            if g.has(MAIN) {
                // ORDER: Relaxed — a word for the deadlock report.
                g.scheduler().main_gone.store(true, Relaxed);
            }
            std::panic::resume_unwind(Box::new(GoexitToken))
        }
        None => panic!("goexit on a thread that is no goroutine"),
    }
}

/// Whether a payload says that the goroutine ended by [`goexit`].
pub fn is_goexit(payload: &(dyn core::any::Any + Send)) -> bool {
    payload.is::<GoexitToken>()
}
