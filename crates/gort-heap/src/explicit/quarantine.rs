//! Freed slots that wait before they are used again, first in, first out.

use core::ptr::NonNull;
use gort_fixalloc::PersistentAlloc;
use gort_sys::lock::{Guard, Lock};
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, SysStat};

static RANK: Rank = Rank { layer: layer::HEAP, n: 2, name: "heap.quarantine" };

/// A ring of addresses, 0 = nothing yet. Without room every slot passes at once.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    places: &'static mut [usize],
    next: usize,
}

/// The ring and its lock.
#[derive(Debug)]
pub(crate) struct Quarantine(Lock<Ring>);

impl Quarantine {
    pub(crate) fn new() -> Self {
        Self(Lock::new(&RANK, Ring::default()))
    }

    /// Gives it room for `n` slots, once, before there is any cache.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn open<B: Backend>(
        &self,
        n: usize,
        persist: &PersistentAlloc<B>,
        st: &SysStat,
    ) -> Result<(), MemError> {
        let place: NonNull<usize> = persist.alloc(None, n * size_of::<usize>(), 8, st)?.cast();
        // SAFETY: FIX-B — zeroed memory of that size, ours alone, which stays as long as the heap that has this value.
        self.0.lock().places = unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), n) };
        Ok(())
    }

    /// Keeps the ring as it is.
    pub(crate) fn hold(&self) -> Guard<'_, Ring> {
        self.0.lock()
    }

    /// Puts a slot in; the one that has waited longest, if the ring is full. The slot itself, if there is no ring.
    pub(super) fn pass(&self, slot: usize) -> Option<usize> {
        let mut guard = self.0.lock();
        let ring = &mut *guard;
        let n = ring.places.len();
        let Some(place) = ring.places.get_mut(ring.next) else { return Some(slot) };
        ring.next = (ring.next + 1) % n;
        let out = core::mem::replace(place, slot);
        (out != 0).then_some(out)
    }

    /// Whether a slot waits here. Looks at all places.
    pub(super) fn has(&self, slot: usize) -> bool {
        self.0.lock().places.contains(&slot)
    }
}
