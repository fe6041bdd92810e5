//! The fixed region as a [`Backend`]: the steps of the four states on its page map.

use super::Fixed;
use super::book::Book;
use crate::mem::{Backend, Gone, HugeHint, MemError, MemOp, PageRange, Release, Resource};
use crate::stat::{MemState, SysStat};
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

impl Fixed {
    /// Numbers of the pages of a range, if it is whole pages of the region.
    fn pages_of(&self, r: PageRange) -> Result<Range<usize>, MemError> {
        let bad = MemError::os(MemOp::Order, r.len, libc::EINVAL);
        let at = r.addr().checked_sub(self.heap_start()).ok_or(bad)?;
        let whole = at.is_multiple_of(self.page) && r.len.is_multiple_of(self.page) && r.len != 0;
        let pages = at / self.page..(at + r.len) / self.page;
        if whole && pages.end <= self.pages { Ok(pages) } else { Err(bad) }
    }

    /// Moves the pages of `r` from one state to another, or says that they are not in it.
    fn step(
        &self,
        book: &mut Book,
        r: PageRange,
        from: MemState,
        to: MemState,
        st: &SysStat,
    ) -> Result<(), MemError> {
        let pages = self.pages_of(r)?;
        if !book.all(pages.clone(), Some(from)) {
            return Err(MemError::os(MemOp::Order, r.len, libc::EINVAL));
        }
        book.set(pages, Some(to));
        st.shift(Some(from), Some(to), r.len);
        Ok(())
    }

    /// Lets the heap's top follow pages that are gone.
    fn sink(&self, book: &mut Book) {
        let old = self.heap_top();
        let pages = book.top((old - self.heap_start()) / self.page);
        let new = self.heap_start() + pages * self.page;
        if new < old {
            self.lower_guard(book);
            self.heap_top.store(new, Ordering::Relaxed); // ORDER: Relaxed — written under the lock alone.
            self.raise_guard(book, new);
        }
    }
}

// SAFETY: the contract of `Backend` — the page map gives no page twice, and `map` and `unused` clear what they pass on.
unsafe impl Backend for Fixed {
    fn page_size(&self) -> usize {
        self.page
    }

    fn huge_page_size(&self) -> Option<usize> {
        None
    }

    fn bound(&self) -> Option<usize> {
        Some(self.pages * self.page)
    }

    fn reserve(
        &self,
        len: usize,
        align: usize,
        _hint: usize,
        st: &SysStat,
    ) -> Result<PageRange, MemError> {
        if len == 0 || !len.is_multiple_of(self.page) || !align.is_power_of_two() {
            return Err(MemError::os(MemOp::Order, len, libc::EINVAL));
        }
        let mut book = self.book.lock();
        let align = align.max(self.page) / self.page;
        let skew = self.heap_start() / self.page % align;
        let n = len / self.page;
        let Some(at) = book.find(n, align, skew) else {
            let taken = self.pages - book.count(0..self.pages, None);
            return Err(MemError::os(MemOp::Reserve, len, 0)
                .in_use((taken * self.page) as u64)
                .limited_by(Resource::Region, (self.pages * self.page) as u64));
        };
        book.set(at..at + n, Some(MemState::Reserved));
        st.shift(None, Some(MemState::Reserved), len);
        // SAFETY: FIXED-1 — inside the region.
        Ok(PageRange::new(unsafe { self.base.add(at * self.page) }, len))
    }

    unsafe fn map(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        let mut book = self.book.lock();
        let pages = self.pages_of(r)?;
        if !book.all(pages, Some(MemState::Reserved)) {
            return Err(MemError::os(MemOp::Order, r.len, libc::EINVAL));
        }
        let (top, low) = (self.heap_top().max(r.end()), self.limit());
        if top.checked_add(self.guard).is_none_or(|end| end > low) {
            return Err(self.boundary(r.len, low));
        }
        self.verify(&book, r.len)?;
        if top > self.heap_top() {
            self.lower_guard(&mut book);
            if !self.raise_guard(&mut book, top) {
                // Nothing has moved: the old guard goes back to its place.
                self.raise_guard(&mut book, self.heap_top());
                return Err(MemError::os(MemOp::Map, r.len, libc::EACCES));
            }
            self.heap_top.store(top, Ordering::Relaxed); // ORDER: Relaxed — written under the lock alone.
        }
        // SAFETY: FIXED-1 — pages of the region that were nobody's, below the guard (FIXED-2).
        unsafe { r.base.write_bytes(0, r.len) };
        self.step(&mut book, r, MemState::Reserved, MemState::Ready, st)
    }

    unsafe fn unused(&self, r: PageRange, _: Release, st: &SysStat) -> Result<Gone, MemError> {
        self.step(&mut self.book.lock(), r, MemState::Ready, MemState::Prepared, st)?;
        // SAFETY: FIXED-1 — the step was legal; by contract nobody uses the pages.
        unsafe { r.base.write_bytes(0, r.len) };
        // The memory stays in the region: nobody else has more for it.
        Ok(Gone { bytes: 0, zero: true })
    }

    unsafe fn discard(&self, r: PageRange, _: Release) -> Gone {
        let ready =
            self.pages_of(r).is_ok_and(|pages| self.book.lock().all(pages, Some(MemState::Ready)));
        if !ready {
            return Gone::NOTHING;
        }
        // Cleared and no more, however it is asked for: what was released reads as zero here too.
        // SAFETY: FIXED-1 — Ready pages of the region; by contract nobody uses them.
        unsafe { r.base.write_bytes(0, r.len) };
        Gone { bytes: 0, zero: true }
    }

    unsafe fn used(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        self.step(&mut self.book.lock(), r, MemState::Prepared, MemState::Ready, st)
    }

    unsafe fn populate(&self, _: PageRange) {}

    unsafe fn huge(&self, _: PageRange, _: HugeHint) -> bool {
        false
    }

    unsafe fn fault(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        let mut book = self.book.lock();
        self.step(&mut book, r, MemState::Ready, MemState::Reserved, st)?;
        self.sink(&mut book);
        Ok(())
    }

    unsafe fn free(&self, r: PageRange, ready: usize, released: usize, st: &SysStat) {
        let mut book = self.book.lock();
        let Ok(pages) = self.pages_of(r) else {
            crate::fatal!("MEM-1", "free of {:#x}, {} bytes: not of this region", r.addr(), r.len)
        };
        let count = |state| book.count(pages.clone(), state) * self.page;
        let (is_ready, is_released) =
            (count(Some(MemState::Ready)), count(Some(MemState::Prepared)));
        if count(None) != 0 || is_ready != ready || is_released != released {
            crate::fatal!(
                "MEM-1",
                "free of {:#x}, {} bytes, {ready} ready (are {is_ready}), {released} released (are {is_released}), {} free already",
                r.addr(),
                r.len,
                count(None)
            );
        }
        book.set(pages, None);
        self.sink(&mut book);
        st.shift(Some(MemState::Ready), None, ready);
        st.shift(Some(MemState::Prepared), None, released);
        st.shift(Some(MemState::Reserved), None, r.len - ready - released);
    }

    unsafe fn name(&self, _: PageRange, _: &'static core::ffi::CStr) {}
}

impl Fixed {
    /// A pointer to an address of the region, with its provenance; `None` outside.
    pub fn pointer(&self, addr: usize) -> Option<NonNull<u8>> {
        if self.contains(addr) { NonNull::new(self.base.as_ptr().with_addr(addr)) } else { None }
    }
}
