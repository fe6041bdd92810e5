//! [`Mutator`], the guard: the right to hold handles.
//!
//! Everything that a mutator does to the collector's state goes through the context that the guard owns:
//! pinning takes one from the pool, a safepoint lets it take over the published order, dropping the guard
//! gives it back. Allocation is in the next file.

use core::panic::Location;
use core::ptr::{self, NonNull};

use gort_sys::thread::ThreadWord;

use crate::atomic::Ordering;
use crate::context::Context;
use crate::error::{AllocError, CollectError};
use crate::handshake::Order;
use crate::range::Range;
use crate::roots::RootSlot;
use crate::shared::Shared;
use crate::{Mutant, assist};

/// The index of the context that the thread used last: where to look first, and no more than that.
type Hint = ThreadWord<3>;

/// A guard: while it exists, handles may, and the collector waits for it to pass.
///
/// A guard that is held long delays the end of a cycle, not the other tasks; but the heap grows meanwhile. So
/// in a loop call [`safepoint`](Self::safepoint), and put [`unpinned`](Self::unpinned) around anything
/// that may block. A guard may move to another thread, and a task may hold several.
#[must_use = "the guard is given back when it is dropped"]
pub struct Mutator {
    /// A pointer, so the guard is not `Sync`: the cache behind it belongs to one thread at a time.
    ctx: NonNull<Context>,
}

// SAFETY: CTX-1 — all of the context is reached through its one guard; nothing in it is tied to a thread.
unsafe impl Send for Mutator {}

impl core::fmt::Debug for Mutator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Mutator({:?})", self.ctx().order.get())
    }
}

impl Mutator {
    /// Takes a free context, or a new one.
    ///
    /// # Errors
    /// No memory for a new context.
    pub(crate) fn pin_in(
        shared: NonNull<Shared>,
        at: &'static Location<'static>,
    ) -> Result<Self, AllocError> {
        // SAFETY: COLL-1 — the caller has the collector.
        let s = unsafe { shared.as_ref() };
        let (guard, now) = loop {
            let ctx = match find_free(s) {
                Some(ctx) => ctx,
                None => s.new_context(shared)?,
            };
            let guard = Self { ctx };
            let now = s.g.look_again();
            if !now.mode().holds() || s.coordinator.is_closing() {
                break (guard, now);
            }
            drop(guard);
            s.wait_while_held();
        };
        let ctx = guard.ctx();
        if now != ctx.order.get() {
            // SAFETY: CTX-1 — the guard was made just now: no handle exists.
            unsafe { ctx.take_over(now) };
            ctx.word.pass(now.seq());
        }
        // ORDER: Relaxed — for reports only.
        ctx.pinned_at.store(ptr::from_ref(at).cast_mut(), Ordering::Relaxed);
        if s.config.pin_checks {
            // ORDER: Relaxed — for reports, and for a check of the same task.
            ctx.task.store(s.host.task(), Ordering::Relaxed);
        }
        Ok(guard)
    }

