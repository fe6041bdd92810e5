//! Slots of other caches' spans, gathered into words before they are given back.
//!
//! Each class up to 1 KiB has [`WAYS`] places of its own, for the words that are likely to be freed at a time: blocks come over
//! in about the order in which they were made, so most frees find their word. A word goes to its span when it is full, when
//! another one takes its place, when its class is wanted here, and with all others before the cache makes a new span and every
//! [`AGE`] frees.

use super::free::slot_of;
use crate::class::{SpanClass, class_of, class_size};
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::{CacheRec, WC, Wc};
use crate::side::Side;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// Larger slots are given one by one.
const LARGEST: usize = 1024;
/// Places of a class.
const WAYS: usize = 4;
/// Foreign frees after which all places are emptied, so that a thread that only frees keeps little from others.
const AGE: u32 = 2048;

const _: () = assert!(class_of(LARGEST) as usize * WAYS == WC);

/// The places of a class.
fn places(rec: &CacheRec, class: u8) -> &[Wc] {
    let first = (usize::from(class).wrapping_sub(1)).wrapping_mul(WAYS);
    rec.wc.get(first..first.wrapping_add(WAYS)).unwrap_or_default()
}

/// Adds a slot to the word that waits for it. `false`: there is none, or it is not as simple as that, and nothing was done.
/// One store, so that neither a fork nor a reader of figures finds anything half done.
#[inline]
pub(crate) fn join(rec: &CacheRec, entry: Entry, p: NonNull<u8>, class: u8) -> bool {
    let age = rec.wc_age.get();
    if !entry.is_plain_slot(class) || !rec.joins.get() || rec.sampling.get() || age >= AGE - 1 {
        return false;
    }
    let Some(i) = slot_of(entry, p) else { return false };
    let (index, w, bit) = (entry.span(), (i / 64) as u32, 1u64 << (i % 64));
    let Some(wc) = places(rec, class).get((index.wrapping_add(w)) as usize % WAYS) else {
        return false;
    };
    // ORDER: Relaxed, all — one writer, this cache; statistics read them.
    let bits = wc.bits.load(Relaxed);
    if wc.span.load(Relaxed) != index || wc.word.get() != w || bits & bit != 0 {
        return false;
    }
    if bits | bit == u64::MAX {
        return false;
    }
    rec.wc_age.set(age + 1);
    wc.bits.store(bits | bit, Relaxed); // ORDER: Relaxed — as above.
    true
}

impl<B: Backend> Inner<B> {
    /// A free of a slot whose span carries another cache's tag.
    #[inline]
    pub(super) fn explicit_free_other(
        &self,
        rec: &CacheRec,
        side: &Side,
        entry: Entry,
        p: NonNull<u8>,
        class: u8,
    ) {
        if class_size(class) > LARGEST || self.modes.any() {
            return self.explicit_give(side, entry, p, class);
        }
        self.check_entry(side, entry, p, class);
        let i = Self::slot(entry, p);
        let (index, w, bit) = (entry.span(), (i / 64) as u32, 1u64 << (i % 64));
        let age = rec.wc_age.get() + 1;
        rec.wc_age.set(age);
        if age >= AGE {
            self.flush_combined(rec);
            rec.wc_age.set(1);
        }
        let Some(wc) = places(rec, class).get((index.wrapping_add(w)) as usize % WAYS) else {
            return self.explicit_give(side, entry, p, class);
        };
        // ORDER: Relaxed, all — one writer, this cache; statistics read them.
        let (held, bits) = (wc.span.load(Relaxed), wc.bits.load(Relaxed));
        if held == index && wc.word.get() == w {
            if bits & bit != 0 {
                self.double_free(self.spans.get(index), i);
            }
            wc.bits.store(bits | bit, Relaxed); // ORDER: Relaxed — as above.
            if bits | bit == u64::MAX {
                self.empty(wc);
            }
            return;
        }
        wc.span.store(index, Relaxed); // ORDER: Relaxed — as above.
        wc.bits.store(bit, Relaxed); // ORDER: Relaxed — as above.
        let word = wc.word.replace(w) as usize;
        if held != 0 {
            self.give(self.spans.get(held), word, bits, true);
        }
    }

    /// Gives the word of a place back.
    fn empty(&self, wc: &Wc) {
        // ORDER: Relaxed, all — one writer, this cache.
        let (span, bits) = (wc.span.load(Relaxed), wc.bits.load(Relaxed));
        if span != 0 {
            wc.span.store(0, Relaxed);
            wc.bits.store(0, Relaxed);
            self.give(self.spans.get(span), wc.word.get() as usize, bits, true);
        }
    }

    /// Gives back what waits of one class.
    pub(super) fn flush_combined_class(&self, rec: &CacheRec, c: SpanClass) {
        if rec.wc_age.get() != 0 {
            places(rec, c.class()).iter().for_each(|wc| self.empty(wc));
        }
    }

    /// Gives back what waits.
    pub(crate) fn flush_combined(&self, rec: &CacheRec) {
        if rec.wc_age.replace(0) != 0 {
            rec.wc.iter().for_each(|wc| self.empty(wc));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cache, Heap, HeapConfig, Kind, Linux};
    use core::alloc::Layout;

    /// Waiting bits of a class.
    fn waiting(cache: &Cache, class: u8) -> u32 {
        // ORDER: Relaxed — this thread's own.
        places(cache.rec(), class).iter().map(|wc| wc.bits.load(Relaxed).count_ones()).sum()
    }

    /// H-1: a foreign slot waits here until its word is full, its class is wanted, or there are too many.
    #[test]
    fn words_go_back_when_they_are_full() {
        let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
        let (mut maker, mut other) =
            (heap.cache(Kind::Explicit).unwrap(), heap.cache(Kind::Explicit).unwrap());
        let l = Layout::from_size_align(64, 8).unwrap();
        let class = class_of(64);
        let blocks: Vec<_> = (0..128).map(|_| maker.alloc(l).unwrap()).collect();
        let free = |other: &mut Cache, n: usize| {
            // SAFETY: H-1 — each block is live, of this layout, and freed once.
            unsafe { other.dealloc(blocks[n], l) };
        };
        for n in 0..63 {
            free(&mut other, n);
            assert_eq!(waiting(&other, class), n as u32 + 1);
        }
        free(&mut other, 63);
        assert_eq!(waiting(&other, class), 0);
        (64..100).for_each(|n| free(&mut other, n));
        assert_eq!(waiting(&other, class), 36);
        // Another class changes nothing unless the heap grows for it; the class itself takes what waits.
        other.alloc(l).unwrap();
        assert_eq!(waiting(&other, class), 0);
        (100..128).for_each(|n| free(&mut other, n));
        other.flush();
        assert_eq!(waiting(&other, class), 0);
        drop((maker, other));
        heap.check().unwrap();
        assert_eq!(heap.stats().live_objects, 1);
    }

    /// The places of two classes are different ones, and there are none for the large.
    #[test]
    fn each_class_has_its_places() {
        let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
        let cache = heap.cache(Kind::Explicit).unwrap();
        let first = |class| places(cache.rec(), class).as_ptr();
        for class in 2..=class_of(LARGEST) {
            assert_eq!(first(class), first(class - 1).wrapping_add(WAYS));
            assert_eq!(places(cache.rec(), class).len(), WAYS);
        }
        assert!(places(cache.rec(), class_of(LARGEST + 1)).is_empty());
        assert!(places(cache.rec(), 0).is_empty());
    }
}
