//! The C library's allocator on gort's heap, to preload into programs that know nothing of it:
//!
//! ```text
//! $ cargo build --release -p gort-malloc
//! $ LD_PRELOAD=target/release/libgort_malloc.so python3 -c 'print(sum(range(10)))'
//! 45
//! ```
//!
//! Every function has the contract of its namesake in the C library, `errno` included. A block of 16 bytes or more is
//! aligned to 16, a smaller one to 8 at least. `malloc(0)` gives a block of its own.
//!
//! A block that is freed twice, an address that is none of ours and a write over a guard are reported and end the process,
//! as the front page of gort-heap says. `GORT_MALLOC` chooses what is looked at.
//!
//! # Does not know
//! Anything but the C interface: the heap is [`gort_heap::global`].
//!
//! # Invariants
//! - MALLOC-1 A pointer that C passes came from here, is null, or makes the caller's program wrong.
//! - MALLOC-2 What is passed on to the C library is what its function asks for: strings that end in 0, the caller's streams.
//!
//! # Locks
//! None of its own.
//!
//! # Read in this order
//! This page → [`sizes`] → [`figures`] → [`glibc`] → [`deepbind`]

#[cfg(all(target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod deepbind;
pub mod figures;
pub mod glibc;
pub mod sizes;

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use gort_heap::global::sized;

fn set_errno(code: c_int) {
    // SAFETY: MALLOC-1 — the C library's own accessor; valid on every thread.
    unsafe { *libc::__errno_location() = code };
}

/// The block, or null with `errno`.
#[inline(always)]
fn given(p: *mut u8) -> *mut c_void {
    if p.is_null() {
        return failed();
    }
    p.cast()
}

#[cold]
#[inline(never)]
fn failed() -> *mut c_void {
    set_errno(libc::ENOMEM);
    null_mut()
}

/// C's `malloc`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    given(sized::malloc(size))
}

/// C's `calloc`.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => given(sized::calloc(bytes)),
        None => failed(),
    }
}

/// C's `free`.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(p: *mut c_void) {
    // SAFETY: MALLOC-1.
    unsafe { sized::free(p.cast()) }
}

/// C23's `free_sized`: the size is not needed.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(p: *mut c_void, _size: usize) {
    // SAFETY: MALLOC-1.
    unsafe { sized::free(p.cast()) }
}

/// C23's `free_aligned_sized`.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(p: *mut c_void, _align: usize, _size: usize) {
    // SAFETY: MALLOC-1.
    unsafe { sized::free(p.cast()) }
}

/// The old name of `free`.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfree(p: *mut c_void) {
    // SAFETY: MALLOC-1.
    unsafe { sized::free(p.cast()) }
}

/// C's `realloc`: a null pointer is a `malloc`; a size of 0 frees, and gives null.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(p: *mut c_void, size: usize) -> *mut c_void {
    if p.is_null() {
        return malloc(size);
    }
    // SAFETY: MALLOC-1, both.
    unsafe {
        if size == 0 {
            sized::free(p.cast());
            return null_mut();
        }
        given(sized::realloc(p.cast(), size))
    }
}

/// `reallocarray`.
///
/// # Safety
/// MALLOC-1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(p: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: MALLOC-1.
        Some(bytes) => unsafe { realloc(p, bytes) },
        None => failed(),
    }
}
