//! [`GortAlloc`]: the explicit side as the process's allocator.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: gort_heap::GortAlloc = gort_heap::GortAlloc::new();
//!
//! let words: Vec<String> = "a heap of one's own".split(' ').map(String::from).collect();
//! assert_eq!(words.len(), 5);
//! assert!(gort_heap::GortAlloc::heap().is_some_and(|heap| heap.stats().explicit_in_use > 0));
//! ```
//!
//! One heap for the process, made by the first call, and one cache for each thread, made by the thread's first call
//! and kept in its thread word. Nothing here allocates, locks or prints on the way to the cache, so that it works
//! before `main`, in destructors of thread-locals and after them.
//!
//! A thread that ends flushes its cache and leaves it to the next one (heap.md D5). Its destructor is that of a key
//! of the C library, which runs after those of Rust's thread-locals; a later one that allocates makes a new cache, and
//! the C library runs the destructor again.

use crate::cache::Cache;
use crate::config::{HeapConfig, Hooks, Kind};
use crate::heap::Heap;
use crate::record::CacheRec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use gort_sys::thread::{self, ThreadWord};
use gort_sys::{Linux, MemError};

/// The process's heap as a `#[global_allocator]`.
///
/// Sizes up to 32 KiB come from the calling thread's cache: a pop of an array, or a count of trailing zeros. A free with
/// the wrong layout, of a foreign address or for the second time is fatal when it is seen: one line says what and where,
/// then the process aborts.
#[derive(Debug, Clone, Copy, Default)]
pub struct GortAlloc;

/// A thread's word: its cache.
type Word = ThreadWord<1>;

/// Where the process's heap is. Zeros are the state before the first call.
struct Process {
    state: AtomicU32,
    key: UnsafeCell<libc::pthread_key_t>,
    heap: UnsafeCell<MaybeUninit<Heap<Linux>>>,
}

// SAFETY: GLOBAL-1 — the cells are written by the one caller that moved the state to MAKING, and read after READY.
unsafe impl Sync for Process {}

const MAKING: u32 = 1;
const READY: u32 = 2;

static PROCESS: Process = Process {
    state: AtomicU32::new(0),
    key: UnsafeCell::new(0),
    heap: UnsafeCell::new(MaybeUninit::uninit()),
};

