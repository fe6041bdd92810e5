//! Pages for spans and for page caches: free ones, else new ones.

use super::Side;
use crate::class::{PAGE, PAGE_SHIFT};
use crate::config::Share;
use crate::pages::alloc::Run;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, MemError, MemOp};

/// Bytes in a side's spans from which on it is looked where its pages are.
const LARGE: u64 = 256 << 20;

impl Side {
    /// Takes `n` pages, growing if need be.
    pub(crate) fn alloc_pages<B: Backend>(
        &self,
        b: &B,
        n: usize,
        align: usize,
    ) -> Result<Run, MemError> {
        if let Some(run) = self.pages.lock().alloc_aligned(n, align) {
            return Ok(run);
        }
        let mut grow = self.grow.lock();
        if let Some(run) = self.pages.lock().alloc_aligned(n, align) {
            return Ok(run);
        }
        let bytes = n.checked_mul(PAGE).and_then(|x| x.checked_add((align.max(1) - 1) * PAGE));
        let bytes = bytes.filter(|x| *x <= isize::MAX as usize).ok_or(MemError::os(
            MemOp::Limit,
            usize::MAX,
            0,
        ))?;
        self.grow(b, &mut grow, bytes)?;
        let run = self.pages.lock().alloc_aligned(n, align);
        run.ok_or(MemError::os(MemOp::Order, bytes, 0))
    }

    /// Takes the `n` pages from `page` on, where an object of the caller ends: free ones, or new ones at the end of what is
    /// mapped.
    pub(crate) fn extend<B: Backend>(&self, b: &B, page: usize, n: usize) -> bool {
        if self.pages.lock().take_at(page, n).is_some() {
            return true;
        }
        let mut grow = self.grow.lock();
        let end = grow.next.wrapping_sub(self.base) >> PAGE_SHIFT;
        // Of what is mapped nothing but free pages may lie between.
        if grow.next <= self.base || page > end || page + n <= end {
            return false;
        }
        if page < end && !self.pages.lock().is_free(page, end - page) {
            return false;
        }
        let bytes = (page + n - end) * PAGE;
        // Elsewhere the new pages would be of no use.
        if grow.limit - grow.next < bytes.next_multiple_of(self.growth) {
            return false;
        }
        self.grow(b, &mut grow, bytes).is_ok() && self.pages.lock().take_at(page, n).is_some()
    }

    /// Makes sure that a page can be had, then fills `cache` from the free pages.
    pub(crate) fn fill_cache<B: Backend>(
        &self,
        b: &B,
        cache: &mut crate::pages::PageCache,
        share: fn() -> Share,
    ) -> Result<(), MemError> {
        // Nodes matter to large heaps, and asking for them costs a call.
        let large = self.in_use.load(Relaxed) >= LARGE; // ORDER: Relaxed — a figure.
        let share = if large { share() } else { Share::ALL };
        loop {
            if let Some(got) = self.pages.lock().alloc_to_cache_near(share) {
                *cache = got;
                return Ok(());
            }
            let mut grow = self.grow.lock();
            if self.pages.lock().free_pages().0 == 0 {
                self.grow(b, &mut grow, PAGE)?;
            }
        }
    }
}
