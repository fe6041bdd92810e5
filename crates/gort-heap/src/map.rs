//! What lies where: spans with their occupancy, and the state of every page.
//!
//! ```
//! use gort_heap::{Heap, HeapConfig, Kind, Linux};
//! use std::alloc::Layout;
//!
//! let heap = Heap::with(Linux, HeapConfig::SMALL)?;
//! let mut cache = heap.cache(Kind::Explicit)?;
//! let p = cache.alloc(Layout::new::<[u8; 100]>()).expect("memory");
//! let span = heap.spans().next().expect("the one that holds it");
//! assert_eq!((span.slot_size, span.kind), (112, Kind::Explicit));
//! println!("{}", heap.map());
//! # // SAFETY: H-1 — allocated with this layout just now.
//! # unsafe { cache.dealloc(p, Layout::new::<[u8; 100]>()) };
//! # Ok::<(), gort_heap::MemError>(())
//! ```

use crate::class::PAGE;
use crate::config::Kind;
use crate::heap::Heap;
use crate::pages::bits::CHUNK_PAGES;
use crate::side::Side;
use crate::span::{Span, State};
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// A span, as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanInfo {
    /// First address.
    pub addr: usize,
    /// Pages of 8 KiB.
    pub pages: usize,
    /// Whose.
    pub kind: Kind,
    /// Size class, 0 = one large object.
    pub class: u8,
    /// No pointers inside.
    pub noscan: bool,
    /// Bytes of a slot; of a large object, of the span.
    pub slot_size: usize,
    /// Slots.
    pub slots: usize,
    /// Of them free and on loan to nobody.
    pub free: usize,
    /// A cache takes slots from it.
    pub held: bool,
    /// Number of the cache that last took slots from it, 0 = none or one without a number.
    pub owner: u16,
    /// Collector: generation for which it was swept last.
    pub sweepgen: u32,
}

impl SpanInfo {
    pub(crate) fn of(span: &Span) -> Option<Self> {
        let (st, class) = (span.state(), span.class());
        if st.state() == State::Free {
            return None;
        }
        let pages = span.pages();
        Some(SpanInfo {
            addr: span.base(),
            pages,
            kind: if span.kind() == Kind::Gc as u8 { Kind::Gc } else { Kind::Explicit },
            class: class.class(),
            noscan: class.noscan(),
            slot_size: if class.class() == 0 { pages * PAGE } else { class.size() },
            slots: span.n(),
            free: if class.class() == 0 { 0 } else { st.count().max(0) as usize },
            held: st.state() == State::Held,
            owner: span.owner.load(Relaxed) as u16, // ORDER: Relaxed — a figure.
            sweepgen: span.sweepgen.load(Relaxed),  // ORDER: Relaxed — a figure.
        })
    }
}

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageState {
    /// In a span, or in a cache's hands.
    InUse,
    /// Free, with memory behind it.
    Free,
    /// Free, with nothing behind it.
    Released,
}

/// 512 pages, 4 MiB.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChunkInfo {
    /// Whose.
    pub kind: Kind,
    /// First address.
    pub addr: usize,
    free: [u64; 8],
    bare: [u64; 8],
}

impl fmt::Debug for ChunkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkInfo({:?}, {:#x}, {:?})", self.kind, self.addr, self.counts())
    }
}

impl ChunkInfo {
    /// Pages of a chunk.
    pub const PAGES: usize = CHUNK_PAGES;

    /// State of a page, by its number in the chunk; pages from 512 on are in use.
    #[must_use]
    pub fn page(&self, i: usize) -> PageState {
        let bit = |words: &[u64; 8]| words.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 != 0);
        match (bit(&self.free), bit(&self.bare)) {
            (false, _) => PageState::InUse,
            (true, false) => PageState::Free,
            (true, true) => PageState::Released,
        }
    }

    /// Pages in use, free and released.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let sum = |words: &[u64; 8]| words.iter().map(|w| w.count_ones() as usize).sum::<usize>();
        let (free, bare) = (sum(&self.free), sum(&self.bare));
        (CHUNK_PAGES - free, free - bare, bare)
    }

    /// Runs of pages in the same state: first page, length, state.
    pub fn runs(&self) -> impl Iterator<Item = (usize, usize, PageState)> + '_ {
        let mut at = 0;
        core::iter::from_fn(move || {
            let from = at;
            (from < CHUNK_PAGES).then(|| {
                let state = self.page(from);
                while at < CHUNK_PAGES && self.page(at) == state {
                    at += 1;
                }
                (from, at - from, state)
            })
        })
    }
}

impl Side {
    /// A chunk by its number, if it was ever grown.
    fn chunk_info(&self, kind: Kind, chunk: usize) -> Option<ChunkInfo> {
        let (used, bare) = self.pages.lock().chunk_bits(chunk)?;
        Some(ChunkInfo {
            kind,
            addr: self.addr_of(chunk * CHUNK_PAGES),
            free: used.0.map(|w| !w),
            bare: bare.0,
        })
    }
}

