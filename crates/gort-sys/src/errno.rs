//! `errno`, read where it was written.
//!
//! The address of `errno` belongs to a thread. A function that is inlined into a goroutine's
//! code could keep that address over a switch to another thread and then read a stranger's
//! value, so the read is never inlined, and callers fetch it at once after the system call.

/// The error number that the last failed system call of this thread left.
#[inline(never)]
pub fn last() -> i32 {
    // SAFETY: SYS-ERRNO — the pointer is this thread's own and is used before any switch.
    unsafe { *libc::__errno_location() }
}
