//! Explicit owners: `alloc` and `dealloc`.
//!
//! A magazine is an array of free slots, last in, first out, and behind it one borrowed word of free bits. A free of a slot
//! whose span carries this cache's tag goes into the array; any other goes, a word at a time, to the free bits of its span
//! ([`crate::protocol`]). The tag is a hint: it says where a slot is likely to be wanted again, not who may free it.

mod combine;
mod debug;
mod free;
mod guard;
mod large;
mod modes;
mod quarantine;
mod refill;

pub(crate) use combine::join;
pub(crate) use modes::{Asked, Modes};
pub(crate) use quarantine::{Quarantine, Ring};

use crate::cache::Cache;
use crate::class::{
    CLASSES, COARSE_PLACES, FINE_PLACES, PAGE, PAGE_SHIFT, SpanClass, class_aligned, class_for,
    class_size, slot_index,
};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::{CacheRec, ZEROED, add};
use crate::side::Side;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use gort_sys::Backend;

/// Class of a layout, 0 = large.
#[inline]
pub(crate) fn class_of_layout(l: Layout) -> u8 {
    if l.align() <= 8 { class_for(l.size()) } else { class_aligned(l.size(), l.align()) }
}

/// The span class under which explicit slots of a class are kept.
#[inline]
pub(crate) const fn span_class(class: u8) -> SpanClass {
    SpanClass::from_table(class)
}

/// What a page entry must say for a free to be local (H-7). Without a tag nothing is.
pub(crate) fn key(class: u8, tag: u16) -> u32 {
    if tag == 0 { u32::MAX } else { Entry::new(0, span_class(class), Kind::Explicit, tag, 0).key() }
}

/// Makes an explicit record ready for its owner: keys by its tag, and the tables of the fast paths.
pub(crate) fn equip(rec: &CacheRec, side: &Side) {
    rec.table.set(side.table());
    rec.fine.set(FINE_PLACES);
    rec.coarse.set(COARSE_PLACES);
    rec.mags[0].key.set(u32::MAX);
    rec.made.iter().for_each(|made| made.set(0));
    for class in 1..CLASSES as u8 {
        rec.mags[span_class(class).index()].key.set(key(class, rec.tag.get()));
    }
}

impl<B: Backend> Cache<B> {
    /// Memory for a layout; `None` when there is none. Sizes up to 32 KiB cost a pop of an array or a count of trailing zeros.
    #[inline]
    pub fn alloc(&mut self, l: Layout) -> Option<NonNull<u8>> {
        if l.align() <= 8 {
            return self.alloc_class(span_class(class_for(l.size())), l);
        }
        self.alloc_aligned(l)
    }

    /// Out of line, so that the usual alignments keep all they need in scratch registers.
    #[inline(never)]
    fn alloc_aligned(&mut self, l: Layout) -> Option<NonNull<u8>> {
        self.alloc_class(span_class(class_aligned(l.size(), l.align())), l)
    }

