//! [`GcBox`], a pointer from one object to another of a type that is known at run time only: a trait object.
//!
//! ```text
//! | address of the object | vtable |
//! ```
//! Two words cannot be read in one step beside a writer, so a `GcBox` gets its value when its object is made, and keeps it.
//! A `Field` to an object that has a `GcBox` is the changeable form. The collector needs the address alone: it finds
//! the object's pointer words in the heap, whatever its type.
//!
//! [`Gc::coerce`] makes the handle: from a `Gc<Circle>` a `Gc<dyn Shape>`.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::{Gc, Init, PointerMap, Pointers, Trace};

/// A pointer to an object, as a trait object; made from a handle, and never changed.
///
/// ```
/// use gort_gc::{Gc, GcBox, Root, Trace};
///
/// trait Shape: Send + Sync { fn area(&self) -> f64; }
/// #[derive(Trace)]
/// struct Square(f64);
/// impl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } }
///
/// #[derive(Trace)]
/// struct Picture { title: String, shape: GcBox<dyn Shape> }
///
/// let mut mu = gort_gc::pin();
/// let shape = mu.alloc(SquareInit(3.0)).coerce(|s| s as &dyn Shape);
/// let picture = Root::new(&mu, mu.alloc(PictureInit { title: "nine".into(), shape }));
/// mu.collect();
/// assert_eq!(picture.get(&mu).shape.area(), 9.0);
/// ```
#[repr(transparent)]
pub struct GcBox<U: ?Sized> {
    /// Its first word is the object's address (`build` looks).
    ptr: NonNull<U>,
    shares: PhantomData<*const U>,
}

// SAFETY: GC-BOX — the pointer does not change; who follows it gets a `&U` on his thread and may root its owner.
unsafe impl<U: ?Sized + Send + Sync> Send for GcBox<U> {}
// SAFETY: GC-BOX — as above.
unsafe impl<U: ?Sized + Send + Sync> Sync for GcBox<U> {}

impl<U: ?Sized> GcBox<U> {
    /// A handle to the object. It lives as long as the borrow of the owner.
    #[inline]
    pub fn get(&self) -> Gc<'_, U> {
        // SAFETY: GC-BOX, GC-HANDLE — it was a handle when the owner was made; the owner is alive, and what a live
        // object names is alive (GC-LIVE).
        unsafe { Gc::from_non_null(self.ptr) }
    }
}

impl<U: ?Sized> Deref for GcBox<U> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        self.get().get()
    }
}

impl<U: ?Sized> fmt::Debug for GcBox<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GcBox({:p})", self.ptr)
    }
}

// SAFETY: GC-BOX — the first word is the pointer, and it is listed; the other is a vtable or a length. No Drop.
unsafe impl<U: ?Sized + 'static> Trace for GcBox<U> {
    type Init<'mu> = Gc<'mu, U>;
    const MAP: PointerMap = PointerMap::POINTER;
}

// SAFETY: the one pointer is shown and written.
unsafe impl<'mu, U: ?Sized + 'static> Init<'mu> for Gc<'mu, U> {
    type Target = GcBox<U>;
    #[inline(always)]
    fn visit(&self, ptrs: &mut Pointers) {
        ptrs.add(Some(self.as_non_null().cast::<u8>()));
    }
    #[inline(always)]
    unsafe fn build(self) -> GcBox<U> {
        let made = GcBox { ptr: self.as_non_null(), shares: PhantomData };
        // SAFETY: GC-BOX — a pointer has one word at least.
        let first = unsafe { (&raw const made.ptr).cast::<usize>().read() };
        if first != self.addr() {
            gort_sys::fatal!("GC-BOX", "a wide pointer does not begin with its address");
        }
        made
    }
}

impl<'mu, T> Gc<'mu, T> {
    /// The same object under another type: `circle.coerce(|c| c as &dyn Shape)`.
    ///
    /// # Panics
    /// If `view` gives a reference to something else than the object's first byte.
    #[inline]
    pub fn coerce<U: ?Sized + 'static>(
        self,
        view: impl for<'a> FnOnce(&'a T) -> &'a U,
    ) -> Gc<'mu, U> {
        let ptr = NonNull::from(view(self.get()));
        assert!(
            ptr.cast::<u8>() == self.as_non_null().cast::<u8>(),
            "Gc::coerce must be given the object itself"
        );
        // SAFETY: GC-BOX, GC-HANDLE — the base of the same object. `view` works for every lifetime, so its result is
        // good for as long as the object is.
        unsafe { Gc::from_non_null(ptr) }
    }
}
