//! [`scope`]: goroutines that may borrow from their spawner, which waits for all of them.

use super::builder::Builder;
use super::current::{current, park, yield_now};
use super::handle::Thread;
use crate::join::{JoinHandle, Result};
use crate::park;
use core::marker::PhantomData;
use core::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::io;
use std::sync::Arc;

/// How many goroutines of a scope live, and who waits for the last.
#[derive(Debug)]
struct ScopeData {
    running: AtomicUsize,
    panicked: AtomicBool,
    owner: Thread,
}

impl ScopeData {
    fn enter(&self) {
        // ORDER: Relaxed — the scope's owner, or a goroutine that is counted itself, adds.
        self.running.fetch_add(1, Relaxed);
    }

    fn leave(&self, panicked: bool) {
        if panicked {
            // ORDER: Relaxed — published by the count.
            self.panicked.store(true, Relaxed);
        }
        let owner = self.owner.clone();
        // ORDER: SeqCst — Release ⇒ the owner's look: all that the goroutine did.
        if self.running.fetch_sub(1, SeqCst) == 1 {
            owner.unpark();
        }
    }
}

struct Leaver(Arc<ScopeData>);

impl Drop for Leaver {
    fn drop(&mut self) {
        self.0.leave(park::panicking());
    }
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
    handle: JoinHandle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// The payload of the panic.
    pub fn join(self) -> Result<T> {
        self.handle.join()
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
        let data = Arc::clone(&scope.data);
        data.enter();
        let body = move || {
            let leaver = Leaver(data);
            let result = f();
            drop(leaver);
            result
        };
        // SAFETY: THREAD-SCOPE — `scope` does not return before `data` counts no goroutine, so
        // what the closure borrows outlives it.
        let handle = unsafe { s.spawn_unchecked(body, self.how, self.name.map(Into::into)) };
        match handle {
            Ok(handle) => Ok(ScopedJoinHandle { handle, scope: PhantomData }),
            Err(e) => {
                scope.data.leave(false);
                Err(e)
            }
        }
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
/// path, a panic and a shutdown included.
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
            panicked: AtomicBool::new(false),
            owner: current(),
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| f(&scope)));
    // ORDER: SeqCst — Acquire ⇐ `leave`: what the goroutines did.
    while scope.data.running.load(SeqCst) != 0 {
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
        Ok(_) if scope.data.panicked.load(Relaxed) => panic!("a scoped goroutine panicked"),
        Ok(value) => value,
    }
}
