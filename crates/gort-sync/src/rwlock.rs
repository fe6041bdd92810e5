//! [`RwLock`], std's reader-writer lock for goroutines.

use crate::poison::{Panicking, Poison, judge};
use crate::raw_rwlock::RawRwLock;
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;
use std::sync::{LockResult, TryLockError, TryLockResult};

/// A lock that many may hold to read or one to write, with std's interface: a goroutine that has to wait
/// parks, and its thread runs others.
///
/// Who waits is served in order, readers in a row together. So a reader that comes while a writer waits,
/// waits too; a task that reads twice at a time may wait for itself, as with std's.
///
/// ```
/// use gort_sync::RwLock;
///
/// let lock = RwLock::new(5);
/// {
///     let (a, b) = (lock.read().unwrap(), lock.read().unwrap());
///     assert_eq!(*a + *b, 10);
/// }
/// *lock.write().unwrap() += 1;
/// assert_eq!(lock.into_inner().unwrap(), 6);
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    poison: Poison,
    data: UnsafeCell<T>,
}

// SAFETY: RWLOCK-DATA — the data goes where the lock goes.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: RWLOCK-DATA — readers share it between threads, hence `Sync`; a writer takes it along.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// Shared access to the data of a [`RwLock`], until dropped.
#[must_use = "the lock is released when the guard goes"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// A pointer, and not the lock itself, so that the guard is covariant in `T`. It also keeps the guard
    /// where it was made, like std's.
    data: NonNull<T>,
    raw: &'a RawRwLock,
}

// SAFETY: RWLOCK-DATA — a shared guard lends `&T` and no more.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

/// Exclusive access to the data of a [`RwLock`], until dropped.
#[must_use = "the lock is released when the guard goes"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    panicking: Panicking,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: RWLOCK-DATA — a shared guard lends `&T` and no more.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    /// An unlocked lock.
    pub const fn new(data: T) -> Self {
        Self { raw: RawRwLock::new(), poison: Poison::new(), data: UnsafeCell::new(data) }
    }

    /// The data.
    ///
    /// # Errors
    /// If a writer has panicked; the data is in the error.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.is_poisoned();
        judge(self.data.into_inner(), poisoned)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, waiting until it is possible.
    ///
    /// # Errors
    /// If a writer has panicked; the guard is in the error.
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        gort_sched::sim::at("read");
        self.raw.read();
        self.poison.judge(self.reader())
    }

    /// Locks for writing, waiting until it is possible.
    ///
    /// # Errors
    /// If a writer has panicked; the guard is in the error.
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        gort_sched::sim::at("write");
        self.raw.write();
        self.poison.judge(self.writer())
    }

    /// Locks for reading, if nobody writes or waits.
    ///
    /// # Errors
    /// If somebody does, or a writer has panicked; the guard is in the latter error.
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        gort_sched::sim::at("try_read");
        if !self.raw.try_read() {
            gort_sched::checkpoint();
            return Err(TryLockError::WouldBlock);
        }
        Ok(self.poison.judge(self.reader())?)
    }

    /// Locks for writing, if nobody holds the lock or waits.
    ///
    /// # Errors
    /// If somebody does, or a writer has panicked; the guard is in the latter error.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        gort_sched::sim::at("try_write");
        if !self.raw.try_write() {
            gort_sched::checkpoint();
            return Err(TryLockError::WouldBlock);
        }
        Ok(self.poison.judge(self.writer())?)
    }

    fn reader(&self) -> RwLockReadGuard<'_, T> {
        // SAFETY: RWLOCK-DATA — the address of a cell in `self` is not null.
        let data = unsafe { NonNull::new_unchecked(self.data.get()) };
        RwLockReadGuard { data, raw: &self.raw }
    }

    fn writer(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard { lock: self, panicking: Panicking::now(), _not_send: PhantomData }
    }

    /// Whether a writer has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Forgets that a writer has panicked.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The data, where borrowing proves that nobody else can reach it.
    ///
    /// # Errors
    /// If a writer has panicked; the data is in the error.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.is_poisoned();
        judge(self.data.get_mut(), poisoned)
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on as a reader; nobody writes in between.
    pub fn downgrade(s: Self) -> RwLockReadGuard<'a, T> {
        let lock = s.lock;
        // The writer's place becomes a reader's: it is not given up.
        mem::forget(s);
        lock.raw.downgrade();
        lock.reader()
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: RWLOCK-DATA — the guard lives while nobody writes.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: RWLOCK-DATA — the guard lives while nobody else holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: RWLOCK-DATA — as above, and the guard is borrowed alone.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.raw.unlock_read();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.poison.end(&self.panicking);
        self.lock.raw.unlock_write();
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(data: T) -> Self {
        Self::new(data)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(TryLockError::Poisoned(err)) => out.field("data", &&**err.get_ref()),
            Err(TryLockError::WouldBlock) => out.field("data", &format_args!("<locked>")),
        };
        out.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
