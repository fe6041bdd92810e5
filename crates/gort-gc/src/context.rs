//! A context: everything that one guard owns.
//!
//! | member | who touches it |
//! |---|---|
//! | `word` | owner and coordinator: the handshake |
//! | `follows` | owner writes, coordinator reads: the softer half of it |
//! | `shades`, `noscan_bytes`, `tiny_parts` | owner writes, coordinator reads after the owner passed |
//! | `pinned_at`, `task` | owner writes, reports read |
//! | the rest | the owner alone (CTX-1): the guard that pinned it, or the coordinator that serves it |
//!
//! Contexts are allocated when more guards exist at once than ever before, stay in their collector's
//! registry, and are freed with the collector (CTX-2). A free context's grey buffer is empty (CTX-3).

use core::cell::{Cell, UnsafeCell};
use core::panic::Location;
use core::ptr::{self, NonNull};

use gort_heap::{Cache, Heap};

use crate::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::grey::{BUFFER, Block, Grey};
use crate::handshake::{ContextWord, Order};
use crate::range::Range;
use crate::roots::SlotList;
use crate::shared::Shared;

/// The state of one guard; see the module page for who touches what.
#[repr(C, align(128))]
pub(crate) struct Context {
    pub(crate) word: ContextWord,
    /// The number of the order that it acts under: at least the one of its last pass (HS-2).
    pub(crate) follows: AtomicU64,
    /// Objects that this context turned grey, ever.
    pub(crate) shades: AtomicU64,
    /// Bytes of objects without pointers that it marked, ever.
    pub(crate) noscan_bytes: AtomicU64,
    /// Tiny objects that were put into a block beside others, ever.
    pub(crate) tiny_parts: AtomicU64,
    /// Where the guard was pinned.
    pub(crate) pinned_at: AtomicPtr<Location<'static>>,
    /// The task that pinned it (`Config::pin_checks`).
    pub(crate) task: AtomicU64,

    /// The collector's range and the barrier's switch.
    pub(crate) range: Cell<Range>,
    /// What the safepoint compares with `G`; differs from `order` when the owner shall take the slow path anyway.
    pub(crate) expected: Cell<u64>,
    /// The order that was taken over last.
    pub(crate) order: Cell<Order>,
    pub(crate) shared: NonNull<Shared>,
    /// `cache.bytes_taken()` when it was last added to the collector's account.
    pub(crate) accounted: Cell<u64>,
    /// Bytes allocated beyond the goal, to be paid at a safepoint.
    pub(crate) debt: Cell<usize>,
    pub(crate) grey: UnsafeCell<Block>,
    pub(crate) cache: UnsafeCell<Cache>,
    /// The next byte of the block for tiny objects; null: none is at hand.
    pub(crate) tiny: Cell<*mut u8>,
    pub(crate) roots: UnsafeCell<SlotList>,
}

impl Context {
    /// A context that is pinned by its maker.
    pub(crate) fn new(shared: NonNull<Shared>, cache: Cache, range: Range, order: Order) -> Self {
        Self {
            word: ContextWord::pinned(order.seq()),
            follows: AtomicU64::new(order.seq()),
            shades: AtomicU64::new(0),
            noscan_bytes: AtomicU64::new(0),
            tiny_parts: AtomicU64::new(0),
            pinned_at: AtomicPtr::new(ptr::null_mut()),
            task: AtomicU64::new(0),
            range: Cell::new(range),
            expected: Cell::new(order.bits()),
            order: Cell::new(order),
            shared,
            accounted: Cell::new(cache.bytes_taken()),
            debt: Cell::new(0),
            grey: UnsafeCell::new(Vec::with_capacity(BUFFER)),
            cache: UnsafeCell::new(cache),
            tiny: Cell::new(ptr::null_mut()),
            roots: UnsafeCell::new(SlotList::new()),
        }
    }

