//! The inaccessible bytes below a stack.
//!
//! | kind | cost | limit |
//! |---|---|---|
//! | [`Guard::Region`] | no mapping each; 0.4 µs, once in a slot's life, 256 slots a call | Linux 6.13 |
//! | [`Guard::Protect`] | two mappings each; 3 µs | [`PROTECT_CAP`] stacks |
//!
//! Guard regions survive `MADV_DONTNEED`, so a slot that is trimmed keeps its guard.

use crate::class::Class;
use gort_sys::errno;

/// How a pool makes the lowest bytes of its slots inaccessible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// `MADV_GUARD_INSTALL`: a marker in the page tables.
    Region,
    /// `mprotect`: a mapping of its own.
    Protect,
    /// No guard: an overflow runs into the neighbour. Only `Config::without_guards`, which is
    /// `unsafe`, gives it.
    None,
}

/// Guards by `mprotect` at most, all pools together: each needs two mappings, and the default
/// `vm.max_map_count` of 65,530 must leave room for everybody else's.
pub const PROTECT_CAP: usize = 25_000;

/// `MADV_GUARD_INSTALL`, Linux 6.13.
const MADV_GUARD_INSTALL: libc::c_int = 102;

impl Guard {
    /// The best kind that this kernel has; asked once per process.
    pub fn best() -> Self {
        use once::Once;
        static KIND: Once = Once::new();
        if KIND.get(probe) { Self::Region } else { Self::Protect }
    }
}

/// Tries a guard region on a page of its own. That the call returns 0 does not suffice: user-mode emulators and sandboxes
/// take any advice and do nothing. So the kernel is asked to write into the guard, which must fail.
fn probe() -> bool {
    let len = 64 << 10;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: STACK-SLOT — a fresh mapping that nobody else knows.
    unsafe {
        let at = libc::mmap(core::ptr::null_mut(), len, access, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return false;
        }
        let ok = libc::madvise(at, len, MADV_GUARD_INSTALL) == 0
            && libc::syscall(libc::SYS_getrandom, at, 1, libc::GRND_NONBLOCK) == -1
            && errno::last() == libc::EFAULT;
        libc::munmap(at, len);
        ok
    }
}

/// Guards `count` slots of `class` that start at `low` and follow each other.
///
/// # Errors
/// The error number of the call that failed.
///
/// # Safety
/// The slots are mapped and belong to the caller (STACK-OWN).
pub(crate) unsafe fn install(
    kind: Guard,
    class: Class,
    low: usize,
    count: usize,
) -> Result<(), i32> {
    match kind {
        Guard::None => Ok(()),
        Guard::Region => {
            // SAFETY: STACK-OWN — the caller's promise.
            if unsafe { install_batch(class, low, count) } {
                return Ok(());
            }
            each(class, low, count, |at, len| {
                // SAFETY: STACK-OWN — the lowest bytes of a slot of the caller's.
                unsafe { libc::madvise(at as *mut _, len, MADV_GUARD_INSTALL) }
            })
        }
        Guard::Protect => each(class, low, count, |at, len| {
            // SAFETY: STACK-OWN — the lowest bytes of a slot of the caller's.
            unsafe { libc::mprotect(at as *mut _, len, libc::PROT_NONE) }
        }),
    }
}

fn each(
    class: Class,
    low: usize,
    count: usize,
    f: impl Fn(usize, usize) -> i32,
) -> Result<(), i32> {
    for i in 0..count {
        if f(low + i * class.bytes(), class.guard_bytes()) != 0 {
            return Err(errno::last());
        }
    }
    Ok(())
}

/// All guards by one `process_madvise`; `false` where the kernel refuses or did only a part.
///
/// # Safety
/// As [`install`].
unsafe fn install_batch(class: Class, low: usize, count: usize) -> bool {
    const MOST: usize = 256;
    if !(2..=MOST).contains(&count) {
        return false;
    }
    let mut parts = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; MOST];
    for (i, part) in parts[..count].iter_mut().enumerate() {
        part.iov_base = (low + i * class.bytes()) as *mut _;
        part.iov_len = class.guard_bytes();
    }
    // SAFETY: STACK-OWN — the vector describes guards of the caller's slots and lives through
    // the call; the descriptor names this process and is closed at once.
    unsafe {
        let me = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0);
        if me < 0 {
            return false;
        }
        let done = libc::syscall(
            libc::SYS_process_madvise,
            me,
            parts.as_ptr(),
            count,
            MADV_GUARD_INSTALL,
            0,
        );
        libc::close(me as libc::c_int);
        done == (count * class.guard_bytes()) as libc::c_long
    }
}

/// An answer that is computed once. (A race computes it twice, alike.)
mod once {
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    pub(super) struct Once(AtomicU8);

    impl Once {
        pub(super) const fn new() -> Self {
            Self(AtomicU8::new(0))
        }

        pub(super) fn get(&self, ask: fn() -> bool) -> bool {
            // ORDER: Relaxed — the answer is the whole message.
            match self.0.load(Relaxed) {
                0 => {
                    let yes = ask();
                    // ORDER: Relaxed — as above.
                    self.0.store(if yes { 2 } else { 1 }, Relaxed);
                    yes
                }
                known => known == 2,
            }
        }
    }
}
