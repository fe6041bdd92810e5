//! A block of the global allocator, with a stamp in its first byte.
//!
//! The size is a number or part of the type, so that a slot for blocks of one size
//! is a pointer and nothing else, as it would be in C.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::hint::black_box;
use std::ptr::NonNull;

/// The largest block that the workloads ask for.
const LARGEST: usize = 1 << 20;

/// How large a block is.
pub(crate) trait Size: Copy {
    /// From 1 to [`LARGEST`].
    fn bytes(self) -> usize;
}

impl Size for usize {
    #[inline(always)]
    fn bytes(self) -> usize {
        self
    }
}

/// A size that the type knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Always<const BYTES: usize>;

impl<const BYTES: usize> Size for Always<BYTES> {
    #[inline(always)]
    fn bytes(self) -> usize {
        BYTES
    }
}

/// A block; it is freed when it goes.
#[derive(Debug)]
pub(crate) struct Block<S: Size = usize> {
    start: NonNull<u8>,
    size: S,
}

// SAFETY: BLOCK-1: nobody else knows the block, and an allocator takes frees from any thread.
unsafe impl<S: Size + Send> Send for Block<S> {}

impl<S: Size> Block<S> {
    #[inline(always)]
    pub(crate) fn new(size: S, stamp: u8) -> Self {
        Self { start: allocate(layout(size), stamp), size }
    }

    /// Frees the block, then makes a new one in its place.
    #[inline(always)]
    pub(crate) fn replace(&mut self, size: S, stamp: u8) {
        let new = layout(size);
        // SAFETY: BLOCK-1: the new block is in place before anybody can look: without
        // memory the process ends.
        unsafe { self.free() };
        self.start = allocate(new, stamp);
        self.size = size;
    }

    /// What its first byte holds.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u8 {
        // SAFETY: BLOCK-1: written when it was made.
        unsafe { self.start.read() }
    }

    /// # Safety
    /// The block is not touched after it (BLOCK-1).
    #[inline(always)]
    unsafe fn free(&self) {
        // SAFETY: BLOCK-1: allocated with this layout, freed once.
        unsafe { dealloc(self.start.as_ptr(), layout(self.size)) };
    }
}

impl<S: Size> Drop for Block<S> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: BLOCK-1: it is gone.
        unsafe { self.free() };
    }
}

/// All blocks are aligned to 8, which allocators give unasked.
#[inline(always)]
fn layout(size: impl Size) -> Layout {
    let bytes = size.bytes();
    debug_assert!(bytes > 0 && bytes <= LARGEST);
    // SAFETY: 8 is a power of two, and the size is far below the largest.
    unsafe { Layout::from_size_align_unchecked(bytes, 8) }
}

#[inline(always)]
fn allocate(layout: Layout, stamp: u8) -> NonNull<u8> {
    // SAFETY: BLOCK-1: the size is not 0.
    let start = NonNull::new(unsafe { alloc(layout) });
    let start = start.unwrap_or_else(|| handle_alloc_error(layout));
    // SAFETY: BLOCK-1: the block is ours and holds at least one byte.
    unsafe { start.write(stamp) };
    // The optimiser must believe that somebody else has seen the block. Of the pointer
    // alone: a whole block would go through memory.
    black_box(start)
}
