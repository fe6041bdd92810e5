//! A collector: a heap, its contexts and roots, and the task that runs its cycles.
//!
//! # Who keeps it (COLL-1)
//! `Root` and `Mutator` have no lifetime, so they may outlive their [`Collector`]. Dropping a collector stops its
//! tasks. If then no context is pinned, no root is left and nobody is inside `unpinned`, its memory goes at
//! once; otherwise it goes to a list that is looked through whenever a collector is made or dropped.

use core::panic::Location;
use core::ptr::{self, NonNull};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use gort_heap::{Heap, HeapConfig, Hooks, Kind, Linux, MemError};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use crate::context::Context;
use crate::coordinator::Coordinator;
use crate::dead::DeadQueue;
use crate::error::{AllocError, CollectError};
use crate::grey::GreyQueue;
use crate::handshake::{Mode, Order, Published};
use crate::host::{ThreadHost, WorkerHost, WorkerKind};
use crate::mark::Marker;
use crate::mutator::Mutator;
use crate::pacer::Pacer;
use crate::range::Range;
use crate::registry::Registry;
use crate::roots::{self, RootTable};
use crate::stats::{Stats, StatsCell};
use crate::{Mutant, cycle};

static CONTEXTS: Rank = Rank { layer: layer::GC, n: 1, name: "gc.contexts" };
static DEFAULT_LOCK: Rank = Rank { layer: layer::GC, n: 0, name: "gc.default" };

/// Settings of a collector.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much the heap may grow over what is alive before a cycle has to end, in percent (`GOGC`, 100);
    /// `None`: no cycle because of growth.
    pub gc_percent: Option<u32>,
    /// Bytes of the whole heap that cycles try to stay below (`GOMEMLIMIT`).
    pub memory_limit: Option<u64>,
    /// Bytes of objects beyond which allocation fails.
    pub hard_limit: Option<u64>,
    /// How long `Mutator::reserve` waits at the hard limit.
    pub max_wait: Duration,
    /// Print a line for each cycle (`GODEBUG=gctrace=1`).
    pub gctrace: bool,
    /// Note which task pins, for reports and for `CollectError::PinnedHere` (`GODEBUG=gcpin=1`; on in debug builds).
    pub pin_checks: bool,
    /// Fill objects with drop glue after it ran (`GODEBUG=clobberfree=1`).
    pub clobber_free: bool,
    /// Where the collector's tasks run.
    pub host: Arc<dyn WorkerHost>,
    /// log2 of the address range that is reserved for objects (38: 256 GiB). The heap takes less if it cannot have it.
    pub range_shift: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gc_percent: Some(100),
            memory_limit: None,
            hard_limit: None,
            max_wait: Duration::from_millis(100),
            gctrace: false,
            pin_checks: cfg!(debug_assertions),
            clobber_free: false,
            host: Arc::new(ThreadHost),
            range_shift: 38,
        }
    }
}

/// What only the simulation changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether a task runs drop glue.
    pub(crate) run_glue: bool,
    pub(crate) mutant: Mutant,
}

const RULES: Rules = Rules { run_glue: true, mutant: Mutant::None };

/// A collector with a heap of its own. Most programs use the process-wide one, through [`pin`](crate::pin).
#[derive(Debug)]
pub struct Collector {
    shared: NonNull<Shared>,
}

// SAFETY: COLL-1 — all of `Shared` may be used from any thread.
unsafe impl Send for Collector {}
// SAFETY: COLL-1 — as above.
unsafe impl Sync for Collector {}

impl Collector {
    /// A new collector. Its task starts with the first cycle.
    ///
    /// # Errors
    /// The address range for objects cannot be reserved.
    pub fn new(config: Config) -> Result<Self, MemError> {
        bury(None);
        Ok(Self { shared: Shared::new(config, RULES)? })
    }

    #[cfg(test)]
    pub(crate) fn with_rules(config: Config, rules: Rules) -> Result<Self, MemError> {
        Ok(Self { shared: Shared::new(config, rules)? })
    }

    /// A guard of this collector.
    ///
    /// # Panics
    /// If there is no memory for a new context.
    #[track_caller]
    pub fn pin(&self) -> Mutator {
        pin_in(self.shared, Location::caller())
    }

