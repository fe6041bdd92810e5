//! Where an address lies, and the mark bits and pointer bits of what lies there.

use crate::class::{GEOMETRY, PAGE, PAGE_SHIFT, slot_index};
use crate::heap::Heap;
use crate::side::{ROW_BITS, Rows, Side};
use crate::span::Span;
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed},
};
use gort_sys::Backend;

/// A slot of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// First byte.
    pub base: NonNull<u8>,
    /// Bytes of the slot; of a large object, of its whole span.
    pub size: usize,
    /// No pointers inside.
    pub noscan: bool,
    /// Number of its span.
    pub span: u32,
    /// Number of the slot in the span.
    pub index: u32,
}

/// An object that was not marked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedNew {
    /// First byte of the object.
    pub base: NonNull<u8>,
    /// Bytes of the slot; of a large object, of its whole span.
    pub size: usize,
    /// Nothing in it to scan.
    pub noscan: bool,
}

impl<B: Backend> Heap<B> {
    #[inline]
    fn gc_side(&self) -> Option<&Side> {
        self.inner().gc_side()
    }

    #[inline]
    fn mark_bit(rows: &Rows, page: usize, index: usize) -> (&AtomicU64, u64) {
        // Class 1 alone has more than 512 slots; it uses its row of scans as the second half (heap.md D8).
        let row = if index < ROW_BITS { rows.marks.at(page) } else { rows.scans.at(page) };
        // SAFETY: H-13 — the row is mapped with its arena, and `index / 64 % 8` lies inside it.
        let word = unsafe { &*row.cast::<AtomicU64>().add(index / 64 % 8) };
        (word, 1 << (index % 64))
    }

    /// The slot of a collector's object, from a pointer anywhere into it: two loads, no search.
    ///
    /// # Safety
    /// `p` points into an object that was taken from a [`Kind::Gc`](crate::Kind) cache of this heap and is alive.
    #[inline]
    pub unsafe fn object_of(&self, p: NonNull<u8>) -> Object {
        let Some(side) = self.gc_side() else {
            gort_sys::fatal!("H-15", "no collector's side in this heap")
        };
        let page = side.page_of(p.as_ptr() as usize);
        let entry = side.entry(page);
        self.locate(side, p, page, entry)
    }

    #[inline]
    fn locate(
        &self,
        side: &Side,
        p: NonNull<u8>,
        page: usize,
        entry: crate::entry::Entry,
    ) -> Object {
        let addr = p.as_ptr() as usize;
        let (class, noscan, span) = (entry.class(), entry.noscan(), entry.span());
        if class == 0 {
            let s = self.inner().spans.get(span);
            let back = addr - s.base();
            // SAFETY: H-6 — the entry names the span that the address lies in.
            let base = unsafe { p.sub(back) };
            return Object { base, size: s.pages() * PAGE, noscan, span, index: 0 };
        }
        let offset = addr - side.addr_of(page - entry.offset());
        let size = GEOMETRY[class as usize].size as usize;
        let index = slot_index(class, offset);
        // SAFETY: H-6 — as above.
        let base = unsafe { p.sub(offset - index * size) };
        Object { base, size, noscan, span, index: index as u32 }
    }

    /// The slot at a doubtful address, whether or not an object is in it; its span, and the span's generation from before it
    /// was looked at.
    fn slot_at(&self, addr: usize) -> Option<(Object, &Span, u32)> {
        let side = self.gc_side()?;
        let page = side.page_if_ours(addr)?;
        if !side.entries.is_mapped(page) {
            return None;
        }
        let entry = side.entry(page);
        if entry.kind() != crate::Kind::Gc as u8 {
            return None;
        }
        let object = self.locate(side, NonNull::new(side.ptr(addr))?, page, entry);
        let span = self.inner().spans.get(object.span);
        let generation = span.state().generation();
        // Else it is the span's tail, or the span is being reused.
        let ours = span.kind() == entry.kind() && (object.index as usize) < span.n();
        ours.then_some((object, span, generation))
    }

