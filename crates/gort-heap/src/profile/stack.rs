//! Who called: return addresses, without memory.
//!
//! The unwinder that every Rust program carries walks by the tables of the program itself, so that frames need no frame
//! pointers. A layer above may have a better way.

use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Writes the return addresses of its callers into the slice, innermost first, and says how many. It may allocate: what it
/// allocates is not sampled.
pub type StackWalker = fn(&mut [usize]) -> usize;

/// Most frames of a sample.
pub const DEPTH: usize = 64;

/// 0: [`unwind`].
static WALKER: AtomicUsize = AtomicUsize::new(0);

/// Has `f` walk the stacks of all samples from now on, in all heaps of the process.
pub fn set_stack_walker(f: StackWalker) {
    WALKER.store(f as usize, Release); // ORDER: Release ⇒ `walk`.
}

/// The walker is not ours.
pub(super) fn is_foreign() -> bool {
    WALKER.load(Relaxed) != 0 // ORDER: Relaxed — a look; `walk` acquires.
}

/// The callers, by whoever was asked for.
pub(super) fn walk(frames: &mut [usize]) -> usize {
    let f = WALKER.load(Acquire); // ORDER: Acquire ⇐ `set_stack_walker`.
    if f == 0 {
        return unwind(frames);
    }
    // SAFETY: PROFILE-3 — the number is that of a function of this type.
    let f: StackWalker = unsafe { core::mem::transmute(f as *const ()) };
    f(frames).min(frames.len())
}

struct Walk {
    frames: *mut usize,
    len: usize,
    n: usize,
}

/// `_URC_NO_REASON`: go on; `_URC_NORMAL_STOP`: enough.
const GO_ON: c_int = 0;
const ENOUGH: c_int = 4;

#[cfg(not(miri))]
unsafe extern "C" {
    fn _Unwind_Backtrace(
        f: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

#[cfg(not(miri))]
unsafe extern "C" fn frame(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: PROFILE-3 — the record that `unwind` has passed, for the time of its call; the context is the unwinder's.
    unsafe {
        let walk = &mut *walk.cast::<Walk>();
        let ip = _Unwind_GetIP(context);
        if ip == 0 || walk.n == walk.len {
            return ENOUGH;
        }
        walk.frames.add(walk.n).write(ip);
        walk.n += 1;
    }
    GO_ON
}

/// The callers by the unwinder that comes with the compiler: 0.1 to 0.2 µs per frame.
#[inline(never)]
pub fn unwind(frames: &mut [usize]) -> usize {
    let mut walk = Walk { frames: frames.as_mut_ptr(), len: frames.len(), n: 0 };
    #[cfg(not(miri))]
    // SAFETY: PROFILE-3 — the record outlives the call, and `frame` has the type that the unwinder asks for.
    unsafe {
        _Unwind_Backtrace(frame, (&raw mut walk).cast());
    }
    let _ = (&mut walk, GO_ON, ENOUGH);
    walk.n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn deep(n: usize, frames: &mut [usize]) -> usize {
        let got = if n == 0 { walk(frames) } else { deep(n - 1, frames) };
        core::hint::black_box(got)
    }

    #[test]
    #[cfg_attr(miri, ignore = "no unwinder there")]
    fn frames_are_found_and_bounded() {
        let mut frames = [0; DEPTH];
        let shallow = deep(0, &mut frames);
        assert!(shallow > 3, "{shallow}");
        assert_eq!(deep(10, &mut frames), (shallow + 10).min(DEPTH));
        let mut few = [0; 2];
        assert_eq!(deep(10, &mut few), 2);
        assert!(few.iter().all(|f| *f != 0));
    }
}
