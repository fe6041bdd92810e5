//! The record of a span: a run of pages cut into equal slots.
//!
//! The free bits are the truth about its slots; what a cache holds is a loan from them. One word, `st`, says how many
//! bits are set, which state the span is in, and how often it was reused, so that the three can change together.
//!
//! ```text
//!  63            32 31    24 23     16 15             0
//! ┌────────────────┬────────┬─────────┬────────────────┐
//! │  generation    │        │  state  │ free + 0x4000  │
//! └────────────────┴────────┴─────────┴────────────────┘
//! ```
//! The count carries a bias: a taker may subtract bits before their giver has added them, and the transient negative count
//! must not borrow from the state.
//!
//! Late readers exist (M-1), so every field that they may look at is an atomic; the comments say under whose right each
//! one is written.

use crate::class::SpanClass;
use crate::config::{DropFn, Kind};
use crate::profile::Bucket;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Where a span is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Owns no pages; waits for reuse.
    Free = 0,
    /// In one cache (H-4).
    Held = 1,
    /// In nobody's hands, no free slot.
    Full = 2,
    /// In its central's list, with free slots.
    Partial = 3,
    /// One object, or a page run without objects.
    Large = 4,
}

impl State {
    const fn from(bits: u64) -> State {
        match bits as u8 {
            1 => State::Held,
            2 => State::Full,
            3 => State::Partial,
            4 => State::Large,
            _ => State::Free,
        }
    }
}

const BIAS: u64 = 0x4000;

/// The three fields of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    pub(crate) const fn new(state: State, count: i32, generation: u32) -> Self {
        Self(
            (BIAS as i64 + count as i64) as u64 & 0xffff
                | (state as u64) << 16
                | (generation as u64) << 32,
        )
    }

    pub(crate) const fn count(self) -> i32 {
        (self.0 & 0xffff) as i32 - BIAS as i32
    }

    pub(crate) const fn state(self) -> State {
        State::from(self.0 >> 16 & 0xff)
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn with_state(self, state: State) -> Word {
        Word(self.0 & !0xff_0000 | (state as u64) << 16)
    }
}

/// Words of free bits that fit into the record.
pub(crate) const INLINE_WORDS: usize = 4;

/// A span.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Span {
    pub(crate) st: AtomicU64,
    /// First byte.
    pub(crate) base: AtomicUsize,
    /// pages:32 | n:16 | span class:8 | kind:8. Written before the entries that name the span.
    info: AtomicU64,
    /// Free bits: `inline`, or the arena's word rows. Written like `info`.
    words: AtomicPtr<AtomicU64>,
    /// Not 0: memory of free slots may be dirty (H-9). Written by givers, before they give; by the sweeper.
    pub(crate) needzero: AtomicU32,
    /// GC kind, Go's numbers against the heap's generation h: h-2 unswept, h-1 being swept, h swept, h+1 held since before
    /// the sweep, h+3 swept and held. Written by whoever holds the span.
    pub(crate) sweepgen: AtomicU32,
    /// Own number in the table. Written once.
    pub(crate) index: AtomicU32,
    /// Links of the list that the span is in, as index; 0 = none. Under that list's lock.
    pub(crate) prev: AtomicU32,
    pub(crate) next: AtomicU32,
    /// Tag of the cache that holds it.
    pub(crate) owner: AtomicU32,
    /// Word of free bits to look at next, by the holder.
    pub(crate) cursor: AtomicU32,
    /// Not 0: listed, all free, and kept for the next taker. Under its list's lock.
    pub(crate) waits: AtomicU32,
    /// List of specials; the low bit is its lock.
    pub(crate) specials: AtomicUsize,
    /// For the layer above.
    pub(crate) client: AtomicUsize,
    inline: [AtomicU64; INLINE_WORDS],
}

/// An object's attachment. Lives in a pool; linked under its span's list lock.
#[derive(Debug)]
pub(crate) struct Special {
    pub(crate) next: *mut Special,
    /// Chain of those whose glue is due, within one sweep.
    pub(crate) due: *mut Special,
    pub(crate) obj: usize,
    pub(crate) f: Option<DropFn>,
    pub(crate) state: SpecialState,
    /// Of a sample.
    pub(crate) bucket: *const Bucket,
}

