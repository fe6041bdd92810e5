//! What may live in the collected heap, and how a new object gets its contents.
//!
//! [`Trace`] is implemented by the derive, by [`Field`], by arrays of fields, and by every [`Leaf`]. It
//! is *not* implemented for `Cell`, `Mutex`, `Box`, `Vec`.. of anything but `Leaf`, and that is what
//! makes the collector sound (GC-FIELD): no safe code can move a `Field` that is not null out of the
//! heap, or hide one where the map does not list it.

use core::ptr::NonNull;

use crate::{Field, Gc, Leaf, PointerMap};

/// A type that can live in the collected heap. Implement it by `#[derive(Trace)]`.
///
/// # Safety
/// `MAP` lists exactly the words that are [`Field`]s, or, if `VARIES`, `record` does. The type has no `Drop` of its own unless it is
/// [`Leaf`]. No safe code gets a `&mut` to, or the ownership of, a `Field` inside a value that lies in
/// the heap.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in the collected heap",
    label = "neither a `Field`, nor `Trace`, nor `Leaf`",
    note = "derive `Leaf` for a type that holds no `Field`, else `Trace`; cells, boxes and vectors can hold `Leaf` types only"
)]
pub unsafe trait Trace: Sized + 'static {
    /// The contents of a new value: for a `Field<T>` an `Option<Gc<'mu, T>>`, for a `Leaf` itself, for
    /// a derived type the `NameInit<'mu>` beside it.
    type Init<'mu>: Init<'mu, Target = Self>;
    /// The pointer words that every value has.
    const MAP: PointerMap;
    /// Whether values differ in their pointer words: an enum, or a struct that holds one.
    const VARIES: bool = false;
    /// Adds the pointer words of this value to the map of the object in which it lies, `offset` bytes from the
    /// object's base. A value never changes its variant once it is in the heap.
    #[inline]
    fn record(&self, map: &mut PointerMap, offset: usize) {
        *map = map.with(offset, &Self::MAP);
    }
}

/// The contents of a new object of type [`Target`](Init::Target).
///
/// # Safety
/// `visit` shows every pointer that `build` puts into its value; neither panics, nor runs code of the user.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how to fill a new object",
    label = "pass the `NameInit` that `#[derive(Trace)]` made, or a `Leaf` value"
)]
pub unsafe trait Init<'mu>: Sized {
    /// What is made.
    type Target: Trace;
    /// Shows all pointers to `ptrs`.
    fn visit(&self, ptrs: &mut Pointers);
    /// The value.
    ///
    /// # Safety
    /// GC-FIELD: the caller moves it into a new object of the collected heap, whose map lists its fields, and
    /// lets nobody see it anywhere else.
    unsafe fn build(self) -> Self::Target;
}

/// Looks at the pointers of an [`Init`]: do they all lie in the collector that allocates?
#[derive(Debug)]
pub struct Pointers {
    /// The collector's range, as [`crate::range::Range`] folds it.
    fold: usize,
    /// The bits in which any pointer differed from the range.
    differ: usize,
}

impl Pointers {
    #[inline(always)]
    pub(crate) fn new(fold: usize) -> Self {
        Self { fold, differ: 0 }
    }

    /// Takes one pointer into account.
    #[inline(always)]
    pub fn add<T>(&mut self, pointer: Option<NonNull<T>>) {
        let address = pointer.map_or(self.fold, |p| p.as_ptr().addr());
        self.differ |= address ^ self.fold;
    }

    /// Whether a pointer lay outside.
    #[inline(always)]
    pub(crate) fn any_foreign(&self) -> bool {
        self.differ >> (self.fold & 63) != 0
    }
}

// SAFETY: one pointer word, listed; no Drop.
unsafe impl<T: Trace> Trace for Field<T> {
    type Init<'mu> = Option<Gc<'mu, T>>;
    const MAP: PointerMap = PointerMap::POINTER;
}

// SAFETY: the one pointer is shown and written.
unsafe impl<'mu, T: Trace> Init<'mu> for Option<Gc<'mu, T>> {
    type Target = Field<T>;
    #[inline(always)]
    fn visit(&self, ptrs: &mut Pointers) {
        ptrs.add(self.map(Gc::as_non_null));
    }
    #[inline(always)]
    unsafe fn build(self) -> Field<T> {
        // SAFETY: GC-FIELD — by this function's contract.
        unsafe { Field::in_heap(self) }
    }
}

// SAFETY: each element's word is listed.
unsafe impl<T: Trace, const N: usize> Trace for [Field<T>; N] {
    type Init<'mu> = [Option<Gc<'mu, T>>; N];
    const MAP: PointerMap = PointerMap::POINTER.repeat(size_of::<Field<T>>(), N);
}

// SAFETY: all pointers are shown and written.
unsafe impl<'mu, T: Trace, const N: usize> Init<'mu> for [Option<Gc<'mu, T>>; N] {
    type Target = [Field<T>; N];
    #[inline]
    fn visit(&self, ptrs: &mut Pointers) {
        for value in self {
            value.visit(ptrs);
        }
    }
    #[inline]
    unsafe fn build(self) -> [Field<T>; N] {
        // SAFETY: GC-FIELD — by this function's contract.
        self.map(|value| unsafe { value.build() })
    }
}

// SAFETY: a Leaf holds no Field.
unsafe impl<T: Leaf> Trace for T {
    type Init<'mu> = T;
    const MAP: PointerMap = PointerMap::NONE;
}

// SAFETY: there is no pointer; the value is moved.
unsafe impl<T: Leaf> Init<'_> for T {
    type Target = T;
    #[inline(always)]
    fn visit(&self, _: &mut Pointers) {}
    #[inline(always)]
    unsafe fn build(self) -> T {
        self
    }
}
