//! Ways of working in which mistakes are found where they are made: all off unless asked for, and then without arrays, so
//! that every call goes through here and every free goes to the free bits of its span.
//!
//! | mode | finds |
//! |---|---|
//! | check | each second free, each free of the inside of a block, each wrong layout, at the call that makes it |
//! | junk | writes to a block after its free, when the slot is used again |
//! | guard | writes and reads behind the end of a block, as a fault, for one block in so many |

use crate::class::{PAGE, SpanClass};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::{Span, State};
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};
use gort_sys::{Backend, PageRange};

/// What a freed block is filled with.
const JUNK: u8 = 0xdf;

/// Which modes are on. Set before there is any cache.
#[derive(Debug, Default)]
pub(crate) struct Modes {
    bits: AtomicU32,
    /// One block in so many is guarded.
    rate: AtomicU32,
    count: AtomicU64,
}

const CHECK_BIT: u32 = 1;
const JUNK_BIT: u32 = 2;
const GUARD_BIT: u32 = 4;

impl Modes {
    /// Any mode at all.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.bits.load(Relaxed) != 0 // ORDER: Relaxed — set before there is any cache.
    }

    fn has(&self, bit: u32) -> bool {
        self.bits.load(Relaxed) & bit != 0 // ORDER: Relaxed — as above.
    }

    /// Reads `check,junk,guard=1000`: words by commas; others mean nothing.
    pub(crate) fn parse(&self, text: &[u8]) {
        let mut bits = 0;
        for word in text.split(|b| *b == b',') {
            match word {
                b"check" => bits |= CHECK_BIT,
                b"junk" => bits |= JUNK_BIT | CHECK_BIT,
                _ => {
                    let Some(rate) = word.strip_prefix(b"guard=") else { continue };
                    let rate = rate.iter().filter(|b| b.is_ascii_digit());
                    let rate = rate.fold(0u32, |n, b| n.saturating_mul(10) + u32::from(b - b'0'));
                    self.rate.store(rate.max(1), Relaxed); // ORDER: Relaxed — set before there is any cache.
                    bits |= GUARD_BIT;
                }
            }
        }
        self.bits.store(bits, Relaxed); // ORDER: Relaxed — as above.
    }

    fn guards(&self) -> bool {
        self.has(GUARD_BIT)
    }

    /// Whether it is time to ask for faults again: others ask too, when their part of the program starts.
    pub(crate) fn wants_faults(&self) -> bool {
        self.guards() && self.count.load(Relaxed).is_power_of_two() // ORDER: Relaxed — a counter.
    }
}

impl<B: Backend> Inner<B> {
    /// A slot that is about to be given back.
    pub(super) fn debug_give(&self, span: &Span, i: usize, p: NonNull<u8>) {
        let (w, bit, size) = (i / 64, 1u64 << (i % 64), span.class().size());
        // ORDER: Relaxed, all — a slot that was handed out to whoever frees it now left its holder's word before that.
        let free = span.word(w).load(Relaxed) & bit != 0;
        let borrowed = self.records().any(|rec| {
            let mag = &rec.mags[span.class().index()];
            mag.span.load(Relaxed) == span.index()
                && usize::from(mag.word.load(Relaxed)) == w
                && mag.bits.load(Relaxed) & bit != 0
        });
        if free || borrowed {
            let (class, index) = (span.class().class(), span.index());
            gort_sys::fatal!(
                "H-1",
                "double free of {p:p}: slot {i} of class {class} ({size} bytes) in span {index}"
            );
        }
        if self.modes.has(JUNK_BIT) {
            // SAFETY: H-1 — the caller's slot until it is given.
            unsafe { p.write_bytes(JUNK, size) };
        }
    }

