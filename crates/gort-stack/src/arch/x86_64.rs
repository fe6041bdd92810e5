//! x86-64: the first frame of a stack, and the switch.
//!
//! ```text
//!   a suspended stack            a fresh stack
//!   ┌──────────────────┐         ┌──────────────────┐ ← top (16-byte aligned)
//!   │ … the caller's … │         │ entry            │ top - 8
//!   │ rbp              │ sp + 16 │ argument         │ top - 16
//!   │ rbx              │ sp + 8  │ gort_stack_start │ top - 24 = sp
//!   │ resume address   │ sp      └──────────────────┘
//!   └──────────────────┘
//! ```
//! Both are resumed alike: load sp, pop an address, jump to it. A `ret` would do the same in one
//! byte, but it consumes an entry of the return predictor that belongs to another stack, which
//! costs about 10 ns; `pop` and `jmp` keep the predictor's depth right.

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
        // The walk ends here: there is no caller (FRAME-1).
        ".cfi_undefined rip",
        ".cfi_undefined rbp",
        // Unwinders look up `return address - 1`; the nop keeps that inside this function.
        "nop",
        "xor ebp, ebp",
        "mov rdi, qword ptr [rsp]",
        "call qword ptr [rsp + 8]",
        "ud2",
        ".cfi_endproc",
        ".size gort_stack_start, . - gort_stack_start",
    );

    unsafe extern "C" {
        fn gort_stack_start();
    }

    /// Writes the first frame of an empty stack and returns the stack pointer to resume it by:
    /// the switch to it calls `entry(argument)`, which must never return.
    ///
    /// # Safety
    /// `top` is the high end of a stack that nobody runs on, with at least 24 writable bytes
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
            words.sub(1).write(entry as usize);
            words.sub(2).write(argument as usize);
            words.sub(3).write(gort_stack_start as *const () as usize);
        }
        top - 24
    }
}

/// From one stack to another.
pub mod switch {
    use core::arch::asm;

    /// Suspends the running stack, whose pointer is stored to `*save`, and resumes `to`.
    /// Returns when somebody switches back to the stored value.
    ///
    /// Only the frame pointer, `rbx` and the resume address go through memory; every other
    /// register is declared clobbered, so the compiler saves just what it needs (SWITCH-2).
    ///
    /// # Safety
    /// SWITCH-1: `to` was stored by a switch or made by `frame::first`, and is resumed by this
    /// call alone. Nothing that belongs to the calling thread may be kept over the call, as the
    /// stack may be resumed by another (TLS-1 of gort-sys).
    #[inline(always)]
    pub unsafe fn switch(save: *mut usize, to: usize) {
        // SAFETY: SWITCH-1, SWITCH-2 — the caller's promise; the block pushes three words, and
        // pops them (or finds them popped) when it is resumed.
        unsafe {
            asm!(
                "push rbp",
                "push rbx",
                "lea rax, [rip + 2f]",
                "push rax",
                "mov qword ptr [rdi], rsp",
                "mov rsp, rsi",
                "pop rax",
                "jmp rax",
                "2:",
                "pop rbx",
                "pop rbp",
                inout("rdi") save => _,
                inout("rsi") to => _,
                out("r12") _, out("r13") _, out("r14") _, out("r15") _,
                clobber_abi("sysv64"),
            );
        }
    }

    /// Leaves the running stack for good and resumes `to`.
    ///
    /// # Safety
    /// As [`switch`]; nothing on the running stack is used again.
    #[inline(always)]
    pub unsafe fn away(to: usize) -> ! {
        // SAFETY: SWITCH-1 — the caller's promise.
        unsafe { asm!("mov rsp, {to}", "pop rax", "jmp rax", to = in(reg) to, options(noreturn)) }
    }
}
