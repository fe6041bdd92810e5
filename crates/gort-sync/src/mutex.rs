//! [`Mutex`], std's mutex for goroutines.

use crate::poison::{Panicking, Poison, judge};
use crate::raw_mutex::RawMutex;
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

/// Mutual exclusion with std's interface: a goroutine that has to wait parks, and its thread
/// runs others.
///
/// Whoever waits for longer than about a millisecond gets the mutex before any newcomer.
///
/// ```
/// use gort_sync::Mutex;
///
/// let counter = Mutex::new(0);
/// *counter.lock().unwrap() += 1;
/// assert_eq!(counter.into_inner().unwrap(), 1);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    poison: Poison,
    data: UnsafeCell<T>,
}

// SAFETY: MUTEX-DATA — the data is reached by the holder alone.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: MUTEX-DATA — as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// Access to the data of a [`Mutex`], until dropped.
#[must_use = "the mutex is unlocked when the guard goes"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: Panicking,
    /// A guard stays where it was made, like std's.
    _not_send: PhantomData<*const ()>,
}

// SAFETY: MUTEX-DATA — a shared guard lends `&T` and no more.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(data: T) -> Self {
        Self { raw: RawMutex::new(), poison: Poison::new(), data: UnsafeCell::new(data) }
    }

    /// The data.
    ///
    /// # Errors
    /// If a holder has panicked; the data is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        judge(self.data.into_inner(), poisoned)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting until it is possible.
    ///
    /// # Errors
    /// If a holder has panicked; the guard is in the error.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        self.guard()
    }

    /// Locks, if that is possible at once.
    ///
    /// # Errors
    /// If it is locked, or a holder has panicked; the guard is in the latter error.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.raw.try_lock() {
            Ok(self.guard()?)
        } else {
            gort_sched::checkpoint();
            Err(TryLockError::WouldBlock)
        }
    }

    /// The guard of who has just locked.
    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard { mutex: self, panicking: Panicking::now(), _not_send: PhantomData };
        self.poison.judge(guard)
    }

    /// Whether a holder has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Forgets that a holder has panicked.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The data, where borrowing proves that nobody else can reach it.
    ///
    /// # Errors
    /// If a holder has panicked; the data is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        judge(self.data.get_mut(), poisoned)
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Unlocks while `wait` runs, and locks again; without a look at the poison.
    pub(crate) fn unlocked<R>(self, wait: impl FnOnce() -> R) -> (LockResult<Self>, R) {
        let mutex = self.mutex;
        drop(self);
        let result = wait();
        (mutex.lock(), result)
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: MUTEX-DATA — the guard lives while we hold the mutex.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: MUTEX-DATA — the guard lives while we hold the mutex, and is borrowed alone.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.poison.end(&self.panicking);
        self.mutex.raw.unlock();
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(data: T) -> Self {
        Self::new(data)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(TryLockError::Poisoned(err)) => out.field("data", &&**err.get_ref()),
            Err(TryLockError::WouldBlock) => out.field("data", &format_args!("<locked>")),
        };
        out.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
