//! The heap.
use crate::{cache::Cache, class::SpanClass, config::*, object::*};
use core::{marker::PhantomData, ptr::NonNull, sync::atomic::AtomicPtr};
use gort_sys::{Backend, Linux, MemError};
/// Facts of one swept span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects freed.
    pub freed_objects: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// Pages given back to the page heap.
    pub pages: u64,
}
/// Statistics.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HeapStats {
    /// Bytes in spans (all kinds).
    pub heap_in_use: u64,
    /// Of it, of the collector's.
    pub gc_in_use: u64,
    /// Free pages, warm.
    pub heap_free: u64,
    /// Free pages without memory.
    pub heap_released: u64,
    /// All mapped bytes incl. metadata, minus released.
    pub committed: u64,
    /// Objects ever allocated, exact at rest.
    pub mallocs: u64,
    /// Objects freed.
    pub frees: u64,
    /// Bytes ever allocated (slot sizes).
    pub alloc_bytes: u64,
    /// Bytes live (allocated, not yet swept).
    pub live_bytes: u64,
    /// live objects.
    pub live_objects: u64,
}
/// Per class.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ClassStats {
    /// size
    pub size: usize,
    /// mallocs
    pub mallocs: u64,
    /// frees
    pub frees: u64,
    /// spans
    pub spans: u64,
}
/// The heap: a counted handle (Clone, Send, Sync). The inner structure never moves.
#[derive(Debug)]
pub struct Heap<B: Backend = Linux> {
    p: PhantomData<fn() -> B>,
}
impl<B: Backend> Clone for Heap<B> {
    fn clone(&self) -> Self {
        Heap { p: PhantomData }
    }
}
impl<B: Backend> Heap<B> {
    /// A heap of its own.
    pub fn with(backend: B, cfg: HeapConfig) -> Result<Self, MemError> {
        let _ = (backend, cfg);
        Ok(Heap { p: PhantomData })
    }
    /// Base (multiple of 1 << shift) and shift of the range that holds GC objects and nothing else.
    #[inline]
    pub fn gc_range(&self) -> (usize, u32) {
        (0, 38)
    }
    /// A cache from the pool.
    pub fn cache(&self, kind: Kind) -> Result<Cache<B>, MemError> {
        let _ = kind;
        todo!()
    }
    /// The object at a valid (interior allowed) pointer into a live GC object.
    /// # Safety
    /// `p` points into an object of this heap that is allocated.
    #[inline]
    pub unsafe fn object_of(&self, p: NonNull<u8>) -> Object {
        let _ = p;
        todo!()
    }
    /// The object at a doubtful address.
    pub fn find_object(&self, addr: usize) -> Option<Object> {
        let _ = addr;
        None
    }
    /// Sets the mark; true if this call did.
    /// # Safety
    /// As `object_of`; GC objects only.
    #[inline]
    pub unsafe fn try_mark(&self, o: &Object) -> bool {
        let _ = o;
        true
    }
    /// # Safety
    /// As `try_mark`.
    #[inline]
    pub unsafe fn is_marked(&self, o: &Object) -> bool {
        let _ = o;
        true
    }
    /// Look-up and marking in one; None: was marked already.
    /// # Safety
    /// As `object_of`; GC objects only.
    #[inline]
    pub unsafe fn mark_ptr(&self, p: NonNull<u8>) -> Option<MarkedNew> {
        let _ = p;
        None
    }
    /// Records which 8-byte words of a slot hold pointers: word i of the slot iff i < 64 and bit i of `pattern`; the rest of the slot is cleared.
    /// # Safety
    /// `slot` was just taken from a scan class by the caller's cache (single writer) and has slot size `slot_size`.
    #[inline]
    pub unsafe fn write_pointer_map(&self, slot: NonNull<u8>, slot_size: usize, pattern: u64) {
        let _ = (slot, slot_size, pattern);
    }
    /// The same for `count` elements of `elem_words` words (<= 64) each with `pattern`, starting `skip` words into the slot; all other words of the slot are cleared.
    /// # Safety
    /// As `write_pointer_map`; skip + count * elem_words words fit.
    pub unsafe fn write_pointer_map_repeated(
        &self,
        slot: NonNull<u8>,
        slot_size: usize,
        skip: usize,
        pattern: u64,
        elem_words: usize,
        count: usize,
    ) {
        let _ = (slot, slot_size, skip, pattern, elem_words, count);
    }
    /// Calls `f` for each pointer word of the object (base, size as in MarkedNew), lowest first.
    /// # Safety
    /// As `mark_ptr`; not noscan.
    #[inline]
    pub unsafe fn for_each_pointer_word(
        &self,
        base: NonNull<u8>,
        size: usize,
        f: impl FnMut(&AtomicPtr<u8>),
    ) {
        let _ = (base, size, f);
    }
    /// Attaches drop glue: sweep will not free the slot before the glue ran. One per object.
    /// # Safety
    /// `obj` is the base of a live GC object; `f` may be called once with it, from any thread, after it died.
    pub unsafe fn add_drop(&self, obj: NonNull<u8>, f: DropFn) -> Result<(), MemError> {
        let _ = (obj, f);
        Ok(())
    }
    /// The glue of `obj` ran: the next sweep frees the slot.
    /// # Safety
    /// `obj` was given to `Hooks::dead` and not reported yet.
    pub unsafe fn special_done(&self, obj: *mut u8) {
        let _ = obj;
    }
    /// The sweep generation (rises by 2).
    #[inline]
    pub fn sweepgen(&self) -> u32 {
        0
    }
    /// The flip: all GC spans become unswept. Returns the new generation. Only when `sweep_done()`.
    pub fn advance_sweepgen(&self) -> u32 {
        0
    }
    /// Sweeps one unswept span that no cache holds; None: nothing left to take.
    pub fn sweep_one(&self) -> Option<Swept> {
        None
    }
    /// Unswept spans in the lists (not those held by caches).
    pub fn unswept_left(&self) -> u64 {
        0
    }
    /// Sweeps under way.
    pub fn active_sweepers(&self) -> u64 {
        0
    }
    /// Lists empty and nobody active (caches that have not flushed since the flip are the caller's matter).
    pub fn sweep_done(&self) -> bool {
        self.unswept_left() == 0 && self.active_sweepers() == 0
    }
    /// Sum of `bytes_taken` over all caches, GC kind.
    pub fn bytes_taken(&self) -> u64 {
        0
    }
    /// Bytes in GC spans (cheap: one load).
    pub fn gc_in_use(&self) -> u64 {
        0
    }
    /// Statistics.
    pub fn stats(&self) -> HeapStats {
        HeapStats::default()
    }
    /// Per class.
    pub fn by_class(&self, kind: Kind, out: &mut [ClassStats; 68]) {
        let _ = (kind, out);
    }
}
#[allow(dead_code)]
fn _q(_: SpanClass, _: Option<Linux>) {}
