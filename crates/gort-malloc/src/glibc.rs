//! The names by which the C library calls its own allocator, for programs that use them: their blocks must come from the
//! same heap as all others.

use crate::figures::{Mallinfo, mallinfo, mallopt};
use crate::sizes::{memalign, pvalloc, valloc};
use crate::{calloc, free, malloc, realloc};
use core::ffi::{c_int, c_void};

/// [`malloc`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_malloc(size: usize) -> *mut c_void {
    malloc(size)
}

/// [`calloc`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_calloc(count: usize, size: usize) -> *mut c_void {
    calloc(count, size)
}

/// [`realloc`].
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_realloc(p: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: MALLOC-1.
    unsafe { realloc(p, size) }
}

/// [`free`].
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_free(p: *mut c_void) {
    // SAFETY: MALLOC-1.
    unsafe { free(p) }
}

/// [`memalign`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_memalign(align: usize, size: usize) -> *mut c_void {
    memalign(align, size)
}

/// [`valloc`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_valloc(size: usize) -> *mut c_void {
    valloc(size)
}

/// [`pvalloc`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_pvalloc(size: usize) -> *mut c_void {
    pvalloc(size)
}

/// [`mallinfo`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_mallinfo() -> Mallinfo {
    mallinfo()
}

/// [`mallopt`].
#[unsafe(no_mangle)]
pub extern "C" fn __libc_mallopt(what: c_int, value: c_int) -> c_int {
    mallopt(what, value)
}
