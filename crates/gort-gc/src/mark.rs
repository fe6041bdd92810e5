//! Marking: from grey to black.
//!
//! A scanner keeps a stack of grey objects of its own. Scanning an object reads each of its pointer words
//! once, and shades what they name into the same stack; a word that changes later was shaded by who
//! changed it. When a task that wants to assist finds nothing, a scanner gives it half of its own stack.
//!
//! Marking waits for memory, mostly: the object, its pointer bits, and the marks of what it names are rarely in the
//! processor's cache. So each is asked for some time before it is needed:
//!
//! ```text
//! pointer found -> ring of 16, its mark on the way -> marked: stack -> ring of 8, object and pointer bits on the way -> scanned
//! ```

use core::mem;
use core::ptr::NonNull;

use crate::atomic::{AtomicU64, Ordering};
use crate::grey::{Block, Grey, Scanner};
use crate::shared::Shared;

/// A stack at least this deep is shared when somebody asks.
const SHARE: usize = 4;
/// Objects between two looks at the queue, and two chances to yield.
const QUANTUM: usize = if cfg!(test) { 2 } else { 512 };

/// Objects whose memory is fetched while others are scanned.
const AHEAD: usize = if cfg!(test) { 2 } else { 8 };

/// Pointers whose marks are fetched while others are looked at.
const MET: usize = if cfg!(test) { 2 } else { 16 };

/// One scanner's work.
pub(crate) struct Marker<'s> {
    shared: &'s Shared,
    stack: Vec<Grey>,
    /// From the stack, about to be scanned.
    ahead: [Option<Grey>; AHEAD],
    next: usize,
    /// Pointers found, about to be marked, and how many they are.
    met: [Option<NonNull<u8>>; MET],
    newest: usize,
    waiting: usize,
    /// Bytes since they were last told.
    scanned: u64,
    noscan: u64,
    /// Whether what is scanned pays for allocations.
    earns: bool,
}

/// What all scanners found in this cycle.
#[derive(Debug, Default)]
pub(crate) struct Work {
    scanned: AtomicU64,
    noscan: AtomicU64,
}

impl Work {
    /// Bytes of objects scanned.
    pub(crate) fn scanned(&self) -> u64 {
        // ORDER: Relaxed — a number for the pacer.
        self.scanned.load(Ordering::Relaxed)
    }

    /// Bytes of objects found alive.
    pub(crate) fn found(&self) -> u64 {
        // ORDER: Relaxed — as above.
        self.scanned() + self.noscan.load(Ordering::Relaxed)
    }

    /// A cycle begins.
    pub(crate) fn reset(&self) {
        // ORDER: Relaxed, both — nobody scans.
        self.scanned.store(0, Ordering::Relaxed);
        self.noscan.store(0, Ordering::Relaxed);
    }
}

impl<'s> Marker<'s> {
    pub(crate) fn new(shared: &'s Shared) -> Self {
        let (stack, ahead, met) = (Vec::new(), [None; AHEAD], [None; MET]);
        let (next, newest, waiting, scanned, noscan) = (0, 0, 0, 0, 0);
        Self { shared, stack, ahead, next, met, newest, waiting, scanned, noscan, earns: true }
    }

    /// Tells what was found since the last time; bytes scanned.
    fn tell(&mut self) -> u64 {
        let (scanned, noscan) = (mem::take(&mut self.scanned), mem::take(&mut self.noscan));
        let work = &self.shared.work;
        // ORDER: Relaxed, both — numbers for the pacer.
        work.scanned.fetch_add(scanned, Ordering::Relaxed);
        work.noscan.fetch_add(noscan, Ordering::Relaxed);
        if self.earns {
            self.shared.pacer.earn(scanned);
        }
        scanned
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
            let more = self.quantum(QUANTUM);
            self.tell();
            if !more && !self.fetch(&scanner) {
                return Ok(());
            }
            if self.stack.len() >= SHARE && self.shared.grey.is_wanted() {
                // The older half: it leads to more than the newer one.
                let half: Block = self.stack.drain(..self.stack.len() / 2).collect();
                self.shared.grey.push(half);
            }
            if let Err(e) = rest() {
                self.give_back();
                return Err(e);
            }
        }
    }

    /// Scans about `bytes` and puts what is left back into the queue; bytes scanned.
    pub(crate) fn assist(&mut self, bytes: u64) -> u64 {
        self.earns = false;
        let scanner = self.shared.grey.enter();
        while self.scanned < bytes && (self.quantum(64) || self.fetch(&scanner)) {}
        self.give_back();
        self.tell()
    }

    /// A pointer was found: its mark is fetched, and the oldest one that waits is marked.
    #[inline(always)]
    fn meet(&mut self, object: NonNull<u8>) {
        // SAFETY: GC-LIVE — a listed word of a live object names a live object, for both.
        unsafe {
            self.shared.heap.prefetch_mark(object);
            self.newest = (self.newest + 1) % MET;
            match self.met[self.newest].replace(object) {
                Some(oldest) => self.shade(oldest),
                None => self.waiting += 1,
            }
        }
    }

    /// Marks all that waits for it.
    fn mark_met(&mut self) {
        while self.waiting > 0 {
            if let Some(object) = self.met[self.newest].take() {
                self.waiting -= 1;
                // SAFETY: GC-LIVE — as in `meet`; nothing is swept while a cycle marks.
                unsafe { self.shade(object) };
            }
            self.newest = (self.newest + MET - 1) % MET;
        }
    }

    fn give_back(&mut self) {
        self.mark_met();
        self.stack.extend(self.ahead.iter_mut().filter_map(Option::take));
        if !self.stack.is_empty() {
            self.shared.grey.push(mem::take(&mut self.stack));
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

    /// Scans up to `n` objects; `false` if none is left. The one copy of the marking loop: with two, the compiler
    /// no longer puts the heap's part of it inline.
    #[inline(never)]
    fn quantum(&mut self, n: usize) -> bool {
        for _ in 0..n {
            let Some(grey) = self.take() else { return false };
            self.scan(grey);
        }
        true
    }

    /// The next object to scan: one leaves the stack, the one that left it eight objects ago is taken.
    #[inline(always)]
    fn take(&mut self) -> Option<Grey> {
        for _ in 0..=AHEAD {
            if self.stack.is_empty() {
                self.mark_met();
            }
            let fresh = self.stack.pop();
            if let Some(fresh) = fresh {
                self.shared.heap.prefetch_object(fresh.base());
            }
            let grey = mem::replace(&mut self.ahead[self.next], fresh);
            self.next = (self.next + 1) % AHEAD;
            if grey.is_some() {
                return grey;
            }
        }
        None
    }

    #[inline(always)]
    fn scan(&mut self, grey: Grey) {
        let (base, heap) = (grey.base(), &self.shared.heap);
        // SAFETY: GREY-2 — a grey object is alive until the sweep after this cycle.
        let size = grey.size().unwrap_or_else(|| unsafe { heap.object_of(base) }.size);
        self.scanned += size as u64;
        if self.shared.config.verify_trace {
            crate::verify::untraced(self.shared, base, size);
        }
        let visit = |word: &gort_sys::atomic::AtomicPtr<u8>| {
            // ORDER: Acquire ⇐ `Field::store`, and the map and mark of a new object.
            if let Some(object) = NonNull::new(word.load(Ordering::Acquire)) {
                self.meet(object);
            }
        };
        // SAFETY: GREY-2 — as above; the object has pointers, or it would not be grey.
        unsafe { heap.for_each_pointer_word(base, size, visit) };
    }
}
