//! Memory that is never freed while its allocator lives.
//!
//! Requests below 64 KiB are cut from chunks of 256 KiB: first from the chunk that the caller brings along (no lock),
//! else from a global one under the lock. Larger requests get a mapping of their own. Dropping the allocator unmaps all
//! of it, which is how a runtime that has ended leaves nothing behind.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use gort_sys::lock::{RawGuard, RawLock};
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, MemOp, MemState, PageRange, SysStat};

/// Size of a chunk in bytes.
pub const CHUNK: usize = 256 << 10;
/// Requests of this many bytes or more go straight to the backend.
pub const DIRECT: usize = 64 << 10;
/// Smallest chunk, on a backend that has little to give.
const LEAST_CHUNK: usize = 16 << 10;

static RANK: Rank = Rank { layer: layer::FIX, n: 0, name: "fixalloc.persistent" };

/// The unused part of a 256 KiB chunk. Belongs to one cache (or to the allocator, as the global one).
#[derive(Debug)]
pub struct Chunk {
    next: *mut u8,
    left: usize,
}

// SAFETY: FIX-B — the bytes of a chunk belong to the chunk's owner alone.
unsafe impl Send for Chunk {}

impl Chunk {
    /// A chunk with nothing in it; it fills at first use.
    pub const EMPTY: Chunk = Chunk { next: core::ptr::null_mut(), left: 0 };

    fn cut(&mut self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let pad = (self.next as usize).wrapping_neg() & (align - 1);
        let need = pad.checked_add(size)?;
        if self.next.is_null() || need > self.left {
            return None;
        }
        // SAFETY: FIX-B — `pad + size <= left`: inside the chunk or at its end.
        let (p, next) = unsafe { (self.next.add(pad), self.next.add(need)) };
        self.next = next;
        self.left -= need;
        NonNull::new(p)
    }
}

/// Head of a mapping, in its first bytes: the mappings form a list that only grows.
struct Mapping {
    next: *mut Mapping,
    len: usize,
}

/// Room for the head, so that what follows keeps every alignment up to it.
const HEAD: usize = 64;

/// Figures of a [`PersistentAlloc`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersistStats {
    /// Bytes mapped.
    pub mapped: u64,
    /// Bytes handed out.
    pub used: u64,
    /// Mappings made: two system calls each.
    pub mappings: u64,
    /// Times the global lock was taken.
    pub locks: u64,
}

/// Never-freed memory in 256 KiB chunks (FIX-2).
#[derive(Debug)]
pub struct PersistentAlloc<B: Backend> {
    backend: B,
    lock: RawLock,
    global: UnsafeCell<Chunk>,
    mappings: AtomicPtr<Mapping>,
    rest: SysStat,
    used: AtomicU64,
    made: AtomicU64,
    locks: AtomicU64,
}

// SAFETY: FIX-B — `global` is touched under `lock` only; the rest is atomic.
unsafe impl<B: Backend> Sync for PersistentAlloc<B> {}
// SAFETY: FIX-B — the mappings belong to the allocator, wherever it is.
unsafe impl<B: Backend> Send for PersistentAlloc<B> {}

impl<B: Backend> PersistentAlloc<B> {
    /// An allocator without memory.
    pub const fn new(backend: B) -> Self {
        Self {
            backend,
            lock: RawLock::new(&RANK),
            global: UnsafeCell::new(Chunk::EMPTY),
            mappings: AtomicPtr::new(core::ptr::null_mut()),
            rest: SysStat::new(),
            used: AtomicU64::new(0),
            made: AtomicU64::new(0),
            locks: AtomicU64::new(0),
        }
    }

    /// Where the memory comes from.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// `size` bytes of zero, aligned to `align` (a power of two up to a page; 8 if 0), charged to `st`.
    ///
    /// With `chunk` the bytes come from there, and a new chunk is mapped for it when it runs out: no lock but for the
    /// list of mappings. Without, they come from the global chunk under the lock.
    ///
    /// # Errors
    /// The backend's, and `MemOp::Order` for an alignment that is no power of two or above a page.
    pub fn alloc(
        &self,
        chunk: Option<&mut Chunk>,
        size: usize,
        align: usize,
        st: &SysStat,
    ) -> Result<NonNull<u8>, MemError> {
        let align = if align == 0 { 8 } else { align };
        if size == 0 || !align.is_power_of_two() || align > self.backend.page_size() {
            return Err(MemError::os(MemOp::Order, size, 0));
        }
        let p = if size >= self.chunk_size() / (CHUNK / DIRECT) {
            self.direct(size, align)?
        } else if let Some(chunk) = chunk {
            self.from(chunk, size, align)?
        } else {
            self.count_lock();
            let _held = self.lock.lock();
            // SAFETY: FIX-B — the lock is held, so this is the only reference to the global chunk.
            self.from(unsafe { &mut *self.global.get() }, size, align)?
        };
        self.rest.shift(Some(MemState::Ready), None, size);
        st.shift(None, Some(MemState::Ready), size);
        self.used.fetch_add(size as u64, Ordering::Relaxed); // ORDER: Relaxed — a counter.
        Ok(p)
    }

