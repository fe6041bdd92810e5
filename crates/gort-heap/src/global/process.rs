//! The process's heap: made by the first call, never ended.
//!
//! And the leases under which everything but a pop and a push works: a thread's own cache, made now if it has none, or one
//! from the pool for a single operation, when the thread's own has gone already (destructors that run late).

use super::settings::Settings;
use super::{exit, fork, word};
use crate::config::{HeapConfig, Kind, Share, no_step};
use crate::heap::Heap;
use crate::inner::Inner;
use crate::record::CacheRec;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, compiler_fence};
use gort_sys::process::{ThreadEnd, address_space_limit};
use gort_sys::{Linux, MemError, futex};

/// Where the process's heap is.
pub(crate) struct Process {
    state: AtomicU32,
    end: ThreadEnd,
    heap: UnsafeCell<MaybeUninit<Heap<Linux>>>,
}

// SAFETY: GLOBAL-1 — the cell is written by the one caller that moved the state to MAKING, and read after READY.
unsafe impl Sync for Process {}

const MAKING: u32 = 1;
const READY: u32 = 2;

pub(crate) static PROCESS: Process = Process {
    state: AtomicU32::new(0),
    end: ThreadEnd::new(),
    heap: UnsafeCell::new(MaybeUninit::uninit()),
};

/// Sizes of the tables to try, the largest first: log2 of the address range, number of spans. An address-space limit
/// makes the large ones impossible.
const SIZES: [(u32, u32); 5] =
    [(48, 1 << 26), (38, 1 << 22), (36, 1 << 21), (34, 1 << 20), (32, 1 << 18)];

/// Caches that wait in the pool with what they have borrowed; those above give it back.
const WARM: u32 = 16;

impl Process {
    /// The heap, if it was made.
    #[inline]
    pub(crate) fn get(&'static self) -> Option<&'static Heap<Linux>> {
        // ORDER: Acquire ⇐ `make`: the heap was written.
        if self.state.load(Acquire) != READY {
            return None;
        }
        // SAFETY: GLOBAL-1 — READY: written, and never again.
        Some(unsafe { (*self.heap.get()).assume_init_ref() })
    }

    /// The heap; the first caller makes it, with the side that it needs, others wait for it.
    pub(crate) fn make(
        &'static self,
        side: Option<Kind>,
        step: fn(&'static str),
    ) -> Result<&'static Heap<Linux>, MemError> {
        loop {
            if let Some(heap) = self.get() {
                return Ok(heap);
            }
            // ORDER: Acquire ⇐ a maker that failed; Relaxed on failure: the loop looks again.
            if self.state.compare_exchange(0, MAKING, Acquire, Relaxed).is_err() {
                futex::wait(&self.state, MAKING, None);
                continue;
            }
            let made = self.fill(side, step);
            // ORDER: Release ⇒ `get`: the heap.
            self.state.store(if made.is_ok() { READY } else { 0 }, Release);
            futex::wake(&self.state, u32::MAX >> 1);
            made?;
        }
    }

    fn fill(&'static self, side: Option<Kind>, step: fn(&'static str)) -> Result<(), MemError> {
        let limit = address_space_limit();
        let settings = Settings::of_process();
        let mut result = Err(MemError::os(gort_sys::MemOp::Order, 0, 0));
        for (explicit_range_shift, max_spans) in SIZES {
            // The tables take about a thousandth of the range they cover.
            if explicit_range_shift > 32 && limit >> (explicit_range_shift - 6).min(63) == 0 {
                continue;
            }
            let config = HeapConfig {
                gc_range_shift: 0,
                explicit_range_shift,
                max_spans,
                release: settings.release,
                huge: settings.huge,
                step,
                share: Share::of_node,
                ..HeapConfig::default()
            };
            result = Heap::with(Linux, config).and_then(|heap| {
                // Now, because smaller tables can be tried now.
                side.map(|kind| heap.inner().open_side(kind)).transpose()?;
                let asked = settings.modes;
                if asked.quarantine != 0 {
                    let inner = heap.inner();
                    inner.quarantine.open(
                        asked.quarantine as usize,
                        &inner.persist,
                        &inner.stat.other,
                    )?;
                }
                heap.inner().modes.set(asked);
                heap.inner().profile.set_rate(settings.profile_rate);
                // SAFETY: GLOBAL-1 — the state is MAKING: nobody else is here.
                unsafe { (*self.heap.get()).write(heap) };
                Ok(())
            });
            if result.is_ok() {
                // Without a key a thread's cache is not left to others, no more.
                self.end.prepare(thread_ends);
                break;
            }
        }
        result
    }
}

