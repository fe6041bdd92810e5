//! A thread's word: the record of its cache.
//!
//! Like the runtime's thread words ([`gort_sys::thread`]) it is reached by assembly alone, so that no compiler keeps its
//! address over a switch to another thread (TLS-1). It has a place of its own because of its first value: not null but
//! [`NONE`], a record in which every fast path misses. So they need not ask whether the thread has a cache.

use crate::inner::Inner;
use crate::record::CacheRec;
use crate::side::Side;
use core::ptr::NonNull;
use gort_sys::Backend;

/// A record in a static.
#[repr(transparent)]
pub(crate) struct Static(CacheRec);

// SAFETY: GLOBAL-2 — nobody writes to it but `publish`, once, before any block exists.
unsafe impl Sync for Static {}

/// Of a thread that has no cache yet.
pub(crate) static NONE: Static = Static(CacheRec::none());
/// Of a thread that has ended as far as this crate is concerned: it gets no cache any more.
pub(crate) static DEAD: Static = Static(CacheRec::none());

impl Static {
    pub(crate) fn record(&'static self) -> &'static CacheRec {
        &self.0
    }
}

/// Lets the two statics find the entries of pages. Before the first block exists: a free that looks there meanwhile is one
/// of something that is no block.
pub(crate) fn publish<B: Backend>(inner: &Inner<B>, side: &Side) {
    let _setup = inner.setup.lock();
    if NONE.record().table.get().is_null() {
        for of in [&NONE, &DEAD] {
            of.record().table.set(side.table());
        }
    }
}

#[cfg(all(not(miri), target_arch = "x86_64"))]
core::arch::global_asm!(
    ".section .tdata,\"awT\",@progbits",
    ".globl gort_heap_word",
    ".hidden gort_heap_word",
    ".type gort_heap_word,@object",
    ".size gort_heap_word,8",
    ".balign 8",
    "gort_heap_word:",
    ".quad {none}",
    ".text",
    none = sym NONE,
);

/// The calling thread's record.
#[cfg(all(not(miri), target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn get() -> NonNull<CacheRec> {
    let word: *mut CacheRec;
    // SAFETY: TLS-1 — reads a word that exists in every thread. GLOBAL-2 — it is never null.
    unsafe {
        core::arch::asm!(
            "mov {w}, qword ptr [rip + gort_heap_word@GOTTPOFF]",
            "mov {w}, qword ptr fs:[{w}]",
            w = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
        NonNull::new_unchecked(word)
    }
}

/// Replaces the calling thread's record.
#[cfg(all(not(miri), target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn set(rec: NonNull<CacheRec>) {
    // SAFETY: TLS-1 — writes a word that exists in every thread and that no reference points to.
    unsafe {
        core::arch::asm!(
            "mov {t}, qword ptr [rip + gort_heap_word@GOTTPOFF]",
            "mov qword ptr fs:[{t}], {v}",
            t = out(reg) _,
            v = in(reg) rec.as_ptr(),
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(all(not(miri), target_arch = "aarch64"))]
core::arch::global_asm!(
    ".section .tdata,\"awT\",@progbits",
    ".globl gort_heap_word",
    ".hidden gort_heap_word",
    ".type gort_heap_word,@object",
    ".size gort_heap_word,8",
    ".balign 8",
    "gort_heap_word:",
    ".quad {none}",
    ".text",
    none = sym NONE,
);

/// The calling thread's record.
#[cfg(all(not(miri), target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn get() -> NonNull<CacheRec> {
    let word: *mut CacheRec;
    // SAFETY: TLS-1 and GLOBAL-2 — as on x86-64.
    unsafe {
        core::arch::asm!(
            "mrs {b}, tpidr_el0",
            "adrp {w}, :gottprel:gort_heap_word",
            "ldr {w}, [{w}, :gottprel_lo12:gort_heap_word]",
            "ldr {w}, [{b}, {w}]",
            b = out(reg) _,
            w = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
        NonNull::new_unchecked(word)
    }
}

/// Replaces the calling thread's record.
#[cfg(all(not(miri), target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn set(rec: NonNull<CacheRec>) {
    // SAFETY: TLS-1 — as on x86-64.
    unsafe {
        core::arch::asm!(
            "mrs {b}, tpidr_el0",
            "adrp {w}, :gottprel:gort_heap_word",
            "ldr {w}, [{w}, :gottprel_lo12:gort_heap_word]",
            "str {v}, [{b}, {w}]",
            b = out(reg) _,
            w = out(reg) _,
            v = in(reg) rec.as_ptr(),
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
std::thread_local! {
    static WORD: core::cell::Cell<*const CacheRec> =
        const { core::cell::Cell::new(core::ptr::from_ref(&NONE.0)) };
}

/// The calling thread's record.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) fn get() -> NonNull<CacheRec> {
    let rec = WORD.try_with(core::cell::Cell::get).unwrap_or(&raw const DEAD.0);
    NonNull::new(rec.cast_mut()).unwrap_or(NonNull::from(&DEAD.0))
}

/// Replaces the calling thread's record.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) fn set(rec: NonNull<CacheRec>) {
    let _ = WORD.try_with(|w| w.set(rec.as_ptr()));
}
