//! [`GcVec`], a growing row of objects in the collected heap.
//!
//! ```text
//! | latch | len | buf -+---->  GcSlice: | len | field 0 | field 1 | .. |
//! ```
//! A vector is shared as soon as its handle is, so every operation is safe beside any other: writers take the vector's
//! latch one after the other, readers look at one buffer without it. A reader beside a writer sees the row before or
//! after the change, or, where elements move (`insert`, `remove`), a mixture; never anything but elements.
//!
//! Growth fills a new buffer that nobody can see yet, and publishes it. The old buffer stays alive as long as a reader
//! has it: its handle is protected like any other.

use crate::atomic::{AtomicUsize, Ordering};
use crate::latch::Latch;
use crate::{AllocError, Field, Gc, GcSlice, Mutator, Trace};

/// A growing row of objects. It is a member of another object, or an object itself:
///
/// ```
/// use gort_gc::{GcVec, Root, Trace};
///
/// #[derive(Trace)]
/// struct Team { name: String, members: GcVec<String> }
///
/// let mut mu = gort_gc::pin();
/// let team = mu.alloc(TeamInit { name: "red".into(), members: GcVec::init() });
/// for name in ["ann", "bob"] {
///     team.members.push(&mu, mu.alloc(String::from(name)));
/// }
/// let team = Root::new(&mu, team);
/// mu.collect();
/// let members = &team.get(&mu).get().members;
/// assert_eq!(members.iter().map(|m| m.len()).sum::<usize>(), 6);
/// assert_eq!(members.pop(&mu).unwrap().get(), "bob");
/// ```
#[derive(Trace)]
pub struct GcVec<T> {
    latch: Latch,
    len: AtomicUsize,
    buf: Field<GcSlice<T>>,
}

impl<T: Trace> GcVec<T> {
    /// The smallest buffer.
    const LEAST: usize = 4;

    /// The contents of a new, empty vector: for a member, or for `Mutator::alloc`.
    pub fn init<'mu>() -> GcVecInit<'mu, T> {
        GcVecInit { latch: Latch::new(), len: AtomicUsize::new(0), buf: None }
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        // ORDER: Acquire ⇐ `set_len`: the elements below it, and the buffer that has them.
        self.len.load(Ordering::Acquire)
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many elements fit before the buffer grows.
    pub fn capacity(&self) -> usize {
        self.buf.load().map_or(0, |buf| buf.len())
    }

    /// Element `i`; `None` from the end on.
    #[inline]
    pub fn get(&self, i: usize) -> Option<Gc<'_, T>> {
        if i < self.len() { self.fields().get(i)?.load() } else { None }
    }

