//! The fast paths as functions of their own, for who counts their instructions.

use crate::GortAlloc;
use crate::global::sized;
use core::alloc::{GlobalAlloc, Layout};

/// `GlobalAlloc::alloc` with a layout known at run time only.
///
/// # Safety
/// The numbers make a layout.
#[inline(never)]
pub unsafe fn probe_alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: GLOBAL-3 — by contract; the size 0 is as good as any other here.
    unsafe { GortAlloc.alloc(Layout::from_size_align_unchecked(size, align)) }
}

/// `GlobalAlloc::dealloc` with a layout known at run time only.
///
/// # Safety
/// A live block of [`probe_alloc`], with its layout.
#[inline(never)]
pub unsafe fn probe_dealloc(p: *mut u8, size: usize, align: usize) {
    // SAFETY: GLOBAL-3 — by contract.
    unsafe { GortAlloc.dealloc(p, Layout::from_size_align_unchecked(size, align)) }
}

/// C's `malloc`.
#[inline(never)]
pub fn probe_malloc(size: usize) -> *mut u8 {
    sized::malloc(size)
}

/// C's `free`.
///
/// # Safety
/// A live block of [`probe_malloc`].
#[inline(never)]
pub unsafe fn probe_free(p: *mut u8) {
    // SAFETY: GLOBAL-3 — by contract.
    unsafe { sized::free(p) }
}
