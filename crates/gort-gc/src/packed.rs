//! [`GcPacked`] and [`GcStr`]: plain values side by side, their number chosen when they are allocated; never changed.
//!
//! ```text
//! | len | value 0 | value 1 | .. |
//! ```
//! There is no pointer inside, so the collector marks such an object and does not read it. The values lie behind the header
//! and are reached through the handle, as those of a `GcSlice`.

use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use gort_heap::{SpanClass, class::MAX_SMALL};

use crate::alloc::class_for;
use crate::{AllocError, Gc, Init, Leaf, Mutator, PointerMap, Pointers, Trace};

/// Plain values, for example bytes. Made by [`Mutator::alloc_packed`], read by [`Gc::values`].
///
/// ```
/// let mu = gort_gc::pin();
/// let bytes = mu.alloc_packed(b"abc").unwrap();
/// assert_eq!(bytes.values(), b"abc");
/// ```
#[repr(C)]
pub struct GcPacked<T> {
    len: usize,
    values: [T; 0],
}

/// A text. Made by [`Mutator::alloc_str`]; a handle to it derefs to `str` by [`Gc::text`].
///
/// ```
/// use gort_gc::{Field, GcStr, Trace};
///
/// #[derive(Trace)]
/// struct Word { text: Field<GcStr> }
/// let mu = gort_gc::pin();
/// let word = mu.alloc(WordInit { text: Some(mu.alloc_str("tree").unwrap()) });
/// assert_eq!(word.text.load().unwrap().text(), "tree");
/// ```
#[repr(transparent)]
pub struct GcStr(GcPacked<u8>);

/// No value: packed values come from `alloc_packed` and `alloc_str` alone.
#[derive(Debug)]
pub struct GcPackedInit<'mu, O> {
    never: Infallible,
    target: PhantomData<(&'mu (), O)>,
}

impl<T> GcPacked<T> {
    /// Bytes before the first value: the length, rounded up to the alignment.
    const HEADER: usize = size_of::<Self>();

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl GcStr {
    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }
}

impl Mutator {
    /// A copy of `values` in the heap.
    ///
    /// # Errors
    /// As `Mutator::try_alloc`.
    pub fn alloc_packed<'mu, T: Leaf + Copy>(
        &'mu self,
        values: &[T],
    ) -> Result<Gc<'mu, GcPacked<T>>, AllocError> {
        let header = GcPacked::<T>::HEADER;
        let bytes = header + size_of_val(values);
        let class = class_for(bytes, align_of::<GcPacked<T>>());
        let slot = if class != 0 {
            debug_assert!(bytes <= MAX_SMALL);
            self.take_class(SpanClass::new(class, true))?
        } else {
            self.take_large(bytes, true)?
        };
        let object = slot.ptr.cast::<GcPacked<T>>();
        // SAFETY: ALLOC-1 — the slot is ours and has `bytes` bytes at the type's alignment; `T` is Copy.
        unsafe {
            (&raw mut (*object.as_ptr()).len).write(values.len());
            let first = slot.ptr.as_ptr().add(header).cast::<T>();
            first.copy_from_nonoverlapping(values.as_ptr(), values.len());
        }
        // SAFETY: GC-HANDLE — initialised, and protected by this guard for `'mu`.
        Ok(unsafe { Gc::from_non_null(object) })
    }

    /// A copy of a text in the heap.
    ///
    /// # Errors
    /// As `Mutator::try_alloc`.
    pub fn alloc_str<'mu>(&'mu self, text: &str) -> Result<Gc<'mu, GcStr>, AllocError> {
        let bytes = self.alloc_packed(text.as_bytes())?.as_non_null();
        // SAFETY: GC-HANDLE — `GcStr` has the layout of its bytes, and these are a `str`'s.
        Ok(unsafe { Gc::from_non_null(bytes.cast::<GcStr>()) })
    }
}

impl<'mu, T> Gc<'mu, GcPacked<T>> {
    /// The values.
    #[inline]
    pub fn values(self) -> &'mu [T] {
        let len = self.get().len;
        // SAFETY: GC-HANDLE — `alloc_packed` wrote `len` values behind the header; the handle's pointer is that of
        // the whole object.
        unsafe {
            let first: NonNull<T> = self.as_non_null().byte_add(GcPacked::<T>::HEADER).cast();
            core::slice::from_raw_parts(first.as_ptr(), len)
        }
    }
}

impl<'mu> Gc<'mu, GcStr> {
    /// The text.
    #[inline]
    pub fn text(self) -> &'mu str {
        // SAFETY: GC-HANDLE — as in `alloc_str`.
        let bytes: Gc<'mu, GcPacked<u8>> = unsafe { Gc::from_non_null(self.as_non_null().cast()) };
        // SAFETY: GC-HANDLE — `alloc_str` copied a `str`.
        unsafe { core::str::from_utf8_unchecked(bytes.values()) }
    }
}

// SAFETY: no pointer. The values are Leaf and have no Drop.
unsafe impl<T: Leaf + Copy> Trace for GcPacked<T> {
    type Init<'mu> = GcPackedInit<'mu, Self>;
    const MAP: PointerMap = PointerMap::NONE;
}

// SAFETY: no pointer.
unsafe impl Trace for GcStr {
    type Init<'mu> = GcPackedInit<'mu, Self>;
    const MAP: PointerMap = PointerMap::NONE;
}

// SAFETY: there is no value of it.
unsafe impl<'mu, O: Trace> Init<'mu> for GcPackedInit<'mu, O> {
    type Target = O;
    fn visit(&self, _: &mut Pointers) {
        match self.never {}
    }
    unsafe fn build(self) -> O {
        match self.never {}
    }
}

impl<T> fmt::Debug for GcPacked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GcPacked(len {})", self.len)
    }
}

impl fmt::Debug for GcStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GcStr(len {})", self.0.len)
    }
}
