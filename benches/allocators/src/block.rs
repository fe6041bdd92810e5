//! A block of the global allocator, with a stamp in its first byte.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// A block; it is freed when it goes.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: BLOCK-1: nobody else knows the block, and an allocator takes frees from any thread.
unsafe impl Send for Block {}

impl Block {
    /// A block of so many bytes, which are not 0, aligned to 8.
    #[inline(always)]
    pub(crate) fn new(bytes: usize, stamp: u8) -> Self {
        assert!(bytes > 0 && bytes <= 1 << 20);
        // SAFETY: 8 is a power of two, and the size is far below the largest.
        let layout = unsafe { Layout::from_size_align_unchecked(bytes, 8) };
        // SAFETY: BLOCK-1: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) });
        let start = start.unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: BLOCK-1: the block is ours and holds at least one byte.
        unsafe { start.write(stamp) };
        Self { start, layout }
    }

    /// What its first byte holds.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u8 {
        // SAFETY: BLOCK-1: written when it was made.
        unsafe { self.start.read() }
    }
}

impl Drop for Block {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: BLOCK-1: allocated with this layout, freed here only.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}
