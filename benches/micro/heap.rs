//! The explicit side of the heap: hits of the calling thread's cache.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;

use gort_heap::GortAlloc;

const LAYOUT: Layout = Layout::new::<[u64; 8]>();
/// Blocks that fit into the array of a class of 64 bytes.
const ARRAY: usize = 1000;

/// One block, allocated and freed; its size is known only at run time.
pub(crate) fn alloc_free(times: u64) {
    for _ in 0..times {
        let layout = black_box(LAYOUT);
        // SAFETY: GLOBAL-3: the layout has a size, and the block is freed once with it.
        unsafe { GortAlloc.dealloc(black_box(GortAlloc.alloc(layout)), layout) };
    }
}

/// Allocations from an array that was filled before, which is the same work whatever
/// the number of times.
pub(crate) fn alloc_hit(times: u64) {
    let mut blocks = [std::ptr::null_mut(); ARRAY];
    fill(&mut blocks);
    empty(&blocks);
    fill(&mut blocks[..times as usize]);
}

/// Frees into the array, of blocks that were allocated before.
pub(crate) fn free_hit(times: u64) {
    let mut blocks = [std::ptr::null_mut(); ARRAY];
    // Twice, so that the array has grown to its size.
    for _ in 0..2 {
        fill(&mut blocks);
        empty(&blocks);
    }
    fill(&mut blocks);
    empty(&blocks[..times as usize]);
}

fn fill(blocks: &mut [*mut u8]) {
    for block in blocks {
        // SAFETY: GLOBAL-3: the layout has a size.
        *block = unsafe { GortAlloc.alloc(black_box(LAYOUT)) };
    }
}

fn empty(blocks: &[*mut u8]) {
    for block in blocks {
        // SAFETY: GLOBAL-3: filled before, and emptied once.
        unsafe { GortAlloc.dealloc(*block, black_box(LAYOUT)) };
    }
}
