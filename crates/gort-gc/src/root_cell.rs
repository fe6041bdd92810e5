//! [`RootCell`], a root that can be a `static`, a goroutine's own, or a member of anything outside of the heap: empty at
//! first, changed through `&self`.
//!
//! It is a slot of the root table that is taken at the first `set`. Otherwise it is to `Root` what `Field` is to a handle.

use core::marker::PhantomData;
use core::panic::Location;
use core::ptr::{self, NonNull};
use core::{any, fmt};

use crate::atomic::{AtomicPtr, Ordering};
use crate::roots::{self, RootSlot};
use crate::{Gc, Mutator, Trace};

/// A root with an object or none, which all tasks may read and change at once.
///
/// ```
/// use gort_gc::{Field, RootCell, Trace};
///
/// #[derive(Trace)]
/// struct Entry { n: u32, next: Field<Entry> }
/// static HEAD: RootCell<Entry> = RootCell::new();
///
/// let mut mu = gort_gc::pin();
/// HEAD.set(&mu, Some(mu.alloc(EntryInit { n: 1, next: None })));
/// mu.collect();
/// let first = HEAD.get(&mu);
/// HEAD.set(&mu, Some(mu.alloc(EntryInit { n: 2, next: first })));
/// assert_eq!(HEAD.get(&mu).unwrap().next.load().unwrap().n, 1);
/// ```
pub struct RootCell<T: Trace> {
    slot: AtomicPtr<RootSlot>,
    names: PhantomData<*const T>,
}

// SAFETY: ROOT-1 — as `Root`.
unsafe impl<T: Trace + Send + Sync> Send for RootCell<T> {}
// SAFETY: ROOT-1 — as `Root`.
unsafe impl<T: Trace + Send + Sync> Sync for RootCell<T> {}

impl<T: Trace> RootCell<T> {
    /// Without an object.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: AtomicPtr::new(ptr::null_mut()), names: PhantomData }
    }

    /// The object.
    ///
    /// # Panics
    /// If it belongs to another collector than the guard.
    pub fn get<'mu>(&self, mu: &'mu Mutator) -> Option<Gc<'mu, T>> {
        let slot = self.slot(mu)?;
        // ORDER: Acquire ⇐ `set`: the object's words.
        let p = slot.word.load(Ordering::Acquire).cast::<T>();
        // SAFETY: ROOT-1, GC-HANDLE — as `Root::get`. A value that is replaced right after was alive at the load; it is
        // not swept before this guard passes.
        NonNull::new(p).map(|p| unsafe { Gc::from_non_null(p) })
    }

    /// Names another object, or none.
    ///
    /// # Panics
    /// If the object, or what the cell was used with before, belongs to another collector than the guard; if no memory is
    /// left for the table.
    #[track_caller]
    pub fn set(&self, mu: &Mutator, object: Option<Gc<'_, T>>) {
        let new = object.map_or(ptr::null_mut(), |o| o.as_non_null().as_ptr().cast());
        if let Some(object) = object {
            mu.check_object(object.addr(), any::type_name::<T>);
            // GC-BARRIER, ROOT-1: shade, then store.
            mu.shade_if_marking(object.as_non_null().cast());
        }
        let slot = match self.slot(mu) {
            Some(slot) => slot,
            None if object.is_none() => return,
            None => self.make_slot(mu),
        };
        // ORDER: Release ⇒ `get`, `RootTable::scan`: the object's words.
        slot.word.store(new, Ordering::Release);
    }

    fn slot(&self, mu: &Mutator) -> Option<&RootSlot> {
        // ORDER: Acquire ⇐ `make_slot`.
        let slot = NonNull::new(self.slot.load(Ordering::Acquire))?;
        assert!(
            roots::collector_of(slot) == mu.shared_ptr(),
            "a RootCell of a `{}` was used with guards of two collectors",
            any::type_name::<T>()
        );
        // SAFETY: ROOT-3 — the cell keeps its slot until it is dropped.
        Some(unsafe { slot.as_ref() })
    }

    #[cold]
    #[track_caller]
    fn make_slot(&self, mu: &Mutator) -> &RootSlot {
        let fresh = mu.free_root_slot();
        // SAFETY: ROOT-3 — just taken.
        // ORDER: Relaxed — ours until the exchange.
        unsafe { fresh.as_ref() }.count.store(1, Ordering::Relaxed);
        let (null, ok, err) = (ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        // ORDER: AcqRel/Acquire ⇐⇒ `slot` and the faster one of two.
        match self.slot.compare_exchange(null, fresh.as_ptr(), ok, err) {
            Ok(_) => {
                if mu.shared().config.root_places {
                    mu.shared().roots.note(fresh, Location::caller());
                }
                // SAFETY: ROOT-3 — as in `slot`.
                unsafe { fresh.as_ref() }
            }
            Err(_) => {
                roots::give(fresh);
                // The slot of whoever was faster; null is not possible any more.
                self.slot(mu)
                    .unwrap_or_else(|| gort_sys::fatal!("ROOT-3", "a root cell lost its slot"))
            }
        }
    }
}

impl<T: Trace> Default for RootCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Trace> Drop for RootCell<T> {
    fn drop(&mut self) {
        // ORDER: Relaxed — borrowed alone.
        if let Some(slot) = NonNull::new(self.slot.load(Ordering::Relaxed)) {
            roots::give(slot);
        }
    }
}

/// The object's address.
impl<T: Trace> fmt::Debug for RootCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDER: Acquire ⇐ `make_slot`; Relaxed: only the number is shown.
        let slot = NonNull::new(self.slot.load(Ordering::Acquire));
        // SAFETY: ROOT-3 — as in `slot`.
        // ORDER: Relaxed — only the number is shown.
        let p =
            slot.map_or(ptr::null_mut(), |s| unsafe { s.as_ref() }.word.load(Ordering::Relaxed));
        write!(f, "RootCell({p:p})")
    }
}
