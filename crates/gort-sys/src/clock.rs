//! Time, in nanoseconds since an arbitrary start.

/// Nanoseconds of the monotonic clock. Never goes back; about 20 ns by the vDSO.
#[inline(never)]
pub fn nanos() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: SYS-CLOCK — `ts` is a live out-parameter.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// Lets `ns` nanoseconds pass on this thread (a signal may end it early).
pub fn pause(ns: u64) {
    let ts = libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: SYS-CLOCK — `ts` is read before the call returns.
    unsafe { libc::nanosleep(&raw const ts, core::ptr::null_mut()) };
}
