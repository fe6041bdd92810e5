//! A free list for records of one type (FIX-1).

use crate::persistent::PersistentAlloc;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;
use gort_sys::{Backend, MemError, MemOp, SysStat};

/// Upper bound of what a pool takes at once, in bytes.
pub const FIX_CHUNK: usize = 16 << 10;

struct Link {
    next: *mut Link,
}

/// Figures of a [`FixAlloc`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixStats {
    /// Records in use.
    pub in_use: u64,
    /// Records ever made: in use, in the free list; what is left of the chunk does not count.
    pub made: u64,
    /// Bytes taken from the `PersistentAlloc`.
    pub bytes: u64,
}

/// Pool of records of type `T`. The caller brings the lock.
#[derive(Debug)]
pub struct FixAlloc<T> {
    list: *mut Link,
    next: *mut T,
    left: usize,
    first: Option<unsafe fn(*mut T)>,
    zero: bool,
    stats: FixStats,
}

// SAFETY: FIX-C — free records belong to the pool, wherever it is.
unsafe impl<T> Send for FixAlloc<T> {}

impl<T> FixAlloc<T> {
    /// Bytes from one record to the next: a record holds at least the link.
    const STRIDE: usize = {
        let size =
            if size_of::<T>() < size_of::<Link>() { size_of::<Link>() } else { size_of::<T>() };
        size.next_multiple_of(Self::ALIGN)
    };
    const ALIGN: usize =
        if align_of::<T>() < align_of::<Link>() { align_of::<Link>() } else { align_of::<T>() };
    const PER_CHUNK: usize = FIX_CHUNK / Self::STRIDE;

    /// An empty pool. `first` runs once for each record's memory, before it is handed out for the first time. With
    /// `zero` each record is cleared when it is handed out; without, a reused record is as it was freed, but for the
    /// first word.
    ///
    /// # Errors
    /// `MemOp::Order` if a record is larger than a chunk of 16 KiB.
    pub const fn new(first: Option<unsafe fn(*mut T)>, zero: bool) -> Result<Self, MemError> {
        if Self::STRIDE > FIX_CHUNK {
            return Err(MemError::os(MemOp::Order, Self::STRIDE, 0));
        }
        let stats = FixStats { in_use: 0, made: 0, bytes: 0 };
        Ok(Self {
            list: core::ptr::null_mut(),
            next: core::ptr::null_mut(),
            left: 0,
            first,
            zero,
            stats,
        })
    }

    /// A record: from the free list, else from the chunk, else from a new chunk.
    ///
    /// # Errors
    /// Those of [`PersistentAlloc::alloc`]; the pool is as before.
    pub fn alloc<B: Backend>(
        &mut self,
        pa: &PersistentAlloc<B>,
        st: &SysStat,
    ) -> Result<NonNull<T>, MemError> {
        if let Some(link) = NonNull::new(self.list) {
            // SAFETY: FIX-C — a record in the list holds a link in its first word.
            self.list = unsafe { link.as_ref() }.next;
            let p = link.cast::<T>();
            if self.zero {
                // SAFETY: FIX-C — the record has left the list and belongs to the caller now.
                unsafe { p.cast::<u8>().write_bytes(0, Self::STRIDE) };
            }
            self.stats.in_use += 1;
            return Ok(p);
        }
        if self.left == 0 {
            let bytes = Self::PER_CHUNK * Self::STRIDE;
            self.next = pa.alloc(None, bytes, Self::ALIGN, st)?.as_ptr().cast();
            self.left = Self::PER_CHUNK;
            self.stats.bytes += bytes as u64;
        }
        let p = self.next;
        // SAFETY: FIX-B — one of `left` records that follow in the chunk.
        self.next = unsafe { p.byte_add(Self::STRIDE) };
        self.left -= 1;
        self.stats.made += 1;
        self.stats.in_use += 1;
        if let Some(first) = self.first {
            // SAFETY: FIX-B — memory of this size and alignment, zero, never handed out before.
            unsafe { first(p) };
        }
        NonNull::new(p).ok_or(MemError::os(MemOp::Order, Self::STRIDE, 0))
    }

    /// Gives a record back. Its first word becomes the link; the rest stays.
    ///
    /// # Safety
    /// `p` came from this pool's `alloc`, is not in the list, and the caller uses it no more (late readers may, as long
    /// as they expect any record of the type, FIX-A).
    pub unsafe fn free(&mut self, p: NonNull<T>) {
        let link = p.cast::<Link>();
        // SAFETY: FIX-C — the caller's record, at least as large and aligned as a link.
        unsafe { link.write(Link { next: self.list }) };
        self.list = link.as_ptr();
        self.stats.in_use -= 1;
    }

    /// The figures.
    pub fn stats(&self) -> FixStats {
        self.stats
    }
}
