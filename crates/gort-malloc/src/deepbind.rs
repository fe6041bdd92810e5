//! Libraries that are loaded to look for their symbols in themselves and their dependencies first (`RTLD_DEEPBIND`).
//!
//! Such a library finds the C library's `free` before the one that was preloaded, while its blocks come from functions of
//! the program, which found this `malloc`: it gives our blocks to the C library. PHP loads its modules so. `dlopen` is
//! passed on without that flag, by a jump, so that the C library still sees who called and looks in the caller's paths.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// All flags but `RTLD_DEEPBIND`.
const MASK: i32 = !libc::RTLD_DEEPBIND;

/// The C library's `dlopen`, once it was looked for.
static REAL: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Looks for the function that would have been called without this library.
extern "C" fn find() -> *mut c_void {
    // SAFETY: MALLOC-2 — a name that ends in 0.
    let mut real = unsafe { libc::dlsym(libc::RTLD_NEXT, c"dlopen".as_ptr()) };
    if real.is_null() {
        real = absent as *const () as *mut c_void;
    }
    REAL.store(real, Relaxed); // ORDER: Relaxed — everybody finds the same address, and the code was there before.
    real
}

/// Where there is no other `dlopen` nothing can be loaded.
extern "C" fn absent(_name: *const i8, _mode: i32) -> *mut c_void {
    null_mut()
}

/// `dlopen`, but that a library never prefers the C library's allocator.
///
/// # Safety
/// As the C library's.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn dlopen(name: *const core::ffi::c_char, mode: i32) -> *mut c_void {
    core::arch::naked_asm!(
        "mov rax, qword ptr [rip + {real}]",
        "test rax, rax",
        "jnz 2f",
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {find}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "2:",
        "and esi, {mask}",
        "jmp rax",
        real = sym REAL,
        find = sym find,
        mask = const MASK,
    )
}

/// `dlopen`, but that a library never prefers the C library's allocator.
///
/// # Safety
/// As the C library's.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn dlopen(name: *const core::ffi::c_char, mode: i32) -> *mut c_void {
    core::arch::naked_asm!(
        "adrp x16, {real}",
        "ldr x16, [x16, :lo12:{real}]",
        "cbnz x16, 2f",
        "stp x29, x30, [sp, #-32]!",
        "stp x0, x1, [sp, #16]",
        "bl {find}",
        "mov x16, x0",
        "ldp x0, x1, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "2:",
        "and w1, w1, {mask}",
        "br x16",
        real = sym REAL,
        find = sym find,
        mask = const MASK,
    )
}
