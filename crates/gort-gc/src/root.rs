//! [`Root`], what keeps an object alive across safepoints.

use core::any;
use core::fmt;
use core::marker::PhantomData;
use core::panic::Location;
use core::ptr::NonNull;

use crate::atomic::{Ordering, fence};
use crate::roots::{self, RootSlot};
use crate::{Gc, Mutator, Trace};

/// Keeps an object alive, and gives handles to it. One word.
///
/// Clones share a slot of the collector's root table. Cloning and dropping need no guard and may happen on
/// any thread.
pub struct Root<T: Trace> {
    slot: NonNull<RootSlot>,
    names: PhantomData<*const T>,
}

// SAFETY: ROOT-1 — a root gives `&T` to whoever pins; its slot is atomic.
unsafe impl<T: Trace + Send + Sync> Send for Root<T> {}
// SAFETY: ROOT-1 — as above.
unsafe impl<T: Trace + Send + Sync> Sync for Root<T> {}

impl<T: Trace> Root<T> {
    /// A root for `object`.
    ///
    /// # Panics
    /// If the object belongs to another collector than the guard; if no memory is left for the table.
    #[track_caller]
    pub fn new(mu: &Mutator, object: Gc<'_, T>) -> Self {
        let slot = mu.take_root_slot(object.addr(), any::type_name::<T>);
        let root = Self { slot, names: PhantomData };
        // ORDER: Relaxed — the slot is ours until the root is handed on.
        root.slot().count.store(1, Ordering::Relaxed);
        root.write(mu, object);
        if mu.shared().config.root_places {
            mu.shared().roots.note(slot, Location::caller());
        }
        root
    }

    /// A handle to the object.
    ///
    /// # Panics
    /// If the guard is of another collector.
    #[inline]
    pub fn get<'mu>(&self, mu: &'mu Mutator) -> Gc<'mu, T> {
        if roots::collector_of(self.slot) != mu.shared_ptr() {
            foreign_root(any::type_name::<T>());
        }
        // ORDER: Acquire ⇐ `write`: the object's words.
        let p = self.slot().word.load(Ordering::Acquire).cast::<T>();
        // SAFETY: ROOT-1, GC-HANDLE — a root's slot names a live object of this type, and the guard of
        // the right collector protects it for `'mu`.
        unsafe { Gc::from_non_null(NonNull::new_unchecked(p)) }
    }

    /// Makes this root name another object. Its clones go on naming the old one.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn set(&mut self, mu: &Mutator, object: Gc<'_, T>) {
        // ORDER: Acquire ⇐ `drop` of the last clone: if this is the only root left, its slot is ours.
        if self.slot().count.load(Ordering::Acquire) == 1
            && roots::collector_of(self.slot) == mu.shared_ptr()
        {
            mu.check_object(object.addr(), any::type_name::<T>);
            self.write(mu, object);
        } else {
            *self = Self::new(mu, object);
        }
    }

    /// Whether both roots name the same object.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        // ORDER: Relaxed — only the addresses are compared.
        self.slot().word.load(Ordering::Relaxed) == other.slot().word.load(Ordering::Relaxed)
    }

    /// Shade, then store: while marking, a root that appears after its page was scanned must not name a
    /// white object (ROOT-1).
    fn write(&self, mu: &Mutator, object: Gc<'_, T>) {
        mu.shade_if_marking(object.as_non_null().cast());
        // ORDER: Release ⇒ `get`, `RootTable::scan`: the object's words.
        self.slot().word.store(object.as_non_null().cast().as_ptr(), Ordering::Release);
    }

    fn slot(&self) -> &RootSlot {
        // SAFETY: ROOT-3 — the slot exists while this root counts on it.
        unsafe { self.slot.as_ref() }
    }
}

/// Shares the slot: a slot of its own would have to be shaded, and cloning has no guard.
impl<T: Trace> Clone for Root<T> {
    fn clone(&self) -> Self {
        // ORDER: Relaxed — this root keeps the slot alive.
        let before = self.slot().count.fetch_add(1, Ordering::Relaxed);
        if before >= u32::MAX / 2 {
            gort_sys::fatal!("ROOT-4", "{before} clones of one Root");
        }
        Self { slot: self.slot, names: PhantomData }
    }
}

impl<T: Trace> Drop for Root<T> {
    fn drop(&mut self) {
        // ORDER: Release ⇒ the last dropper's fence: all uses of the slot come before it is freed.
        if self.slot().count.fetch_sub(1, Ordering::Release) == 1 {
            // ORDER: Acquire ⇐ the other drops.
            fence(Ordering::Acquire);
            roots::give(self.slot);
        }
    }
}

/// The object's address.
impl<T: Trace> fmt::Debug for Root<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDER: Relaxed — only the number is shown.
        write!(f, "Root({:p})", self.slot().word.load(Ordering::Relaxed))
    }
}

#[cold]
#[inline(never)]
fn foreign_root(name: &str) -> ! {
    panic!("a Root of a `{name}` was used with a guard of another collector");
}
