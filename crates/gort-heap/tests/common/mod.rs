//! What the tests of this crate do with caches and objects: blocks are the test's own, live, and freed once with the size
//! that they were asked for.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use gort_heap::{Cache, Heap, MarkedNew, Object, SpanClass, class_of};
use std::alloc::Layout;
use std::ptr::NonNull;

pub fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// `n` blocks of an explicit cache.
pub fn fill(cache: &mut Cache, size: usize, n: usize) -> Vec<NonNull<u8>> {
    (0..n).map(|_| cache.alloc(layout(size)).unwrap()).collect()
}

pub fn free(cache: &mut Cache, p: NonNull<u8>, size: usize) {
    // SAFETY: H-1 — the test's own block, live, with the size that it has.
    unsafe { cache.dealloc(p, layout(size)) }
}

pub fn resize(cache: &mut Cache, p: NonNull<u8>, old: usize, new: usize) -> NonNull<u8> {
    // SAFETY: H-1 — as for `free`; no test asks for nothing.
    unsafe { cache.realloc(p, layout(old), new) }.unwrap()
}

/// A small object of a collector's cache, without pointers.
pub fn take(cache: &mut Cache, size: usize) -> NonNull<u8> {
    let class = SpanClass::new(class_of(size), true);
    loop {
        match cache.take(class) {
            Ok(slot) => return slot.ptr,
            Err(need) => cache.refill(need).unwrap(),
        }
    }
}

pub fn write(p: NonNull<u8>, byte: u8, n: usize) {
    // SAFETY: H-1 — the test's own block, of that size.
    unsafe { p.write_bytes(byte, n) }
}

pub fn holds(p: NonNull<u8>, byte: u8, n: usize) -> bool {
    // SAFETY: H-1 — the test's own block, of that size, and written.
    unsafe { std::slice::from_raw_parts(p.as_ptr(), n) }.iter().all(|b| *b == byte)
}

/// The slot that a pointer points into.
pub fn object(heap: &Heap, p: NonNull<u8>) -> Object {
    // SAFETY: H-15 — a live object of the collector's side.
    unsafe { heap.object_of(p) }
}

pub fn mark(heap: &Heap, p: NonNull<u8>) -> Option<MarkedNew> {
    // SAFETY: H-15 — a live object of the collector's side.
    unsafe { heap.mark_ptr(p) }
}

pub fn is_marked(heap: &Heap, p: NonNull<u8>) -> bool {
    // SAFETY: H-15 — a live object of the collector's side.
    unsafe { heap.is_marked(&heap.object_of(p)) }
}
