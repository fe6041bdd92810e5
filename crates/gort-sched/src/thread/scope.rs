//! [`scope`]: goroutines that may borrow from their spawner, which waits for all of them.

use super::builder::Builder;
use super::current::{current, park, yield_now};
use super::handle::Thread;
use crate::join::{JoinHandle, Result};
use crate::osthread;
use core::marker::PhantomData;
use core::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::io;
use std::sync::Arc;

/// How many goroutines of a scope live, and who waits for the last.
#[derive(Debug)]
struct ScopeData {
    running: AtomicUsize,
    /// How many of them have panicked, and nobody has learnt it from `join`.
    panicked: AtomicUsize,
    owner: Thread,
}

impl ScopeData {
    fn enter(&self) {
        // ORDER: Relaxed — the scope's owner, or a goroutine that is counted itself, adds.
        self.running.fetch_add(1, Relaxed);
    }

    fn leave(&self, panicked: bool) {
        if panicked {
            // ORDER: Relaxed — published by the count, and by the result to who joins.
            self.panicked.fetch_add(1, Relaxed);
        }
        let owner = self.owner.clone();
        // ORDER: SeqCst — Release ⇒ the owner's look: all that the goroutine did.
        if self.running.fetch_sub(1, SeqCst) == 1 {
            owner.unpark();
        }
    }
}

/// Counts one goroutine of a scope, until dropped.
struct Leaver {
    data: Arc<ScopeData>,
    /// The closure has returned; else it panicked, or never ran.
    returned: bool,
}

impl Drop for Leaver {
    fn drop(&mut self) {
        self.data.leave(!self.returned && osthread::panicking());
    }
}

/// A result that may borrow what the scope keeps: the goroutine is counted until it is gone. So a
/// handle that is forgotten keeps the scope waiting, as with std.
struct Kept<T> {
    /// Dropped first.
    value: T,
    _leaver: Leaver,
}

/// A scope of goroutines that may borrow from their spawner; see [`scope`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The handle of a goroutine in a scope.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<Kept<T>>,
    data: Arc<ScopeData>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// The payload of the panic.
    pub fn join(self) -> Result<T> {
        let result = self.handle.join();
        if result.is_err() {
            // ORDER: Relaxed — counted before the result was there; the scope's end acquires it from
            // the caller.
            let _ = self.data.panicked.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
        }
        result.map(|kept| kept.value)
    }

    /// Whether the goroutine has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The goroutine's thread handle.
    pub fn thread(&self) -> Thread {
        self.handle.thread()
    }
}

impl Builder {
    /// Spawns into a scope.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let s = self.check()?;
        let (how, name) = self.parts();
        let data = Arc::clone(&scope.data);
        data.enter();
        // Moved into the closure, so that it leaves also when the closure never runs.
        let mut leaver = Leaver { data, returned: false };
        let body = move || {
            let value = f();
            leaver.returned = true;
            Kept { value, _leaver: leaver }
        };
        // SAFETY: THREAD-SCOPE — `scope` does not return before `data` counts no goroutine; each is
        // counted until its closure and its result, which both may borrow, are gone.
        let handle = unsafe { s.spawn_unchecked(body, how, name) }?;
        Ok(ScopedJoinHandle { handle, data: Arc::clone(&scope.data), scope: PhantomData })
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Spawns a goroutine that may borrow what outlives the scope.
    ///
    /// # Panics
    /// If there is no memory, or no goroutine calls.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot spawn a goroutine: {e}"),
        }
    }
}

/// Runs `f` with a scope, and returns when every goroutine spawned into it has ended; on every
/// path, a panic and a shutdown included. Inside [`no_park`](super::no_park) the thread waits, not the goroutine.
///
/// # Panics
/// If `f` panics, or a goroutine of the scope panicked and was not joined.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        data: Arc::new(ScopeData {
            running: AtomicUsize::new(0),
            panicked: AtomicUsize::new(0),
            owner: current(),
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| f(&scope)));
    // ORDER: SeqCst — Acquire ⇐ `leave`: what the goroutines did.
    while scope.data.running.load(SeqCst) != 0 {
        if super::current::must_not_park() {
            // Its goroutines run on other threads meanwhile.
            gort_sys::thread::yield_os();
            continue;
        }
        // The exit of a scope cannot be cancelled: a shutdown is acted on afterwards.
        let parked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(park));
        if parked.is_err() {
            // Its goroutines may be bound to this thread.
            yield_now();
        }
    }
    match result {
        Err(payload) => std::panic::resume_unwind(payload),
        // ORDER: Relaxed — acquired with the count.
        Ok(_) if scope.data.panicked.load(Relaxed) != 0 => panic!("a scoped thread panicked"),
        Ok(value) => value,
    }
}
