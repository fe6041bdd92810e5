//! A backend for tests: memory of the standard allocator, every step recorded and checked.
//!
//! It refuses a step that the table of [`crate::mem`] does not have (the heap's tests run on it for that reason), and
//! can be told to fail the k-th call that may fail.

use super::{Backend, Gone, HugeHint, MemError, MemOp, PageRange, Release};
use crate::stat::{MemState, SysStat};
use core::ptr::NonNull;
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::vec::Vec;

/// One recorded step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// None to Reserved.
    Reserve,
    /// Reserved to Ready.
    Map,
    /// Ready to Prepared.
    Unused,
    /// Prepared to Ready.
    Used,
    /// Ready to Reserved.
    Fault,
    /// Any to None.
    Free,
}

const PAGE: usize = 4096;

#[derive(Debug)]
struct Block {
    align: usize,
    states: Vec<MemState>,
    base: NonNull<u8>,
}

#[derive(Debug, Default)]
struct Book {
    blocks: BTreeMap<usize, Block>,
    steps: Vec<(Step, usize)>,
    calls: u64,
    fail_at: u64,
}

// SAFETY: MEM-2 — the pointers in the book are owned by it and only reached under its lock.
unsafe impl Send for Book {}

/// Memory for tests. Dropping it frees what was not freed.
#[derive(Debug, Default)]
pub struct TestBackend {
    book: Mutex<Book>,
}