    /// Runs a whole cycle and returns after its sweep. The caller must not hold a guard: use
    /// [`Mutator::collect`] then.
    ///
    /// # Errors
    /// The task cannot be started, or (with `Config::pin_checks`) the calling task holds a guard.
    pub fn collect(&self) -> Result<(), CollectError> {
        self.shared().collect()
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }

    /// Sets the growth percentage (`None`: off) and returns the old one.
    pub fn set_gc_percent(&self, percent: Option<u32>) -> Option<u32> {
        let old = self.shared().pacer.set_percent(percent);
        self.shared().replan();
        old
    }

    /// Sets the memory limit in bytes (`None`: none) and returns the old one.
    pub fn set_memory_limit(&self, limit: Option<u64>) -> Option<u64> {
        let old = self.shared().pacer.set_limit(limit);
        self.shared().replan();
        old
    }

    /// Switches the line for each cycle on or off, and returns what it was.
    pub fn set_gctrace(&self, on: bool) -> bool {
        // ORDER: Relaxed — a switch of its own.
        self.shared().gctrace.swap(on, Ordering::Relaxed)
    }

    /// For a monitor thread, from time to time: starts a cycle when there was none for two minutes.
    pub fn poll(&self) {
        self.shared().coordinator.poll(self.shared());
    }

    /// Lets the collector's task end when no cycle runs; the next request starts it again, through the host. For a
    /// host that goes away while the collector stays.
    pub fn retire(&self) {
        self.shared().coordinator.retire();
    }

    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: COLL-1 — the collector exists.
        unsafe { self.shared.as_ref() }
    }

    #[cfg(test)]
    pub(crate) fn shared_ptr(&self) -> NonNull<Shared> {
        self.shared
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared().coordinator.close(self.shared());
        bury(Some(self.shared));
    }
}

/// The parts of a collector that its guards, roots and tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) g: Published,
    pub(crate) range: Range,
    pub(crate) heap: Heap,
    pub(crate) contexts: Registry<Context>,
    contexts_lock: Lock<()>,
    pub(crate) grey: GreyQueue,
    pub(crate) roots: RootTable,
    pub(crate) pacer: Pacer,
    pub(crate) coordinator: Coordinator,
    pub(crate) stats: StatsCell,
    pub(crate) host: Arc<dyn WorkerHost>,
    pub(crate) config: Config,
    pub(crate) rules: Rules,
    pub(crate) started: Instant,
    gctrace: AtomicBool,
    /// Bytes that assisting mutators found alive in this cycle.
    found: AtomicU64,
    /// Tasks of the collector that run.
    tasks: AtomicUsize,
    /// Callers inside `unpinned`.
    holds: AtomicUsize,
    /// After the heap: COLL-2.
    pub(crate) dead: Box<DeadQueue>,
}

impl Shared {
    fn new(config: Config, rules: Rules) -> Result<NonNull<Self>, MemError> {
        let dead = Box::new(DeadQueue::new());
        let hooks = Hooks { ctx: ptr::from_ref(&*dead).cast(), dead: DeadQueue::hook };
        let heap_config =
            HeapConfig { gc_range_shift: config.range_shift, hooks, ..HeapConfig::default() };
        let heap = Heap::with(Linux, heap_config)?;
        let (base, shift) = heap.gc_range();
        let shared = Self {
            g: Published::new(Order::new(1, heap.sweepgen(), Mode::IDLE)),
            range: Range::new(base, shift),
            heap,
            contexts: Registry::new(),
            contexts_lock: Lock::new(&CONTEXTS, ()),
            grey: GreyQueue::default(),
            roots: RootTable::new(),
            pacer: Pacer::new(config.gc_percent, config.memory_limit),
            coordinator: Coordinator::new(config.host.parker()),
            stats: StatsCell::new(),
            host: config.host.clone(),
            started: Instant::now(),
            gctrace: AtomicBool::new(config.gctrace),
            found: AtomicU64::new(0),
            tasks: AtomicUsize::new(0),
            holds: AtomicUsize::new(0),
            dead,
            config,
            rules,
        };
        Ok(NonNull::from(Box::leak(Box::new(shared))))
    }