    /// Lets the collector go on: every handle ends here. One load and one compare when nothing is asked.
    #[inline(always)]
    pub fn safepoint(&mut self) {
        let ctx = self.ctx();
        if ctx.shared().g.peek() != ctx.expected.get() {
            self.pass_and_pay();
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn pass_and_pay(&mut self) {
        self.pass();
        if self.ctx().debt.get() > 0 {
            assist::pay(self);
        }
    }

    /// Takes over the published order and acknowledges it.
    fn pass(&mut self) {
        let now = self.shared().g.get();
        if now.mode().holds() && !self.shared().coordinator.is_closing() {
            let (shared, at) = (self.shared_ptr(), self.pinned_at());
            // SAFETY: COLL-1 — `unpinned` holds the collector.
            return self.unpinned_at(at, || unsafe { shared.as_ref() }.wait_while_held());
        }
        self.pass_to(now);
    }

    /// Takes over an order that was published, and acknowledges it.
    pub(crate) fn pass_to(&mut self, now: Order) {
        let ctx = self.ctx();
        ctx.expected.set(ctx.order.get().bits());
        if now.seq() != ctx.word.passed() {
            // SAFETY: CTX-1 — `&mut self`: no handle borrows the guard (GC-PASS).
            unsafe { ctx.take_over(now) };
            ctx.word.pass(now.seq());
        }
    }

    /// In an allocation's slow path: takes the published order over, while handles exist. It passes at the next safepoint (HS-2).
    #[inline]
    pub(crate) fn follow(&self) {
        let ctx = self.ctx();
        if self.shared().g.peek() != ctx.order.get().bits() {
            self.take_over_and_keep();
        }
    }

    #[cold]
    #[inline(never)]
    fn take_over_and_keep(&self) {
        let (now, ctx) = (self.shared().g.get(), self.ctx());
        // Who is to be held stops at a safepoint.
        if now.mode().holds() {
            return;
        }
        // SAFETY: CTX-1 — through the guard; an allocation is no part of a store.
        unsafe { ctx.take_over(now) };
        // A value that no order has: the next safepoint takes its slow path, and passes.
        ctx.expected.set(!now.bits());
    }

    /// Runs `f` without the guard: the collector does not wait for this task meanwhile. For anything that may
    /// block or take long.
    #[track_caller]
    pub fn unpinned<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.unpinned_at(Location::caller(), f)
    }

    /// The same, pinning again in the name of `at`.
    pub(crate) fn unpinned_at<R>(
        &mut self,
        at: &'static Location<'static>,
        f: impl FnOnce() -> R,
    ) -> R {
        /// Pins again when it goes, also when `f` panics.
        struct Again<'a>(&'a mut Mutator, &'static Location<'static>, NonNull<Shared>);
        impl Drop for Again<'_> {
            fn drop(&mut self) {
                match Mutator::pin_in(self.2, self.1) {
                    // The old context is no longer ours, so its guard must not be dropped.
                    Ok(fresh) => core::mem::forget(core::mem::replace(self.0, fresh)),
                    Err(e) => gort_sys::fatal!("CTX-1", "cannot pin again: {e}"),
                }
                // SAFETY: COLL-1 — the guard exists again and holds the collector from here on.
                unsafe { self.2.as_ref() }.let_go();
            }
        }
        let shared = self.shared_ptr();
        // The collector must outlive `f`, in which this guard does not hold it.
        // SAFETY: COLL-1 — the guard still exists.
        unsafe { shared.as_ref() }.hold();
        self.release();
        let again = Again(self, at, shared);
        let result = f();
        drop(again);
        result
    }

    /// A safepoint at which `bytes` of allocation are asked for in advance: where a memory limit is set and
    /// reached, it waits for the collector, for a bounded time.
    ///
    /// # Errors
    /// The limit is still exceeded after the wait.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), AllocError> {
        self.safepoint();
        assist::reserve(self, bytes)
    }

    /// Runs a whole cycle and returns after its sweep. A safepoint.
    ///
    /// If the task holds another guard, the cycle cannot end and this does not return.
    ///
    /// # Panics
    /// With `Config::pin_checks`: if the task holds another guard.
    #[track_caller]
    pub fn collect(&mut self) {
        let shared = self.shared_ptr();
        let result = self.unpinned(|| {
            // SAFETY: COLL-1 — `unpinned` holds the collector.
            unsafe { shared.as_ref() }.collect()
        });
        // A collector that shuts down, or cannot start its task, is no fault of the caller's: the
        // statistics tell that nothing was done.
        if let Err(CollectError::PinnedHere { at }) = result {
            panic!("collect() cannot end: the task holds another guard, pinned at {at}");
        }
    }

    /// Where the guard was pinned.
    pub(crate) fn pinned_at(&self) -> &'static Location<'static> {
        self.ctx().pinned_at().unwrap_or(Location::caller())
    }

    /// Gives the context back to the pool.
    fn release(&mut self) {
        let ctx = self.ctx();
        // SAFETY: CTX-1, CTX-3 — the guard goes, with an empty buffer.
        unsafe { ctx.publish_grey() };
        if ctx.shared().config.pin_checks {
            // ORDER: Relaxed — so that the next owner is not taken for this task.
            ctx.task.store(0, Ordering::Relaxed);
        }
        ctx.word.release(ctx.order.get().seq());
    }

    #[inline(always)]
    pub(crate) fn ctx(&self) -> &Context {
        // SAFETY: CTX-2 — contexts live as long as their collector, which this guard holds (COLL-1).
        unsafe { self.ctx.as_ref() }
    }

    pub(crate) fn shared(&self) -> &Shared {
        self.ctx().shared()
    }

    #[inline(always)]
    pub(crate) fn shared_ptr(&self) -> NonNull<Shared> {
        self.ctx().shared
    }

    #[inline(always)]
    pub(crate) fn range(&self) -> Range {
        self.ctx().range.get()
    }

    /// The cold path of a store: a foreign address, or the barrier.
    ///
    /// # Panics
    /// On a foreign address.
    #[cold]
    #[inline(never)]
    pub(crate) fn barrier(
        &self,
        field: usize,
        value: Option<NonNull<u8>>,
        type_name: fn() -> &'static str,
    ) {
        let ctx = self.ctx();
        let range = ctx.range.get();
        let other = value.map_or(field, |v| v.as_ptr().addr());
        if !range.with_barrier(false).quiet(field, other) {
            panic!(
                "a Field<{}> at {field:#x} was given the object {other:#x}: both must lie in the heap of the \
                 guard's collector ({:#x}, 2^{} bytes)",
                type_name(),
                range.with_barrier(false).0 & !63,
                range.0 & 63,
            );
        }
        if let Some(value) = value
            && range.barrier()
            && !self.shared().mutant(Mutant::NoBarrier)
        {
            // SAFETY: CTX-1 — through the guard; the value is a live handle's object.
            unsafe { ctx.shade(value) };
        }
    }

    /// Whether what a store replaces is shaded: in cycles with foreign stacks.
    #[inline(always)]
    pub(crate) fn shades_old(&self) -> bool {
        self.ctx().order.get().mode().shades_old()
    }

    /// Shades what a store has replaced, if it must be.
    #[cold]
    #[inline(never)]
    pub(crate) fn shade_old(&self, old: *mut u8) {
        if let Some(old) = NonNull::new(old)
            && self.shades_old()
            && !self.shared().mutant(Mutant::NoOldShade)
        {
            // SAFETY: CTX-1 — through the guard; the field named it just now, and nothing is swept before this guard passes.
            unsafe { self.ctx().shade(old) };
        }
    }

    /// Whether this guard's stores shade: from its first pass of a cycle until marking has ended. For diagnostics; no
    /// program needs to know.
    #[inline]
    pub fn barrier_is_on(&self) -> bool {
        self.range().barrier()
    }

    /// Shades an object if the barrier is on: for roots.
    pub(crate) fn shade_if_marking(&self, object: NonNull<u8>) {
        if self.range().barrier() && !self.shared().mutant(Mutant::RootNew) {
            // SAFETY: CTX-1 — through the guard; a live handle's object.
            unsafe { self.ctx().shade(object) };
        }
    }

    /// # Panics
    /// If the object is not of this collector.
    pub(crate) fn check_object(&self, object: usize, type_name: fn() -> &'static str) {
        if !self.range().with_barrier(false).quiet(object, object) {
            panic!(
                "an object of type `{}` was used with a guard of another collector",
                type_name()
            );
        }
    }

    /// A slot of the root table, for an object of this collector.
    pub(crate) fn take_root_slot(
        &self,
        object: usize,
        type_name: fn() -> &'static str,
    ) -> NonNull<RootSlot> {
        self.check_object(object, type_name);
        self.free_root_slot()
    }

    /// A free slot of the root table.
    pub(crate) fn free_root_slot(&self) -> NonNull<RootSlot> {
        let ctx = self.ctx();
        // SAFETY: CTX-1 — through the guard.
        let mine = unsafe { &mut *ctx.roots.get() };
        match ctx.shared().roots.take(mine, ctx.shared) {
            Some(slot) => slot,
            None => panic!("no memory for a page of the root table"),
        }
    }
}

impl Drop for Mutator {
    #[inline]
    fn drop(&mut self) {
        self.release();
    }
}

/// A free context, claimed: the one that this thread used last, else any.
#[inline]
fn find_free(s: &Shared) -> Option<NonNull<Context>> {
    let len = s.contexts.len();
    let hint = Hint::get().addr();
    let first = if hint < len { hint } else { 0 };
    for i in 0..len {
        let at = if first + i < len { first + i } else { first + i - len };
        let ctx = s.contexts.get(at);
        // SAFETY: CTX-2 — entries of the registry live as long as the collector.
        if unsafe { ctx.as_ref() }.word.claim() {
            if i != 0 {
                Hint::set(ptr::without_provenance_mut(at));
            }
            return Some(ctx);
        }
    }
    None
}
