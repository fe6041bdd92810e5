//! An array that only grows, read without a lock: contexts and root pages are found through it.
//!
//! Chunk `k` has `16 << k` entries and is allocated when it is first needed, so an entry never moves
//! (REG-1). One writer at a time (a lock of the owner's); any number of readers.

use core::ptr::{self, NonNull};

use crate::atomic::{AtomicPtr, AtomicUsize, Ordering};

const FIRST: usize = 16;
const CHUNKS: usize = 24;

/// Pointers to `T`, which the registry does not own.
pub(crate) struct Registry<T> {
    len: AtomicUsize,
    chunks: [AtomicPtr<AtomicPtr<T>>; CHUNKS],
}

impl<T> Registry<T> {
    pub(crate) const fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
        }
    }

    /// Entries so far. SeqCst: after a coordinator's publication this counts every context that could
    /// have missed it (a new context is pushed before its first look at `G`).
    pub(crate) fn len(&self) -> usize {
        // ORDER: SeqCst ⇐ `push`; HS-1 for contexts, Acquire for the entries.
        self.len.load(Ordering::SeqCst)
    }

    /// Entry `i`, with `i < len()`.
    pub(crate) fn get(&self, i: usize) -> NonNull<T> {
        let (chunk, at) = place(i);
        // ORDER: Acquire ⇐ `push`: the chunk's entries.
        let entries = self.chunks[chunk].load(Ordering::Acquire);
        let entry = NonNull::new(entries).and_then(|entries| {
            // SAFETY: REG-1 — `place` gives a position inside the chunk.
            let entry = unsafe { &*entries.as_ptr().add(at) };
            // ORDER: Acquire ⇐ `push`: the entry's referent.
            NonNull::new(entry.load(Ordering::Acquire))
        });
        entry.unwrap_or_else(|| gort_sys::fatal!("REG-1", "registry entry {i} is missing"))
    }

    /// Appends an entry and returns its index; `None` if no more fit. The caller holds the lock that makes it
    /// the only writer.
    pub(crate) fn push(&self, entry: NonNull<T>) -> Option<usize> {
        // ORDER: Relaxed — only writers change it, and this is the one writer.
        let i = self.len.load(Ordering::Relaxed);
        let (chunk, at) = place(i);
        let cell = self.chunks.get(chunk)?;
        // ORDER: Relaxed — as above.
        let mut entries = cell.load(Ordering::Relaxed);
        if entries.is_null() {
            let fresh: Box<[AtomicPtr<T>]> =
                (0..FIRST << chunk).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
            entries = Box::into_raw(fresh).cast();
            // ORDER: Release ⇒ `get`: the null entries.
            cell.store(entries, Ordering::Release);
        }
        // SAFETY: REG-1 — `place` gives a position inside the chunk.
        let slot = unsafe { &*entries.add(at) };
        // ORDER: Release ⇒ `get`: the referent.
        slot.store(entry.as_ptr(), Ordering::Release);
        // ORDER: SeqCst ⇒ `len`: HS-1 for contexts.
        self.len.store(i + 1, Ordering::SeqCst);
        Some(i)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<T>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }
}

impl<T> core::fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Registry({})", self.len())
    }
}

impl<T> Drop for Registry<T> {
    fn drop(&mut self) {
        for (k, cell) in self.chunks.iter_mut().enumerate() {
            // ORDER: Relaxed — borrowed alone.
            let entries = cell.load(Ordering::Relaxed);
            if !entries.is_null() {
                let chunk = ptr::slice_from_raw_parts_mut(entries, FIRST << k);
                // SAFETY: REG-1 — `push` made the chunk of this size by `Box::into_raw`.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
    }
}

/// Chunk and position of entry `i`.
fn place(i: usize) -> (usize, usize) {
    let n = i / FIRST + 1;
    let chunk = n.ilog2() as usize;
    (chunk, i - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_where_they_are() {
        let values: Vec<usize> = (0..1000).collect();
        let registry = Registry::new();
        for (i, v) in values.iter().enumerate() {
            assert_eq!(registry.push(NonNull::from(v)), Some(i));
        }
        assert_eq!(registry.len(), 1000);
        for (i, p) in registry.iter().enumerate() {
            assert!(ptr::eq(p.as_ptr(), &values[i]));
        }
        assert_eq!(
            [place(0), place(15), place(16), place(47), place(48)],
            [(0, 0), (0, 15), (1, 0), (1, 31), (2, 0)]
        );
    }
}
