//! Allocation. Not a safepoint: it takes `&Mutator`, holds nothing up, and never waits for a handshake.
//!
//! ```text
//! check the pointers of the initialiser     a few exclusive-ors
//! take a slot from the context's cache      a bit of a borrowed word
//! attach drop glue                          only for types that need it
//! write the object                          plain stores: nobody can see it
//! record its pointer words                  a compare, mostly: the slot held the same type before
//! shade its pointers                        only while objects are born black
//! ```
//! The object's colour is the cache's business: in black mode every slot it hands out is marked already.

use core::any;
use core::marker::PhantomData;
use core::mem::needs_drop;
use core::ptr::{self, NonNull};

use gort_heap::{MemError, NeedSpan, Slot, SpanClass, class::MAX_SMALL, class_of, class_size};

use crate::error::AllocError;
use crate::map::WORD;
use crate::range::Range;
use crate::tiny::is_tiny;
use crate::{Gc, GcSlice, Init, Mutant, Mutator, PointerMap, Pointers, Trace, assist};

/// What the allocator knows of a type at compile time.
struct Shape<T>(PhantomData<T>);

impl<T: Trace> Shape<T> {
    const NOSCAN: bool = T::MAP.is_none() && !T::VARIES;
    /// The size class, or 0 for an object with a span of its own.
    const CLASS: u8 = class_for(size_of::<T>(), align_of::<T>());
    const SPAN: SpanClass = SpanClass::new(Self::CLASS, Self::NOSCAN);
    const SLOT: usize = class_size(Self::CLASS);
    /// Shares a slot with others.
    const TINY: bool = is_tiny::<T>(Self::NOSCAN);
    /// The pointers of most types fit the first word of the map.
    const ONE_ROW: bool = {
        let (mut row, mut any) = (1, 0);
        while row < PointerMap::MAX_BYTES / 64 / WORD {
            any |= T::MAP.row(row);
            row += 1;
        }
        any == 0
    };
}

/// The smallest class that holds `size` bytes at a multiple of `align`.
pub(crate) const fn class_for(size: usize, align: usize) -> u8 {
    assert!(align <= 8192, "types of the collected heap are aligned to 8 KiB at most");
    let size = if size == 0 { 1 } else { size };
    let mut class = if size <= MAX_SMALL { class_of(size) } else { 0 };
    while class != 0 && !class_size(class).is_multiple_of(align) {
        class = if class_size(class) < MAX_SMALL { class_of(class_size(class) + 1) } else { 0 };
    }
    class
}