/// The process's heap, made now if nobody has used it yet: the one that [`GortAlloc`](crate::GortAlloc) serves from, and
/// in which a collector may open its side ([`Heap::open_collector`]), so that both share spans, scavenger, limit and
/// figures. It never ends.
///
/// # Errors
/// Its tables cannot be had, however small.
pub fn process_heap() -> Result<&'static Heap<Linux>, MemError> {
    PROCESS.make(None, no_step)
}

/// The same; `step` hears what is done if the heap is made by this call ([`HeapConfig::step`]).
///
/// # Errors
/// As [`process_heap`].
pub fn process_heap_in_steps(step: fn(&'static str)) -> Result<&'static Heap<Linux>, MemError> {
    PROCESS.make(None, step)
}

/// The right to use a record, and its heap. Ends with the value.
pub(crate) struct Lease {
    rec: &'static CacheRec,
    heap: &'static Heap<Linux>,
    /// Not 0: from the pool, for one operation. A whole word: the value goes through memory, and a byte would be read back
    /// as part of a word, which waits.
    lent: usize,
}

impl Lease {
    /// The calling thread's cache; `None` when there is no memory for one.
    #[inline]
    pub(crate) fn take() -> Option<Lease> {
        // SAFETY: GLOBAL-2 — the word names this thread's record, or one of the two statics.
        let rec: &'static CacheRec = unsafe { word::get().as_ref() };
        match PROCESS.get() {
            Some(heap) if rec.process.get() => {
                rec.busy.set(true);
                compiler_fence(Release); // ORDER: Release — the mark is there before anything that a fork could tear.
                Some(Lease { rec, heap, lent: 0 })
            }
            _ => Self::open(rec),
        }
    }

    #[cold]
    #[inline(never)]
    fn open(word: &'static CacheRec) -> Option<Lease> {
        let heap = PROCESS.make(Some(Kind::Explicit), no_step).ok()?;
        let inner = heap.inner();
        let side = inner.open_side(Kind::Explicit).ok()?;
        word::publish(inner, side);
        let rec = inner.open_record(Kind::Explicit).ok()?;
        // SAFETY: H-14 — records live as long as their heap, and that is the process's.
        let rec: &'static CacheRec = unsafe { rec.as_ref() };
        crate::explicit::equip(rec, side);
        inner.profile_look(rec);
        let lent = usize::from(core::ptr::eq(word, word::DEAD.record()));
        if lent == 0 {
            rec.process.set(true);
            rec.joins.set(!inner.modes.any());
            // First the word: the C library may allocate to remember the mark.
            word::set(NonNull::from(rec));
            PROCESS.end.mark(core::ptr::from_ref(rec).expose_provenance());
            fork::watch();
            exit::watch();
        }
        rec.busy.set(true);
        Some(Lease { rec, heap, lent })
    }

    #[inline]
    pub(crate) fn rec(&self) -> &'static CacheRec {
        self.rec
    }

    #[inline]
    pub(crate) fn inner(&self) -> &'static Inner<Linux> {
        self.heap.inner()
    }
}

impl Drop for Lease {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Release); // ORDER: Release — everything is in order before the mark goes.
        self.rec.busy.set(false);
        if self.lent != 0 {
            self.inner().close_record(NonNull::from(self.rec));
        }
    }
}

/// Asks to be told of faults.
#[cold]
pub(crate) fn watch_faults() {
    gort_sys::process::on_fault(fault);
}

fn fault(addr: usize) {
    if let Some(heap) = PROCESS.get() {
        heap.inner().explain_fault(addr);
    }
}

/// The end of a thread: its cache goes to the pool.
unsafe extern "C" fn thread_ends(rec: *mut c_void) {
    let Some(rec) = NonNull::new(rec.cast::<CacheRec>()) else { return };
    let Some(heap) = PROCESS.get() else { return };
    word::set(NonNull::from(word::DEAD.record()));
    PROCESS.end.mark(0);
    leave(heap, rec);
}

/// Leaves a cache to whoever comes next.
pub(crate) fn leave(heap: &'static Heap<Linux>, rec: NonNull<CacheRec>) {
    let inner = heap.inner();
    // SAFETY: GLOBAL-2 — its thread has let go of it, and nobody else has it.
    let r = unsafe { rec.as_ref() };
    if inner.idle_records(Kind::Explicit) < WARM {
        inner.flush_combined(r);
        inner.flush_pages(r);
    } else {
        inner.explicit_flush(r);
    }
    inner.close_record(rec);
}
