//! How a side grows: whole chunks of pages at the end of what is reserved, new arenas where the last ones end or at the next
//! free hint. Everything that can fail comes before the pages become known.

use super::{ALL, ARENA, ARENA_PAGES, FIRST_HINT, Grow, HINTS, Side};
use crate::config::Huge;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use gort_sys::mem::HugeHint;
use gort_sys::{Backend, MemError, MemOp, PageRange};

/// Bytes of a side from which on its tables are worth huge pages.
const LARGE: u64 = 1 << 30;

impl Side {
    /// Maps at least `bytes` more and adds their pages. Under the lock `heap.grow`.
    pub(super) fn grow<B: Backend>(
        &self,
        b: &B,
        g: &mut Grow,
        bytes: usize,
    ) -> Result<(), MemError> {
        let in_use = self.in_use.load(Ordering::Relaxed); // ORDER: Relaxed — for the error's text.
        let bytes = bytes.next_multiple_of(self.growth);
        let fail = |e: MemError| e.in_use(in_use);
        if g.limit - g.next < bytes {
            if let Some(range) = self.range {
                // What is left may still serve together with free pages before it; else this is the end.
                let limit = range.len as u64;
                return Err(MemError::os(MemOp::Limit, bytes, 0).in_use(in_use).limit(limit));
            }
            self.reserve_arenas(b, g, bytes).map_err(fail)?;
        }
        let at = g.next;
        let first = self.page_of(at);
        let end = self.page_of(at + bytes - 1) + 1;
        for arena in first / ARENA_PAGES..=(end - 1) / ARENA_PAGES {
            self.add_arena(b, arena).map_err(fail)?;
            g.arenas = g.arenas.max(arena + 1);
        }
        self.entries.ensure(b, first, end, &self.stat.tables).map_err(fail)?;
        if let Some(rows) = &self.rows {
            rows.marks.ensure(b, first, end, &self.stat.rows).map_err(fail)?;
            rows.scans.ensure(b, first, end, &self.stat.rows).map_err(fail)?;
            rows.ptrs.ensure(b, first, end, &self.stat.rows).map_err(fail)?;
        }
        self.pages.lock().prepare(b, first, end - first, &self.stat.tables).map_err(fail)?;
        let base = NonNull::new(self.ptr(at)).ok_or(MemError::os(MemOp::Order, bytes, 0))?;
        let r = PageRange::new(base, bytes);
        // SAFETY: MEM-2 — between `next` and `limit` lies reserved memory of ours that was never mapped. The last step
        // that can fail, so that no page is mapped and unknown (M-2).
        unsafe { b.map(r, &self.stat.heap) }.map_err(fail)?;
        // SAFETY: MEM-2 — a name for a range of ours.
        unsafe { b.name(r, c"gort: heap") };
        self.wish(b, g, r);
        g.next = at + bytes;
        self.pages.lock().grow(first, end - first);
        Ok(())
    }

    /// Says what is wished about huge pages, for new memory and, once, for the tables of a large side.
    fn wish<B: Backend>(&self, b: &B, g: &mut Grow, new: PageRange) {
        if self.huge == Huge::Off {
            // SAFETY: MEM-2 — mapped just now.
            unsafe { b.huge(new, HugeHint::Avoid) };
        } else if !g.preferred && self.stat.heap.bytes().mapped > LARGE {
            g.preferred = true;
            let rows = self.rows.as_ref().map(|r| [r.marks.extent().0, r.scans.extent().0]);
            for table in [self.entries.extent().0].into_iter().chain(rows.into_iter().flatten()) {
                // SAFETY: MEM-2 — tables of ours; what is mapped of them later takes the wish over.
                unsafe { b.huge(table, HugeHint::Prefer) };
            }
        }
    }

    /// Reserves arenas for `bytes` at the end of the last ones, or at the next hint that is free.
    fn reserve_arenas<B: Backend>(
        &self,
        b: &B,
        g: &mut Grow,
        bytes: usize,
    ) -> Result<(), MemError> {
        let len = bytes.next_multiple_of(ARENA);
        loop {
            let want = match g.limit {
                0 => FIRST_HINT + (g.hint << 40),
                limit => limit,
            };
            let r = b.reserve(len, ARENA, want, &self.stat.heap)?;
            if r.addr() != want && g.hint < HINTS {
                // Somebody is there. The next hint; what the kernel offered instead goes back.
                // SAFETY: MEM-2 — reserved just now, unused.
                unsafe { b.free(r, 0, 0, &self.stat.heap) };
                self.give_rest(b, g);
                g.hint += 1;
                (g.next, g.limit) = (0, 0);
                continue;
            }
            if r.end() > 1 << ALL {
                // SAFETY: MEM-2 — reserved just now, unused.
                unsafe { b.free(r, 0, 0, &self.stat.heap) };
                return Err(MemError::os(MemOp::Limit, bytes, 0));
            }
            // Its pages are addressed by numbers from now on.
            let _ = r.base.as_ptr().expose_provenance();
            if r.addr() == g.limit {
                if let Some(last) = g.regions.iter_mut().flatten().find(|x| x.end() == g.limit) {
                    last.len += len;
                }
                g.limit += len;
            } else {
                self.give_rest(b, g);
                match g.regions.iter_mut().find(|x| x.is_none()) {
                    Some(free) => *free = Some(r),
                    None => {
                        // SAFETY: MEM-2 — reserved just now, unused.
                        unsafe { b.free(r, 0, 0, &self.stat.heap) };
                        return Err(MemError::os(MemOp::Limit, bytes, 0));
                    }
                }
                (g.next, g.limit) = (r.addr(), r.end());
            }
            return Ok(());
        }
    }

    /// Gives the reserved rest of the last region back before another one is begun.
    fn give_rest<B: Backend>(&self, b: &B, g: &mut Grow) {
        let rest = g.limit - g.next;
        if rest == 0 {
            return;
        }
        if let Some(last) = g.regions.iter_mut().flatten().find(|x| x.end() == g.limit) {
            last.len -= rest;
            if let Some(p) = NonNull::new(self.ptr(g.next)) {
                // SAFETY: MEM-2 — the end of a region of ours, never mapped.
                unsafe { b.free(PageRange::new(p, rest), 0, 0, &self.stat.heap) };
            }
        }
        g.limit = g.next;
    }

    fn add_arena<B: Backend>(&self, b: &B, arena: usize) -> Result<(), MemError> {
        self.index.ensure(b, arena, arena + 1, &self.stat.tables)?;
        // SAFETY: SPARSE-1 — mapped just now.
        let cell = unsafe { &*self.index.at(arena) };
        // ORDER: Relaxed — written under the lock `heap.grow` alone, which is held.
        if !cell.load(Ordering::Relaxed).is_null() {
            return Ok(());
        }
        let bytes = self.arena_rows().next_multiple_of(b.page_size());
        let r = b.reserve(bytes, b.page_size(), 0, &self.stat.tables)?;
        // SAFETY: MEM-2 — reserved just now.
        if let Err(e) = unsafe { b.map(r, &self.stat.tables) } {
            // SAFETY: MEM-2 — nobody knows it yet.
            unsafe { b.free(r, 0, 0, &self.stat.tables) };
            return Err(e);
        }
        cell.store(r.base.as_ptr().cast(), Ordering::Release); // ORDER: Release ⇒ `words`: the rows are mapped.
        Ok(())
    }
}
