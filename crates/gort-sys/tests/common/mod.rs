//! A backend's calls, for tests: each range is part of a reservation that the test has made, touched by nobody else, and in
//! the state that the call asks for (or the test wants to see it refused).
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use gort_sys::mem::{Gone, HugeHint};
use gort_sys::{Backend, MemError, PageRange, Release, SysStat};
use std::ffi::CStr;

pub fn map<B: Backend>(b: &B, r: PageRange, st: &SysStat) -> Result<(), MemError> {
    // SAFETY: MEM-2 — the test's own reservation.
    unsafe { b.map(r, st) }
}

pub fn unused<B: Backend>(
    b: &B,
    r: PageRange,
    how: Release,
    st: &SysStat,
) -> Result<Gone, MemError> {
    // SAFETY: MEM-2 — the test's own reservation, and it does not use the range meanwhile.
    unsafe { b.unused(r, how, st) }
}

pub fn used<B: Backend>(b: &B, r: PageRange, st: &SysStat) -> Result<(), MemError> {
    // SAFETY: MEM-2 — the test's own reservation.
    unsafe { b.used(r, st) }
}

pub fn fault<B: Backend>(b: &B, r: PageRange, st: &SysStat) -> Result<(), MemError> {
    // SAFETY: MEM-2 — the test's own reservation, and it does not use the range meanwhile.
    unsafe { b.fault(r, st) }
}

pub fn discard<B: Backend>(b: &B, r: PageRange, how: Release) -> Gone {
    // SAFETY: MEM-2 — the test's own reservation, and it does not use the range meanwhile.
    unsafe { b.discard(r, how) }
}

pub fn huge<B: Backend>(b: &B, r: PageRange, hint: HugeHint) -> bool {
    // SAFETY: MEM-2 — the test's own reservation.
    unsafe { b.huge(r, hint) }
}

pub fn populate<B: Backend>(b: &B, r: PageRange) {
    // SAFETY: MEM-2 — the test's own reservation.
    unsafe { b.populate(r) }
}

pub fn name<B: Backend>(b: &B, r: PageRange, name: &'static CStr) {
    // SAFETY: MEM-2 — the test's own reservation.
    unsafe { b.name(r, name) }
}

pub fn free<B: Backend>(b: &B, r: PageRange, ready: usize, released: usize, st: &SysStat) {
    // SAFETY: MEM-2 — the test's own reservation, used no more.
    unsafe { b.free(r, ready, released, st) }
}

/// Writes to a Ready range.
pub fn fill(r: PageRange, byte: u8) {
    // SAFETY: MEM-2 — Ready, and the test's own.
    unsafe { r.base.write_bytes(byte, r.len) }
}

/// What a Ready range holds now.
pub fn bytes(r: PageRange) -> Vec<u8> {
    // SAFETY: MEM-2 — Ready, and the test's own; it writes nothing meanwhile.
    unsafe { std::slice::from_raw_parts(r.base.as_ptr(), r.len) }.to_vec()
}

/// For each page of a range, whether memory is behind it.
pub fn resident(r: PageRange) -> Vec<bool> {
    let page = gort_sys::Linux.page_size();
    let mut pages = vec![0u8; r.len.div_ceil(page)];
    // SAFETY: SYS-CALL — a mapped range, and room for a byte per page of it.
    let done = unsafe { libc::mincore(r.base.as_ptr().cast(), r.len, pages.as_mut_ptr()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    pages.iter().map(|page| page & 1 != 0).collect()
}
