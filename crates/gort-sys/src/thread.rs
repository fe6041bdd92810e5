//! The calling thread: its words, its stack, its processors.
//!
//! # Thread words
//! A goroutine may wake up on another thread. A compiler that saw the address of a thread-local
//! variable before the switch may use it after the switch, and then reads another thread's
//! state. So the runtime's own per-thread state is four words in a block that only assembly
//! touches: each access computes the address afresh, the assembly is volatile, and no address
//! ever leaves it (TLS-1). The instruction sequence is the initial-exec form, which links into
//! executables (where the linker shortens it) and shared libraries alike.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Word `I` of the calling thread: 0 the scheduler's M, 1 the heap's cache, 2 the ranks of held
/// locks (debug builds), 3 its virtual clock. Null at first.
#[derive(Debug)]
pub struct ThreadWord<const I: usize>;

#[cfg(all(not(miri), target_arch = "x86_64"))]
core::arch::global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".globl gort_thread_words",
    ".hidden gort_thread_words",
    ".type gort_thread_words,@object",
    ".size gort_thread_words,32",
    ".balign 16",
    "gort_thread_words:",
    ".zero 32",
    ".text",
);

#[cfg(all(not(miri), target_arch = "x86_64"))]
impl<const I: usize> ThreadWord<I> {
    /// Reads the word: two loads, or one where the linker could shorten it.
    #[inline(always)]
    pub fn get() -> *mut () {
        const { assert!(I < 4) };
        let word: *mut ();
        // SAFETY: TLS-1 — reads a word that exists in every thread; never marked `pure`, so
        // it is done again after each switch.
        unsafe {
            core::arch::asm!(
                "mov {w}, qword ptr [rip + gort_thread_words@GOTTPOFF]",
                "mov {w}, qword ptr fs:[{w} + {off}]",
                w = out(reg) word,
                off = const I * 8,
                options(nostack, preserves_flags, readonly),
            );
        }
        word
    }

    /// Writes the word.
    #[inline(always)]
    pub fn set(value: *mut ()) {
        const { assert!(I < 4) };
        // SAFETY: TLS-1 — writes a word that exists in every thread and that no Rust
        // reference points to.
        unsafe {
            core::arch::asm!(
                "mov {t}, qword ptr [rip + gort_thread_words@GOTTPOFF]",
                "mov qword ptr fs:[{t} + {off}], {v}",
                t = out(reg) _,
                v = in(reg) value,
                off = const I * 8,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(all(not(miri), target_arch = "aarch64"))]
core::arch::global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".globl gort_thread_words",
    ".hidden gort_thread_words",
    ".type gort_thread_words,@object",
    ".size gort_thread_words,32",
    ".balign 16",
    "gort_thread_words:",
    ".zero 32",
    ".text",
);

#[cfg(all(not(miri), target_arch = "aarch64"))]
impl<const I: usize> ThreadWord<I> {
    /// Reads the word.
    #[inline(always)]
    pub fn get() -> *mut () {
        const { assert!(I < 4) };
        let word: *mut ();
        // SAFETY: TLS-1 — as on x86-64.
        unsafe {
            core::arch::asm!(
                "mrs {b}, tpidr_el0",
                "adrp {w}, :gottprel:gort_thread_words",
                "ldr {w}, [{w}, :gottprel_lo12:gort_thread_words]",
                "add {b}, {b}, {w}",
                "ldr {w}, [{b}, #{off}]",
                b = out(reg) _,
                w = out(reg) word,
                off = const I * 8,
                options(nostack, preserves_flags, readonly),
            );
        }
        word
    }

    /// Writes the word.
    #[inline(always)]
    pub fn set(value: *mut ()) {
        const { assert!(I < 4) };
        // SAFETY: TLS-1 — as on x86-64.
        unsafe {
            core::arch::asm!(
                "mrs {b}, tpidr_el0",
                "adrp {w}, :gottprel:gort_thread_words",
                "ldr {w}, [{w}, :gottprel_lo12:gort_thread_words]",
                "add {b}, {b}, {w}",
                "str {v}, [{b}, #{off}]",
                b = out(reg) _,
                w = out(reg) _,
                v = in(reg) value,
                off = const I * 8,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(miri)]
std::thread_local! {
    static WORDS: core::cell::Cell<[*mut (); 4]> =
        const { core::cell::Cell::new([core::ptr::null_mut(); 4]) };
}

#[cfg(miri)]
impl<const I: usize> ThreadWord<I> {
    /// Reads the word.
    pub fn get() -> *mut () {
        WORDS.with(|w| w.get()[I])
    }

    /// Writes the word.
    pub fn set(value: *mut ()) {
        WORDS.with(|w| {
            let mut all = w.get();
            all[I] = value;
            w.set(all);
        });
    }
}

/// Proves that the words can be reached: writes a pattern into the fourth, reads it back and
/// clears it. `false` means that the thread-local block is not where the assembly looks.
pub fn words_work() -> bool {
    let pattern = 0x5a5a_1234usize as *mut ();
    let before = ThreadWord::<3>::get();
    ThreadWord::<3>::set(pattern);
    let ok = ThreadWord::<3>::get() == pattern;
    ThreadWord::<3>::set(before);
    ok
}

/// Processors that this process may use (affinity mask), at least 1; asked once.
pub fn cpus() -> u32 {
    static CPUS: AtomicU32 = AtomicU32::new(0);
    // ORDER: Relaxed — a number that every asker would compute alike.
    match CPUS.load(Relaxed) {
        0 => {
            let n = crate::cpu::usable();
            // ORDER: Relaxed — as above.
            CPUS.store(n, Relaxed);
            n
        }
        n => n,
    }
}

/// Gives the rest of this thread's time slice to others.
pub fn yield_os() {
    // SAFETY: SYS-YIELD — takes and returns nothing.
    unsafe { libc::sched_yield() };
}

/// The kernel's number of the calling thread.
pub fn id() -> i32 {
    // SAFETY: SYS-TID — takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// Lowest and highest address of the calling thread's own stack, if the C library tells.
pub fn stack_bounds() -> Option<(usize, usize)> {
    // SAFETY: SYS-STACK — an all-zero attribute block is only ever filled by the call below.
    let mut attr: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    // SAFETY: SYS-STACK — asks about the calling thread; `attr` is a live out-parameter.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), &raw mut attr) } != 0 {
        return None;
    }
    let (mut low, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: SYS-STACK — `attr` was filled above; the others are live out-parameters.
    let got = unsafe { libc::pthread_attr_getstack(&raw const attr, &raw mut low, &raw mut size) };
    // SAFETY: SYS-STACK — `attr` was initialised by `pthread_getattr_np`.
    unsafe { libc::pthread_attr_destroy(&raw mut attr) };
    (got == 0).then_some((low as usize, low as usize + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_per_thread() {
        assert!(words_work());
        ThreadWord::<3>::set(core::ptr::without_provenance_mut(8));
        std::thread::spawn(|| assert!(ThreadWord::<3>::get().is_null())).join().expect("no panic");
        assert_eq!(ThreadWord::<3>::get() as usize, 8);
        ThreadWord::<3>::set(core::ptr::null_mut());
    }

    #[test]
    fn this_frame_lies_in_the_stack() {
        let here = 0u8;
        let (low, high) = stack_bounds().expect("a stack");
        let at = core::ptr::from_ref(&here) as usize;
        assert!(low < at && at < high);
        assert!(cpus() >= 1);
    }
}
