//! Giving free pages back to the system.
//!
//! A run is taken from the page allocator as if for a span, its memory is dropped without any lock held, and it comes back as
//! free with nothing behind it. From the highest addresses down, in runs of 64 KiB or more, because first fit keeps the low
//! ones busy and each call costs what dozens of pages cost. When and how much is [`crate::pace`]'s business.

use crate::class::PAGE;
use crate::config::Kind;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::pages::bits::CHUNK_PAGES;
use crate::pages::candidate::Wish;
use crate::side::Side;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::mem::{Gone, HugeHint};
use gort_sys::{Backend, PageRange};

/// Pages of the smallest run that is worth a call: 64 KiB.
const RUN: usize = (64 << 10) / PAGE;
/// Pages of the largest run dropped at once: 4 MiB, about a third of a millisecond.
const MOST: usize = (4 << 20) / PAGE;

impl<B: Backend> Heap<B> {
    /// Drops what is behind free pages, highest first, until `budget` bytes are gone or nothing is left; bytes that went.
    /// `force`: also small runs, and in chunks that are nearly full. Takes `heap.pages` for short times.
    pub fn scavenge(&self, budget: u64, force: bool) -> u64 {
        let mut gone = 0;
        for kind in [Kind::Explicit, Kind::Gc] {
            if let Some(side) = self.inner().side(kind) {
                gone += self.inner().scavenge_side(side, budget.saturating_sub(gone), force);
            }
        }
        gone
    }

    /// Sets the most bytes that the heap should have in spans and behind free pages; `None`: no such number. Soft: free
    /// memory goes back before the heap grows above it, and growth never fails for it.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.inner().limit.store(limit.unwrap_or(u64::MAX), Relaxed); // ORDER: Relaxed — a number.
    }

    /// The number that was set by [`set_limit`](Self::set_limit).
    pub fn limit(&self) -> Option<u64> {
        Some(self.inner().limit()).filter(|&limit| limit != u64::MAX)
    }

    /// Takes what waits in caches that nobody has, and gives all free pages back to the system; bytes that went.
    pub fn free_os_memory(&self) -> u64 {
        self.inner().flush_idle();
        self.scavenge(u64::MAX, true)
    }
}

impl<B: Backend> Inner<B> {
    /// Begins another generation of a side: chunks that were full during the last one may be looked at. For the collector's
    /// side the flip does it, for explicit owners the clock.
    pub(crate) fn next_density(&self, kind: Kind) {
        if let Some(side) = self.side(kind) {
            side.pages.lock().next_generation();
        }
    }

    /// Puts one stretch of 4 MiB that has stayed nearly full together into huge pages, if there is one and it was not tried
    /// before. Takes about a millisecond.
    pub(crate) fn collapse_one(&self) -> bool {
        for kind in [Kind::Gc, Kind::Explicit] {
            let Some(side) = self.side(kind) else { continue };
            let Some(page) = side.pages.lock().next_dense() else { continue };
            if let Some(at) = NonNull::new(side.ptr(side.addr_of(page))) {
                let r = PageRange::new(at, CHUNK_PAGES * PAGE);
                // SAFETY: MEM-2 — mapped for as long as the heap lives; the contents stay.
                unsafe { self.backend().huge(r, HugeHint::CollapseNow) };
            }
            return true;
        }
        false
    }

    /// Empties the caches in the pool.
    pub(crate) fn flush_idle(&self) {
        let n = self.idle_records(Kind::Explicit);
        // Each is taken out and put back; those that others take meanwhile are in use, and stay as they are.
        let mut mine = core::ptr::null_mut();
        for _ in 0..n {
            let Some(rec) = self.take_idle(Kind::Explicit) else { break };
            // SAFETY: H-14 — out of the pool it is ours.
            let r = unsafe { rec.as_ref() };
            self.explicit_flush(r);
            r.next_free.set(mine);
            mine = rec.as_ptr();
        }
        while let Some(rec) = NonNull::new(mine) {
            // SAFETY: H-14 — as above.
            mine = unsafe { rec.as_ref() }.next_free.get();
            self.close_record(rec);
        }
    }

    fn scavenge_side(&self, side: &Side, budget: u64, force: bool) -> u64 {
        let os = self.backend().page_size().max(PAGE) / PAGE;
        let align = if force { os } else { RUN.max(os) };
        let huge = self.backend().huge_page_size().map_or(0, |bytes| bytes / PAGE);
        let mut gone = 0;
        while gone < budget {
            let most = usize::try_from((budget - gone) / PAGE as u64).unwrap_or(usize::MAX);
            let wish = Wish { align, most: most.clamp(align, MOST), huge };
            let Some((page, n)) = side.pages.lock().take_warm(wish, force) else { break };
            // Nothing else is done with the pages meanwhile, so this is the place for the call.
            let at = NonNull::new(side.ptr(side.addr_of(page)));
            // SAFETY: MEM-2 — pages of ours that are in nobody's hands but this function's.
            let done = at.map_or(Gone::NOTHING, |at| unsafe {
                self.backend().discard(PageRange::new(at, n * PAGE), self.release())
            });
            let bare = done.zero || done.bytes != 0;
            if bare && !done.zero {
                side.lazy.store(true, Relaxed); // ORDER: Relaxed — published by the lock below.
            }
            side.pages.lock().free_as(page, n, bare);
            self.note_warm(side);
            if !bare {
                // The system does not want them; it will not want the next ones.
                break;
            }
            gone += (n * PAGE) as u64;
        }
        gone
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Relaxed) // ORDER: Relaxed — a number.
    }

    /// Gives free memory back so that `bytes` more stay below 95 % of the limit, as far as that is possible.
    #[cold]
    pub(crate) fn make_room(&self, side: &Side, bytes: u64) {
        let (limit, has) = (self.limit(), self.in_use() + self.warm());
        if has + bytes <= limit || self.warm() == 0 {
            return;
        }
        let want = (has + bytes).saturating_sub(limit - limit / 20);
        let mut gone = self.scavenge_side(side, want, true);
        for kind in [Kind::Explicit, Kind::Gc] {
            // The other owner's free memory counts as much.
            if let Some(other) = self.side(kind)
                && !core::ptr::eq(side, other)
            {
                gone += self.scavenge_side(other, want.saturating_sub(gone), true);
            }
        }
    }

    /// Publishes how much memory lies behind free pages.
    pub(crate) fn note_warm(&self, side: &Side) {
        let (free, bare) = side.pages.lock().free_pages();
        side.warm.store(((free - bare) * PAGE) as u64, Relaxed); // ORDER: Relaxed — a figure.
    }

    /// Bytes behind free pages, of both sides: as of the last span that was released.
    pub(crate) fn warm(&self) -> u64 {
        [Kind::Gc, Kind::Explicit]
            .into_iter()
            .filter_map(|kind| self.side(kind))
            .map(|side| side.warm.load(Relaxed)) // ORDER: Relaxed — a figure.
            .sum()
    }

    /// Bytes in spans, of both sides.
    pub(crate) fn in_use(&self) -> u64 {
        [Kind::Gc, Kind::Explicit]
            .into_iter()
            .filter_map(|kind| self.side(kind))
            .map(|side| side.in_use.load(Relaxed)) // ORDER: Relaxed — a figure.
            .sum()
    }
}
