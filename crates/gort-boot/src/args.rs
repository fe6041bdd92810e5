//! The argument block that the kernel built: borrowed, bounded, read once.
//!
//! The C library hands argc, argv and envp to the functions of `.init_array`; ours keeps the two
//! numbers (ARGS-1). argc is an upper bound: nothing past it is read. An entry below it that is
//! null stands for an empty string, and the walk goes on. Bytes that are not UTF-8 are kept.

use core::ffi::{CStr, c_char, c_int};
use core::ptr::null;
use core::sync::atomic::{
    AtomicI32, AtomicPtr,
    Ordering::{Acquire, Release},
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

static ARGC: AtomicI32 = AtomicI32::new(0);
static ARGV: AtomicPtr<*const c_char> = AtomicPtr::new(null::<*const c_char>() as *mut _);

#[used]
#[unsafe(link_section = ".init_array")]
static CAPTURE: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = capture;

extern "C" fn capture(argc: c_int, argv: *const *const c_char, _envp: *const *const c_char) {
    // ORDER: Release ⇒ `Args::of_process`.
    ARGV.store(argv.cast_mut(), Release);
    // ORDER: Release ⇒ `Args::of_process`: the vector is there.
    ARGC.store(argc, Release);
}

/// An argument vector, borrowed from whoever built it.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    entries: &'a [*const c_char],
}

impl Args<'static> {
    /// The process's own. Empty where the C library does not tell (static archives of some
    /// other C library); `std::env::args_os` knows them even then.
    pub fn of_process() -> Self {
        // ORDER: Acquire ⇐ `capture`.
        let argc = ARGC.load(Acquire);
        // ORDER: Acquire ⇐ `capture`.
        let argv = ARGV.load(Acquire);
        // SAFETY: ARGS-1 — the kernel's block has `argc` entries and stays as long as the process.
        unsafe { Self::from_raw(argc, argv) }
    }
}

impl<'a> Args<'a> {
    /// A vector of `argc` entries (none if it is negative or `argv` is null).
    ///
    /// # Safety
    /// ARGS-1: `argv` has `argc` readable entries, each null or a C string, all alive for `'a`.
    pub unsafe fn from_raw(argc: c_int, argv: *const *const c_char) -> Self {
        let len = usize::try_from(argc).unwrap_or(0);
        if argv.is_null() || len == 0 {
            return Self { entries: &[] };
        }
        // SAFETY: ARGS-1 — the caller's promise.
        Self { entries: unsafe { core::slice::from_raw_parts(argv, len) } }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The `n`-th; `None` from `len` on.
    pub fn get(&self, n: usize) -> Option<&'a OsStr> {
        let entry = *self.entries.get(n)?;
        if entry.is_null() {
            return Some(OsStr::new(""));
        }
        // SAFETY: ARGS-1 — a C string that lives for `'a`.
        Some(OsStr::from_bytes(unsafe { CStr::from_ptr(entry) }.to_bytes()))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a OsStr> + use<'a> {
        let this = *self;
        (0..this.len()).filter_map(move |n| this.get(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    proptest! {
        /// Blocks with holes and padding: every entry below argc, nothing past it.
        #[test]
        fn reads_what_is_there(
            words in proptest::collection::vec(proptest::option::of(proptest::collection::vec(1..=255u8, 0..9)), 0..12),
            past in 0..4usize,
        ) {
            let strings: Vec<Option<CString>> =
                words.iter().map(|w| w.clone().map(|w| CString::new(w).unwrap())).collect();
            let mut block: Vec<*const c_char> =
                strings.iter().map(|s| s.as_ref().map_or(null(), |s| s.as_ptr())).collect();
            let argc = block.len();
            // Padding that must not be read: pointers that would fault.
            block.extend((0..past).map(|_| core::ptr::without_provenance(1)));
            // SAFETY: ARGS-1 — the block and its strings live to the end of this test.
            let args = unsafe { Args::from_raw(argc as c_int, block.as_ptr()) };
            let got: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
            let want: Vec<Vec<u8>> = words.into_iter().map(Option::unwrap_or_default).collect();
            prop_assert_eq!(got, want);
            prop_assert_eq!(args.get(argc), None);
        }
    }

    #[test]
    fn of_this_process() {
        let theirs: Vec<_> = std::env::args_os().collect();
        let ours: Vec<_> = Args::of_process().iter().map(OsStr::to_owned).collect();
        assert_eq!(ours, theirs);
    }
}