    /// The object at a doubtful address, if there is one (HEAP-2). Wrong only towards "none": a slot that is free, or in
    /// a cache, is not an object. Walks the caches; for debugging and conservative readers.
    pub fn find_object(&self, addr: usize) -> Option<Object> {
        let (object, span, generation) = self.slot_at(addr)?;
        let i = object.index as usize;
        let (w, bit) = (i / 64, 1u64 << (i % 64));
        if span.word(w).load(Relaxed) & bit != 0 {
            return None; // ORDER: Relaxed (above) — a look at a moving target.
        }
        let class = span.class().index();
        let borrowed = self.inner().records().any(|rec| {
            let mag = &rec.mags[class];
            // ORDER: Relaxed, both — as above.
            mag.span.load(Relaxed) == object.span
                && (mag.bits.load(Relaxed) | crate::profile::hidden(rec, class).0) & bit != 0
                && mag.word.load(Relaxed) as usize == w
        });
        if borrowed || span.state().generation() != generation { None } else { Some(object) }
    }

    /// The object at a doubtful address, if there is one and it is not marked. For a conservative scan, while every cache
    /// is black and nothing is swept (G-1): then a slot that is not free, not marked and not given up to its glue is an
    /// object, whatever other caches do meanwhile. `addr` may point anywhere into it.
    pub fn find_unmarked(&self, addr: usize) -> Option<Object> {
        let (object, span, _) = self.slot_at(addr)?;
        let i = object.index as usize;
        // ORDER: Acquire ⇐ `gc_put`: a new large span has its colour.
        if span.class().class() == 0 && span.sweepgen.load(Acquire) != self.inner().generation() {
            return None;
        }
        // ORDER: Acquire ⇐ `gc_next_word`: a borrowed word has its colour.
        if span.word(i / 64).load(Acquire) >> (i % 64) & 1 != 0 {
            return None;
        }
        // SAFETY: H-6 — the entry named the span a moment ago, and no span of objects goes while nothing is swept.
        if unsafe { self.is_marked(&object) } {
            return None;
        }
        // ORDER: Relaxed — glue of an object that lives is attached before its address is known.
        if span.specials.load(Relaxed) != 0 {
            let mut list = crate::specials::SpecialsGuard::lock(span);
            let at = object.base.as_ptr() as usize;
            if list.find(at).is_some_and(|s| s.state != crate::span::SpecialState::Live) {
                return None;
            }
        }
        Some(object)
    }

    /// Sets an object's mark; whether this call did.
    ///
    /// # Safety
    /// `o` came from this heap's collector side, and is alive.
    #[inline]
    pub unsafe fn try_mark(&self, o: &Object) -> bool {
        let Some(side) = self.gc_side() else { return false };
        let Some(rows) = &side.rows else { return false };
        // SAFETY: MEM-2 — going back from the slot to its span's first page is arithmetic on the page table's numbers.
        let page = side.page_of(o.base.as_ptr() as usize - o.index as usize * o.size);
        Self::set_mark(Self::mark_bit(rows, page, o.index as usize))
    }

    #[inline]
    fn set_mark((word, bit): (&AtomicU64, u64)) -> bool {
        // ORDER: Relaxed, both — a mark orders nothing; the grey queue's hand-over does.
        word.load(Relaxed) & bit == 0 && word.fetch_or(bit, Relaxed) & bit == 0
    }

    /// Whether an object is marked.
    ///
    /// # Safety
    /// As [`Heap::try_mark`].
    #[inline]
    pub unsafe fn is_marked(&self, o: &Object) -> bool {
        let Some(rows) = self.gc_side().and_then(|s| s.rows.as_ref()) else { return false };
        let page = (o.base.as_ptr() as usize - o.index as usize * o.size - self.inner().gc_base())
            >> PAGE_SHIFT;
        let (word, bit) = Self::mark_bit(rows, page, o.index as usize);
        word.load(Relaxed) & bit != 0 // ORDER: Relaxed — as `set_mark`.
    }