    #[inline(always)]
    fn alloc_class(&mut self, c: SpanClass, l: Layout) -> Option<NonNull<u8>> {
        let mag = self.mag(c);
        let top = mag.top.load(Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
        // ORDER: Relaxed — as above. The magazine of class 0 is always empty.
        if top == mag.lo.load(Relaxed) {
            return self.heap().inner().explicit_alloc_next(self.rec(), c, l);
        }
        let top = top.wrapping_sub(1);
        mag.top.store(top, Relaxed); // ORDER: Relaxed — as above.
        add(&mag.pops, 1);
        // SAFETY: H-10 — between `lo` and `top` lie free slots of this class.
        Some(unsafe { NonNull::new_unchecked(*top) })
    }

    /// The same, all zero. Memory known to be zero is not cleared again (H-9).
    pub fn alloc_zeroed(&mut self, l: Layout) -> Option<NonNull<u8>> {
        let c = span_class(class_of_layout(l));
        let mag = self.mag(c);
        // ORDER: Relaxed, both — one writer, this cache.
        let (p, zeroed) = if mag.top.load(Relaxed) == mag.lo.load(Relaxed) {
            self.heap().inner().explicit_alloc_more(self.rec(), c, l)?
        } else {
            (self.alloc(l)?, false)
        };
        if !zeroed {
            // SAFETY: H-1 — the slot is ours and at least as large as the layout.
            unsafe { p.write_bytes(0, l.size()) };
        }
        Some(p)
    }

    /// Gives memory back.
    ///
    /// # Safety
    /// `p` came from an explicit cache of this heap (any of them) for this layout, and is not used any more. A second free
    /// or a wrong layout is fatal when it is seen.
    #[inline]
    pub unsafe fn dealloc(&mut self, p: NonNull<u8>, l: Layout) {
        if l.align() <= 8 {
            // SAFETY: by contract of the caller, with the class of the layout.
            return unsafe { self.dealloc_class(p, class_for(l.size())) };
        }
        // SAFETY: by contract of the caller.
        unsafe { self.dealloc_aligned(p, l) }
    }

    /// Out of line, as [`alloc_aligned`](Self::alloc_aligned).
    #[inline(never)]
    unsafe fn dealloc_aligned(&mut self, p: NonNull<u8>, l: Layout) {
        // SAFETY: by contract of the caller, with the class of the layout.
        unsafe { self.dealloc_class(p, class_aligned(l.size(), l.align())) };
    }

    #[inline(always)]
    unsafe fn dealloc_class(&mut self, p: NonNull<u8>, class: u8) {
        let rec = self.rec();
        // SAFETY: SPARSE-1 — by contract the page is one of the explicit side's, whose entries are mapped with it.
        let cell = unsafe { &*rec.table.get().wrapping_add(p.as_ptr() as usize >> PAGE_SHIFT) };
        let entry = Entry(cell.load(Acquire)); // ORDER: Acquire ⇐ `Side::set_entry`: the span's fields.
        // A large object misses as well: the key of class 0 matches nothing.
        let mag = self.mag(span_class(class));
        if entry.low() != mag.key.get() {
            return self.heap().inner().explicit_free_elsewhere(rec, entry, p, class);
        }
        let top = mag.top.load(Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
        if top == mag.hi.get() {
            return self.heap().inner().explicit_free_full(rec, entry, p, class);
        }
        // A look that only debug builds can afford. ORDER: Relaxed — one writer, this cache.
        if cfg!(debug_assertions) && top != mag.lo.load(Relaxed) {
            // SAFETY: H-10 — what lies between `lo` and `top` is filled.
            let last = unsafe { *top.wrapping_sub(1) };
            if last == p.as_ptr() {
                let inner = self.heap().inner();
                inner.double_free(inner.spans.get(entry.span()), Inner::<B>::slot(entry, p));
            }
        }
        // SAFETY: H-10 — `top < hi`: a free place of the array.
        unsafe { *top = p.as_ptr() };
        mag.top.store(top.wrapping_add(1), Relaxed); // ORDER: Relaxed — as above.
    }

    /// Memory for `new` bytes with the same alignment and, as far as they go, the same contents. On `None` the old memory
    /// stays.
    ///
    /// # Safety
    /// As [`Cache::dealloc`]; `new` is not 0.
    pub unsafe fn realloc(&mut self, p: NonNull<u8>, l: Layout, new: usize) -> Option<NonNull<u8>> {
        let to = Layout::from_size_align(new, l.align()).ok()?;
        let (old_class, new_class) = (class_of_layout(l), class_of_layout(to));
        if old_class == new_class && old_class != 0 {
            return Some(p);
        }
        if old_class == 0 && new_class == 0 {
            let inner = self.heap().inner();
            let side = inner.side(Kind::Explicit)?;
            let entry = side.entry(side.page_of(p.as_ptr() as usize));
            if let Some(q) = inner.explicit_resize(self.rec(), entry, p, to) {
                return Some(q);
            }
        }
        let q = self.alloc(to)?;
        // SAFETY: H-1 — both are ours, and different slots.
        unsafe { q.copy_from_nonoverlapping(p, l.size().min(new)) };
        // SAFETY: by contract of the caller.
        unsafe { self.dealloc(p, l) };
        Some(q)
    }
}

impl<B: Backend> Inner<B> {
    /// Bytes of the slot or large object that begins at a doubtful address; 0 if none does.
    pub(crate) fn explicit_size(&self, addr: usize) -> usize {
        let Some(side) = self.side(Kind::Explicit) else { return 0 };
        let Some(page) = side.page_if_ours(addr) else { return 0 };
        let entry = side.entry(page);
        if entry.kind() != Kind::Explicit as u8 {
            return 0;
        }
        if entry.guarded() {
            let (at, size) = self.guarded_block(entry);
            return if at == addr { size } else { 0 };
        }
        let span = self.spans.get(entry.span());
        let offset = addr.wrapping_sub(span.base());
        match entry.class() {
            0 if offset == 0 => span.pages() * PAGE,
            0 => 0,
            class if slot_index(class, offset) * class_size(class) == offset => class_size(class),
            _ => 0,
        }
    }

    /// [`explicit_alloc_more`](Self::explicit_alloc_more) for who does not ask about zeros. Taken once for each object that
    /// is not in an array, so it is not cold.
    #[inline(never)]
    fn explicit_alloc_next(&self, rec: &CacheRec, c: SpanClass, l: Layout) -> Option<NonNull<u8>> {
        self.explicit_alloc_more(rec, c, l).map(|(p, _)| p)
    }

    /// What the array does not have: a slot of the borrowed word, a word, a span, a large object. And whether it is zero.
    #[inline]
    pub(crate) fn explicit_alloc_more(
        &self,
        rec: &CacheRec,
        c: SpanClass,
        l: Layout,
    ) -> Option<(NonNull<u8>, bool)> {
        if c.class() == 0 {
            return self.explicit_large(rec, l).ok();
        }
        if rec.sampling.get() {
            return self.profile_alloc(rec, c, l);
        }
        self.explicit_alloc_word(rec, c, l)
    }

    /// The same without a look at what is hidden: the caller has shown it, or nothing is.
    #[inline]
    pub(crate) fn explicit_alloc_word(
        &self,
        rec: &CacheRec,
        c: SpanClass,
        l: Layout,
    ) -> Option<(NonNull<u8>, bool)> {
        let modes = self.modes.any();
        if modes && let Some(block) = self.guarded(rec, c) {
            return Some(block);
        }
        let mag = &rec.mags[c.index()];
        loop {
            let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
            if bits != 0 {
                mag.bits.store(bits & (bits - 1), Relaxed); // ORDER: Relaxed — as above.
                let at = bits.trailing_zeros() as usize * mag.elem.get() as usize;
                // SAFETY: H-1 — a set bit is a slot of the held span, on loan to this cache.
                let p = unsafe { NonNull::new_unchecked(mag.wbase.get().add(at)) };
                if modes {
                    self.debug_take(c, p);
                }
                return Some((p, mag.flags.get() & ZEROED != 0));
            }
            if self.profile.rate() != 0 && !rec.sampling.get() {
                return self.profile_alloc(rec, c, l);
            }
            self.explicit_refill(rec, c).ok()?;
        }
    }

    /// A slot from wherever there is one, the array first; and whether it is known to be zero.
    pub(crate) fn explicit_alloc(
        &self,
        rec: &CacheRec,
        c: SpanClass,
        l: Layout,
    ) -> Option<(NonNull<u8>, bool)> {
        let mag = &rec.mags[c.index()];
        if mag.is_empty() {
            return self.explicit_alloc_more(rec, c, l);
        }
        // ORDER: Relaxed, both — one writer, this cache.
        let top = mag.top.load(Relaxed).wrapping_sub(1);
        mag.top.store(top, Relaxed);
        add(&mag.pops, 1);
        // SAFETY: H-10 — between `lo` and `top` lie free slots of this class.
        NonNull::new(unsafe { *top }).map(|p| (p, false))
    }

    /// A free of a block wherever it belongs; `class` is the one that its layout says.
    pub(crate) fn explicit_free(&self, rec: &CacheRec, entry: Entry, p: NonNull<u8>, class: u8) {
        let mag = &rec.mags[span_class(class).index()];
        if entry.low() != mag.key.get() {
            return self.explicit_free_elsewhere(rec, entry, p, class);
        }
        // SAFETY: H-10, H-7 — the entry has the magazine's key, and the block is given up.
        if !unsafe { mag.push(p) } {
            self.explicit_free_full(rec, entry, p, class);
        }
    }

    /// Gives back all that a cache has borrowed.
    pub(crate) fn explicit_flush(&self, rec: &CacheRec) {
        self.disarm_all(rec);
        self.flush_combined(rec);
        if let Some(side) = self.side(Kind::Explicit) {
            for class in 1..CLASSES as u8 {
                let c = span_class(class);
                let mag = &rec.mags[c.index()];
                // ORDER: Relaxed, all — one writer, this cache.
                let (lo, top) = (mag.lo.load(Relaxed), mag.top.load(Relaxed));
                let n = (top as usize - lo as usize) / size_of::<usize>();
                mag.top.store(lo, Relaxed);
                self.give_array(side, lo, n, class);
                let (held, bits) = (mag.span.load(Relaxed), mag.bits.load(Relaxed));
                if held == 0 {
                    self.release_waiting(class);
                    continue;
                }
                let span = self.spans.get(held);
                if bits != 0 {
                    mag.bits.store(0, Relaxed); // ORDER: Relaxed — as above.
                    add(&rec.returned[c.index()], u64::from(bits.count_ones()));
                    self.give(span, mag.word.load(Relaxed) as usize, bits, false); // ORDER: Relaxed — as above.
                }
                mag.span.store(0, Relaxed); // ORDER: Relaxed — as above.
                self.drop_held(span);
                self.release_waiting(class);
            }
        }
        self.flush_pages(rec);
    }
}
