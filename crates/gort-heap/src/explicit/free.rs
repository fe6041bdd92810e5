//! Frees: where a block goes that is not pushed on an array with room.
//!
//! Its own cache's array may be full: half of it goes back, a word at a time. Another cache's slot waits in the
//! write-combining buffer ([`super::combine`]). And what is no block, or not the one that the caller says, ends the process with words.

use crate::class::{PAGE_SHIFT, class_size, slot_index};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::{CacheRec, Mag};
use crate::side::Side;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// Most slots that an array may hold: `depth` bytes' worth (64 KiB by default), within 16 and 1024, or as much more as the
/// depth is more; four of the largest.
fn most(size: usize, depth: usize) -> usize {
    if size > 8192 { 4 } else { (depth / size).clamp(16, (depth / 64).max(16)) }
}

/// Number of the slot of a small block in its span, from the entry of its page alone: the span's own line is written by
/// whoever takes and gives. `None`: no slot begins there.
#[inline]
pub(super) fn slot_of(entry: Entry, p: NonNull<u8>) -> Option<usize> {
    let addr = p.as_ptr() as usize;
    let first = (addr >> PAGE_SHIFT) - entry.offset();
    let offset = addr - (first << PAGE_SHIFT);
    let i = slot_index(entry.class(), offset);
    (i * class_size(entry.class()) == offset).then_some(i)
}

#[cold]
#[inline(never)]
fn not_a_slot(entry: Entry, p: NonNull<u8>) -> ! {
    let (class, span, owner) = (entry.class(), entry.span(), (entry.0 >> 16) as u16);
    let size = class_size(class);
    gort_sys::fatal!(
        "H-10",
        "free of {p:p}: not the start of a slot of class {class} ({size} bytes) in span {span}, owner {owner}"
    );
}

impl<B: Backend> Inner<B> {
    /// [`slot_of`] for a block that must begin there.
    #[inline]
    pub(crate) fn slot(entry: Entry, p: NonNull<u8>) -> usize {
        slot_of(entry, p).unwrap_or_else(|| not_a_slot(entry, p))
    }

