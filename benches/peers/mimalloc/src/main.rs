//! The allocator workloads on mimalloc 3, which is what the crate builds by default,
//! without its secure mode.
//!
//! The crate asks mimalloc for every block with an alignment, which is a slower call:
//! 7.4 instead of 5.4 ns for a pair of 1024 bytes, 17 instead of 13 for 8192. Where
//! `mi_malloc` gives the alignment unasked, it is called here, as a program in C would.

use std::alloc::{GlobalAlloc, Layout};
use std::process::ExitCode;

use libmimalloc_sys::mi_malloc;
use mimalloc::MiMalloc;

struct Allocator;

/// What `mi_malloc` aligns even the smallest block to.
const ALIGNED: usize = 8;

// SAFETY: both ways lead to the same heap, which is an allocator by its own promise, and a
// block of it is as large and as aligned as was asked.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGNED {
            // SAFETY: it takes any size.
            return unsafe { mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's promise.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { MiMalloc.realloc(block, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
