//! [`Ring`]: the last records of something that happens often, written by one, read by anybody.
//!
//! The writer never waits: when the ring is full the oldest record goes. A slot carries a mark, which
//! says what is in it:
//!
//! ```text
//! mark   0: nothing yet    2n + 1: record n is being written    2n + 2: record n is whole
//! ```
//! A reader looks at the mark, copies, and looks again. If both times it was the mark of a whole record,
//! nobody wrote in between, and the copy is that record; else the record is lost to this reader, which
//! says so (RING-1). The models at the end find the torn record when the writer does not say that it
//! writes, and when the reader does not look again.

use gort_sys::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

struct Slot<const WORDS: usize> {
    mark: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// The last `N` records of `WORDS` words each.
pub(crate) struct Ring<const WORDS: usize, const N: usize> {
    /// How many were ever written.
    written: AtomicU64,
    slots: [Slot<WORDS>; N],
}

impl<const WORDS: usize, const N: usize> core::fmt::Debug for Ring<WORDS, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // ORDER: Relaxed — a figure.
        write!(f, "Ring({} of {N})", self.written.load(Relaxed))
    }
}

impl<const WORDS: usize, const N: usize> Ring<WORDS, N> {
    /// An empty ring. All zero bytes are one, too.
    #[cfg(any(test, loom))]
    pub(crate) fn new() -> Self {
        Self {
            written: AtomicU64::new(0),
            slots: core::array::from_fn(|_| Slot {
                mark: AtomicU64::new(0),
                words: core::array::from_fn(|_| AtomicU64::new(0)),
            }),
        }
    }

    fn slot(&self, n: u64) -> &Slot<WORDS> {
        &self.slots[(n % N as u64) as usize]
    }

    /// Writes a record. By one thread at a time; the right to it orders memory.
    pub(crate) fn push(&self, record: [u64; WORDS]) {
        // ORDER: Relaxed — only the writer writes it.
        let n = self.written.load(Relaxed);
        let slot = self.slot(n);
        // ORDER: Relaxed — the fence orders it before the words.
        slot.mark.store(2 * n + 1, Relaxed);
        // ORDER: Release ⇒ the fence of `read`: who sees one of the words sees the mark.
        fence(Release);
        for (to, word) in slot.words.iter().zip(record) {
            // ORDER: Relaxed — between the fence and the mark below.
            to.store(word, Relaxed);
        }
        // ORDER: Release ⇒ `read`: the words.
        slot.mark.store(2 * n + 2, Release);
        // ORDER: Release ⇒ `copy`: the record.
        self.written.store(n + 1, Release);
    }

    /// Record `n`, if the ring still has it and keeps it until it is copied.
    fn read(&self, n: u64) -> Option<[u64; WORDS]> {
        let slot = self.slot(n);
        let whole = 2 * n + 2;
        // ORDER: Acquire ⇐ `push`: the words.
        if slot.mark.load(Acquire) != whole {
            return None;
        }
        let copy = core::array::from_fn(|i| {
            // ORDER: Relaxed — between the two looks at the mark.
            slot.words[i].load(Relaxed)
        });
        // ORDER: Acquire ⇐ the fence of `push`: had a later record's word been copied, its mark is seen.
        fence(Acquire);
        // ORDER: Relaxed — ordered by the fence.
        (slot.mark.load(Relaxed) == whole).then_some(copy)
    }

    /// Hands the records to `each`, oldest first, and returns how many there were that it could not have.
    pub(crate) fn copy(&self, mut each: impl FnMut([u64; WORDS])) -> u64 {
        // ORDER: Acquire ⇐ `push`.
        let end = self.written.load(Acquire);
        let begin = end.saturating_sub(N as u64);
        let mut lost = begin;
        for n in begin..end {
            match self.read(n) {
                Some(record) => each(record),
                None => lost += 1,
            }
        }
        lost
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        /// By one thread: the last eight of what was written, in order, and how many are gone.
        #[test]
        fn agrees_with_a_deque(records in proptest::collection::vec(any::<[u64; 2]>(), 0..40)) {
            let (ring, mut model, mut gone) = (Ring::<2, 8>::new(), VecDeque::new(), 0);
            for record in records {
                ring.push(record);
                model.push_back(record);
                if model.len() > 8 {
                    model.pop_front();
                    gone += 1;
                }
                let mut got = Vec::new();
                let lost = ring.copy(|r| got.push(r));
                prop_assert_eq!(lost, gone);
                prop_assert_eq!(&got, &Vec::from(model.clone()));
            }
        }
    }

