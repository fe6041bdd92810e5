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

/// Puts `errno` back when it goes: for what makes system calls inside functions that promise not to touch it, as C's
/// `free` does. To be dropped on the thread that made it.
#[derive(Debug)]
#[must_use = "errno is kept while the value lives"]
pub struct Kept(i32);

impl Kept {
    /// Remembers the value that stands there now.
    #[inline(never)]
    #[allow(clippy::new_without_default, reason = "a guard, made where it begins")]
    pub fn new() -> Self {
        Self(last())
    }
}

impl Drop for Kept {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: SYS-ERRNO — as in `last`.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_over_a_failure() {
        // SAFETY: SYS-ERRNO — this thread's own; then a call that fails and does nothing else.
        unsafe {
            *libc::__errno_location() = 17;
            let kept = Kept::new();
            libc::close(-1);
            assert_eq!(last(), libc::EBADF);
            drop(kept);
        }
        assert_eq!(last(), 17);
    }
}
