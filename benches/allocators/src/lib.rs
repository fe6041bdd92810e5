//! The workloads for a global allocator: M6 to M8 of the bench.
//!
//! One source for all: a program names its allocator and runs [`WORKLOADS`]. They
//! call the allocator directly ([`std::alloc::alloc`]), so that nothing but it is
//! between the loop and the block.
//!
//! # Does not know
//! Which allocator it is.
//!
//! # Invariants
//! - BLOCK-1 A `Block` owns one allocation of its layout, which nobody else knows,
//!   and frees it once.
//!
//! # Locks
//! That of a batch in `xmalloc`, once per batch; nobody ever waits for it.
//!
//! # Read in this order
//! `block` → `malloc_free` → `larson` → `xmalloc`
//!
//! An example of its use alone:
//!
//! ```
//! let names: Vec<&str> = gort_bench_allocators::WORKLOADS.iter().map(|(name, _)| *name).collect();
//! assert!(names.contains(&"malloc_free_16") && names.contains(&"larson"));
//! ```

mod block;
mod larson;
mod malloc_free;
mod xmalloc;

use gort_bench_kit::Run;

/// By the names that the bench uses, in its order.
pub const WORKLOADS: &[(&str, Run)] = &[
    ("malloc_free_16", || malloc_free::lifo(16)),
    ("malloc_free_64", || malloc_free::lifo(64)),
    ("malloc_free_256", || malloc_free::lifo(256)),
    ("malloc_free_1024", || malloc_free::lifo(1024)),
    ("malloc_free_8192", || malloc_free::lifo(8192)),
    ("malloc_free_32768", || malloc_free::lifo(32768)),
    ("malloc_fifo_16", || malloc_free::fifo(16)),
    ("malloc_fifo_64", || malloc_free::fifo(64)),
    ("malloc_fifo_256", || malloc_free::fifo(256)),
    ("malloc_fifo_1024", || malloc_free::fifo(1024)),
    ("malloc_fifo_8192", || malloc_free::fifo(8192)),
    ("malloc_fifo_32768", || malloc_free::fifo(32768)),
    ("malloc_churn", malloc_free::churn),
    ("larson", larson::run),
    ("xmalloc", xmalloc::run),
];