impl TestBackend {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the `k`-th call from now on fail, counted over `reserve`, `map`, `used`, `unused`, `fault` (1 is the
    /// next one); 0 turns it off. Only that one call fails.
    pub fn fail_at(&self, k: u64) {
        let mut book = self.lock();
        book.calls = 0;
        book.fail_at = k;
    }

    /// Steps taken so far, with their lengths in bytes.
    pub fn steps(&self) -> Vec<(Step, usize)> {
        self.lock().steps.clone()
    }

    /// Reservations that were not freed.
    pub fn live(&self) -> usize {
        self.lock().blocks.len()
    }

    /// State of the page at `addr`, `None` if it is not ours.
    pub fn state(&self, addr: usize) -> Option<MemState> {
        let book = self.lock();
        let (&base, block) = book.blocks.range(..=addr).next_back()?;
        block.states.get((addr - base) / PAGE).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Book {
    fn may_fail(&mut self, op: MemOp, len: usize) -> Result<(), MemError> {
        self.calls += 1;
        if self.calls == self.fail_at { Err(MemError::os(op, len, libc::ENOMEM)) } else { Ok(()) }
    }

    /// Moves the pages of `r` from one state to another, or says that they are not in it.
    fn step(
        &mut self,
        step: Step,
        r: PageRange,
        from: MemState,
        to: MemState,
    ) -> Result<(), MemError> {
        let bad = MemError::os(MemOp::Order, r.len, libc::EINVAL);
        let (&base, block) = self.blocks.range_mut(..=r.addr()).next_back().ok_or(bad)?;
        let at = r.addr() - base;
        if !at.is_multiple_of(PAGE) || !r.len.is_multiple_of(PAGE) || r.len == 0 {
            return Err(bad);
        }
        let pages = block.states.get_mut(at / PAGE..(at + r.len) / PAGE).ok_or(bad)?;
        if pages.iter().any(|s| *s != from) {
            return Err(bad);
        }
        pages.fill(to);
        self.steps.push((step, r.len));
        Ok(())
    }
}

/// Clears pages: all of them, or, where the kernel would be free to choose, every other one.
fn drop_contents(r: PageRange, how: Release) -> Gone {
    let step = if how == Release::Free { 2 } else { 1 };
    for at in (0..r.len).step_by(step * PAGE) {
        // SAFETY: MEM-2 — pages of a Ready range of ours, which by contract nobody uses.
        unsafe { r.base.add(at).write_bytes(0, PAGE) };
    }
    Gone { bytes: r.len, zero: how != Release::Free }
}

// SAFETY: the contract of `Backend` — each block is one allocation, and `map` and `used` clear it.
unsafe impl Backend for TestBackend {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn huge_page_size(&self) -> Option<usize> {
        None
    }

    fn reserve(
        &self,
        len: usize,
        align: usize,
        _hint: usize,
        st: &SysStat,
    ) -> Result<PageRange, MemError> {
        let mut book = self.lock();
        if len == 0 || !len.is_multiple_of(PAGE) || !align.is_power_of_two() {
            return Err(MemError::os(MemOp::Order, len, libc::EINVAL));
        }
        book.may_fail(MemOp::Reserve, len)?;
        let align = align.max(PAGE);
        let layout = Layout::from_size_align(len, align)
            .map_err(|_| MemError::os(MemOp::Reserve, len, libc::EINVAL))?;
        // SAFETY: MEM-2 — the layout is not empty.
        let base = NonNull::new(unsafe { std::alloc::alloc(layout) }).ok_or(MemError::os(
            MemOp::Reserve,
            len,
            libc::ENOMEM,
        ))?;
        book.blocks.insert(
            base.as_ptr() as usize,
            Block { align, states: vec![MemState::Reserved; len / PAGE], base },
        );
        book.steps.push((Step::Reserve, len));
        st.shift(None, Some(MemState::Reserved), len);
        Ok(PageRange::new(base, len))
    }

    unsafe fn map(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        let mut book = self.lock();
        book.may_fail(MemOp::Map, r.len)?;
        book.step(Step::Map, r, MemState::Reserved, MemState::Ready)?;
        // SAFETY: MEM-2 — the step was legal, so the range lies in one block of ours.
        unsafe { r.base.write_bytes(0, r.len) };
        st.shift(Some(MemState::Reserved), Some(MemState::Ready), r.len);
        Ok(())
    }

    unsafe fn unused(&self, r: PageRange, how: Release, st: &SysStat) -> Result<Gone, MemError> {
        let mut book = self.lock();
        book.may_fail(MemOp::Unused, r.len)?;
        book.step(Step::Unused, r, MemState::Ready, MemState::Prepared)?;
        st.shift(Some(MemState::Ready), Some(MemState::Prepared), r.len);
        Ok(drop_contents(r, how))
    }

    unsafe fn discard(&self, r: PageRange, how: Release) -> Gone {
        if self.state(r.addr()) == Some(MemState::Ready) {
            drop_contents(r, how)
        } else {
            Gone::NOTHING
        }
    }

    unsafe fn used(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        let mut book = self.lock();
        book.may_fail(MemOp::Map, r.len)?;
        book.step(Step::Used, r, MemState::Prepared, MemState::Ready)?;
        st.shift(Some(MemState::Prepared), Some(MemState::Ready), r.len);
        Ok(())
    }

    unsafe fn populate(&self, _: PageRange) {}

    unsafe fn huge(&self, _: PageRange, _: HugeHint) -> bool {
        false
    }

    unsafe fn fault(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        let mut book = self.lock();
        book.may_fail(MemOp::Unused, r.len)?;
        book.step(Step::Fault, r, MemState::Ready, MemState::Reserved)?;
        st.shift(Some(MemState::Ready), Some(MemState::Reserved), r.len);
        Ok(())
    }

    unsafe fn free(&self, r: PageRange, ready: usize, released: usize, st: &SysStat) {
        let mut book = self.lock();
        let whole = book.blocks.get(&r.addr()).is_some_and(|b| b.states.len() * PAGE == r.len);
        let counted = |book: &Book, state| {
            book.blocks
                .get(&r.addr())
                .map_or(0, |b| b.states.iter().filter(|s| **s == state).count() * PAGE)
        };
        let (is_ready, is_released) =
            (counted(&book, MemState::Ready), counted(&book, MemState::Prepared));
        if !whole || is_ready != ready || is_released != released {
            crate::fatal!(
                "MEM-1",
                "free of {:#x}, {} bytes, {} ready (are {}), {} released (are {})",
                r.addr(),
                r.len,
                ready,
                is_ready,
                released,
                is_released
            );
        }
        if let Some(block) = book.blocks.remove(&r.addr()) {
            // SAFETY: MEM-2 — allocated in `reserve` with this layout, and removed from the book now.
            unsafe {
                std::alloc::dealloc(
                    block.base.as_ptr(),
                    Layout::from_size_align_unchecked(r.len, block.align),
                )
            };
        }
        book.steps.push((Step::Free, r.len));
        st.shift(Some(MemState::Ready), None, ready);
        st.shift(Some(MemState::Prepared), None, released);
        st.shift(Some(MemState::Reserved), None, r.len - ready - released);
    }

    unsafe fn name(&self, _: PageRange, _: &'static core::ffi::CStr) {}
}

impl Drop for TestBackend {
    fn drop(&mut self) {
        let book = self.book.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        for block in core::mem::take(&mut book.blocks).into_values() {
            let len = block.states.len() * PAGE;
            // SAFETY: MEM-2 — allocated in `reserve` with this layout; the backend's users are gone.
            unsafe {
                std::alloc::dealloc(
                    block.base.as_ptr(),
                    Layout::from_size_align_unchecked(len, block.align),
                )
            };
        }
    }
}
