//! [`GTable`]: the records of all goroutines, made in slabs, never moved, read without a lock.
//!
//! Slabs of 1024 records hang in a two-level table. A record is written in place and then
//! counted; a reader looks at the count first, so it never sees an unset entry (ALLG-1). Dead
//! records wait in a list under the lock, which processors visit in batches of 32.

use crate::g::{G, GList};
use crate::scheduler::Scheduler;
use core::alloc::Layout;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::SCHED, n: 8, name: "sched.gtable" };

/// Records of a slab, and slabs of a shelf.
const SLAB: usize = 1024;
const SHELF: usize = 1024;
const SHELVES: usize = 256;
/// Records that a processor fetches or returns at a time.
pub(crate) const BATCH: usize = 32;

type Shelf = [AtomicPtr<G>; SHELF];

/// All records of one scheduler.
pub(crate) struct GTable {
    shelves: [AtomicPtr<Shelf>; SHELVES],
    count: AtomicUsize,
    free: Lock<GList>,
}

// SAFETY: G-MEM — records are shared by design; the lists are under the lock.
unsafe impl Sync for GTable {}
// SAFETY: G-MEM — nothing in the table belongs to a thread.
unsafe impl Send for GTable {}

impl core::fmt::Debug for GTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GTable({})", self.len())
    }
}

/// There is no memory (or no number) for another goroutine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableFull {
    pub(crate) goroutines: usize,
}

impl GTable {
    pub(crate) fn new() -> Self {
        Self {
            shelves: [const { AtomicPtr::new(null_mut()) }; SHELVES],
            count: AtomicUsize::new(0),
            free: Lock::new(&RANK, GList::new()),
        }
    }

    /// Records that exist.
    pub(crate) fn len(&self) -> usize {
        // ORDER: Acquire ⇐ `make`: the records below the count are written.
        self.count.load(Acquire)
    }

    /// Every record, dead ones too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &G> {
        (0..self.len()).map(|i| {
            // SAFETY: ALLG-1 — `i` is below the count, so shelf, slab and record are there.
            unsafe { &*self.place(i) }
        })
    }

    /// Record `i`, if it exists.
    pub(crate) fn get(&self, i: usize) -> Option<&G> {
        // SAFETY: ALLG-1 — below the count.
        (i < self.len()).then(|| unsafe { &*self.place(i) })
    }

    /// # Safety
    /// The slab of record `i` exists.
    unsafe fn place(&self, i: usize) -> *mut G {
        let slab = i / SLAB;
        // ORDER: Acquire ⇐ `make`.
        let shelf = self.shelves[slab / SHELF].load(Acquire);
        // SAFETY: ALLG-1 — the caller's promise: the shelf was made.
        let slab = unsafe { &(*shelf)[slab % SHELF] };
        // ORDER: Acquire ⇐ `make`.
        // SAFETY: ALLG-1 — the offset lies inside the slab.
        unsafe { slab.load(Acquire).add(i % SLAB) }
    }

    /// Fetches up to [`BATCH`] dead records; makes at least one.
    pub(crate) fn fetch(&self, sched: *const Scheduler, into: &mut GList) -> Result<(), TableFull> {
        let mut free = self.free.lock();
        let want = BATCH;
        while into.len() < want {
            let Some(g) = free.pop() else { break };
            // SAFETY: G-OWN — dead records belong to the list that they are in.
            unsafe { into.push(g) };
        }
        // A few at a time: fresh records cost memory.
        for _ in into.len()..4 {
            match self.make(sched) {
                // SAFETY: G-OWN — a fresh record is ours.
                Ok(g) => unsafe { into.push(g) },
                Err(e) if into.len() == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Takes dead records back until `from` holds `keep`.
    pub(crate) fn give(&self, from: &mut GList, keep: usize) {
        let mut free = self.free.lock();
        while from.len() > keep {
            let Some(g) = from.pop() else { return };
            // SAFETY: G-OWN — dead records belong to the list that they are in.
            unsafe { free.push(g) };
        }
    }

    fn slab_layout() -> Layout {
        Layout::new::<[G; SLAB]>()
    }

    /// Writes a new record; the lock is held.
    fn make(&self, sched: *const Scheduler) -> Result<*mut G, TableFull> {
        // ORDER: Relaxed — only the lock's holder writes.
        let i = self.count.load(Relaxed);
        let slab = i / SLAB;
        let full = TableFull { goroutines: i };
        let shelf = self.shelves.get(slab / SHELF).ok_or(full)?;
        // ORDER: Relaxed — only the lock's holder writes.
        if shelf.load(Relaxed).is_null() {
            // SAFETY: the layout is not empty, and all-zero pointers are a valid shelf.
            let new = unsafe { std::alloc::alloc_zeroed(Layout::new::<Shelf>()) }.cast::<Shelf>();
            if new.is_null() {
                return Err(full);
            }
            // ORDER: Release ⇒ `place`: the zeroes.
            shelf.store(new, Release);
        }
        // ORDER: Relaxed — only the lock's holder writes.
        // SAFETY: ALLG-1 — the shelf was made above or before.
        let cell = unsafe { &(*shelf.load(Relaxed))[slab % SHELF] };
        if i.is_multiple_of(SLAB) {
            // Not zeroed: records are written one by one, and memory that is not touched yet costs
            // nothing (a zeroed slab cost 80 page faults at start).
            // SAFETY: the layout is not empty.
            let new = unsafe { std::alloc::alloc(Self::slab_layout()) }.cast::<G>();
            if new.is_null() {
                return Err(full);
            }
            // ORDER: Release ⇒ `place`.
            cell.store(new, Release);
        }
        // ORDER: Relaxed — only the lock's holder writes.
        // SAFETY: ALLG-1 — the offset lies inside the slab, and the place is not used yet.
        let g = unsafe { cell.load(Relaxed).add(i % SLAB) };
        // SAFETY: ALLG-1 — as above.
        unsafe { g.write(G::new(sched)) };
        // ORDER: Release ⇒ `len`: the record is written.
        self.count.store(i + 1, Release);
        Ok(g)
    }
}

impl Drop for GTable {
    fn drop(&mut self) {
        let count = *self.count.get_mut();
        for i in 0..count {
            // SAFETY: G-MEM — the scheduler goes, and with it every user of the records.
            unsafe { self.place(i).drop_in_place() };
        }
        for (s, shelf) in self.shelves.iter_mut().enumerate() {
            let shelf = *shelf.get_mut();
            if shelf.is_null() {
                break;
            }
            for k in 0..SHELF {
                if (s * SHELF + k) * SLAB >= count {
                    break;
                }
                // SAFETY: ALLG-1 — made by `make` with this layout, and used by nobody now.
                unsafe {
                    let slab = *(*shelf)[k].get_mut();
                    std::alloc::dealloc(slab.cast(), Self::slab_layout());
                }
            }
            // SAFETY: ALLG-1 — as above.
            unsafe { std::alloc::dealloc(shelf.cast(), Layout::new::<Shelf>()) };
        }
    }
}