    /// A free of what is not in this cache's span. Taken for each block that comes from another thread, so it is not cold.
    #[inline(never)]
    pub(crate) fn explicit_free_elsewhere(
        &self,
        rec: &CacheRec,
        entry: Entry,
        p: NonNull<u8>,
        class: u8,
    ) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        let mut entry = entry;
        if (rec.sampling.get() || entry.sampled()) && self.profile_free(rec, &mut entry, p, class) {
            return;
        }
        if entry.guarded() {
            return self.free_guarded(side, entry, p, class);
        }
        match class {
            0 => self.explicit_free_large(side, entry, p),
            _ => self.explicit_free_other(rec, side, entry, p, class),
        }
    }

    /// A free of a slot of this cache's whose array is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn explicit_free_full(
        &self,
        rec: &CacheRec,
        entry: Entry,
        p: NonNull<u8>,
        class: u8,
    ) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        let mag = &rec.mags[super::span_class(class).index()];
        if !self.explicit_overflow(rec, side, mag, class) {
            return self.explicit_give(side, entry, p, class);
        }
        let top = mag.top.load(Relaxed); // ORDER: Relaxed — one writer, this cache.
        // SAFETY: H-10 — after the overflow there is a free place at `top`.
        unsafe { *top = p.as_ptr() };
        mag.top.store(top.wrapping_add(1), Relaxed); // ORDER: Relaxed — as above.
    }

    /// Room in a full array: a larger one, or its older half given back. `false`: there is no array.
    #[cold]
    #[inline(never)]
    fn explicit_overflow(&self, rec: &CacheRec, side: &Side, mag: &Mag, class: u8) -> bool {
        // ORDER: Relaxed, all — one writer, this cache.
        let (lo, top) = (mag.lo.load(Relaxed), mag.top.load(Relaxed));
        let len = (top as usize - lo as usize) / size_of::<usize>();
        if self.modes.any() {
            return false;
        }
        let most = most(class_size(class), self.cache_depth());
        if len < most {
            let room = (len * 2).clamp(most.min(32), most);
            // SAFETY: H-14 — the chunk is the owner's, who is here.
            let chunk = unsafe { &mut *rec.chunk.get() };
            if let Ok(array) =
                self.persist.alloc(Some(chunk), room * size_of::<usize>(), 8, &self.stat.caches)
            {
                let array = array.as_ptr().cast::<*mut u8>();
                if len != 0 {
                    // SAFETY: H-10 — `len` entries, in two different arrays.
                    unsafe { core::ptr::copy_nonoverlapping(lo, array, len) };
                }
                mag.lo.store(array, Relaxed); // ORDER: Relaxed — a reader of figures may see a mixture, and gets a wrong figure.
                mag.top.store(array.wrapping_add(len), Relaxed); // ORDER: Relaxed — as above.
                mag.hi.set(array.wrapping_add(room));
                return true;
            }
        }
        if len == 0 {
            return false;
        }
        let half = len.div_ceil(2);
        self.give_array(side, lo, half, class);
        // SAFETY: H-10 — the newer half moves down, inside the array.
        unsafe { core::ptr::copy(lo.wrapping_add(half), lo, len - half) };
        mag.top.store(lo.wrapping_add(len - half), Relaxed); // ORDER: Relaxed — one writer, this cache.
        true
    }

    /// Gives `n` slots of an array back, a run of the same word at a time.
    pub(super) fn give_array(&self, side: &Side, array: *const *mut u8, n: usize, class: u8) {
        let mut run: Option<(u32, usize, u64)> = None;
        for k in 0..n {
            // SAFETY: H-10 — `n` entries are filled with slots of this class.
            let Some(p) = NonNull::new(unsafe { *array.add(k) }) else { continue };
            let entry = side.entry(side.page_of(p.as_ptr() as usize));
            if entry.class() != class || entry.kind() != Kind::Explicit as u8 {
                gort_sys::fatal!(
                    "H-10",
                    "slot {p:p} in the array of class {class} has class {}",
                    entry.class()
                );
            }
            let (span, i) = (entry.span(), Self::slot(entry, p));
            let (w, bit) = (i / 64, 1u64 << (i % 64));
            run = match run {
                Some((s, word, bits)) if s == span && word == w => {
                    if bits & bit != 0 {
                        self.double_free(self.spans.get(span), i);
                    }
                    Some((s, word, bits | bit))
                }
                Some((s, word, bits)) => {
                    self.give(self.spans.get(s), word, bits, true);
                    Some((span, w, bit))
                }
                None => Some((span, w, bit)),
            };
        }
        if let Some((s, word, bits)) = run {
            self.give(self.spans.get(s), word, bits, true);
        }
    }

    pub(super) fn explicit_give(&self, side: &Side, entry: Entry, p: NonNull<u8>, class: u8) {
        self.check_entry(side, entry, p, class);
        let (span, i) = (self.spans.get(entry.span()), Self::slot(entry, p));
        if self.modes.any() {
            return self.debug_give(side, span, i, p);
        }
        self.give(span, i / 64, 1 << (i % 64), true);
    }

    /// What a free says must be what the page says.
    #[inline]
    pub(super) fn check_entry(&self, _: &Side, entry: Entry, p: NonNull<u8>, class: u8) {
        if entry.kind() != Kind::Explicit as u8 || entry.class() != class {
            self.wrong_entry(entry, p, class);
        }
    }

    #[cold]
    #[inline(never)]
    fn wrong_entry(&self, entry: Entry, p: NonNull<u8>, class: u8) -> ! {
        let (is, owner) = (entry.class(), (entry.0 >> 16) as u16);
        if entry.kind() != Kind::Explicit as u8 {
            let kind = entry.kind();
            gort_sys::fatal!(
                "GLOBAL-3",
                "free of {p:p}: no block is there (page of kind {kind}): a foreign address, or freed before"
            );
        }
        let (said, size) = (class_size(class), class_size(is));
        let (span, pages) = (entry.span(), self.spans.get(entry.span()).pages());
        gort_sys::fatal!(
            "H-7",
            "free of {p:p} with a wrong layout: class {class} ({said} bytes; 0 is large) for a block of class {is} ({size} \
             bytes) in span {span} of {pages} pages, owner {owner}"
        );
    }
}