    /// A new context, pinned by the caller, who takes over the published order next.
    pub(crate) fn new_context(&self, me: NonNull<Shared>) -> Result<NonNull<Context>, AllocError> {
        // Mode 0 and order 0: whatever is published, the pin takes it over. The generation is read before the
        // cache is made, so the cache is not older than it.
        let order = Order::new(0, u32::from(self.g.get().generation()), Mode::IDLE);
        let cache = self.heap.cache(Kind::Gc)?;
        let ctx = Box::leak(Box::new(Context::new(me, cache, self.range, order)));
        let ctx = NonNull::from(ctx);
        let _lock = self.contexts_lock.lock();
        match self.contexts.push(ctx) {
            Some(_) => Ok(ctx),
            None => gort_sys::fatal!("REG-1", "more guards than the registry can count"),
        }
    }

    pub(crate) fn collect(&self) -> Result<(), CollectError> {
        if self.config.pin_checks {
            let me = self.host.task();
            for ctx in self.contexts.iter() {
                // SAFETY: CTX-2 — registry entries live as long as the collector.
                let ctx = unsafe { ctx.as_ref() };
                // ORDER: Relaxed — a task reads what it wrote itself.
                let mine = me != 0 && ctx.task.load(Ordering::Relaxed) == me;
                if mine && matches!(ctx.word.look(), crate::handshake::Seen::Pinned(_)) {
                    let at = ctx.pinned_at().unwrap_or(Location::caller());
                    return Err(CollectError::PinnedHere { at });
                }
            }
        }
        self.coordinator.collect(self)
    }

    pub(crate) fn stats(&self) -> Stats {
        let (heap, (glue_run, glue_panics)) = (self.heap.stats(), self.dead.counts());
        Stats {
            cycles: self.coordinator.cycles(),
            live_bytes: self.pacer.marked(),
            goal_bytes: self.pacer.goal(),
            heap_in_use: heap.gc_in_use,
            committed: heap.committed,
            alloc_objects: heap.mallocs,
            alloc_bytes: heap.alloc_bytes,
            freed_objects: heap.frees,
            contexts: self.contexts.len() as u64,
            glue_run,
            glue_panics,
            ..self.stats.get()
        }
    }

    /// Sum of a counter over all contexts.
    pub(crate) fn sum(&self, counter: impl Fn(&Context) -> &AtomicU64) -> u64 {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        // ORDER: Relaxed — the contexts' acknowledgements published the counters.
        self.contexts.iter().map(|c| counter(unsafe { c.as_ref() }).load(Ordering::Relaxed)).sum()
    }

    /// Adds what an assisting mutator found.
    pub(crate) fn assisted(&self, marker: &Marker<'_>) {
        // ORDER: Relaxed — a number for the pacer.
        self.found.fetch_add(marker.found_bytes(), Ordering::Relaxed);
        self.stats.assisted(marker.scanned_bytes());
    }

    /// Takes the sum of [`assisted`](Self::assisted) since the last call.
    pub(crate) fn take_found(&self) -> u64 {
        // ORDER: Relaxed — a number for the pacer.
        self.found.swap(0, Ordering::Relaxed)
    }

    /// Bytes of the process's heap that are not objects.
    pub(crate) fn overhead(&self) -> u64 {
        match self.pacer.limit() {
            None => 0,
            Some(_) => self.heap.stats().committed.saturating_sub(self.heap.gc_in_use()),
        }
    }

    fn replan(&self) {
        self.pacer.replan(self.roots.bytes(), self.overhead());
    }

    /// Bytes in use and the hard limit, if that would be exceeded.
    pub(crate) fn over_limit(&self, more: u64) -> Option<(u64, u64)> {
        let limit = self.config.hard_limit?;
        let in_use = self.heap.gc_in_use();
        (in_use.saturating_add(more) > limit).then_some((in_use, limit))
    }

    pub(crate) fn gctrace(&self) -> bool {
        // ORDER: Relaxed — a switch of its own.
        self.gctrace.load(Ordering::Relaxed)
    }