    /// A new span: pages that were used before hold anything.
    pub(crate) fn debug_span(&self, span: &Span) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        // ORDER: Relaxed — the maker's own.
        if self.modes.has(JUNK_BIT) && span.needzero.load(Relaxed) != 0 {
            // SAFETY: H-1 — all slots are free, and the span is its maker's.
            unsafe { side.ptr(span.base()).write_bytes(JUNK, span.pages() * PAGE) };
        }
    }

    /// A slot that is about to be handed out.
    pub(super) fn debug_take(&self, c: SpanClass, p: NonNull<u8>) {
        if !self.modes.has(JUNK_BIT) {
            return;
        }
        // SAFETY: H-1 — a free slot, on loan to the caller.
        let bytes = unsafe { core::slice::from_raw_parts(p.as_ptr(), c.size()) };
        // A slot that was never used is zero.
        let want = if bytes[0] == 0 { 0 } else { JUNK };
        if let Some(at) = bytes.iter().position(|b| *b != want) {
            let (size, class, found) = (c.size(), c.class(), bytes[at]);
            gort_sys::fatal!(
                "H-1",
                "write after free: byte {at} of the block at {p:p}, class {class} ({size} bytes), is {found:#x}"
            );
        }
    }

    /// A block on a page of its own with an inaccessible page behind it, if it is one's turn.
    pub(super) fn guarded(&self, rec: &CacheRec, c: SpanClass) -> Option<(NonNull<u8>, bool)> {
        // ORDER: Relaxed, all — a counter and a number.
        if !self.modes.guards()
            || !self
                .modes
                .count
                .fetch_add(1, Relaxed)
                .is_multiple_of(self.modes.rate.load(Relaxed).into())
        {
            return None;
        }
        let size = c.size();
        let pages = size.div_ceil(PAGE) + 1;
        let l = Layout::from_size_align(pages * PAGE, PAGE).ok()?;
        let (base, zeroed) = self.explicit_large(rec, l).ok()?;
        let side = self.side(Kind::Explicit)?;
        let first = side.page_of(base.as_ptr() as usize);
        let span = self.spans.get(side.entry(first).span());
        let guard = (pages - 1) * PAGE;
        // SAFETY: MEM-2 — the last page of a span that nobody knows yet.
        if !unsafe { self.backend().guard(PageRange::new(base.add(guard), PAGE), true) } {
            self.explicit_free_large(side, side.entry(first), base);
            return None;
        }
        span.client.store(size, Relaxed);
        for page in first..first + pages {
            side.set_entry(page, side.entry(page).with_guard());
        }
        // SAFETY: MEM-2 — inside the span: the slot ends where the guard begins.
        Some((unsafe { base.add(guard - size) }, zeroed))
    }

    /// First byte and size of the guarded block of a span.
    pub(crate) fn guarded_block(&self, entry: Entry) -> (usize, usize) {
        let span = self.spans.get(entry.span());
        let size = span.client.load(Relaxed); // ORDER: Relaxed — written before the block was handed out.
        (span.base() + (span.pages() - 1) * PAGE - size, size)
    }

    /// A free of a guarded block.
    pub(super) fn free_guarded(&self, side: &Side, entry: Entry, p: NonNull<u8>, class: u8) {
        let (at, size) = self.guarded_block(entry);
        // Class 0: C frees without a layout.
        let right = class == 0 || crate::class::class_size(class) == size;
        if at != p.as_ptr() as usize || !right {
            gort_sys::fatal!(
                "H-7",
                "free of {p:p} as class {class}: the guarded block at {at:#x} has {size} bytes"
            );
        }
        let span = self.spans.get(entry.span());
        let pages = span.pages();
        let Some(guard) = NonNull::new(side.ptr(span.base() + (pages - 1) * PAGE)) else { return };
        // SAFETY: MEM-2 — the last page of a span whose block is freed.
        unsafe { self.backend().guard(PageRange::new(guard, PAGE), false) };
        self.large[1].frees.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
        self.large[1].freed_bytes.fetch_add((pages * PAGE) as u64, Relaxed); // ORDER: Relaxed — as above.
        debug_assert!(span.state().state() == State::Large);
        self.release_span(span, Kind::Explicit);
    }

    /// Says what a fault at `addr` is, if it is a guard's, and ends the process.
    pub(crate) fn explain_fault(&self, addr: usize) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        let Some(page) = side.page_if_ours(addr) else { return };
        let entry = side.entry(page);
        if !entry.guarded() {
            return;
        }
        let (at, size) = self.guarded_block(entry);
        let behind = addr.wrapping_sub(at + size);
        gort_sys::fatal!(
            "GLOBAL-3",
            "access at {addr:#x}, {behind} bytes behind the end of the block at {at:#x} ({size} bytes): a guard was hit"
        );
    }
}
