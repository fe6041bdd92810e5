//! [`Field`], the pointer from one object to another.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::{any, fmt};

use crate::atomic::{AtomicPtr, Ordering};
use crate::{Gc, Mutator, Trace};

/// A pointer to another object, or null. Atomic: all tasks may load and store it at once.
///
/// A field that is not null exists only inside an object in the heap. Its one constructor makes null; an
/// object gets its first pointers through its `NameInit`.
#[repr(transparent)]
pub struct Field<T> {
    word: AtomicPtr<T>,
    /// Sharing a field shares a `T`: neither `Send` nor `Sync` by itself.
    shares: PhantomData<*const T>,
}

// SAFETY: GC-FIELD — the word is atomic; who loads it gets a `&T` on his thread and may root it.
unsafe impl<T: Send + Sync> Send for Field<T> {}
// SAFETY: GC-FIELD — as above.
unsafe impl<T: Send + Sync> Sync for Field<T> {}

impl<T> Field<T> {
    /// No object.
    pub const fn null() -> Self {
        Self { word: AtomicPtr::new(ptr::null_mut()), shares: PhantomData }
    }

    /// A field with a value.
    ///
    /// # Safety
    /// GC-FIELD: it is written into a new object of the collected heap, at a word that the object's map lists.
    #[inline(always)]
    pub(crate) unsafe fn in_heap(value: Option<Gc<'_, T>>) -> Self {
        Self { word: AtomicPtr::new(raw(value)), shares: PhantomData }
    }
}

impl<T: Trace> Field<T> {
    /// The object that the field names. One load; needs no guard, because the handle lives as long as the
    /// borrow of the field's owner.
    #[inline(always)]
    pub fn load<'a>(&'a self) -> Option<Gc<'a, T>> {
        // ORDER: Acquire ⇐ `store`, `swap`: the object's words, its map and its mark.
        let p = self.word.load(Ordering::Acquire);
        // SAFETY: GC-FIELD, GC-HANDLE — a pointer in a field was a handle when it was stored; the owner
        // is alive for `'a`, and what a live object names is alive (GC-LIVE).
        NonNull::new(p).map(|p| unsafe { Gc::from_non_null(p) })
    }

    /// Whether the field names no object.
    #[inline(always)]
    pub fn is_null(&self) -> bool {
        // ORDER: Relaxed — nothing behind the pointer is touched.
        self.word.load(Ordering::Relaxed).is_null()
    }

    /// Makes the field name `value`. With the barrier off: one load, one branch, one store.
    ///
    /// # Panics
    /// If the field or the value does not lie in the guard's collector: a `Field` on the stack or in a
    /// `Box` can only be null.
    #[inline(always)]
    pub fn store(&self, mu: &Mutator, value: Option<Gc<'_, T>>) {
        let (new, quiet) = self.admit(mu, value);
        if !quiet && mu.shades_old() {
            return self.exchange(mu, new);
        }
        // ORDER: Release ⇒ `load`, and the marker's load: the object's words, its map and its mark.
        self.word.store(new, Ordering::Release);
    }

    /// A store that shades what it replaces. An exchange: two stores at once must not both shade what was there before the
    /// first.
    #[cold]
    #[inline(never)]
    fn exchange(&self, mu: &Mutator, new: *mut T) {
        // ORDER: AcqRel — Release as in `store`, Acquire as in `load`.
        mu.shade_old(self.word.swap(new, Ordering::AcqRel).cast());
    }

    /// Makes the field name `value` and returns what it named.
    ///
    /// # Panics
    /// As [`store`](Self::store).
    #[inline]
    pub fn swap<'a>(&'a self, mu: &Mutator, value: Option<Gc<'_, T>>) -> Option<Gc<'a, T>> {
        let (new, quiet) = self.admit(mu, value);
        // ORDER: AcqRel — Release as in `store`, Acquire as in `load`.
        let old = self.word.swap(new, Ordering::AcqRel);
        if !quiet {
            mu.shade_old(old.cast());
        }
        // SAFETY: GC-FIELD, GC-LIVE — the owner named it just now, and the guards of this call's `mu`
        // and of the owner have not passed since: it is not freed before they do.
        NonNull::new(old).map(|p| unsafe { Gc::from_non_null(p) })
    }

    /// Makes the field name `new` if it names `current`. The result is what it named before: `Ok` if
    /// that was `current`.
    ///
    /// # Errors
    /// The field names another object.
    ///
    /// # Panics
    /// As [`store`](Self::store).
    #[inline]
    #[allow(
        clippy::type_complexity,
        reason = "the shape of the standard library's compare_exchange"
    )]
    pub fn compare_exchange<'a>(
        &'a self,
        mu: &Mutator,
        current: Option<Gc<'_, T>>,
        new: Option<Gc<'_, T>>,
    ) -> Result<Option<Gc<'a, T>>, Option<Gc<'a, T>>> {
        let (new, quiet) = self.admit(mu, new);
        // ORDER: AcqRel/Acquire — Release as in `store`, Acquire as in `load`.
        let was =
            self.word.compare_exchange(raw(current), new, Ordering::AcqRel, Ordering::Acquire);
        if let Ok(old) = was
            && !quiet
        {
            mu.shade_old(old.cast());
        }
        // SAFETY: GC-FIELD, GC-LIVE — as in `swap`.
        let handle = |p| NonNull::new(p).map(|p| unsafe { Gc::from_non_null(p) });
        was.map(handle).map_err(handle)
    }

    /// What must happen before a new value is written: both addresses are checked, and while the barrier is
    /// on the value is shaded (before the write, whether or not it succeeds: GC-BARRIER). `false`: what is replaced may
    /// have to be shaded afterwards.
    #[inline(always)]
    fn admit(&self, mu: &Mutator, value: Option<Gc<'_, T>>) -> (*mut T, bool) {
        let new = raw(value);
        let field = ptr::from_ref(self).addr();
        let other = if new.is_null() { field } else { new.addr() };
        let quiet = mu.range().quiet(field, other);
        if !quiet {
            mu.barrier(field, NonNull::new(new.cast()), any::type_name::<T>);
        }
        (new, quiet)
    }
}

#[inline(always)]
fn raw<T>(value: Option<Gc<'_, T>>) -> *mut T {
    value.map_or(ptr::null_mut(), |g| g.as_non_null().as_ptr())
}

impl<T> Default for Field<T> {
    fn default() -> Self {
        Self::null()
    }
}

/// The address that the field holds.
impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDER: Relaxed — only the number is shown.
        write!(f, "Field({:p})", self.word.load(Ordering::Relaxed))
    }
}
