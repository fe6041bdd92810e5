//! Where samples are counted: one bucket for each stack, size and rate.
//!
//! Buckets lie in memory that is never freed, in chains that only grow, so a special may point to its bucket for as long as
//! it lives, and readers need no lock.

use super::Sample;
use crate::inner::Inner;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU64};
use gort_sys::{Backend, MemError, SysStat};

/// Chains.
const HEADS: usize = 2048;

/// One stack's samples of one size. The stack's addresses follow the record.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Bucket {
    next: *const Bucket,
    hash: u64,
    size: u64,
    rate: u64,
    depth: usize,
    allocs: AtomicU64,
    frees: AtomicU64,
}

impl Bucket {
    fn stack(&self) -> &[usize] {
        let first = core::ptr::from_ref(self).wrapping_add(1).cast::<usize>();
        // SAFETY: PROFILE-2 — `depth` addresses were written behind the record before it was linked.
        unsafe { core::slice::from_raw_parts(first, self.depth) }
    }

    /// A sample of it was taken.
    pub(crate) fn count_alloc(&self) {
        self.allocs.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
    }

    /// A sample that was counted is none: the object was never handed out.
    pub(crate) fn uncount_alloc(&self) {
        self.allocs.fetch_sub(1, Relaxed); // ORDER: Relaxed — a counter.
    }

    /// One of its samples was freed.
    pub(crate) fn count_free(&self) {
        self.frees.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
    }
}

/// The chains; made at the first sample.
#[derive(Debug)]
pub(crate) struct Buckets {
    heads: *mut AtomicPtr<Bucket>,
}

// SAFETY: PROFILE-2 — the chains belong to the heap, wherever it is.
unsafe impl Send for Buckets {}

impl Buckets {
    pub(crate) const fn new() -> Self {
        Self { heads: null_mut() }
    }

    /// The bucket of a stack, made now if there is none. The caller holds the profile's lock, by `&mut self`.
    pub(crate) fn get<B: Backend>(
        &mut self,
        inner: &Inner<B>,
        stack: &[usize],
        size: u64,
        rate: u64,
    ) -> Result<&'static Bucket, MemError> {
        let st: &SysStat = &inner.stat.profile;
        if self.heads.is_null() {
            let bytes = HEADS * size_of::<AtomicPtr<Bucket>>();
            // Zero: no chain has anything in it.
            let heads = inner.persist.alloc(None, bytes, 8, st)?.cast::<AtomicPtr<Bucket>>();
            self.heads = heads.as_ptr();
            inner.profile.heads.store(self.heads, Release); // ORDER: Release ⇒ `each_sample`: the zeros.
        }
        let hash = hash(stack, size, rate);
        // SAFETY: PROFILE-2 — one of the heads.
        let head = unsafe { &*self.heads.add(hash as usize % HEADS) };
        let first = head.load(Relaxed); // ORDER: Relaxed — written under the lock, which is held.
        let mut at = first.cast_const();
        // SAFETY: PROFILE-2 — members of a chain stay, and were written before they were linked.
        while let Some(b) = unsafe { at.as_ref() } {
            if (b.hash, b.size, b.rate) == (hash, size, rate) && b.stack() == stack {
                return Ok(b);
            }
            at = b.next;
        }
        let bytes = size_of::<Bucket>() + size_of_val(stack);
        let place: NonNull<Bucket> = inner.persist.alloc(None, bytes, 8, st)?.cast();
        let zero = AtomicU64::new(0);
        let bucket = Bucket {
            next: first,
            hash,
            size,
            rate,
            depth: stack.len(),
            allocs: zero,
            frees: AtomicU64::new(0),
        };
        // SAFETY: PROFILE-2 — memory of that length, ours alone until it is linked.
        unsafe {
            place.write(bucket);
            let to = place.as_ptr().add(1).cast::<usize>();
            to.copy_from_nonoverlapping(stack.as_ptr(), stack.len());
        }
        head.store(place.as_ptr(), Release); // ORDER: Release ⇒ `each_sample`: the bucket and its stack.
        // SAFETY: PROFILE-2 — it stays as long as its heap, and so do those who ask.
        Ok(unsafe { place.as_ref() })
    }
}

/// FNV-1a over words, with a last mix: neighbours in text differ in few bits.
fn hash(stack: &[usize], size: u64, rate: u64) -> u64 {
    let words = stack.iter().map(|w| *w as u64).chain([size, rate]);
    let h = words.fold(0xcbf2_9ce4_8422_2325u64, |h, w| (h ^ w).wrapping_mul(0x0100_0000_01b3));
    h ^ h >> 29
}

impl<B: Backend> Inner<B> {
    pub(crate) fn each_sample(&self, mut f: impl FnMut(Sample<'_>)) {
        let heads = self.profile.heads.load(Acquire); // ORDER: Acquire ⇐ `Buckets::get`.
        if heads.is_null() {
            return;
        }
        for i in 0..HEADS {
            // SAFETY: PROFILE-2 — the heads stay as long as the heap. ORDER: Acquire ⇐ `Buckets::get`.
            let mut at = unsafe { &*heads.add(i) }.load(Acquire).cast_const();
            // SAFETY: PROFILE-2 — members of a chain stay, and were written before they were linked.
            while let Some(b) = unsafe { at.as_ref() } {
                // ORDER: Relaxed, both — counters; frees first, so that they are never more.
                let free_objects = b.frees.load(Relaxed);
                let alloc_objects = b.allocs.load(Relaxed).max(free_objects);
                f(Sample {
                    stack: b.stack(),
                    size: b.size,
                    rate: b.rate,
                    alloc_objects,
                    free_objects,
                });
                at = b.next;
            }
        }
    }
}