    /// RING-1 with threads: what a reader gets is a record that was written, whole and in order, and what it
    /// does not get is counted.
    #[test]
    fn readers_see_whole_records() {
        const RECORDS: u64 = 20_000;
        let (ring, over) = (Ring::<3, 16>::new(), AtomicBool::new(false));
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    let mut last = 0;
                    // ORDER: Relaxed — a flag of the test.
                    while !over.load(Relaxed) {
                        let (mut count, mut before) = (0, None);
                        let lost = ring.copy(|[n, square, inverse]| {
                            assert_eq!((square, inverse), (n * n, !n));
                            assert!(before.is_none_or(|before| before < n));
                            (count, before) = (count + 1, Some(n));
                        });
                        assert!(lost + count >= last);
                        last = lost + count;
                    }
                });
            }
            for n in 0..RECORDS {
                ring.push([n, n * n, !n]);
            }
            // ORDER: Relaxed — as above.
            over.store(true, Relaxed);
        });
        let mut count = 0;
        assert_eq!(ring.copy(|_| count += 1) + count, RECORDS);
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test --release -p gort-sched --test loom`
#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::sync::Arc;

    #[derive(Clone, Copy, PartialEq)]
    enum Mutant {
        None,
        /// The writer does not say that it writes.
        Silent,
        /// The reader does not look again.
        Once,
    }

    fn push(ring: &Ring<2, 1>, record: [u64; 2], mutant: Mutant) {
        if mutant != Mutant::Silent {
            return ring.push(record);
        }
        // ORDER: Relaxed — the mutant's fault is that the mark of the old record stands.
        let n = ring.written.load(Relaxed);
        for (to, word) in ring.slot(n).words.iter().zip(record) {
            // ORDER: Relaxed — as in `push`.
            to.store(word, Relaxed);
        }
        // ORDER: Release — as in `push`.
        ring.slot(n).mark.store(2 * n + 2, Release);
        // ORDER: Release — as in `push`.
        ring.written.store(n + 1, Release);
    }

    fn read(ring: &Ring<2, 1>, n: u64, mutant: Mutant) -> Option<[u64; 2]> {
        if mutant != Mutant::Once {
            return ring.read(n);
        }
        // ORDER: Acquire — as in `read`.
        let whole = ring.slot(n).mark.load(Acquire) == 2 * n + 2;
        // ORDER: Relaxed — as in `read`.
        whole.then(|| core::array::from_fn(|i| ring.slot(n).words[i].load(Relaxed)))
    }

    /// A ring of one slot, a writer of two records, a reader of each.
    fn write_and_read(mutant: Mutant) {
        loom::model(move || {
            let ring = Arc::new(Ring::<2, 1>::new());
            let writer = {
                let ring = Arc::clone(&ring);
                loom::thread::spawn(move || {
                    push(&ring, [1, 1], mutant);
                    push(&ring, [2, 2], mutant);
                })
            };
            for n in 0..2 {
                if let Some(record) = read(&ring, n, mutant) {
                    assert_eq!(record, [n + 1, n + 1], "a torn record");
                }
            }
            writer.join().unwrap();
        });
    }

    #[test]
    fn holds() {
        write_and_read(Mutant::None);
    }

    #[test]
    #[should_panic(expected = "a torn record")]
    fn mutant_silent() {
        write_and_read(Mutant::Silent);
    }

    #[test]
    #[should_panic(expected = "a torn record")]
    fn mutant_once() {
        write_and_read(Mutant::Once);
    }
}