    /// Asks the processor to fetch the mark of the object at `p`, for a [`Heap::mark_ptr`] soon. Changes nothing.
    ///
    /// # Safety
    /// As [`Heap::object_of`].
    #[inline]
    pub unsafe fn prefetch_mark(&self, p: NonNull<u8>) {
        let Some(side) = self.gc_side() else { return };
        let Some(rows) = side.rows.as_ref() else { return };
        let page = side.page_of(p.as_ptr() as usize);
        let first = page - side.entry(page).offset();
        prefetch(rows.marks.at(first).cast_const().cast());
    }

    /// Asks the processor to fetch the first line of an object and its pointer bits, for a scan soon. Changes nothing.
    #[inline]
    pub fn prefetch_object(&self, base: NonNull<u8>) {
        let Some(side) = self.gc_side() else { return };
        let Some(rows) = side.rows.as_ref() else { return };
        let at = base.as_ptr().addr().wrapping_sub(side.range().0) >> 9;
        prefetch(base.as_ptr());
        prefetch(rows.ptrs.at(0).cast::<u64>().wrapping_add(at).cast());
    }

    /// Look-up and mark in one, for the marker's loop; `None` if the object was marked already. `p` may point anywhere
    /// into the object.
    ///
    /// # Safety
    /// As [`Heap::object_of`].
    #[inline]
    pub unsafe fn mark_ptr(&self, p: NonNull<u8>) -> Option<MarkedNew> {
        let side = self.gc_side()?;
        let rows = side.rows.as_ref()?;
        let addr = p.as_ptr() as usize;
        let page = side.page_of(addr);
        let entry = side.entry(page);
        if entry.class() == 0 {
            let o = self.locate(side, p, page, entry);
            let first = side.page_of(o.base.as_ptr() as usize);
            let new = Self::set_mark(Self::mark_bit(rows, first, 0));
            return new.then_some(MarkedNew { base: o.base, size: o.size, noscan: o.noscan });
        }
        let first = page - entry.offset();
        let offset = addr - side.addr_of(first);
        let geometry = &GEOMETRY[entry.class() as usize];
        let size = geometry.size as usize;
        let index = ((offset as u64 * geometry.recip) >> 32) as usize;
        if !Self::set_mark(Self::mark_bit(rows, first, index)) {
            return None;
        }
        // SAFETY: H-6 — back to the slot's first byte, inside the span that the entry names.
        let base = unsafe { p.sub(offset - index * size) };
        Some(MarkedNew { base, size, noscan: entry.noscan() })
    }

    #[inline]
    fn pointer_word(rows: &Rows, word: usize) -> &AtomicU64 {
        // SAFETY: H-13 — pointer bits are mapped with their arena; the caller has an object there.
        unsafe { &*rows.ptrs.at(0).cast::<AtomicU64>().wrapping_add(word) }
    }

    /// Records which 8-byte words of a slot hold pointers: word i if bit i of `pattern` is set; words from 64 on do not.
    ///
    /// # Safety
    /// `slot` was taken from a scan class by the caller's cache, which still holds its span (one writer per span), and has
    /// `slot_size` bytes, a multiple of 8.
    #[inline]
    pub unsafe fn write_pointer_map(&self, slot: NonNull<u8>, slot_size: usize, pattern: u64) {
        let Some(side) = self.gc_side() else { return };
        let Some(rows) = &side.rows else { return };
        let at = (slot.as_ptr() as usize - side.range().0) >> 3;
        let (shift, n) = (at % 64, slot_size / 8);
        if n + shift <= 64 {
            let mask = (u64::MAX >> (64 - n)) << shift;
            let word = Self::pointer_word(rows, at / 64);
            // ORDER: Relaxed, both — one writer per span; a marker that may look at this object has got its pointer by
            // an Acquire load, and does not care for its neighbours' bits.
            let old = word.load(Relaxed);
            let new = old & !mask | (pattern << shift) & mask;
            if new != old {
                word.store(new, Relaxed); // ORDER: Relaxed — as above.
            }
        } else {
            Self::write_bits(rows, at, n, |i| if i == 0 { pattern } else { 0 });
        }
    }

