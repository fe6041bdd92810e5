//! AArch64: the first frame of a stack, and the switch.
//!
//! Assembled by the tool chain, not yet run on hardware: treat the port as untried.
//!
//! ```text
//!   a suspended stack            a fresh stack
//!   ┌──────────────────┐         ┌──────────────────┐ ← top (16-byte aligned)
//!   │ resume address   │ sp + 16 │ gort_stack_start │ top - 16 = sp + 16
//!   │ x19              │ sp + 8  │ entry            │ top - 24 = sp + 8
//!   │ x29              │ sp      │ argument         │ top - 32 = sp
//!   └──────────────────┘         └──────────────────┘
//! ```

/// The oldest frame of a stack.
pub mod frame {
    core::arch::global_asm!(
        ".text",
        ".balign 16",
        ".globl gort_stack_start",
        ".hidden gort_stack_start",
        ".type gort_stack_start,@function",
        "gort_stack_start:",
        ".cfi_startproc",
        ".cfi_undefined x30",
        "hint #36",
        "mov x29, xzr",
        "mov x30, xzr",
        "ldp x0, x9, [sp]",
        "blr x9",
        "brk #1",
        ".cfi_endproc",
        ".size gort_stack_start, . - gort_stack_start",
    );

    unsafe extern "C" {
        fn gort_stack_start();
    }

    /// As on x86-64: the switch to the returned pointer calls `entry(argument)`.
    ///
    /// # Safety
    /// `top` is the high end of a stack that nobody runs on, with at least 32 writable bytes
    /// below it and 16-byte alignment (STACK-OWN).
    #[inline(always)]
    pub unsafe fn first(
        top: usize,
        entry: extern "C" fn(*mut u8) -> !,
        argument: *mut u8,
    ) -> usize {
        let words = top as *mut usize;
        // SAFETY: STACK-OWN — three words below the top of a stack that the caller owns.
        unsafe {
            words.sub(2).write(gort_stack_start as *const () as usize);
            words.sub(3).write(entry as usize);
            words.sub(4).write(argument as usize);
        }
        top - 32
    }
}

/// From one stack to another.
pub mod switch {
    use core::arch::asm;

    /// As on x86-64.
    ///
    /// # Safety
    /// SWITCH-1: `to` was stored by a switch or made by `frame::first`, and is resumed by this
    /// call alone.
    #[inline(always)]
    pub unsafe fn switch(save: *mut usize, to: usize) {
        // SAFETY: SWITCH-1, SWITCH-2 — the caller's promise; x19 and x29 go through memory, as
        // the compiler reserves them.
        unsafe {
            asm!(
                "stp x29, x19, [sp, #-32]!",
                "adr x9, 2f",
                "str x9, [sp, #16]",
                "mov x10, sp",
                "str x10, [x0]",
                "mov sp, x1",
                "ldr x9, [sp, #16]",
                "br x9",
                "2:",
                "hint #36",
                "ldp x29, x19, [sp], #32",
                inout("x0") save => _,
                inout("x1") to => _,
                out("x20") _, out("x21") _, out("x22") _, out("x23") _, out("x24") _,
                out("x25") _, out("x26") _, out("x27") _, out("x28") _,
                clobber_abi("C"),
            );
        }
    }

    /// As on x86-64.
    ///
    /// # Safety
    /// As [`switch`]; nothing on the running stack is used again.
    #[inline(always)]
    pub unsafe fn away(to: usize) -> ! {
        // SAFETY: SWITCH-1 — the caller's promise.
        unsafe {
            asm!("mov sp, {to}", "ldr x9, [sp, #16]", "br x9", to = in(reg) to, options(noreturn))
        }
    }
}
