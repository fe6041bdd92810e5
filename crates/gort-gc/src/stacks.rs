//! The stacks of foreign mutators, as the collector sees them.
//!
//! ```text
//! mutator runs          its stack is its own; it hands a copy of the words over when it takes over H2
//! mutator is blocked    the words lie here: the coordinator takes them, or their mutator does when it comes back
//! ```
//! A copy is as good as the stack: it is handed over where the mutator does nothing else, and what it names is shaded before
//! marking ends. Both barriers are on meanwhile, so what the mutator loads afterwards is black or reached by grey.
//!
//! # Who reads whose stack (STACK-1)
//! `wanted` is the number of the cycle, set before H2 is published. A mutator that takes H2 over, at a safepoint or when it
//! comes back, looks whether its own number is another one, hands its words over and sets it. When all have passed H2, the
//! coordinator does the same for those who are blocked. All of it under one lock, so it happens once.
//!
//! # A mutator that is registered while a cycle runs
//! A cycle that began without foreign stacks shades no old values; a stack would not be safe in it. So whoever registers
//! counts up first and then waits for the end of such a cycle; a cycle says that it is one before it looks at the count.

use core::mem;
use std::collections::HashMap;
use std::time::Duration;

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::Mutant;
use crate::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::handshake::Mode;
use crate::shared::Shared;

static STACKS: Rank = Rank { layer: layer::GC, n: 3, name: "gc.stacks" };

/// A copy of what a stack names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// Addresses of live objects.
    pub(crate) exact: Vec<usize>,
    /// Words that may be addresses in objects.
    pub(crate) doubtful: Vec<usize>,
}

/// One foreign mutator.
#[derive(Debug, Default)]
struct Entry {
    /// The last cycle that has read its stack.
    read: u64,
    /// Its stack, while it is blocked.
    parked: Option<Words>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<u64, Entry>,
    next: u64,
    /// The cycle that wants stacks.
    wanted: u64,
    /// Handed over, to be shaded.
    given: Vec<Words>,
}

/// All foreign stacks of a collector.
#[derive(Debug)]
pub(crate) struct Stacks {
    count: AtomicUsize,
    /// A cycle without stacks is between its begin and H3.
    plain: AtomicBool,
    inner: Lock<Inner>,
}

impl Stacks {
    pub(crate) fn new() -> Self {
        let inner = Lock::new(&STACKS, Inner::default());
        Self { count: AtomicUsize::new(0), plain: AtomicBool::new(false), inner }
    }

    /// A cycle begins; whether it has to do with stacks.
    pub(crate) fn begin_cycle(&self) -> bool {
        // ORDER: SeqCst — before the look at the count; `register` does both the other way round.
        self.plain.store(true, Ordering::SeqCst);
        // ORDER: SeqCst ⇐ `register`.
        let stacks = self.count.load(Ordering::SeqCst) > 0;
        if stacks {
            self.end_cycle();
        }
        stacks
    }

    /// Nobody shades any more.
    pub(crate) fn end_cycle(&self) {
        // ORDER: SeqCst ⇒ `register`.
        self.plain.store(false, Ordering::SeqCst);
    }

    /// A new mutator, blocked, with nothing on its stack.
    pub(crate) fn register(&self, s: &Shared) -> u64 {
        // ORDER: SeqCst — before the look at the cycle.
        self.count.fetch_add(1, Ordering::SeqCst);
        // ORDER: SeqCst ⇐ `begin_cycle`, `end_cycle`.
        while self.plain.load(Ordering::SeqCst) && !s.coordinator.is_closing() {
            s.host.sleep(Duration::from_micros(50));
        }
        let mut inner = self.inner.lock();
        inner.next += 1;
        let id = inner.next;
        inner.entries.insert(id, Entry { read: 0, parked: Some(Words::default()) });
        id
    }

    pub(crate) fn forget(&self, id: u64) {
        self.inner.lock().entries.remove(&id);
        // ORDER: SeqCst — as `register`; a cycle that began with stacks ends with them.
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// Before H2 is published, after the roots were read: stacks are wanted.
    pub(crate) fn want(&self) {
        self.inner.lock().wanted += 1;
    }

    /// Whether a mutator in this mode must hand its stack over.
    pub(crate) fn is_due(&self, id: u64, mode: Mode) -> bool {
        let inner = self.inner.lock();
        mode.black() && mode.shades_old() && inner.entries[&id].read != inner.wanted
    }

    /// A mutator that runs hands its stack over.
    pub(crate) fn give(&self, s: &Shared, id: u64, words: Words) {
        let mut inner = self.inner.lock();
        let wanted = inner.wanted;
        if let Some(entry) = inner.entries.get_mut(&id) {
            entry.read = wanted;
        }
        if !s.mutant(Mutant::NoStacks) {
            inner.given.push(words);
        }
    }

    /// A mutator blocks.
    pub(crate) fn park(&self, id: u64, words: Words) {
        if let Some(entry) = self.inner.lock().entries.get_mut(&id) {
            entry.parked = Some(words);
        }
    }

    /// It comes back, in this mode.
    pub(crate) fn unpark(&self, id: u64, mode: Mode) {
        let mut inner = self.inner.lock();
        let wanted = inner.wanted;
        let Some(entry) = inner.entries.get_mut(&id) else { return };
        let words = entry.parked.take();
        if mode.black() && mode.shades_old() && entry.read != wanted {
            entry.read = wanted;
            inner.given.extend(words);
        }
    }

    /// After all have passed H2: every word of every stack, and whether it is exact.
    pub(crate) fn take(&self, s: &Shared, mut visit: impl FnMut(usize, bool)) {
        let mut inner = self.inner.lock();
        let Inner { entries, wanted, given, .. } = &mut *inner;
        for (id, entry) in entries.iter_mut().filter(|(_, entry)| entry.read != *wanted) {
            match &entry.parked {
                _ if s.mutant(Mutant::NoParked) => {}
                Some(words) => given.push(words.clone()),
                None => gort_sys::fatal!("STACK-1", "mutator {id} passed and left its stack out"),
            }
            entry.read = *wanted;
        }
        let given = mem::take(given);
        drop(inner);
        for words in given {
            words.exact.into_iter().for_each(|word| visit(word, true));
            words.doubtful.into_iter().for_each(|word| visit(word, false));
        }
    }
}
