//! The guard between heap and stack: painted and verified, or inaccessible.

use super::book::Book;
use super::{Fixed, Side};
use crate::Linux;
use crate::mem::{Backend, MemError, MemOp, PageRange};
use core::ptr::NonNull;

/// What a word of the guard holds: its own address, mixed, so that a copy of the guard from elsewhere is no guard.
const fn paint(addr: usize) -> usize {
    (addr as u64 ^ 0xa5c3_5a3c_9669_f00f).rotate_left(17) as usize
}

impl Fixed {
    /// The `i`-th word of the guard at `at`.
    fn word(&self, at: usize, i: usize) -> *mut usize {
        self.base.as_ptr().with_addr(at).cast::<usize>().wrapping_add(i)
    }

    /// Puts the guard at `at`; `false` if it was to be inaccessible and cannot be. The caller knows that nobody uses the bytes.
    pub(super) fn raise_guard(&self, book: &mut Book, at: usize) -> bool {
        if self.guard == 0 {
            return true;
        }
        book.guard = (at, self.guard);
        if self.protect {
            return self.bar(at, true);
        }
        for i in 0..self.guard / size_of::<usize>() {
            let word = self.word(at, i);
            // SAFETY: FIXED-2 — the guard lies in the region, below the stack and above the heap.
            unsafe { word.write_volatile(paint(word as usize)) };
        }
        true
    }

    /// Takes the guard away, so that its bytes may be used.
    pub(super) fn lower_guard(&self, book: &mut Book) {
        let (at, len) = core::mem::take(&mut book.guard);
        if len != 0 && self.protect {
            self.bar(at, false);
        }
    }

    fn bar(&self, at: usize, on: bool) -> bool {
        let base = NonNull::new(self.base.as_ptr().with_addr(at));
        // SAFETY: FIXED-2 — whole pages of the region, which neither heap nor stack uses.
        base.is_some_and(|base| unsafe { Linux.guard(PageRange::new(base, self.guard), on) })
    }

    /// Whether the guard is as it was painted; `wanted` is for the error.
    pub(super) fn verify(&self, book: &Book, wanted: usize) -> Result<(), MemError> {
        let (at, len) = book.guard;
        if self.protect || len == 0 {
            return Ok(());
        }
        let (mut first, mut last) = (None, 0);
        for i in 0..len / size_of::<usize>() {
            let word = self.word(at, i);
            // SAFETY: FIXED-2 — the guard lies in the region; a stack that has run into it is this thread's or stopped.
            if unsafe { word.read_volatile() } != paint(word as usize) {
                first = first.or(Some(word as usize));
                last = word as usize;
            }
        }
        let Some(first) = first else { return Ok(()) };
        let middle = at + len / 2;
        let side = match (first < middle, last >= middle) {
            (true, false) => Side::Heap,
            (false, _) => Side::Stack,
            (true, true) => Side::Both,
        };
        Err(MemError::os(MemOp::Guard { at: first, side }, wanted, 0))
    }

    pub(super) fn boundary(&self, wanted: usize, stack_low: usize) -> MemError {
        let heap_top = self.heap_top();
        let error = MemError::os(MemOp::Boundary { heap_top, stack_low }, wanted, 0);
        error.in_use((heap_top - self.heap_start()) as u64)
    }
}