impl Mutator {
    /// A new object. Its handle lives until the guard's next safepoint, however long the handles in `init` live:
    /// they are needed for the call only.
    ///
    /// # Panics
    /// Where [`try_alloc`](Self::try_alloc) fails, and if `init` holds an object of another collector.
    #[inline(always)]
    pub fn alloc<'mu, 'a, I: Init<'a>>(&'mu self, init: I) -> Gc<'mu, I::Target>
    where
        I::Target: Send,
    {
        match self.try_alloc(init) {
            Ok(object) => object,
            Err(e) => fail(e),
        }
    }

    /// A new object.
    ///
    /// # Errors
    /// Out of memory, or the memory limit is reached.
    ///
    /// # Panics
    /// If `init` holds an object of another collector.
    #[inline(always)]
    pub fn try_alloc<'mu, 'a, I: Init<'a>>(
        &'mu self,
        init: I,
    ) -> Result<Gc<'mu, I::Target>, AllocError>
    where
        I::Target: Send,
    {
        let range = self.range();
        let mut pointers = Pointers::new(range.0);
        init.visit(&mut pointers);
        // True also while the barrier is on: then the range differs from every address.
        let look = pointers.any_foreign();
        if look {
            check(&init, range);
        }
        let slot = self.take::<I::Target>()?;
        let object = slot.ptr.cast::<I::Target>();
        if needs_drop::<I::Target>() {
            self.attach_glue(object)?;
        }
        // SAFETY: ALLOC-1, GC-FIELD — the slot is ours alone, large and aligned enough (`Shape`); its map follows.
        unsafe { object.write(init.build()) };
        if I::Target::VARIES {
            // SAFETY: ALLOC-1 — written just now; nobody else has it.
            self.record_value(unsafe { object.as_ref() }, slot.ptr, look);
        } else if !Shape::<I::Target>::NOSCAN {
            self.record_map::<I::Target>(slot.ptr);
            if look {
                self.shade_initial(slot.ptr, &I::Target::MAP);
            }
        }
        // SAFETY: GC-HANDLE — the object is initialised, and protected by this guard for `'mu`.
        Ok(unsafe { Gc::from_non_null(object) })
    }

    /// A new object of `len` fields, all null.
    ///
    /// # Errors
    /// Out of memory, the memory limit is reached, or `len` is too large for any memory.
    pub fn alloc_slice<'mu, T: Trace>(
        &'mu self,
        len: usize,
    ) -> Result<Gc<'mu, GcSlice<T>>, AllocError> {
        let bytes = GcSlice::<T>::bytes(len).ok_or(AllocError::TooLong { len })?;
        let (slot, size) = if bytes <= MAX_SMALL {
            let class = class_of(bytes);
            (self.take_class(SpanClass::new(class, false))?, class_size(class))
        } else {
            let slot = self.take_large(bytes, false)?;
            // SAFETY: ALLOC-1 — the slot was just taken.
            (slot, unsafe { self.ctx().heap().object_of(slot.ptr) }.size)
        };
        if !slot.zeroed {
            // SAFETY: ALLOC-1 — `bytes` fit the slot.
            unsafe { slot.ptr.as_ptr().write_bytes(0, bytes) };
        }
        let object = slot.ptr.cast::<GcSlice<T>>();
        // SAFETY: ALLOC-1 — the slot is ours, zeroed, and its size is that of its class or span.
        unsafe {
            GcSlice::write(object, len);
            let header = GcSlice::<T>::HEADER / WORD;
            self.ctx().heap().write_pointer_map_repeated(slot.ptr, size, header, 1, 1, len);
        }
        // SAFETY: GC-HANDLE — as in `try_alloc`.
        Ok(unsafe { Gc::from_non_null(object) })
    }

    /// A slot for a `T`.
    #[inline(always)]
    fn take<T: Trace>(&self) -> Result<Slot, AllocError> {
        if Shape::<T>::TINY {
            return self.take_tiny::<T>();
        }
        if Shape::<T>::CLASS == 0 {
            return self.take_large(size_of::<T>(), Shape::<T>::NOSCAN);
        }
        self.take_class(Shape::<T>::SPAN)
    }

    /// A slot of a class.
    #[inline(always)]
    pub(crate) fn take_class(&self, span: SpanClass) -> Result<Slot, AllocError> {
        // SAFETY: CTX-1 — through the guard.
        match unsafe { self.ctx().cache() }.take(span) {
            Ok(slot) => Ok(slot),
            Err(need) => self.refill(need),
        }
    }

    /// The slow path: sweep, or take fresh pages; account for it; start a cycle or help one.
    #[cold]
    #[inline(never)]
    fn refill(&self, need: NeedSpan) -> Result<Slot, AllocError> {
        assist::before_refill(self)?;
        // SAFETY: CTX-1 — through the guard.
        let cache = unsafe { self.ctx().cache() };
        cache.refill(need).map_err(|e| self.no_memory(e))?;
        cache.take(need.0).map_err(|need| {
            gort_sys::fatal!("ALLOC-2", "no slot of class {} after a refill", need.0.class())
        })
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn take_large(&self, bytes: usize, noscan: bool) -> Result<Slot, AllocError> {
        assist::before_refill(self)?;
        // SAFETY: CTX-1 — through the guard.
        let cache = unsafe { self.ctx().cache() };
        let slot = cache.take_large(bytes, noscan).map_err(|e| self.no_memory(e))?;
        assist::account(self);
        Ok(slot)
    }

    #[cold]
    fn no_memory(&self, source: MemError) -> AllocError {
        // The garbage may be there already: ask for a cycle, so that a later attempt can succeed.
        let s = self.shared();
        s.coordinator.trigger(s);
        AllocError::Memory(source)
    }

    #[inline(never)]
    fn attach_glue<T>(&self, object: NonNull<T>) -> Result<(), AllocError> {
        // SAFETY: ALLOC-1, DROP-1 — the object is initialised right after this call, before anybody can
        // find it dead; its glue is that of its type, which is Send (`alloc` asks for it).
        unsafe { self.ctx().heap().add_drop(object.cast(), glue::<T>) }
            .map_err(|e| self.no_memory(e))
    }

    #[inline(always)]
    fn record_map<T: Trace>(&self, slot: NonNull<u8>) {
        let heap = self.ctx().heap();
        if Shape::<T>::ONE_ROW && Shape::<T>::CLASS != 0 {
            // SAFETY: ALLOC-1 — just taken from a scan class, of this slot size.
            unsafe { heap.write_pointer_map(slot, Shape::<T>::SLOT, T::MAP.row(0)) };
        } else {
            self.record_rows(slot, &T::MAP);
        }
    }

    /// The map of a value of a type whose values differ.
    #[inline(never)]
    fn record_value<T: Trace>(&self, value: &T, slot: NonNull<u8>, look: bool) {
        let mut map = PointerMap::NONE;
        value.record(&mut map, 0);
        self.record_rows(slot, &map);
        if look {
            self.shade_initial(slot, &map);
        }
    }

    /// A map of several rows, row by row: a row covers 512 bytes, and is written as if these were a slot.
    #[inline(never)]
    fn record_rows(&self, slot: NonNull<u8>, map: &PointerMap) {
        const ROW: usize = 64 * WORD;
        let heap = self.ctx().heap();
        // SAFETY: ALLOC-1 — the slot was just taken.
        let size = unsafe { heap.object_of(slot) }.size;
        // SAFETY: ALLOC-1 — the first call clears all of the slot, the others write inside of it.
        unsafe { heap.write_pointer_map(slot, size, map.row(0)) };
        for row in 1..size.div_ceil(ROW).min(PointerMap::MAX_BYTES / ROW) {
            let len = ROW.min(size - row * ROW);
            // SAFETY: ALLOC-1 — `row * ROW < size`.
            unsafe { heap.write_pointer_map(slot.add(row * ROW), len, map.row(row)) };
        }
    }

    /// An object that is born black must not hide a white one (GC-BLACK): what it names is shaded.
    ///
    /// Keeping the object itself for scanning would do as well, but it counts as a shade, and a task that makes objects all the
    /// time would never let a round be quiet. What a new object names is black mostly.
    #[cold]
    #[inline(never)]
    fn shade_initial(&self, slot: NonNull<u8>, map: &PointerMap) {
        let ctx = self.ctx();
        let mode = ctx.order.get().mode();
        if !(mode.shades() && mode.black()) || self.shared().mutant(Mutant::NoInit) {
            return;
        }
        for row in 0..PointerMap::MAX_BYTES / 64 / WORD {
            let mut bits = map.row(row);
            while bits != 0 {
                let word = row * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                // SAFETY: ALLOC-1 — a pointer word of the object that was just written.
                let pointer = unsafe { slot.cast::<*mut u8>().add(word).read() };
                if let Some(pointer) = NonNull::new(pointer) {
                    // SAFETY: CTX-1; the initialiser's handle keeps the object alive.
                    unsafe { ctx.shade(pointer) };
                }
            }
        }
    }
}

/// Asks again with the barrier's switch left out.
#[cold]
#[inline(never)]
fn check<'a, I: Init<'a>>(init: &I, range: Range) {
    let mut pointers = Pointers::new(range.with_barrier(false).0);
    init.visit(&mut pointers);
    if pointers.any_foreign() {
        panic!(
            "a new `{}` was given an object of another collector than the guard's",
            any::type_name::<I::Target>()
        );
    }
}

/// The drop glue of a `T`, on a slot.
///
/// # Safety
/// DROP-1: `object` is a dead object of type `T`, and this is the only call.
unsafe fn glue<T>(object: *mut u8) {
    // SAFETY: by this function's contract.
    unsafe { ptr::drop_in_place(object.cast::<T>()) };
}

#[cold]
#[inline(never)]
fn fail(e: AllocError) -> ! {
    panic!("{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_suit_the_alignment() {
        for size in [0, 1, 8, 9, 16, 24, 40, 100, 1000, 1100, 9000, 32768] {
            for align in [1, 8, 16, 64, 256, 4096] {
                let class = class_for(size, align);
                if class != 0 {
                    assert!(class_size(class) >= size && class_size(class).is_multiple_of(align));
                }
            }
        }
        assert_eq!(class_for(32769, 8), 0);
    }
}