impl Process {
    /// The heap, if it was made.
    #[inline]
    fn get(&'static self) -> Option<&'static Heap<Linux>> {
        // ORDER: Acquire ⇐ `make`: the heap was written.
        if self.state.load(Acquire) != READY {
            return None;
        }
        // SAFETY: GLOBAL-1 — READY: written, and never again.
        Some(unsafe { (*self.heap.get()).assume_init_ref() })
    }

    /// The heap; the first caller makes it, others wait for it.
    #[cold]
    fn make(&'static self) -> Option<&'static Heap<Linux>> {
        loop {
            if let Some(heap) = self.get() {
                return Some(heap);
            }
            // ORDER: Acquire ⇐ a maker that failed; Relaxed on failure: the loop looks again.
            if self.state.compare_exchange(0, MAKING, Acquire, Relaxed).is_err() {
                thread::yield_os();
                continue;
            }
            let made = self.fill();
            // ORDER: Release ⇒ `get`: the heap and the key.
            self.state.store(if made.is_ok() { READY } else { 0 }, Release);
            if made.is_err() {
                return None;
            }
        }
    }

    fn fill(&'static self) -> Result<(), MemError> {
        let config = HeapConfig { gc_range_shift: 0, hooks: Hooks::IDLE, ..HeapConfig::default() };
        let heap = Heap::with(Linux, config)?;
        // SAFETY: GLOBAL-1 — the state is MAKING: nobody else is here. The key is a live out-parameter.
        unsafe {
            if libc::pthread_key_create(self.key.get(), Some(thread_ends)) != 0 {
                return Err(MemError::os(gort_sys::MemOp::Order, 0, 0));
            }
            (*self.heap.get()).write(heap);
        }
        Ok(())
    }
}

/// The calling thread's cache, if it has one. It is only lent: the thread word owns it.
#[inline(always)]
fn cache() -> Option<ManuallyDrop<Cache<Linux>>> {
    let rec = NonNull::new(Word::get().cast::<CacheRec>())?;
    // SAFETY: GLOBAL-2 — the word names this thread's record, of the process's heap; GLOBAL-1 — which is READY, since
    // the record exists.
    Some(unsafe { Cache::lent(rec, (*PROCESS.heap.get()).assume_init_ref().alias()) })
}

/// Opens a cache for a thread that has none.
#[cold]
#[inline(never)]
fn open() -> Option<ManuallyDrop<Cache<Linux>>> {
    let heap = PROCESS.make()?;
    let cache = ManuallyDrop::new(heap.cache(Kind::Explicit).ok()?);
    let rec = core::ptr::from_ref(cache.rec()).cast_mut();
    // First the word: the C library may allocate to remember the key.
    Word::set(rec.cast());
    // SAFETY: GLOBAL-1 — READY: the key was made. A failure means that the cache is not left to others, no more.
    unsafe { libc::pthread_setspecific(*PROCESS.key.get(), rec.cast()) };
    // SAFETY: GLOBAL-2 — as in `cache`. The value made above is never dropped: the word has it.
    Some(unsafe { Cache::lent(NonNull::new_unchecked(rec), heap.alias()) })
}

/// The key's destructor: the thread's cache goes back to the pool.
unsafe extern "C" fn thread_ends(rec: *mut c_void) {
    let Some(rec) = NonNull::new(rec.cast::<CacheRec>()) else { return };
    Word::set(null_mut());
    // SAFETY: GLOBAL-2 — the word had it until now, and nobody else; its heap is the process's.
    let mut cache = unsafe { Cache::lent(rec, (*PROCESS.heap.get()).assume_init_ref().alias()) };
    cache.flush();
    cache.heap().inner().close_record(rec);
}

impl GortAlloc {
    /// The allocator; every value is the same one.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The process's heap, once something was allocated from it.
    #[must_use]
    pub fn heap() -> Option<&'static Heap<Linux>> {
        PROCESS.get()
    }

    /// Bytes that may be used at `p`, at least those that were asked for; 0 for an address at which no block begins.
    #[must_use]
    pub fn usable_size(p: *const u8) -> usize {
        Self::heap().map_or(0, |heap| heap.inner().explicit_size(p.addr()))
    }

    /// Gives back what the calling thread has borrowed: for a thread that will sleep for long.
    pub fn flush_current() {
        if !Word::get().is_null()
            && let Some(mut cache) = cache()
        {
            cache.flush();
        }
    }
}

// SAFETY: GLOBAL-3 — blocks are slots of the process's heap, which never ends: H-1 makes them disjoint, the class fits
// the layout's size and alignment. Nothing here unwinds.
unsafe impl GlobalAlloc for GortAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match cache() {
            Some(mut cache) => address(cache.alloc(layout)),
            None => first_alloc(layout),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        match cache() {
            // SAFETY: GLOBAL-3 — by the trait's contract a block of this allocator, with its layout.
            Some(mut cache) => unsafe { cache.dealloc(NonNull::new_unchecked(p), layout) },
            // SAFETY: GLOBAL-3 — as above.
            None => unsafe { first_dealloc(p, layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        address(cache().or_else(open).and_then(|mut cache| cache.alloc_zeroed(layout)))
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        let Some(mut cache) = cache().or_else(open) else { return null_mut() };
        // SAFETY: GLOBAL-3 — by the trait's contract as for `dealloc`; the new size is not 0.
        address(unsafe { cache.realloc(NonNull::new_unchecked(p), layout, new) })
    }
}

#[inline(always)]
fn address(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(null_mut(), NonNull::as_ptr)
}

/// A thread's first call.
#[cold]
#[inline(never)]
fn first_alloc(layout: Layout) -> *mut u8 {
    address(open().and_then(|mut cache| cache.alloc(layout)))
}

/// A thread's first call, which frees what another one allocated.
///
/// # Safety
/// That of `GlobalAlloc::dealloc`.
#[cold]
#[inline(never)]
unsafe fn first_dealloc(p: *mut u8, layout: Layout) {
    if let Some(mut cache) = open() {
        // SAFETY: GLOBAL-3 — by this function's contract.
        unsafe { cache.dealloc(NonNull::new_unchecked(p), layout) };
    }
}
