//! [`Gc`], the handle: a pointer to an object that lives as long as the guard is not asked to pass.

use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use core::{fmt, hash};

/// A handle to an object in the collected heap. One word, `Copy`.
///
/// Its lifetime `'mu` borrows the [`Mutator`](crate::Mutator), or the object out of which it was
/// loaded: it ends at the next safepoint, and the compiler sees to it. What must live longer is kept by
/// a [`Root`](crate::Root), or by a field of another object.
///
/// Walk along fields through [`get`](Gc::get): `cur = cur.get().next.load()`. A plain
/// `cur.next.load()` borrows the variable `cur` instead of the object.
pub struct Gc<'mu, T: ?Sized> {
    ptr: NonNull<T>,
    /// Borrows the guard, and nothing of `T`: that would ask `T: 'mu` of every user.
    guard: PhantomData<&'mu ()>,
}

// SAFETY: GC-HANDLE — a handle gives `&T` to its new thread, which ends before the guard passes, and the
// thread can copy it back: like `&T`, that needs `T: Sync`; `T: Send` because a Root can be made of it.
unsafe impl<T: ?Sized + Send + Sync> Send for Gc<'_, T> {}
// SAFETY: GC-HANDLE — as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Gc<'_, T> {}

impl<'mu, T: ?Sized> Gc<'mu, T> {
    /// A handle to an object.
    ///
    /// # Safety
    /// GC-HANDLE: `ptr` is the base of an initialised object of this type, and `'mu` ends before the
    /// guard that protects it passes.
    #[inline(always)]
    pub(crate) unsafe fn from_non_null(ptr: NonNull<T>) -> Self {
        Self { ptr, guard: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn as_non_null(self) -> NonNull<T> {
        self.ptr
    }

    /// The object, for as long as the guard allows.
    #[inline(always)]
    pub fn get(self) -> &'mu T {
        // SAFETY: GC-HANDLE — the object is alive and initialised while the handle exists.
        unsafe { self.ptr.as_ref() }
    }

    /// Whether both handles name the same object.
    #[inline(always)]
    pub fn ptr_eq(self, other: Gc<'_, T>) -> bool {
        core::ptr::addr_eq(self.ptr.as_ptr(), other.ptr.as_ptr())
    }

    /// The object's address, as a number. Objects do not move: it is the object's for its whole life.
    #[inline(always)]
    pub fn addr(self) -> usize {
        self.ptr.as_ptr().addr()
    }
}

impl<T: ?Sized> Clone for Gc<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Gc<'_, T> {}

impl<T: ?Sized> Deref for Gc<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        self.get()
    }
}

/// As the object's: two handles are equal when their objects are. [`Gc::ptr_eq`] compares identity.
impl<T: ?Sized + PartialEq> PartialEq for Gc<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for Gc<'_, T> {}

impl<T: ?Sized + hash::Hash> hash::Hash for Gc<'_, T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The object's address: objects may form cycles, so their contents are not followed.
impl<T: ?Sized> fmt::Debug for Gc<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gc({:#x})", self.addr())
    }
}
