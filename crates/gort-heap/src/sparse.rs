//! A long array that is reserved whole and mapped where it is used.
//!
//! The runtime's tables are indexed by address, so they are long and nearly empty. One bit per 64 KiB says what is
//! mapped; those bits stand in front of the array, in its own reservation.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use gort_sys::{Backend, MemError, PageRange, SysStat};

/// Bytes mapped at once.
const GRANULE: usize = 64 << 10;

/// `len` records of type `T`, all zero at first; `T` must be valid as zeros.
#[derive(Debug)]
pub(crate) struct SparseArray<T> {
    data: *mut T,
    range: PageRange,
    head: usize,
    len: usize,
    of: PhantomData<T>,
}

// SAFETY: SPARSE-1 — the array hands out raw places; who may touch what is the business of its owner.
unsafe impl<T> Send for SparseArray<T> {}
// SAFETY: SPARSE-1 — as above.
unsafe impl<T> Sync for SparseArray<T> {}

impl<T> SparseArray<T> {
    /// Records that are mapped together at least.
    pub(crate) const TOGETHER: usize = GRANULE / size_of::<T>();

    /// Reserves an array; nothing of it is mapped but its own bits.
    pub(crate) fn reserve<B: Backend>(
        b: &B,
        len: usize,
        name: &'static core::ffi::CStr,
        st: &SysStat,
    ) -> Result<Self, MemError> {
        let page = b.page_size();
        let bytes = (len * size_of::<T>()).next_multiple_of(page);
        let head = bytes.div_ceil(GRANULE).div_ceil(64).saturating_mul(8).next_multiple_of(page);
        let range = b.reserve(head + bytes, page, 0, st)?;
        // SAFETY: MEM-2 — the front part of the reservation made just now.
        if let Err(e) = unsafe { b.map(PageRange::new(range.base, head), st) } {
            // SAFETY: MEM-2 — nobody knows the range yet.
            unsafe { b.free(range, 0, 0, st) };
            return Err(e);
        }
        // SAFETY: MEM-2 — a name for a range of ours.
        unsafe { b.name(range, name) };
        // SAFETY: SPARSE-1 — `head` bytes into a longer reservation.
        let data = unsafe { range.base.add(head) }.as_ptr().cast();
        Ok(Self { data, range, head, len, of: PhantomData })
    }

    /// Lets the records that are not mapped be read, as zeros, where the backend can. Once, before any is mapped.
    pub(crate) fn make_readable<B: Backend>(&self, b: &B) -> bool {
        let all = self.range.part(self.head, self.range.len - self.head);
        // SAFETY: MEM-2 — behind the head nothing is mapped yet.
        all.is_some_and(|r| unsafe { b.readable(r) })
    }

    fn bits(&self, granule: usize) -> (&AtomicU64, u64) {
        // SAFETY: SPARSE-1 — the head is mapped and has a bit for every granule of the array.
        let word = unsafe { &*self.range.base.as_ptr().cast::<AtomicU64>().add(granule / 64) };
        (word, 1 << (granule % 64))
    }

    /// Maps the records `from..to`. One caller at a time (the lock of the array's owner).
    pub(crate) fn ensure<B: Backend>(
        &self,
        b: &B,
        from: usize,
        to: usize,
        st: &SysStat,
    ) -> Result<(), MemError> {
        if from >= to {
            return Ok(());
        }
        let last = (to * size_of::<T>() - 1) / GRANULE;
        let mut granule = from * size_of::<T>() / GRANULE;
        while granule <= last {
            if self.granule_is_mapped(granule) {
                granule += 1;
                continue;
            }
            let mut end = granule + 1;
            while end <= last && !self.granule_is_mapped(end) {
                end += 1;
            }
            let part = self.range.part(self.head + granule * GRANULE, self.span(granule, end));
            let part = part.ok_or(MemError::os(gort_sys::MemOp::Order, 0, 0))?;
            // SAFETY: MEM-2 — inside our reservation, and by its bits still Reserved.
            unsafe { b.map(part, st)? };
            for g in granule..end {
                let (word, bit) = self.bits(g);
                word.fetch_or(bit, Ordering::Release); // ORDER: Release ⇒ `is_mapped`: the mapping exists.
            }
            granule = end;
        }
        Ok(())
    }

    /// Bytes of the granules `from..to`; the array's last one may be shorter than the others.
    fn span(&self, from: usize, to: usize) -> usize {
        (to * GRANULE).min(self.range.len - self.head) - from * GRANULE
    }

    fn granule_is_mapped(&self, granule: usize) -> bool {
        let (word, bit) = self.bits(granule);
        word.load(Ordering::Acquire) & bit != 0 // ORDER: Acquire ⇐ `ensure`.
    }

    /// Whether record `i` may be touched.
    pub(crate) fn is_mapped(&self, i: usize) -> bool {
        i < self.len && self.granule_is_mapped(i * size_of::<T>() / GRANULE)
    }

    /// Place of record `i`. To be touched only if `ensure` covered it (SPARSE-1).
    #[inline]
    pub(crate) fn at(&self, i: usize) -> *mut T {
        debug_assert!(i < self.len);
        self.data.wrapping_add(i)
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The reservation, and the bytes of it that are mapped, counted.
    pub(crate) fn extent(&self) -> (PageRange, usize) {
        let granules = (self.range.len - self.head).div_ceil(GRANULE);
        let words = granules.div_ceil(64);
        let mapped = (0..words).map(|w| {
            // ORDER: Relaxed — a count.
            self.bits(w * 64).0.load(Ordering::Relaxed).count_ones() as usize
        });
        let mut bytes = mapped.sum::<usize>() * GRANULE;
        if granules != 0 && self.granule_is_mapped(granules - 1) {
            bytes -= GRANULE - self.span(granules - 1, granules);
        }
        (self.range, self.head + bytes)
    }

    /// Unmaps all of it.
    ///
    /// # Safety
    /// Nobody uses the array any more.
    pub(crate) unsafe fn free<B: Backend>(&mut self, b: &B, st: &SysStat) {
        let (range, mapped) = self.extent();
        // SAFETY: MEM-2 — the whole reservation; by contract nobody uses it.
        unsafe { b.free(range, mapped, 0, st) };
    }
}