    /// The collector that it belongs to.
    #[inline(always)]
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: CTX-2 — a collector's shared part outlives its contexts.
        unsafe { self.shared.as_ref() }
    }

    /// The allocation cache.
    ///
    /// # Safety
    /// CTX-1: the caller owns the context, and holds no other reference to the cache.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "CTX-1 is the borrow")]
    pub(crate) unsafe fn cache(&self) -> &mut Cache {
        // SAFETY: by this function's contract.
        unsafe { &mut *self.cache.get() }
    }

    /// The heap of the collector.
    #[inline(always)]
    pub(crate) fn heap(&self) -> &Heap {
        &self.shared().heap
    }

    /// Turns an object grey if it is white: whoever sets the mark keeps it for scanning.
    ///
    /// # Safety
    /// CTX-1, and `object` points to a live object of this collector.
    pub(crate) unsafe fn shade(&self, object: NonNull<u8>) {
        // SAFETY: the object is alive, by this function's contract.
        let Some(new) = (unsafe { self.heap().mark_ptr(object) }) else { return };
        if new.noscan {
            bump(&self.noscan_bytes, new.size as u64);
            return;
        }
        // SAFETY: CTX-1.
        unsafe { self.push_grey(Grey::new(new.base, new.size)) };
    }

    /// Keeps a marked object for scanning.
    ///
    /// # Safety
    /// CTX-1.
    pub(crate) unsafe fn push_grey(&self, grey: Grey) {
        bump(&self.shades, 1);
        // SAFETY: CTX-1.
        let buffer = unsafe { &mut *self.grey.get() };
        buffer.push(grey);
        if buffer.len() >= BUFFER {
            // SAFETY: CTX-1.
            unsafe { self.publish_grey() };
        }
    }

    /// Hands the grey buffer over, if anything is in it.
    ///
    /// # Safety
    /// CTX-1.
    pub(crate) unsafe fn publish_grey(&self) {
        // SAFETY: CTX-1.
        let buffer = unsafe { &mut *self.grey.get() };
        if !buffer.is_empty() {
            self.shared().grey.push(core::mem::replace(buffer, Vec::with_capacity(BUFFER)));
        }
    }

    /// Takes over an order: the grey buffer is handed over, the block for tiny objects is let go, spans of an older sweep generation go back, the
    /// mode and with it the barrier's switch change. From here on the context follows the order (HS-2); that it has passed, the
    /// caller says afterwards, if the owner holds no handle.
    ///
    /// # Safety
    /// CTX-1, and the owner is not inside of a store.
    pub(crate) unsafe fn take_over(&self, order: Order) {
        let old = self.order.get();
        self.drop_tiny();
        // SAFETY: CTX-1, for both.
        unsafe {
            self.publish_grey();
            self.apply(order, order.generation() != old.generation());
        }
        // ORDER: Release ⇒ `has_followed`: what the owner did in the old mode, published blocks, counters.
        self.follows.store(order.seq(), Ordering::Release);
    }

    /// Whether the context acts under `order` or a later one, or not at all.
    pub(crate) fn has_followed(&self, order: Order) -> bool {
        // ORDER: Acquire ⇐ `take_over`.
        self.follows.load(Ordering::Acquire) >= order.seq() || self.word.has_passed(order)
    }

    /// # Safety
    /// CTX-1.
    unsafe fn apply(&self, order: Order, stale: bool) {
        // SAFETY: CTX-1.
        let cache = unsafe { self.cache() };
        if stale {
            cache.flush();
        }
        if self.order.get().mode().black() != order.mode().black() {
            cache
                .set_black(order.mode().black() && !self.shared().mutant(crate::Mutant::BornWhite));
        }
        self.range.set(self.range.get().with_barrier(order.mode().shades()));
        self.order.set(order);
        self.expected.set(order.bits());
    }

    /// The location of the pin, for reports.
    pub(crate) fn pinned_at(&self) -> Option<&'static Location<'static>> {
        // ORDER: Relaxed — the locations are constants of the program.
        let p = self.pinned_at.load(Ordering::Relaxed);
        // SAFETY: only `&'static Location`s are stored.
        unsafe { p.cast_const().as_ref() }
    }
}

/// Adds to a counter that the caller alone writes.
#[inline(always)]
pub(crate) fn bump(counter: &AtomicU64, by: u64) {
    // ORDER: Relaxed — one writer; the coordinator reads after the owner passed (the acknowledgement
    // publishes it), and a stale first reading only fails a round.
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}
