//! The cache of one owner: the fast paths.
//!
//! A cache belongs to whoever has the value, one thread at a time, and keeps its heap alive; so it has no lifetime and may
//! be stored anywhere. Its memory is a pooled record that never moves.

use crate::class::{PAGE, SpanClass};
use crate::config::Kind;
use crate::heap::Heap;
use crate::record::{CacheRec, Mag, ZEROED};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, Linux, MemError};

/// A free slot, now the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// First byte. At least the class's size is the caller's.
    pub ptr: NonNull<u8>,
    /// Known to be all zero; otherwise the contents are arbitrary.
    pub zeroed: bool,
}

/// `take` found nothing at hand: [`Cache::refill`] with this, then `take` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "call refill with it"]
pub struct NeedSpan(pub SpanClass);

/// What one owner has borrowed from its heap. `Send`, not `Sync`. Dropping it gives everything back.
#[derive(Debug)]
pub struct Cache<B: Backend = Linux> {
    rec: NonNull<CacheRec>,
    heap: Heap<B>,
}

// SAFETY: H-14 — the record is reached through the one value; the heap is `Send` and `Sync`.
unsafe impl<B: Backend> Send for Cache<B> {}

impl<B: Backend> Cache<B> {
    pub(crate) fn open(heap: &Heap<B>, kind: Kind) -> Result<Self, MemError> {
        let side = heap.inner().open_side(kind)?;
        let rec = heap.inner().open_record(kind)?;
        let cache = Cache { rec, heap: heap.clone() };
        cache.rec().generation.set(heap.inner().generation());
        cache.rec().black.set(false);
        if kind != Kind::Gc {
            crate::explicit::equip(cache.rec(), side);
        }
        heap.inner().profile_look(cache.rec());
        Ok(cache)
    }

    #[inline]
    pub(crate) fn rec(&self) -> &CacheRec {
        // SAFETY: H-14 — the record lives as long as the heap, which this value keeps alive.
        unsafe { self.rec.as_ref() }
    }

    #[inline]
    pub(crate) fn mag(&self, c: SpanClass) -> &Mag {
        // SAFETY: H-11 — a `SpanClass` is below the number of magazines.
        unsafe { self.rec().mags.get_unchecked(c.index()) }
    }

    /// The next free slot of a class (GC kind): a count of trailing zeros and two stores; no lock, no locked instruction.
    ///
    /// # Errors
    /// [`NeedSpan`] when the borrowed word is used up.
    #[inline]
    pub fn take(&mut self, c: SpanClass) -> Result<Slot, NeedSpan> {
        let mag = self.mag(c);
        let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
        if bits == 0 {
            return Err(NeedSpan(c));
        }
        mag.bits.store(bits & (bits - 1), Relaxed); // ORDER: Relaxed — as above.
        let at = bits.trailing_zeros() as usize * mag.elem.get() as usize;
        // SAFETY: H-1 — a set bit is a slot of the held span, on loan to this cache.
        let ptr = unsafe { NonNull::new_unchecked(mag.wbase.get().add(at)) };
        Ok(Slot { ptr, zeroed: mag.flags.get() & ZEROED != 0 })
    }

    /// Borrows more: the next word of the held span, else a swept span, else sweeps some, else a new one. After `Ok` the
    /// next `take` of the class succeeds. Never waits but for short locks and the system's memory.
    ///
    /// # Errors
    /// No memory; nothing has changed.
    pub fn refill(&mut self, n: NeedSpan) -> Result<(), MemError> {
        if self.rec().kind.get() != Kind::Gc {
            return Err(MemError::os(gort_sys::MemOp::Order, n.0.size(), 0));
        }
        self.heap.inner().gc_refill(self.rec(), n.0)
    }

    /// A span of its own, in whole pages; meant for more than [`MAX_SMALL`](crate::class::MAX_SMALL) bytes. In black mode it is marked.
    ///
    /// # Errors
    /// No memory.
    pub fn take_large(&mut self, bytes: usize, noscan: bool) -> Result<Slot, MemError> {
        if self.rec().kind.get() != Kind::Gc {
            return Err(MemError::os(gort_sys::MemOp::Order, bytes, 0));
        }
        let bytes = bytes.checked_next_multiple_of(PAGE).ok_or(MemError::os(
            gort_sys::MemOp::Limit,
            bytes,
            0,
        ))?;
        let (ptr, zeroed) = self.heap.inner().gc_take_large(self.rec(), bytes, noscan)?;
        Ok(Slot { ptr, zeroed })
    }

    /// Generation for which the span in hand was swept; `u32::MAX` if there is none.
    #[inline]
    pub fn generation_of_current(&self, c: SpanClass) -> u32 {
        let mag = self.mag(c);
        if mag.span.load(Relaxed) == 0 { u32::MAX } else { mag.key.get() } // ORDER: Relaxed — one writer, this cache.
    }

    /// Generation that this cache works in: the heap's when it was made or last flushed.
    #[inline]
    pub fn generation(&self) -> u32 {
        self.rec().generation.get()
    }

    /// Gives all spans, bits and pages back, sweeping what is stale first, and takes over the heap's generation (G-2).
    pub fn flush(&mut self) {
        match self.rec().kind.get() {
            Kind::Gc => self.heap.inner().gc_flush(self.rec()),
            _ => self.heap.inner().explicit_flush(self.rec()),
        }
    }

    /// Black mode: a slot from a span of the cache's generation is marked before it is handed out (G-1), a word at a time.
    pub fn set_black(&mut self, on: bool) {
        self.heap.inner().gc_set_black(self.rec(), on);
    }

    /// Bytes borrowed so far, counted by word and by large object. Only rises.
    #[inline]
    pub fn bytes_taken(&self) -> u64 {
        self.rec().bytes.load(Relaxed) // ORDER: Relaxed — a counter of our own.
    }

    /// The heap it belongs to.
    #[inline]
    pub fn heap(&self) -> &Heap<B> {
        &self.heap
    }
}

impl<B: Backend> Drop for Cache<B> {
    fn drop(&mut self) {
        self.flush();
        self.heap.inner().close_record(self.rec);
    }
}