    /// Starts a task of the collector.
    pub(crate) fn spawn(&self, kind: WorkerKind, body: fn(&Shared)) -> io::Result<()> {
        struct Task(NonNull<Shared>);
        // SAFETY: COLL-1 — the collector is not freed while a task is counted.
        unsafe impl Send for Task {}
        impl Drop for Task {
            fn drop(&mut self) {
                // SAFETY: COLL-1 — still counted.
                // ORDER: Release ⇒ `tasks`: the task's last access to the collector is this.
                unsafe { self.0.as_ref() }.tasks.fetch_sub(1, Ordering::Release);
            }
        }
        // ORDER: Relaxed — the collector exists, or it would not start a task.
        self.tasks.fetch_add(1, Ordering::Relaxed);
        let task = Task(NonNull::from(self));
        self.host.spawn(
            kind,
            Box::new(move || {
                let task = task;
                // SAFETY: COLL-1 — the task is counted until it is dropped.
                body(unsafe { task.0.as_ref() });
            }),
        )
    }

    pub(crate) fn tasks(&self) -> usize {
        // ORDER: Acquire ⇐ the tasks' last access.
        self.tasks.load(Ordering::Acquire)
    }

    /// Keeps the collector while a guard is not pinned.
    pub(crate) fn hold(&self) {
        // ORDER: Relaxed — the guard still exists.
        self.holds.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends [`hold`](Self::hold).
    pub(crate) fn let_go(&self) {
        // ORDER: Release ⇒ `is_unused`.
        self.holds.fetch_sub(1, Ordering::Release);
    }

    /// Whether a test broke this rule.
    #[inline(always)]
    pub(crate) fn mutant(&self, m: Mutant) -> bool {
        cfg!(test) && self.rules.mutant == m
    }

    /// With its `Collector` gone: whether nobody else can come back to it.
    fn is_unused(&self) -> bool {
        let mut in_contexts = 0;
        for ctx in self.contexts.iter() {
            // SAFETY: CTX-2 — registry entries live as long as the collector.
            let ctx = unsafe { ctx.as_ref() };
            if ctx.word.look() != crate::handshake::Seen::Free {
                return false;
            }
            // SAFETY: CTX-1 — free, and nobody pins in a collector without a `Collector`, except from
            // `unpinned`, which the count of holds excludes.
            in_contexts += roots::list_len(unsafe { &*ctx.roots.get() });
        }
        // ORDER: Acquire ⇐ `let_go`.
        self.holds.load(Ordering::Acquire) == 0 && self.roots.is_unused(in_contexts)
    }
}

impl Drop for Shared {
    /// Everything is garbage now: two sweeps free it (the first may find marks of a cycle that was given up), so
    /// that drop glue runs.
    fn drop(&mut self) {
        struct Never;
        impl cycle::Pause for Never {
            fn pause(&mut self, _: cycle::Point) -> Result<(), cycle::Stopped> {
                Ok(())
            }
        }
        self.rules.run_glue = false;
        for _ in 0..2 {
            let _ = cycle::finish_sweep(self, &mut Never);
            let generation = self.heap.advance_sweepgen();
            self.g.publish(generation, Mode::IDLE);
            let _ = cycle::finish_sweep(self, &mut Never);
            self.dead.drain(self);
        }
        for ctx in self.contexts.iter() {
            // SAFETY: CTX-2 — made by `Box::leak`, and free for ever.
            drop(unsafe { Box::from_raw(ctx.as_ptr()) });
        }
    }
}

struct Grave(NonNull<Shared>);
// SAFETY: COLL-1 — all of `Shared` may be used from any thread.
unsafe impl Send for Grave {}

/// Frees the collectors without a `Collector`, `new` being one more, that nobody uses any more.
fn bury(new: Option<NonNull<Shared>>) {
    static GRAVES: Lock<Vec<Grave>> = Lock::new(&GRAVE_RANK, Vec::new());
    static GRAVE_RANK: Rank = Rank { layer: layer::GC, n: 0, name: "gc.graves" };
    let mut done = Vec::new();
    {
        let mut graves = GRAVES.lock();
        graves.extend(new.map(Grave));
        graves.retain(|grave| {
            // SAFETY: COLL-1 — it is freed only after it left this list.
            let unused = unsafe { grave.0.as_ref() }.is_unused();
            if unused {
                done.push(grave.0);
            }
            !unused
        });
    }
    for shared in done {
        // SAFETY: COLL-1 — unused, off the list, and made by `Box::leak`.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}

fn pin_in(shared: NonNull<Shared>, at: &'static Location<'static>) -> Mutator {
    match Mutator::pin_in(shared, at) {
        Ok(guard) => guard,
        Err(e) => panic!("cannot pin: {e}"),
    }
}

/// The process-wide collector.
static DEFAULT: AtomicPtr<Collector> = AtomicPtr::new(ptr::null_mut());
static MAKING: Lock<Option<Config>> = Lock::new(&DEFAULT_LOCK, None);

/// A guard of the process-wide collector, which is made at the first call.
///
/// # Panics
/// If the collector cannot be made, or there is no memory for a new context.
#[track_caller]
pub fn pin() -> Mutator {
    let at = Location::caller();
    match default_collector() {
        Ok(collector) => pin_in(collector.shared, at),
        Err(e) => panic!("cannot make the collector: {e}"),
    }
}

/// The process-wide collector, made at the first call. It is never dropped.
///
/// # Errors
/// The address range for objects cannot be reserved.
#[inline]
pub fn default_collector() -> Result<&'static Collector, MemError> {
    // ORDER: Acquire ⇐ `make_default`.
    let collector = DEFAULT.load(Ordering::Acquire);
    // SAFETY: never freed once it is there.
    match unsafe { collector.as_ref() } {
        Some(collector) => Ok(collector),
        None => make_default(),
    }
}

#[cold]
fn make_default() -> Result<&'static Collector, MemError> {
    let mut making = MAKING.lock();
    // ORDER: Relaxed — written under this lock.
    let made = DEFAULT.load(Ordering::Relaxed);
    // SAFETY: never freed once it is there.
    if let Some(collector) = unsafe { made.as_ref() } {
        return Ok(collector);
    }
    let config = making.clone().unwrap_or_default();
    let collector: &'static Collector =
        Box::leak(Box::new(Collector { shared: Shared::new(config, RULES)? }));
    *making = None;
    // ORDER: Release ⇒ `default_collector`.
    DEFAULT.store(ptr::from_ref(collector).cast_mut(), Ordering::Release);
    Ok(collector)
}

/// Settings for the process-wide collector, to be given before its first use.
///
/// # Errors
/// It is there already; the settings come back.
pub fn configure(config: Config) -> Result<(), Config> {
    let mut making = MAKING.lock();
    // ORDER: Relaxed — written under this lock.
    if !DEFAULT.load(Ordering::Relaxed).is_null() {
        return Err(config);
    }
    *making = Some(config);
    Ok(())
}

/// Runs a whole cycle of the process-wide collector and returns after its sweep. See [`Collector::collect`].
///
/// # Errors
/// As [`Collector::collect`].
pub fn collect() -> Result<(), CollectError> {
    default_collector().map_err(CollectError::Memory)?.collect()
}

/// What the process-wide collector has done; all zero if there is none yet.
pub fn stats() -> Stats {
    existing().map(Collector::stats).unwrap_or_default()
}

/// Sets the growth percentage of the process-wide collector (`None`: off) and returns the old one.
///
/// # Panics
/// If the collector cannot be made.
pub fn set_gc_percent(percent: Option<u32>) -> Option<u32> {
    made().set_gc_percent(percent)
}

/// Sets the memory limit of the process-wide collector (`None`: none) and returns the old one.
///
/// # Panics
/// If the collector cannot be made.
pub fn set_memory_limit(limit: Option<u64>) -> Option<u64> {
    made().set_memory_limit(limit)
}

/// Switches the line for each cycle of the process-wide collector on or off, and returns what it was.
///
/// # Panics
/// If the collector cannot be made.
pub fn set_gctrace(on: bool) -> bool {
    made().set_gctrace(on)
}

/// The process-wide collector, if it has been used.
pub fn existing() -> Option<&'static Collector> {
    // ORDER: Acquire ⇐ `make_default`.
    let collector = DEFAULT.load(Ordering::Acquire);
    // SAFETY: never freed once it is there.
    unsafe { collector.as_ref() }
}

fn made() -> &'static Collector {
    match default_collector() {
        Ok(collector) => collector,
        Err(e) => panic!("cannot make the collector: {e}"),
    }
}
