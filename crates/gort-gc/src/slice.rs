//! [`GcSlice`], an array of fields whose length is chosen when it is allocated.
//!
//! ```text
//! | len | field 0 | field 1 | .. |
//! ```
//! A handle to it is one word. The fields lie behind the header, so they are reached through the handle
//! ([`Gc::slice`]), which may touch the whole object, and not through a reference to the header.

use core::convert::Infallible;
use core::marker::PhantomData;
use core::ops::Index;
use core::ptr::NonNull;

use crate::{Field, Gc, Init, PointerMap, Pointers, Trace};

/// `len` fields in one object, all null at first. Made by
/// [`Mutator::alloc_slice`](crate::Mutator::alloc_slice), reached by [`Gc::slice`].
#[repr(C)]
#[derive(Debug)]
pub struct GcSlice<T> {
    len: usize,
    fields: [Field<T>; 0],
}

/// No value: a slice comes from `alloc_slice` alone.
#[derive(Debug)]
pub struct GcSliceInit<'mu, T> {
    never: Infallible,
    target: PhantomData<(&'mu (), T)>,
}

impl<T> GcSlice<T> {
    /// Bytes before the first field.
    pub(crate) const HEADER: usize = size_of::<usize>();

    /// Bytes of a slice with `len` fields, if that is a possible size.
    pub(crate) fn bytes(len: usize) -> Option<usize> {
        len.checked_mul(size_of::<Field<T>>())?.checked_add(Self::HEADER)
    }

    /// Writes the header.
    ///
    /// # Safety
    /// `dst` is a new object of at least [`bytes`](Self::bytes) zeroed bytes.
    pub(crate) unsafe fn write(dst: NonNull<Self>, len: usize) {
        // SAFETY: by this function's contract.
        unsafe { (&raw mut (*dst.as_ptr()).len).write(len) };
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<'mu, T: Trace> Gc<'mu, GcSlice<T>> {
    /// The fields.
    #[inline]
    pub fn slice(self) -> &'mu [Field<T>] {
        let len = self.get().len;
        // SAFETY: GC-HANDLE — the object has `len` fields behind its header (alloc_slice zeroed them,
        // and a zero word is a null field), and the handle's pointer is that of the whole object.
        unsafe {
            let first = self.as_non_null().as_ptr().byte_add(GcSlice::<T>::HEADER).cast();
            core::slice::from_raw_parts(first, len)
        }
    }
}

impl<T: Trace> Index<usize> for Gc<'_, GcSlice<T>> {
    type Output = Field<T>;
    fn index(&self, i: usize) -> &Field<T> {
        &self.slice()[i]
    }
}

// SAFETY: a value of the bare header has no field; whole slices get their map from `alloc_slice`.
unsafe impl<T: Trace> Trace for GcSlice<T> {
    type Init<'mu> = GcSliceInit<'mu, T>;
    const MAP: PointerMap = PointerMap::NONE;
}

// SAFETY: there is no value of it.
unsafe impl<'mu, T: Trace> Init<'mu> for GcSliceInit<'mu, T> {
    type Target = GcSlice<T>;
    fn visit(&self, _: &mut Pointers) {
        match self.never {}
    }
    unsafe fn build(self) -> GcSlice<T> {
        match self.never {}
    }
}
