//! The two paths that nearly every call takes: a pop of an array, and a push on it.
//!
//! Each is counted in instructions (the test `instructions` holds the table): no test for a missing cache, the tables from
//! size to magazine in the record itself, a page entry compared whole with the magazine's key.

use super::{slow, word};
use crate::class::{FINE, MAX_SMALL, PAGE_SHIFT};
use crate::entry::Entry;
use crate::record::{CacheRec, Mag, WATCHED, add};
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::Relaxed;

/// Where the magazine of a size up to 1 KiB lies in a record.
#[inline(always)]
fn place_fine(rec: &CacheRec, size: usize) -> usize {
    debug_assert!(size <= FINE);
    // SAFETY: H-11 — `size <= 1024`: at most the last of the steps of 8.
    usize::from(unsafe { rec.fine.as_ptr().cast::<u16>().add((size + 7) >> 3).read() })
}

/// Where the magazine of a size above 1 KiB and up to 32 KiB lies.
#[inline(always)]
fn place_coarse(rec: &CacheRec, size: usize) -> usize {
    debug_assert!(size > FINE && size <= MAX_SMALL);
    // SAFETY: H-11 — `size <= 32768`: at most the last of the steps of 128.
    usize::from(unsafe { rec.coarse.as_ptr().cast::<u16>().add((size - (FINE - 127)) >> 7).read() })
}

/// The magazine at a place that the record's tables gave.
#[inline(always)]
pub(super) fn mag(rec: &CacheRec, place: usize) -> &Mag {
    // SAFETY: H-11 — places are those of the record's magazines, which come first in it.
    unsafe { &*core::ptr::from_ref(rec).byte_add(place).cast::<Mag>() }
}

/// A plain read of a cell that this thread alone writes: the compiler may join it with what follows.
#[inline(always)]
fn own<T>(cell: &AtomicPtr<T>) -> *mut T {
    // SAFETY: GLOBAL-2 — this thread's record: nobody writes at the same time. (Those who read are no race.)
    unsafe { cell.as_ptr().read() }
}

/// The calling thread's record.
#[inline(always)]
pub(super) fn record<'a>() -> &'a CacheRec {
    // SAFETY: GLOBAL-2 — the word names this thread's record, or a static one.
    unsafe { word::get().as_ref() }
}

/// Pops a slot of the magazine at `place`, or goes the slow way for the layout.
#[inline(always)]
fn pop(rec: &CacheRec, place: usize, size: usize, align: usize) -> *mut u8 {
    let mag = mag(rec, place);
    let top = own(&mag.top);
    if top == own(&mag.lo) {
        return next(size, align, rec, place);
    }
    let top = top.wrapping_sub(1);
    mag.top.store(top, Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
    add(&mag.pops, 1);
    // SAFETY: H-10 — between `lo` and `top` lie free slots of this class.
    unsafe { *top }
}

/// The next slot of the borrowed word; where there is none, the slow way.
#[inline(never)]
fn next(size: usize, align: usize, rec: &CacheRec, place: usize) -> *mut u8 {
    let mag = mag(rec, place);
    let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
    if bits == 0 || mag.flags.get() & WATCHED != 0 {
        return slow::alloc(size, align);
    }
    mag.bits.store(bits & (bits - 1), Relaxed); // ORDER: Relaxed — as above.
    let at = bits.trailing_zeros() as usize * mag.elem.get() as usize;
    // SAFETY: H-1 — a set bit is a slot of the held span, on loan to this cache.
    unsafe { mag.wbase.get().add(at) }
}

/// Memory for a size and an alignment of 8 at most, or null.
#[inline(always)]
pub(super) fn alloc_plain(size: usize, align: usize) -> *mut u8 {
    if size > FINE {
        return alloc_coarse(size, align);
    }
    alloc_fine(size, align)
}

/// The same for a size up to 1 KiB.
#[inline(always)]
pub(super) fn alloc_fine(size: usize, align: usize) -> *mut u8 {
    let rec = record();
    pop(rec, place_fine(rec, size), size, align)
}

#[inline(never)]
fn alloc_coarse(size: usize, align: usize) -> *mut u8 {
    if size > MAX_SMALL {
        return slow::alloc(size, align);
    }
    let rec = record();
    pop(rec, place_coarse(rec, size), size, align)
}

/// Memory for a layout, or null.
#[inline(always)]
pub(super) fn alloc(size: usize, align: usize) -> *mut u8 {
    if align > 8 {
        return slow::alloc_aligned(size, align);
    }
    alloc_plain(size, align)
}

/// The low half of the entry of a block's page.
///
/// # Safety
/// The record's table is that of the process's heap, which it is as soon as there is any block.
#[inline(always)]
pub(super) unsafe fn entry(p: *mut u8, rec: &CacheRec) -> u32 {
    // SAFETY: SPARSE-1 — by contract.
    unsafe { whole_entry(p, rec) }.0 as u32
}

/// The entry of a block's page.
///
/// # Safety
/// As [`entry`].
#[inline(always)]
pub(super) unsafe fn whole_entry(p: *mut u8, rec: &CacheRec) -> Entry {
    // SAFETY: SPARSE-1 — entries of the whole address range can be read.
    let entry = unsafe { &*rec.table.get().wrapping_add(p as usize >> PAGE_SHIFT) };
    // ORDER: Relaxed — the block came from there, so the entry is as old as the block; what is compared is a number.
    Entry(entry.load(Relaxed))
}

/// Puts a slot into the array of the magazine at `place`, if its page's entry says that it belongs there.
///
/// # Safety
/// `p` is a live block of the process's heap, with this entry.
#[inline(always)]
pub(super) unsafe fn push(p: *mut u8, entry: u32, rec: &CacheRec, place: usize) -> bool {
    let mag = mag(rec, place);
    if entry != mag.key.get() {
        return false;
    }
    let top = own(&mag.top);
    if top == mag.hi.get() {
        return false;
    }
    // SAFETY: H-10 — what lies between `lo` and `top` is filled. A look that only debug builds can afford.
    if cfg!(debug_assertions) && top != own(&mag.lo) && unsafe { *top.wrapping_sub(1) } == p {
        slow::twice(p);
    }
    // SAFETY: H-10 — `top < hi`: a free place of the array.
    unsafe { *top = p };
    mag.top.store(top.wrapping_add(1), Relaxed); // ORDER: Relaxed — one writer, this cache; statistics read it.
    true
}

/// Gives a block back.
///
/// # Safety
/// `p` came from here for this layout.
#[inline(always)]
pub(super) unsafe fn free(p: *mut u8, size: usize, align: usize) {
    // SAFETY: GLOBAL-3 — by contract, all of it.
    unsafe {
        if align > 8 {
            return slow::free_aligned(p, size, align);
        }
        if size > FINE {
            return free_coarse(p, size, align);
        }
        let rec = record();
        if !push(p, entry(p, rec), rec, place_fine(rec, size)) {
            slow::free(p, size, align);
        }
    }
}

/// # Safety
/// As [`free`].
#[inline(never)]
unsafe fn free_coarse(p: *mut u8, size: usize, align: usize) {
    // SAFETY: GLOBAL-3 — by contract, all of it.
    unsafe {
        if size <= MAX_SMALL {
            let rec = record();
            if push(p, entry(p, rec), rec, place_coarse(rec, size)) {
                return;
            }
        }
        slow::free(p, size, align);
    }
}
