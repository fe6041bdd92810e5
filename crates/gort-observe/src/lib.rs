//! Looking inside: what the layers count and sample, in the formats that people's tools already read.
//!
//! The layers themselves give plain figures and know no format. Here figures become files: profiles for `go tool pprof`
//! ([`pprof`]), the heap's report for `cargo xtask frag` ([`heap_report`]).
//!
//! ```
//! use gort_heap::{Heap, HeapConfig, Kind, Linux};
//! use gort_observe::pprof::{Profile, View};
//! use std::alloc::Layout;
//!
//! let heap = Heap::with(Linux, HeapConfig::SMALL)?;
//! heap.set_profile_rate(1);
//! let mut cache = heap.cache(Kind::Explicit)?;
//! let p = cache.alloc(Layout::new::<[u64; 100]>()).expect("memory");
//! let mut file = Vec::new();
//! Profile::of_heap(&heap, View::InUse).write(&mut file)?;
//! assert_eq!(file[..2], [0x1f, 0x8b]); // gzip
//! # // SAFETY: OBSERVE-1 — allocated with this layout just now.
//! # unsafe { cache.dealloc(p, Layout::new::<[u64; 100]>()) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Does not know
//! Any fast path: it asks when somebody wants to see, and allocates as any program does.
//!
//! # Invariants
//! - OBSERVE-1 What it asks the layers for is plain data: nothing here touches memory that it did not allocate.
//!
//! # Locks
//! None of its own. Symbols are looked up under the backtrace crate's lock.
//!
//! # Read in this order
//! [`pprof`] → [`heap_report`]
#![forbid(unsafe_code)]

pub mod heap_report;
pub mod pprof;
