//! Kinds of owners, settings, and the calls upward.

use gort_sys::Release;

/// Who owns the objects of a span. The number is that of the page entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A collector: objects die by sweeping.
    Gc = 1,
    /// Whoever called `alloc`, until `dealloc`.
    Explicit = 2,
    /// Whole page runs for stacks.
    Stack = 3,
    /// Whole page runs for metadata.
    Meta = 4,
}

/// Drop glue of an object: called once, with the object's first byte, after it died.
pub type DropFn = unsafe fn(*mut u8);

/// What the heap asks of the layer above. All fields are required.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Passed to each call.
    pub ctx: *const (),
    /// Sweep found an object with drop glue dead. Its slot stays allocated until
    /// [`Heap::special_done`](crate::Heap::special_done). Called by whoever sweeps (`refill`, `flush`, `sweep_one`), with no
    /// lock of the heap held. It may take locks of its own layer, but must not call back into the heap's sweep.
    pub dead: fn(ctx: *const (), obj: *mut u8, f: DropFn),
}

// SAFETY: HOOKS-1 — the heap never looks behind `ctx`; who sets it promises that the calls may come from any thread.
unsafe impl Send for Hooks {}
// SAFETY: HOOKS-1 — as above.
unsafe impl Sync for Hooks {}

impl Hooks {
    /// Does nothing: glue never runs, slots with glue are never freed.
    pub const IDLE: Hooks = Hooks { ctx: core::ptr::null(), dead: |_, _, _| {} };
}

/// What the heap wishes about huge pages (`GORT_HUGE` for the process's heap).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Huge {
    /// None in the heap.
    Off,
    /// As the system has it: no advice for the heap. The tables of a side of more than 1 GiB get them where they can.
    #[default]
    System,
    /// As `System`; and what has been nearly full for two generations of the scavenger is put together into huge pages, while
    /// the scavenger is awake: a stretch of 4 MiB at a time, once each.
    Dense,
}

/// Settings of a heap.
#[derive(Clone, Copy, Debug)]
pub struct HeapConfig {
    /// log2 of the size of the collector's range: 38 is 256 GiB; smaller ones (down to 64 MiB) are tried when the system
    /// refuses. 0: no collector on this heap, until [`Heap::open_collector`](crate::Heap::open_collector).
    pub gc_range_shift: u32,
    /// log2 of the range of explicit owners. 48 takes arenas at hints all over the address space; smaller numbers reserve
    /// one range, as the test backend needs. Reserved at the first explicit cache.
    pub explicit_range_shift: u32,
    /// Most spans at a time.
    pub max_spans: u32,
    /// Bytes of free blocks of a class that an explicit cache may hold before it gives half of them back. More is faster
    /// for programs that free in long runs, and keeps more memory from others.
    pub cache_depth: u32,
    /// How free pages go back: at once, or when the system wants them ([`Release::Free`]: cheaper to use again, but resident
    /// until then, and not known to be zero).
    pub release: Release,
    /// Huge pages.
    pub huge: Huge,
    /// Calls upward.
    pub hooks: Hooks,
    /// Told the name of each step of the heap's making when it is done: `self-checks`, `heap lock`, `pools`,
    /// `central lists`; and for each side `page allocator`, `arena hints`.
    pub step: fn(&'static str),
    /// Whose share of the pages the calling thread takes first ([`Share::of_node`] for the process's heap).
    pub share: fn() -> Share,
}

/// A part of a heap's pages: chunks of 4 MiB dealt out among the nodes of a machine whose memory is not equally near to all
/// processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Number of the share.
    pub which: u32,
    /// How many there are.
    pub of: u32,
}

impl Share {
    /// All pages alike.
    pub const ALL: Share = Share { which: 0, of: 1 };

    /// [`ALL`](Self::ALL).
    pub fn all() -> Share {
        Self::ALL
    }

    /// The share of the node on which the calling thread runs; of all pages where there is one node.
    pub fn of_node() -> Share {
        let nodes = gort_sys::numa::topology();
        if nodes.count() < 2 {
            return Self::ALL;
        }
        let here = gort_sys::numa::current();
        let which = nodes.nodes().position(|node| node == here).unwrap_or(0) as u32;
        Share { which, of: nodes.count() }
    }
}

/// Tells nobody.
pub(crate) fn no_step(_: &'static str) {}

impl Default for HeapConfig {
    fn default() -> Self {
        Self {
            gc_range_shift: 38,
            explicit_range_shift: 48,
            max_spans: 1 << 26,
            cache_depth: 64 << 10,
            release: Release::DontNeed,
            huge: Huge::System,
            hooks: Hooks::IDLE,
            step: no_step,
            share: Share::all,
        }
    }
}

impl HeapConfig {
    /// For a heap that lives in `bytes` bytes, on a backend with a bound (a fixed region): each of the given kinds gets the
    /// largest range that leaves room for the other and for the tables.
    pub const fn within(bytes: usize, gc: bool, explicit: bool) -> HeapConfig {
        let bytes = if bytes < 1 << 18 { 1 << 18 } else { bytes };
        let shift = bytes.ilog2();
        let spans = bytes / crate::class::PAGE;
        HeapConfig {
            gc_range_shift: if !gc {
                0
            } else if explicit {
                shift - 2
            } else {
                shift - 1
            },
            explicit_range_shift: if !explicit {
                0
            } else if gc {
                shift - 1
            } else {
                shift + 1
            },
            max_spans: if spans > 1 << 26 { 1 << 26 } else { spans as u32 },
            cache_depth: if bytes >> 8 > 64 << 10 { 64 << 10 } else { (bytes >> 8) as u32 },
            release: Release::DontNeed,
            huge: Huge::System,
            hooks: Hooks::IDLE,
            step: no_step,
            share: Share::all,
        }
    }

    /// Small ranges, for tests and small programs: 256 MiB for each side.
    pub const SMALL: HeapConfig = HeapConfig {
        gc_range_shift: 28,
        explicit_range_shift: 28,
        max_spans: 1 << 16,
        cache_depth: 64 << 10,
        release: Release::DontNeed,
        huge: Huge::System,
        hooks: Hooks::IDLE,
        step: no_step,
        share: Share::all,
    };
}