    /// The same for `count` elements of `elem_words` words each (at most 64), the first one `skip` words into the slot,
    /// each with `pattern`. All other words of the slot are recorded as no pointers.
    ///
    /// # Safety
    /// As [`Heap::write_pointer_map`], and the elements lie inside the slot.
    pub unsafe fn write_pointer_map_repeated(
        &self,
        slot: NonNull<u8>,
        slot_size: usize,
        skip: usize,
        pattern: u64,
        elem_words: usize,
        count: usize,
    ) {
        let Some(side) = self.gc_side() else { return };
        let Some(rows) = &side.rows else { return };
        let at = (slot.as_ptr() as usize - side.range().0) >> 3;
        let end = skip + elem_words * count;
        let pattern = if elem_words >= 64 { pattern } else { pattern & ((1 << elem_words) - 1) };
        // The 64 bits from word `64 * i` of the slot on.
        let bits = |i: usize| {
            let (mut out, from) = (0u64, i * 64);
            if elem_words == 0 || from >= end {
                return 0;
            }
            let mut elem = from.saturating_sub(skip) / elem_words;
            loop {
                let start = skip + elem * elem_words;
                if elem >= count || start >= from + 64 {
                    return out;
                }
                out |= if start >= from {
                    pattern << (start - from)
                } else {
                    pattern >> (from - start)
                };
                elem += 1;
            }
        };
        Self::write_bits(rows, at, slot_size / 8, bits);
    }

    /// Writes `n` pointer bits from bit `at` on; `bits(i)` are the 64 from `64 * i`.
    fn write_bits(rows: &Rows, at: usize, n: usize, bits: impl Fn(usize) -> u64) {
        let shift = at % 64;
        let mut done = 0;
        let mut carry = 0u64;
        let mut w = at / 64;
        let mut i = 0;
        while done < n {
            let next = if i * 64 < n { bits(i) } else { 0 };
            let (low, room) =
                if i == 0 { (next << shift, 64 - shift) } else { (carry | next << shift, 64) };
            let from = if i == 0 { shift } else { 0 };
            let take = room.min(n - done);
            let mask = (u64::MAX >> (64 - take)) << from;
            let word = Self::pointer_word(rows, w);
            let old = word.load(Relaxed); // ORDER: Relaxed — one writer per span, see `write_pointer_map`.
            let new = old & !mask | low & mask;
            if new != old {
                word.store(new, Relaxed); // ORDER: Relaxed — as above.
            }
            carry = if shift == 0 { 0 } else { next >> (64 - shift) };
            done += take;
            w += 1;
            i += 1;
        }
    }

    /// Calls `f` for each pointer word of an object, lowest first.
    ///
    /// # Safety
    /// `base` and `size` are those of a live object of the collector's side with pointers ([`MarkedNew`]).
    #[inline]
    pub unsafe fn for_each_pointer_word(
        &self,
        base: NonNull<u8>,
        size: usize,
        mut f: impl FnMut(&AtomicPtr<u8>),
    ) {
        let Some(side) = self.gc_side() else { return };
        let Some(rows) = &side.rows else { return };
        let at = (base.as_ptr() as usize - side.range().0) >> 3;
        let (mut left, mut shift, mut w) = (size / 8, at % 64, at / 64);
        let mut slot = base.as_ptr().cast::<AtomicPtr<u8>>();
        while left != 0 {
            let take = left.min(64 - shift);
            // ORDER: Relaxed — the bits of this object were written before its pointer escaped, see `write_pointer_map`.
            let mut bits =
                Self::pointer_word(rows, w).load(Relaxed) >> shift & (u64::MAX >> (64 - take));
            while bits != 0 {
                let i = bits.trailing_zeros() as usize;
                // SAFETY: GC-SCAN — word `i` of the slot is a pointer field by its map, hence an atomic pointer.
                f(unsafe { &*slot.add(i) });
                bits &= bits - 1;
            }
            slot = slot.wrapping_add(take);
            left -= take;
            shift = 0;
            w += 1;
        }
    }
}

/// A hint, without effect on what is computed.
#[inline(always)]
fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: H-13 — a prefetch reads nothing that the program can see, and cannot fail, whatever the address.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast::<i8>());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
