//! [`Once`] and [`OnceLock`], std's, for goroutines: what others are doing is waited for parked.

use crate::chan::base::served;
use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{rank, wait_in};
use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use gort_sched::park::{self, SHUTDOWN, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::atomic::{AtomicU8, Ordering};
use gort_sys::lock::RawLock;

const NEW: u8 = 0;
const RUNNING: u8 = 1;
const POISONED: u8 = 2;
const DONE: u8 = 3;

/// Runs something once, however many ask for it.
///
/// ```
/// static START: gort_sync::Once = gort_sync::Once::new();
/// let mut runs = 0;
/// for _ in 0..3 {
///     START.call_once(|| runs += 1);
/// }
/// assert_eq!(runs, 1);
/// ```
pub struct Once {
    state: AtomicU8,
    lock: RawLock,
    /// Guarded by `lock`.
    queue: UnsafeCell<Queue>,
}

// SAFETY: WAIT-1 — the queue is reached under `lock` only.
unsafe impl Sync for Once {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for Once {}
impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

/// What [`Once::call_once_force`] tells its function.
pub struct OnceState {
    poisoned: bool,
}

impl OnceState {
    /// Whether an earlier run has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.is_poisoned()).finish()
    }
}

impl Once {
    /// Nothing has run.
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(NEW),
            lock: RawLock::new(&rank::ONCE),
            queue: UnsafeCell::new(Queue::new()),
        }
    }

    /// Runs `f`, or waits for who runs his, or does nothing: afterwards, one has run.
    ///
    /// # Panics
    /// If the run, now or earlier, has panicked.
    #[inline]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        self.call(false, |_| f());
    }

    /// Like [`call_once`](Self::call_once), but runs if an earlier run has panicked.
    #[inline]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        self.call(true, f);
    }

    /// Whether it has run.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.state() == DONE
    }

    /// Waits until it has run; runs nothing.
    ///
    /// # Panics
    /// If a run, now or earlier, has panicked.
    pub fn wait(&self) {
        self.await_run(false);
    }

    /// Like [`wait`](Self::wait), but waits on if a run has panicked.
    pub fn wait_force(&self) {
        self.await_run(true);
    }

    fn await_run(&self, force: bool) {
        loop {
            match self.state() {
                DONE => return,
                POISONED if !force => panic!("Once instance has previously been poisoned"),
                seen => self.wait_while(seen),
            }
        }
    }

    fn state(&self) -> u8 {
        // ORDER: Acquire ⇐ `Running::drop`: what the run has done.
        self.state.load(Ordering::Acquire)
    }

    #[inline]
    fn call(&self, force: bool, f: impl FnOnce(&OnceState)) {
        sim::at("once");
        if !self.is_completed() {
            let mut f = Some(f);
            self.call_slow(force, &mut |state| {
                if let Some(f) = f.take() {
                    f(state);
                }
            });
        }
    }

    #[cold]
    fn call_slow(&self, force: bool, f: &mut dyn FnMut(&OnceState)) {
        loop {
            let state = self.state();
            match state {
                DONE => return,
                RUNNING => self.wait_while(RUNNING),
                POISONED if !force => panic!("Once instance has previously been poisoned"),
                _ => {
                    // ORDER: Acquire ⇐ `Running::drop`: what a run that panicked has done.
                    // Relaxed on failure: the loop looks again.
                    let mine = self.state.compare_exchange(
                        state,
                        RUNNING,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if mine.is_ok() {
                        let running = Running { once: self, then: Cell::new(POISONED) };
                        f(&OnceState { poisoned: state == POISONED });
                        running.then.set(DONE);
                        return;
                    }
                }
            }
        }
    }

    /// Waits for the end of a run, unless the state is not `seen` any more.
    fn wait_while(&self, seen: u8) {
        self.lock.acquire();
        if self.state() != seen {
            self.lock.release();
            return;
        }
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, ptr::null_mut());
        // SAFETY: WAIT-1 — taken above.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — taken above; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { queue.push(&w) };
        self.lock.release();
        if wait_in(&w, queue, &self.lock, WaitReason::Mutex, None) == SHUTDOWN {
            park::unwind();
        }
    }
}

/// A run. When it ends, or panics, the state is set and all who wait go on.
struct Running<'a> {
    once: &'a Once,
    then: Cell<u8>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let wakes = WakeList::new();
        self.once.lock.acquire();
        // ORDER: Release ⇒ `state`: what the run has done.
        self.once.state.store(self.then.get(), Ordering::Release);
        // SAFETY: WAIT-1 — taken above.
        let queue = unsafe { &*self.once.queue.get() };
        // SAFETY: WAIT-1 — taken above.
        while let Some(w) = unsafe { queue.pop() } {
            // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
            if unsafe { &*w }.claim() {
                // SAFETY: WAIT-3 — just claimed.
                unsafe { served(w, Outcome::Done, &wakes) };
            }
        }
        self.once.lock.release();
        wakes.wake();
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

/// A cell that is written once.
///
/// ```
/// let cell = gort_sync::OnceLock::new();
/// assert_eq!(cell.get(), None);
/// assert_eq!(cell.get_or_init(|| 92), &92);
/// assert_eq!(cell.set(62), Err(62));
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// No drop glue of our own: a cell may be dropped after what its value refers to, as with std's.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: ONCE-1 — the value is written by the one run, and shared only afterwards.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
// SAFETY: ONCE-1 — as above.
unsafe impl<T: Send> Send for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// An empty cell.
    pub const fn new() -> Self {
        Self { once: Once::new(), value: UnsafeCell::new(None) }
    }

    /// The value, if there is one.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: ONCE-1 — completed: written, and not written again while it is shared.
        if self.once.is_completed() { unsafe { (*self.value.get()).as_ref() } } else { None }
    }

    /// The value, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// The value, waiting until there is one.
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        // SAFETY: ONCE-1 — completed.
        unsafe { (*self.value.get()).as_ref().unwrap_unchecked() }
    }

    /// Puts `value` in, if the cell is empty.
    ///
    /// # Errors
    /// If it is not; gives the value back.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| match value.take() {
            Some(value) => value,
            None => unreachable!("the function runs once"),
        });
        value.map_or(Ok(()), Err)
    }

    /// The value, made by `f` if the cell is empty. Others wait while one makes it; if that one
    /// panics, the next tries.
    #[inline]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        self.once.call_once_force(|_| {
            let value = f();
            // SAFETY: ONCE-1 — the one run; nobody has a reference before it ends.
            unsafe { *self.value.get() = Some(value) };
        });
        // SAFETY: ONCE-1 — completed.
        unsafe { (*self.value.get()).as_ref().unwrap_unchecked() }
    }

    /// Takes the value out; the cell is empty again.
    pub fn take(&mut self) -> Option<T> {
        if !self.once.is_completed() {
            return None;
        }
        self.once = Once::new();
        self.value.get_mut().take()
    }

    /// The value, if there is one.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let cell = Self::new();
        let _ = cell.set(value);
        cell
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<uninit>")),
        };
        out.finish()
    }
}
