//! What a program asks its machine for.

use std::{fs, io};

use crate::report::{Wrong, fail};

/// The number of processors that the bench asked for (`GOMAXPROCS`), or 1.
#[must_use]
pub fn processors() -> usize {
    let asked = std::env::var("GOMAXPROCS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(1).max(1)
}

/// Keeps this process, and threads that it starts from now on, on as many
/// processors as the bench asked for. For systems that run on plain threads and
/// have no number of their own to set.
///
/// # Errors
/// The kernel refuses.
pub fn pin_to_processors() -> Result<(), Wrong> {
    let mut allowed = [0_u64; 16];
    let size = size_of_val(&allowed);
    // SAFETY: KIT-1: the array lives over the call and `size` is its size.
    if unsafe { libc::sched_getaffinity(0, size, allowed.as_mut_ptr().cast()) } != 0 {
        return fail(io::Error::last_os_error());
    }
    let mut left = processors();
    for bit in 0..size * 8 {
        let mask = 1 << (bit % 64);
        if allowed[bit / 64] & mask != 0 {
            if left == 0 {
                allowed[bit / 64] &= !mask;
            } else {
                left -= 1;
            }
        }
    }
    // SAFETY: KIT-1: as above.
    match unsafe { libc::sched_setaffinity(0, size, allowed.as_ptr().cast()) } {
        0 => Ok(()),
        _ => fail(io::Error::last_os_error()),
    }
}

/// The process's resident memory (VmRSS) in bytes.
///
/// # Errors
/// The kernel does not say.
pub fn resident_bytes() -> Result<u64, Wrong> {
    let status = fs::read_to_string("/proc/self/status").or_else(fail)?;
    let kib: Option<u64> = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok()
    });
    match kib {
        Some(kib) => Ok(kib * 1024),
        None => fail("no VmRSS line in /proc/self/status"),
    }
}

/// Processor time that this process has used, user and system together, in ms.
#[must_use]
pub fn cpu_millis() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: KIT-1: the kernel writes one time, which lives over the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_some() {
        assert!(resident_bytes().expect("the kernel says") > 1 << 16);
        assert!(cpu_millis() >= 0.0);
    }

    #[test]
    fn pinned_to_one() {
        // A thread of its own: the mask is the thread's.
        std::thread::spawn(|| {
            pin_to_processors().expect("is allowed");
            assert_eq!(std::thread::available_parallelism().map(usize::from).unwrap_or(0), 1);
        })
        .join()
        .expect("no panic");
    }
}
