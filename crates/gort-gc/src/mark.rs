//! Marking: from grey to black.
//!
//! A scanner keeps a stack of grey objects of its own. Scanning an object reads each of its pointer words
//! once, and shades what they name into the same stack; a word that changes later was shaded by who
//! changed it. When the common queue runs empty, a scanner with a deep stack gives half of it away, so that
//! assisting tasks find something.

use core::ptr::NonNull;

use crate::atomic::Ordering;
use crate::collector::Shared;
use crate::grey::{Block, Grey, Scanner};

/// A stack at least this deep is shared when the queue is empty.
const SHARE: usize = 2048;
/// Objects between two looks at the queue, and two chances to yield.
const QUANTUM: usize = if cfg!(test) { 2 } else { 512 };

/// One scanner's work.
pub(crate) struct Marker<'s> {
    shared: &'s Shared,
    stack: Vec<Grey>,
    scanned: u64,
    noscan: u64,
}

impl<'s> Marker<'s> {
    pub(crate) fn new(shared: &'s Shared) -> Self {
        Self { shared, stack: Vec::new(), scanned: 0, noscan: 0 }
    }

    /// Bytes of the objects that were scanned.
    pub(crate) fn scanned_bytes(&self) -> u64 {
        self.scanned
    }

    /// Bytes of objects that this scanner found alive.
    pub(crate) fn found_bytes(&self) -> u64 {
        self.scanned + self.noscan
    }

    /// Turns a white object grey.
    ///
    /// # Safety
    /// `object` is a live object of this collector.
    #[inline(always)]
    pub(crate) unsafe fn shade(&mut self, object: NonNull<u8>) {
        // SAFETY: by this function's contract.
        if let Some(new) = unsafe { self.shared.heap.mark_ptr(object) } {
            if new.noscan {
                self.noscan += new.size as u64;
            } else {
                self.stack.push(Grey::new(new.base, new.size));
            }
        }
    }

    /// Scans until neither the own stack nor the queue has anything; `rest` is called between quanta and
    /// may stop the work by an error.
    pub(crate) fn drain<E>(&mut self, mut rest: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        let scanner = self.shared.grey.enter();
        loop {
            if !self.quantum(QUANTUM) && !self.fetch(&scanner) {
                return Ok(());
            }
            if self.stack.len() >= SHARE && self.shared.grey.is_empty() {
                let half: Block = self.stack.drain(..self.stack.len() / 2).collect();
                self.shared.grey.push(half);
            }
            if let Err(e) = rest() {
                self.give_back();
                return Err(e);
            }
        }
    }

    /// Scans about `bytes` and puts what is left back into the queue.
    pub(crate) fn assist(&mut self, bytes: u64) {
        let scanner = self.shared.grey.enter();
        while self.scanned < bytes && (self.quantum(64) || self.fetch(&scanner)) {}
        self.give_back();
    }

    fn give_back(&mut self) {
        if !self.stack.is_empty() {
            self.shared.grey.push(core::mem::take(&mut self.stack));
        }
    }

    fn fetch(&mut self, scanner: &Scanner<'_>) -> bool {
        match scanner.take() {
            Some(block) if self.stack.is_empty() => self.stack = block,
            Some(block) => self.stack.extend(block),
            None => return false,
        }
        true
    }

    /// Scans up to `n` objects of the own stack; `false` if it was empty at the end.
    #[inline]
    fn quantum(&mut self, n: usize) -> bool {
        for _ in 0..n {
            let Some(grey) = self.stack.pop() else { return false };
            self.scan(grey);
        }
        !self.stack.is_empty()
    }

    #[inline(always)]
    fn scan(&mut self, grey: Grey) {
        let (base, heap) = (grey.base(), &self.shared.heap);
        // SAFETY: GREY-2 — a grey object is alive until the sweep after this cycle.
        let size = grey.size().unwrap_or_else(|| unsafe { heap.object_of(base) }.size);
        self.scanned += size as u64;
        let visit = |word: &gort_sys::atomic::AtomicPtr<u8>| {
            // ORDER: Acquire ⇐ `Field::store`, and the map and mark of a new object.
            if let Some(object) = NonNull::new(word.load(Ordering::Acquire)) {
                // SAFETY: GC-LIVE — a listed word of a live object names a live object.
                unsafe { self.shade(object) };
            }
        };
        // SAFETY: GREY-2 — as above; the object has pointers, or it would not be grey.
        unsafe { heap.for_each_pointer_word(base, size, visit) };
    }
}