/// Life of a special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpecialState {
    /// The object lived at the last sweep.
    Live,
    /// The object died; its glue was handed over.
    Queued,
    /// The glue ran; the next sweep frees the slot.
    Done,
    /// Not glue: a sample of the heap profile, which goes with its object.
    Sampled,
}

impl Span {
    /// Makes a free record into a span of `pages` pages at `base`, held by its maker.
    pub(crate) fn init(
        &self,
        base: usize,
        pages: usize,
        class: SpanClass,
        kind: Kind,
        n: usize,
        words: *mut AtomicU64,
    ) {
        let size = class.size();
        debug_assert!(size == 0 || n <= pages * crate::class::PAGE / size);
        // ORDER: Relaxed, all of them — published by the page entries, which are stored with Release afterwards.
        self.base.store(base, Relaxed);
        self.info.store(
            pages as u64 | (n as u64) << 32 | (class.index() as u64) << 48 | (kind as u64) << 56,
            Relaxed,
        );
        let words = if n.div_ceil(64) <= INLINE_WORDS { self.inline_words() } else { words };
        self.words.store(words, Relaxed);
        self.cursor.store(0, Relaxed);
        self.owner.store(0, Relaxed);
        self.waits.store(0, Relaxed);
        // Odd, as no heap's generation: a large span is not looked into before it has its colour (`find_unmarked`).
        self.sweepgen.store(1, Relaxed);
    }

    fn inline_words(&self) -> *mut AtomicU64 {
        self.inline.as_ptr().cast_mut()
    }

    fn info(&self) -> u64 {
        self.info.load(Relaxed) // ORDER: Relaxed — the reader found the span through its entry, Acquire there.
    }

    pub(crate) fn base(&self) -> usize {
        self.base.load(Relaxed) // ORDER: Relaxed — as `info`.
    }

    pub(crate) fn pages(&self) -> usize {
        self.info() as u32 as usize
    }

    /// Changes the length of a large span, by its owner.
    pub(crate) fn set_pages(&self, pages: usize) {
        // ORDER: Relaxed — the owner's own; others want figures.
        self.info.store(self.info() & !0xffff_ffff | pages as u64, Relaxed);
    }

    /// Number of slots.
    pub(crate) fn n(&self) -> usize {
        (self.info() >> 32) as usize & 0xffff
    }

    pub(crate) fn class(&self) -> SpanClass {
        SpanClass::from_index((self.info() >> 48) as usize & 0xff)
            .unwrap_or(SpanClass::new(0, false))
    }

    pub(crate) fn kind(&self) -> u8 {
        (self.info() >> 56) as u8
    }

    pub(crate) fn nwords(&self) -> usize {
        self.n().div_ceil(64)
    }

    /// The free bits of 64 slots.
    #[inline]
    pub(crate) fn word(&self, w: usize) -> &AtomicU64 {
        debug_assert!(w < self.nwords());
        let words = self.words.load(Relaxed); // ORDER: Relaxed — as `info`.
        // SAFETY: H-12 — `words` points to `nwords` words that live as long as the heap.
        unsafe { &*words.add(w) }
    }

    /// Bits of word `w` that stand for slots.
    pub(crate) fn valid(&self, w: usize) -> u64 {
        let left = self.n() - w * 64;
        if left >= 64 { u64::MAX } else { (1 << left) - 1 }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index.load(Relaxed) // ORDER: Relaxed — written once, before the record was handed out.
    }

    /// The state word now.
    pub(crate) fn state(&self) -> Word {
        Word(self.st.load(Relaxed)) // ORDER: Relaxed — a look; who acts on it holds the span or its list's lock.
    }

    /// Every slot free (used by the maker, before anybody can reach the span).
    pub(crate) fn all_free(&self) {
        for w in 0..self.nwords() {
            self.word(w).store(self.valid(w), Relaxed); // ORDER: Relaxed — as `init`.
        }
    }

    /// Number of set free bits, counted.
    pub(crate) fn recount(&self) -> usize {
        // ORDER: Relaxed — for checks at rest.
        (0..self.nwords()).map(|w| self.word(w).load(Relaxed).count_ones() as usize).sum()
    }
}