    /// Whether `p` lies in memory of this allocator. Walks the mappings: for checks, not for fast paths.
    pub fn contains(&self, p: *const u8) -> bool {
        // ORDER: Acquire ⇐ `link`: the head's fields.
        let mut at = self.mappings.load(Ordering::Acquire);
        while !at.is_null() {
            // SAFETY: FIX-A — a mapping stays, and its head is written before it is linked.
            let head = unsafe { &*at };
            if (p as usize).wrapping_sub(at as usize) < head.len {
                return true;
            }
            at = head.next;
        }
        false
    }

    /// Calls `f` with the first address and the length of each mapping.
    pub fn for_each_mapping(&self, mut f: impl FnMut(usize, usize)) {
        // ORDER: Acquire ⇐ `mapping`: the head's fields.
        let mut at = self.mappings.load(Ordering::Acquire);
        while !at.is_null() {
            // SAFETY: FIX-A — a mapping stays, and its head is written before it is linked.
            let head = unsafe { &*at };
            f(at as usize, head.len);
            at = head.next;
        }
    }

    /// Bytes handed out so far.
    pub fn bytes(&self) -> u64 {
        self.used.load(Ordering::Relaxed) // ORDER: Relaxed — a counter.
    }

    /// The account row of what is mapped and not handed out.
    pub fn rest(&self) -> &SysStat {
        &self.rest
    }

    /// Figures for tests and reports.
    pub fn stats(&self) -> PersistStats {
        let used = self.bytes();
        PersistStats {
            mapped: used + self.rest.bytes().mapped,
            used,
            mappings: self.made.load(Ordering::Relaxed), // ORDER: Relaxed — a counter.
            locks: self.locks.load(Ordering::Relaxed),   // ORDER: Relaxed — a counter.
        }
    }

    /// Takes the lock of the global chunk and nothing else: for who must know that nobody is in the middle of it.
    pub fn hold(&self) -> RawGuard<'_> {
        self.lock.lock()
    }

    fn count_lock(&self) {
        self.locks.fetch_add(1, Ordering::Relaxed); // ORDER: Relaxed — a counter.
    }

    /// [`CHUNK`], or in a small box (a backend with a bound) a 64th of it; [`DIRECT`] is always a quarter of a chunk.
    fn chunk_size(&self) -> usize {
        match self.backend.bound() {
            None => CHUNK,
            Some(bytes) => (bytes / 64).next_power_of_two().clamp(LEAST_CHUNK, CHUNK),
        }
    }

    fn from(&self, chunk: &mut Chunk, size: usize, align: usize) -> Result<NonNull<u8>, MemError> {
        if let Some(p) = chunk.cut(size, align) {
            return Ok(p);
        }
        let range = self.mapping(self.chunk_size())?;
        // SAFETY: FIX-B — the head is shorter than the mapping.
        let next = unsafe { range.base.add(HEAD) };
        *chunk = Chunk { next: next.as_ptr(), left: range.len - HEAD };
        chunk.cut(size, align).ok_or(MemError::os(MemOp::Order, size, 0))
    }

    fn direct(&self, size: usize, align: usize) -> Result<NonNull<u8>, MemError> {
        let page = self.backend.page_size();
        let offset = HEAD.next_multiple_of(align);
        let len = size.checked_add(offset).and_then(|n| n.checked_next_multiple_of(page));
        let range = self.mapping(len.ok_or(MemError::os(MemOp::Reserve, size, 0))?)?;
        // SAFETY: FIX-B — `offset + size <= len`.
        Ok(unsafe { range.base.add(offset) })
    }

    /// Maps `len` bytes and links them.
    fn mapping(&self, len: usize) -> Result<PageRange, MemError> {
        let range = self.backend.reserve(len, self.backend.page_size(), 0, &self.rest)?;
        // SAFETY: MEM-2 — reserved just now, by us.
        if let Err(e) = unsafe { self.backend.map(range, &self.rest) } {
            // SAFETY: MEM-2 — nobody knows the range yet.
            unsafe { self.backend.free(range, 0, 0, &self.rest) };
            return Err(e);
        }
        // SAFETY: MEM-2 — a name for a range of ours.
        unsafe { self.backend.name(range, c"gort: metadata") };
        let head = range.base.as_ptr().cast::<Mapping>();
        let mut next = self.mappings.load(Ordering::Relaxed); // ORDER: Relaxed — the exchange decides.
        loop {
            // SAFETY: FIX-B — the mapping is ours alone until the exchange succeeds, and page-aligned.
            unsafe { head.write(Mapping { next, len }) };
            // ORDER: Release ⇒ `contains`, `drop`: the head's fields. Relaxed on failure: looked at again.
            match self.mappings.compare_exchange_weak(
                next,
                head,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => next = now,
            }
        }
        self.made.fetch_add(1, Ordering::Relaxed); // ORDER: Relaxed — a counter.
        Ok(range)
    }
}

impl<B: Backend> Drop for PersistentAlloc<B> {
    fn drop(&mut self) {
        let mut at = *self.mappings.get_mut();
        while let Some(base) = NonNull::new(at) {
            // SAFETY: FIX-A — the head was written when the mapping was linked, and this reads it before unmapping.
            let Mapping { next, len } = unsafe { base.read() };
            // What was handed out is charged to rows of the callers, which end with their owners.
            let own = SysStat::new();
            own.shift(None, Some(MemState::Ready), len);
            // SAFETY: MEM-2 — one whole reservation; the allocator is going, so nobody uses its memory.
            unsafe { self.backend.free(PageRange::new(base.cast(), len), len, 0, &own) };
            at = next;
        }
    }
}
