//! Sleeping on a word and waking those who sleep on it.
//!
//! A thin layer over Linux' `futex(2)`, private to the process. Every sleep may end early
//! (a signal, a wake for an earlier tenant of the word), so callers look at their word again.

use core::sync::atomic::AtomicU32;

/// Sleeps while `*word == expected`, for at most `timeout_ns` nanoseconds (`None`: no bound).
///
/// Returns `false` if the time ran out, `true` for every other reason to return; the caller
/// reads the word again in either case.
pub fn wait(word: &AtomicU32, expected: u32, timeout_ns: Option<u64>) -> bool {
    // Locks are taken in functions that must not touch it.
    let _errno = crate::errno::Kept::new();
    let spec = timeout_ns.map(|ns| libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    });
    let spec_ptr = spec.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: SYS-FUTEX — the word is borrowed for the whole call, and `spec` lives on this
    // frame; the kernel writes to neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            spec_ptr,
        )
    };
    !(result < 0 && crate::errno::last() == libc::ETIMEDOUT)
}

/// Wakes at most `count` sleepers of `word` and returns how many it woke.
pub fn wake(word: *const AtomicU32, count: u32) -> usize {
    // SAFETY: SYS-FUTEX — a wake only uses the address as a key; even a stale address is
    // answered with an error and touches no memory of ours.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.cast_mut().cast::<u32>(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            count,
        )
    };
    if woken > 0 { woken as usize } else { 0 }
}