    /// The first element.
    pub fn first(&self) -> Option<Gc<'_, T>> {
        self.get(0)
    }

    /// The last element.
    pub fn last(&self) -> Option<Gc<'_, T>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Appends an element. Constant time on average.
    ///
    /// # Panics
    /// If a larger buffer cannot be allocated; if the element, the vector and the guard are not of one collector.
    #[inline]
    pub fn push(&self, mu: &Mutator, value: Gc<'_, T>) {
        if let Err(e) = self.try_push(mu, value) {
            no_room(&e);
        }
    }

    /// The same, without a panic where memory is short.
    ///
    /// # Errors
    /// As `Mutator::try_alloc`; nothing is changed then.
    ///
    /// # Panics
    /// If the element, the vector and the guard are not of one collector.
    #[inline]
    pub fn try_push(&self, mu: &Mutator, value: Gc<'_, T>) -> Result<(), AllocError> {
        let _held = self.latch.hold();
        let len = self.len();
        self.make_room(mu, len, 1)?;
        self.fields()[len].store(mu, Some(value));
        self.set_len(len + 1);
        Ok(())
    }

    /// Appends all elements of an iterator, which must not touch this vector.
    ///
    /// # Panics
    /// As [`push`](Self::push); what came before is in the vector then.
    pub fn extend<'a>(&self, mu: &Mutator, values: impl IntoIterator<Item = Gc<'a, T>>) {
        for value in values {
            self.push(mu, value);
        }
    }

    /// Makes the buffer large enough for `more` elements.
    ///
    /// # Errors
    /// As `Mutator::try_alloc`.
    pub fn reserve(&self, mu: &Mutator, more: usize) -> Result<(), AllocError> {
        let _held = self.latch.hold();
        self.make_room(mu, self.len(), more)
    }

    /// Takes the last element off.
    pub fn pop(&self, mu: &Mutator) -> Option<Gc<'_, T>> {
        let _held = self.latch.hold();
        let last = self.len().checked_sub(1)?;
        self.set_len(last);
        self.fields()[last].swap(mu, None)
    }

    /// Replaces element `i` and returns the old one.
    ///
    /// # Panics
    /// If there is no element `i`; on objects of another collector.
    pub fn set(&self, mu: &Mutator, i: usize, value: Gc<'_, T>) -> Gc<'_, T> {
        let _held = self.latch.hold();
        self.check(i);
        match self.fields()[i].swap(mu, Some(value)) {
            Some(old) => old,
            None => gort_sys::fatal!("VEC-1", "element {i} of a GcVec is null"),
        }
    }

    /// Exchanges two elements.
    ///
    /// # Panics
    /// If one of them does not exist.
    pub fn swap(&self, mu: &Mutator, i: usize, j: usize) {
        let _held = self.latch.hold();
        self.check(i.max(j));
        let fields = self.fields();
        let old = fields[i].load();
        fields[i].store(mu, fields[j].load());
        fields[j].store(mu, old);
    }

    /// Puts an element before element `i`; what follows moves up. Linear.
    ///
    /// # Panics
    /// If `i` is greater than the length; as [`push`](Self::push).
    pub fn insert(&self, mu: &Mutator, i: usize, value: Gc<'_, T>) {
        let _held = self.latch.hold();
        let len = self.len();
        assert!(i <= len, "insert at {i} into a GcVec of {len}");
        if let Err(e) = self.make_room(mu, len, 1) {
            no_room(&e);
        }
        let fields = self.fields();
        // From the end: each element is in the row at every moment, some of them twice.
        for to in (i + 1..=len).rev() {
            fields[to].store(mu, fields[to - 1].load());
        }
        fields[i].store(mu, Some(value));
        self.set_len(len + 1);
    }

    /// Takes element `i` out; what follows moves down. Linear.
    ///
    /// # Panics
    /// If there is no element `i`.
    pub fn remove(&self, mu: &Mutator, i: usize) -> Gc<'_, T> {
        let _held = self.latch.hold();
        self.check(i);
        let (fields, last) = (self.fields(), self.len() - 1);
        let taken = fields[i].load();
        for to in i..last {
            fields[to].store(mu, fields[to + 1].load());
        }
        self.finish_removal(mu, last, taken)
    }

    /// Takes element `i` out and puts the last one in its place.
    ///
    /// # Panics
    /// If there is no element `i`.
    pub fn swap_remove(&self, mu: &Mutator, i: usize) -> Gc<'_, T> {
        let _held = self.latch.hold();
        self.check(i);
        let (fields, last) = (self.fields(), self.len() - 1);
        let taken = fields[i].load();
        fields[i].store(mu, fields[last].load());
        self.finish_removal(mu, last, taken)
    }

    /// Drops the elements from `len` on.
    pub fn truncate(&self, mu: &Mutator, len: usize) {
        let _held = self.latch.hold();
        let old = self.len();
        if len < old {
            self.set_len(len);
            self.fields()[len..old].iter().for_each(|field| field.store(mu, None));
        }
    }

    /// Drops all elements, and the buffer.
    pub fn clear(&self, mu: &Mutator) {
        let _held = self.latch.hold();
        self.set_len(0);
        self.buf.store(mu, None);
    }

    /// The elements that are there now. One that is taken out meanwhile may be left out or still be seen.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Gc<'_, T>> {
        let fields = self.fields();
        let len = self.len().min(fields.len());
        fields[..len].iter().filter_map(Field::load)
    }

    fn fields(&self) -> &[Field<T>] {
        self.buf.load().map_or(&[], Gc::slice)
    }

    #[track_caller]
    fn check(&self, i: usize) {
        let len = self.len();
        assert!(i < len, "element {i} of a GcVec of {len}");
    }

    fn set_len(&self, len: usize) {
        // ORDER: Release ⇒ `len`: the elements, and the buffer.
        self.len.store(len, Ordering::Release);
    }

    /// Takes the field of the last element off; `taken` is never null.
    fn finish_removal<'a>(
        &'a self,
        mu: &Mutator,
        last: usize,
        taken: Option<Gc<'a, T>>,
    ) -> Gc<'a, T> {
        self.set_len(last);
        self.fields()[last].store(mu, None);
        match taken {
            Some(taken) => taken,
            None => gort_sys::fatal!("VEC-1", "an element of a GcVec is null"),
        }
    }

    /// Under the latch: room for `more` elements behind `len`.
    #[inline]
    fn make_room(&self, mu: &Mutator, len: usize, more: usize) -> Result<(), AllocError> {
        let room = self.capacity();
        if more <= room - len { Ok(()) } else { self.grow(mu, len, room, more) }
    }

    #[cold]
    fn grow(&self, mu: &Mutator, len: usize, room: usize, more: usize) -> Result<(), AllocError> {
        let asked = len.checked_add(more).ok_or(AllocError::TooLong { len: usize::MAX })?;
        let fresh = mu.alloc_slice::<T>(asked.max(room.saturating_mul(2)).max(Self::LEAST))?;
        for (to, from) in fresh.slice().iter().zip(&self.fields()[..len]) {
            to.store(mu, from.load());
        }
        self.buf.store(mu, Some(fresh));
        Ok(())
    }
}

/// The elements' addresses are not shown: objects may form cycles.
impl<T: Trace> core::fmt::Debug for GcVec<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GcVec(len {}, capacity {})", self.len(), self.capacity())
    }
}

#[cold]
#[inline(never)]
pub(crate) fn no_room(e: &AllocError) -> ! {
    panic!("a collection cannot grow: {e}")
}
