//! [`Array`] and [`Maybe`]: `[T; N]` and `Option<T>` of types with fields.
//!
//! A `Leaf` array is `Trace` by itself, and the compiler does not know that a `T` with fields is no `Leaf`; so arrays and
//! options of such types have a name of their own.

use core::ops::Deref;

use crate::{Init, PointerMap, Pointers, Trace};

/// `N` values side by side in one object. `Deref` to `[T; N]`.
///
/// ```
/// use gort_gc::{Array, ArrayInit, Field, Trace};
///
/// #[derive(Trace)]
/// struct Slot { key: u32, value: Field<String> }
/// #[derive(Trace)]
/// struct Bucket { slots: Array<Slot, 2> }
///
/// let mu = gort_gc::pin();
/// let one = mu.alloc(String::from("one"));
/// let slots = ArrayInit([SlotInit { key: 1, value: Some(one) }, SlotInit { key: 2, value: None }]);
/// let bucket = mu.alloc(BucketInit { slots });
/// assert_eq!(bucket.slots[0].value.load().unwrap().get(), "one");
/// assert!(bucket.slots[1].value.is_null());
/// ```
#[derive(Debug)]
#[repr(transparent)]
pub struct Array<T, const N: usize>([T; N]);

/// What a new [`Array`] holds.
#[derive(Debug, Clone, Copy)]
pub struct ArrayInit<I, const N: usize>(pub [I; N]);

impl<T, const N: usize> Deref for Array<T, N> {
    type Target = [T; N];
    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

// SAFETY: each element's words are listed at its place; an element has no Drop unless it is Leaf.
unsafe impl<T: Trace, const N: usize> Trace for Array<T, N> {
    type Init<'mu> = ArrayInit<T::Init<'mu>, N>;
    const MAP: PointerMap = T::MAP.repeat(size_of::<T>(), N);
    const VARIES: bool = T::VARIES;
    #[inline]
    fn record(&self, map: &mut PointerMap, offset: usize) {
        for (i, value) in self.0.iter().enumerate() {
            value.record(map, offset + i * size_of::<T>());
        }
    }
}

// SAFETY: all pointers are shown and written.
unsafe impl<'mu, I: Init<'mu>, const N: usize> Init<'mu> for ArrayInit<I, N>
where
    I::Target: Trace<Init<'mu> = I>,
{
    type Target = Array<I::Target, N>;
    #[inline]
    fn visit(&self, ptrs: &mut Pointers) {
        for value in &self.0 {
            value.visit(ptrs);
        }
    }
    #[inline]
    unsafe fn build(self) -> Array<I::Target, N> {
        // SAFETY: GC-FIELD — by this function's contract.
        Array(self.0.map(|value| unsafe { value.build() }))
    }
}

/// A value or none, inside an object. (For a pointer that may be missing, `Field` is enough.)
///
/// ```
/// use gort_gc::{Field, Maybe, MaybeInit, Trace};
///
/// #[derive(Trace)]
/// struct Span { from: Field<String>, to: Field<String> }
/// #[derive(Trace)]
/// struct Token { text: u32, span: Maybe<Span> }
///
/// let mu = gort_gc::pin();
/// let at = mu.alloc(String::from("here"));
/// let token = mu.alloc(TokenInit { text: 1, span: MaybeInit::Some(SpanInit { from: Some(at), to: None }) });
/// assert_eq!(token.span.as_ref().unwrap().from.load().unwrap().get(), "here");
/// ```
#[derive(Trace, Debug)]
pub enum Maybe<T> {
    /// No value.
    None,
    /// A value.
    Some(T),
}

impl<T> Maybe<T> {
    /// As the standard library's option.
    pub fn as_ref(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }

    /// Whether there is a value.
    pub fn is_some(&self) -> bool {
        self.as_ref().is_some()
    }
}

impl<'mu, T: Trace> From<Option<T::Init<'mu>>> for MaybeInit<'mu, T> {
    fn from(value: Option<T::Init<'mu>>) -> Self {
        value.map_or(Self::None, Self::Some)
    }
}
