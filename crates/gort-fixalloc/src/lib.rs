//! Memory for the runtime's own records: [`PersistentAlloc`] for what lives as long as its runtime, and [`FixAlloc`] for
//! records of one type that come and go.
//!
//! Both stand on [`gort_sys::Backend`] alone, so nothing here can recurse into the heap, which takes its own records from
//! this crate.
//!
//! ```
//! use gort_fixalloc::{FixAlloc, PersistentAlloc};
//! use gort_sys::{Linux, SysStat};
//!
//! let stat = SysStat::new();
//! let memory = PersistentAlloc::new(Linux);
//! let mut points: FixAlloc<[u64; 2]> = FixAlloc::new(None, true)?;
//! let p = points.alloc(&memory, &stat)?;
//! // SAFETY: FIX-C — `p` is ours until it is freed.
//! unsafe { p.write([1, 2]) };
//! assert_eq!(points.stats().in_use, 1);
//! // SAFETY: FIX-C — it came from this allocator and is not used again.
//! unsafe { points.free(p) };
//! # Ok::<(), gort_sys::MemError>(())
//! ```
//!
//! # Does not know
//! What the records are, who owns them, and how many threads there are: a `FixAlloc` takes `&mut self`, so the caller
//! brings the lock.
//!
//! # Invariants
//! - FIX-A  Memory never changes its type and is not returned while its `PersistentAlloc` lives: a stale pointer to a
//!   record reads a record of that type.
//! - FIX-B  Each byte of a chunk is handed out at most once; what is handed out is aligned as asked and zero.
//! - FIX-C  A record is either in use by one owner or in the free list, whose link is its first word.
//! - FIX-D  Each mapped byte is charged to one row: the caller's for what was handed out, the allocator's own for the rest.
//!
//! # Locks
//! `fixalloc.persistent` (layer FIX, 0), taken for the global chunk and the list of mappings. Nothing is taken under it.
//!
//! # Read in this order
//! [`persistent`] → [`fix`]

pub mod fix;
pub mod persistent;

pub use fix::{FixAlloc, FixStats};
pub use persistent::{Chunk, DIRECT, PersistStats, PersistentAlloc};
