//! The process's heap without layouts, as the C library's interface needs it: a block is freed by its address alone.
//!
//! Every block of 16 bytes or more is aligned to 16, so its class is a multiple of 16; the class of a block stands in its page's entry.

use super::fast;
use super::slow;
use crate::class::{FINE, MAG_STRIDE, MAX_SMALL};
use core::alloc::Layout;
use core::ptr::null_mut;

/// Every block's alignment at least.
const ALIGN: usize = 16;

/// Size that is asked of the heap for `size` bytes. That for 0 gets a block of 8 bytes, which holds nothing.
#[inline(always)]
const fn padded(size: usize) -> usize {
    (size + ALIGN - 1) & !(ALIGN - 1)
}

/// At least `size` bytes, aligned to 16; null if there are none.
#[inline(always)]
pub fn malloc(size: usize) -> *mut u8 {
    if size <= FINE {
        return fast::alloc_fine(padded(size), 8);
    }
    more(size)
}

#[inline(never)]
fn more(size: usize) -> *mut u8 {
    if size <= MAX_SMALL {
        return fast::alloc_plain(padded(size), 8);
    }
    slow::alloc(size, ALIGN)
}

/// The same, all zero.
#[inline]
pub fn calloc(size: usize) -> *mut u8 {
    if size > isize::MAX as usize - ALIGN {
        return null_mut();
    }
    Layout::from_size_align(padded(size), 8).map_or(null_mut(), slow::alloc_zeroed)
}

/// At least `size` bytes, aligned to `align`, a power of two; null if there are none.
#[inline]
pub fn aligned(size: usize, align: usize) -> *mut u8 {
    let size = size.max(1);
    if align <= ALIGN { malloc(size) } else { slow::alloc_aligned(size, align) }
}

/// Gives a block back; null is none.
///
/// # Safety
/// `p` came from one of these functions, or from [`GortAlloc`](crate::GortAlloc), and is not used any more.
#[inline(always)]
pub unsafe fn free(p: *mut u8) {
    let rec = fast::record();
    if p.is_null() {
        return;
    }
    // SAFETY: GLOBAL-3 — by contract there is a block, so there is a heap; H-11 — an entry's class is that of a magazine.
    unsafe {
        let entry = fast::entry(p, rec);
        let class = entry as u8 & 0x7f;
        if !fast::push(p, entry, rec, usize::from(class) * MAG_STRIDE) {
            slow::free_class(p, class);
        }
    }
}

/// Bytes that may be used at `p`; 0 for an address at which no block begins.
pub fn usable_size(p: *const u8) -> usize {
    slow::usable_size(p as usize)
}

/// At least `size` bytes (more than 0) with the contents of the old block as far as they go, aligned to 16 like every
/// block; null if there are none, and the old block stays. A block stays where it is while it is less than twice too large.
///
/// # Safety
/// As [`free`]; `p` is not null.
pub unsafe fn realloc(p: *mut u8, size: usize) -> *mut u8 {
    if size > isize::MAX as usize - ALIGN {
        return null_mut();
    }
    // SAFETY: GLOBAL-3 — by contract.
    unsafe { slow::realloc_known(p, padded(size)) }
}
