//! The functions that ask for an alignment, and the one that asks how much there is.

use crate::{failed, given, set_errno};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use gort_heap::global::sized;

fn page() -> usize {
    use gort_sys::Backend;
    gort_sys::Linux.page_size()
}

/// POSIX' `posix_memalign`; does not touch `errno`.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let p = sized::aligned(size, align);
    if p.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: MALLOC-1 — by contract.
    unsafe { out.write(p.cast()) };
    0
}

/// C11's `aligned_alloc`: null and `EINVAL` for what is no power of two.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        return invalid();
    }
    given(sized::aligned(size, align))
}

/// The old `memalign`. As in glibc an alignment that is no power of two means the next one, and `EINVAL` comes where there
/// is none.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => given(sized::aligned(size, align)),
        None => invalid(),
    }
}

#[cold]
fn invalid() -> *mut c_void {
    set_errno(libc::EINVAL);
    null_mut()
}

/// The old `valloc`: aligned to a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    memalign(page(), size)
}

/// The old `pvalloc`: whole pages.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.max(1).checked_next_multiple_of(page()) {
        Some(size) => memalign(page(), size),
        None => failed(),
    }
}

/// Bytes that may be used at `p`.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(p: *mut c_void) -> usize {
    sized::usable_size(p.cast())
}
