//! The cache of one context.
use crate::{class::SpanClass, heap::Heap};
use core::ptr::NonNull;
use gort_sys::{Backend, Linux, MemError};
/// A free slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// First byte; at least class_size bytes.
    pub ptr: NonNull<u8>,
    /// Known to be all zero (false: contents arbitrary).
    pub zeroed: bool,
}
/// `take` found no slot: call `refill` with it, then `take` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedSpan(pub SpanClass);
/// Owned by one context at a time. Send, !Sync. Holds a counted reference to its heap: no lifetime. Drop flushes and pools it.
#[derive(Debug)]
pub struct Cache<B: Backend = Linux> {
    #[allow(dead_code)]
    heap: Heap<B>,
}
impl<B: Backend> Cache<B> {
    /// Fast path, inlined: no lock, no RMW.
    #[inline]
    pub fn take(&mut self, c: SpanClass) -> Result<Slot, NeedSpan> {
        Err(NeedSpan(c))
    }
    /// After Ok, `take` of that class succeeds at least once.
    pub fn refill(&mut self, n: NeedSpan) -> Result<(), MemError> {
        let _ = n;
        todo!()
    }
    /// Own span of whole pages (any size; meant for > MAX_SMALL). In black mode (and right generation) its mark is set already.
    pub fn take_large(&mut self, bytes: usize, noscan: bool) -> Result<Slot, MemError> {
        let _ = (bytes, noscan);
        todo!()
    }
    /// Heap sweep generation for which the currently held span of the class was swept (u32::MAX if none is held). Objects taken from a span
    /// whose generation differs from the cache's stay white in black mode.
    #[inline]
    pub fn generation_of_current(&self, c: SpanClass) -> u32 {
        let _ = c;
        0
    }
    /// The generation this cache works in: heap's at creation or last `flush`.
    #[inline]
    pub fn generation(&self) -> u32 {
        0
    }
    /// Gives all spans and bits back, sweeping stale ones; takes over the heap's generation.
    pub fn flush(&mut self) {}
    /// Black mode: every slot handed out from a span of the cache's generation is marked before it is returned (by word).
    pub fn set_black(&mut self, on: bool) {
        let _ = on;
    }
    /// Bytes lent to this cache so far (by borrowed word; large: at once). Monotonic; rises only in refill and take_large.
    #[inline]
    pub fn bytes_taken(&self) -> u64 {
        0
    }
    /// Its heap.
    pub fn heap(&self) -> &Heap<B> {
        &self.heap
    }
}
#[allow(dead_code)]
fn _p(_: NonNull<u8>) {}