/// A heap's pages, chunk by chunk. Printed, a line per chunk: `#` in use, `.` free, ` ` released, `+` some of each, a letter
/// for eight pages.
pub struct HeapMap<'a, B: Backend> {
    heap: &'a Heap<B>,
}

impl<B: Backend> fmt::Debug for HeapMap<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeapMap")
    }
}

impl<B: Backend> HeapMap<'_, B> {
    /// The chunks of one kind of owners, by address. Takes `heap.pages` for a moment for each.
    pub fn chunks(&self, kind: Kind) -> impl Iterator<Item = ChunkInfo> + '_ {
        let side = self.heap.inner().side(kind);
        side.into_iter().flat_map(move |side| {
            let end = side.pages.lock().end();
            let chunks = 0..end.div_ceil(CHUNK_PAGES);
            // An address space is long and mostly nobody's: arenas that are not there are passed over as a whole.
            let arena = crate::side::ARENA_PAGES / CHUNK_PAGES;
            let arenas = chunks.step_by(arena).filter(|c| side.words(c * CHUNK_PAGES).is_some());
            arenas.flat_map(move |c| c..(c + arena)).filter_map(move |c| {
                // What lies beyond the mapped part of the last arena is nobody's.
                let info = side.chunk_info(kind, c)?;
                side.is_grown(info.addr).then_some(info)
            })
        })
    }
}

impl<B: Backend> fmt::Display for HeapMap<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in [Kind::Gc, Kind::Explicit] {
            for chunk in self.chunks(kind) {
                write!(f, "{:#014x} ", chunk.addr)?;
                for cell in 0..CHUNK_PAGES / 8 {
                    let first = chunk.page(cell * 8);
                    let same = (1..8).all(|i| chunk.page(cell * 8 + i) == first);
                    f.write_str(match first {
                        _ if !same => "+",
                        PageState::InUse => "#",
                        PageState::Free => ".",
                        PageState::Released => " ",
                    })?;
                }
                let (used, free, released) = chunk.counts();
                writeln!(f, " {used:>3} {free:>3} {released:>3}")?;
            }
        }
        Ok(())
    }
}

/// What lies at an address, as far as the heap knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Not the heap's.
    Foreign,
    /// In one of the heap's arenas, in no span: a free page, or one that was never used.
    NoSpan,
    /// In a span, behind its last slot.
    Tail(SpanInfo),
    /// In a slot.
    Slot {
        /// Its span.
        span: SpanInfo,
        /// Its first byte.
        start: usize,
        /// Its number in the span.
        index: usize,
        /// Somebody's object; `false`: free, or on loan to a cache's borrowed word. A slot that waits in a cache's array is
        /// reported as live: the array is its owner's alone to look at.
        live: bool,
    },
}

impl<B: Backend> Heap<B> {
    /// All spans there are, in the order of their records. Those made or released meanwhile may be missing or stale.
    pub fn spans(&self) -> impl Iterator<Item = SpanInfo> + '_ {
        self.inner().spans.iter().filter_map(SpanInfo::of)
    }

    /// The state of every page.
    pub fn map(&self) -> HeapMap<'_, B> {
        HeapMap { heap: self }
    }

    /// What lies at any address: for debugging, and for assertions of unsafe code. Walks the caches.
    pub fn check_ptr(&self, addr: usize) -> Place {
        let inner = self.inner();
        for kind in [Kind::Gc, Kind::Explicit] {
            let Some(side) = inner.side(kind) else { continue };
            let Some(page) = side.page_if_ours(addr) else { continue };
            let entry = side.entry_of(addr);
            if entry.kind() != kind as u8 || !side.entries.is_mapped(page) {
                return Place::NoSpan;
            }
            let span = inner.spans.get(entry.span());
            let Some(info) = SpanInfo::of(span) else { return Place::NoSpan };
            let offset = addr.wrapping_sub(info.addr);
            if offset >= info.pages * PAGE || info.slot_size == 0 {
                return Place::NoSpan; // Reused meanwhile.
            }
            let index = offset / info.slot_size;
            if index >= info.slots {
                return Place::Tail(info);
            }
            let live = info.class == 0 || !self.slot_is_idle(span, index);
            return Place::Slot {
                span: info,
                start: info.addr + index * info.slot_size,
                index,
                live,
            };
        }
        Place::Foreign
    }

    /// Free, or in a borrowed word.
    fn slot_is_idle(&self, span: &Span, i: usize) -> bool {
        let (w, bit, class) = (i / 64, 1u64 << (i % 64), span.class().index());
        if w >= span.nwords() {
            return true;
        }
        // ORDER: Relaxed, all — a look at a moving target.
        span.word(w).load(Relaxed) & bit != 0
            || self.inner().records().any(|rec| {
                let mag = &rec.mags[class];
                mag.span.load(Relaxed) == span.index()
                    && usize::from(mag.word.load(Relaxed)) == w
                    && (mag.bits.load(Relaxed) | crate::profile::hidden(rec, class).0) & bit != 0
            })
    }
}
