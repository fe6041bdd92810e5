//! The parts of a collector that its guards, roots and tasks share, and its end.

use core::panic::Location;
use core::ptr::{self, NonNull};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gort_heap::class::CLASSES;
use gort_heap::{ClassStats, Heap, HeapConfig, Hooks, Kind, Linux, MemError};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::cleanup::Cleanups;
use crate::config::{Config, Rules};
use crate::context::Context;
use crate::coordinator::Coordinator;
use crate::dead::DeadQueue;
use crate::ephemeron::Ephemerons;
use crate::error::{AllocError, CollectError};
use crate::grey::GreyQueue;
use crate::handshake::{Mode, Order, Published, Seen};
use crate::host::{WorkerHost, WorkerKind};
use crate::mark::Work;
use crate::markers::Helpers;
use crate::pacer::Pacer;
use crate::range::Range;
use crate::registry::Registry;
use crate::roots::{self, RootTable};
use crate::stacks::Stacks;
use crate::stats::{Stats, StatsCell};
use crate::weak::WeakTable;
use crate::{Mutant, cycle, pace, pause};

static CONTEXTS: Rank = Rank { layer: layer::GC, n: 1, name: "gc.contexts" };

/// The parts of a collector that its guards, roots and tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) g: Published,
    pub(crate) range: Range,
    pub(crate) heap: Heap,
    pub(crate) contexts: Registry<Context>,
    contexts_lock: Lock<()>,
    pub(crate) grey: GreyQueue,
    pub(crate) helpers: Helpers,
    pub(crate) roots: RootTable,
    pub(crate) weak: WeakTable,
    pub(crate) cleanups: Arc<Cleanups>,
    pub(crate) ephemerons: Ephemerons,
    pub(crate) stacks: Stacks,
    pub(crate) pacer: Pacer,
    pub(crate) coordinator: Coordinator,
    pub(crate) stats: StatsCell,
    pub(crate) host: Arc<dyn WorkerHost>,
    pub(crate) config: Config,
    pub(crate) rules: Rules,
    pub(crate) started: Instant,
    pub(crate) gctrace: AtomicBool,
    /// What scanners found in this cycle.
    pub(crate) work: Work,
    /// Words that `verify` found outside of the maps, and objects that it walked.
    pub(crate) untraced: AtomicU64,
    pub(crate) walked: AtomicU64,
    /// Tasks of the collector that run.
    tasks: AtomicUsize,
    /// Callers inside `unpinned`.
    holds: AtomicUsize,
    /// After the heap: COLL-2.
    pub(crate) dead: Box<DeadQueue>,
}

/// The heap, or under a limit of address space (`RLIMIT_AS`) one with a smaller table of spans: each
/// step down needs a sixteenth of the room.
fn make_heap(range_shift: u32, hooks: Hooks) -> Result<Heap, MemError> {
    let mut config = HeapConfig { gc_range_shift: range_shift, hooks, ..HeapConfig::default() };
    loop {
        match Heap::with(Linux, config) {
            Err(_) if config.max_spans > SPANS_AT_LEAST => config.max_spans >>= 4,
            done => return done,
        }
    }
}

/// Spans below which a heap is not worth trying: 16 Ki of them hold at least 128 MiB.
const SPANS_AT_LEAST: u32 = 1 << 14;

/// Whose heap a collector's objects are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One of the collector's own.
    Own,
    /// The one that the process's allocator serves from: one scavenger, one limit, one set of figures.
    Process,
}

impl Place {
    fn heap(self, range_shift: u32, hooks: Hooks) -> Result<Heap, MemError> {
        if self == Place::Process {
            let heap = gort_heap::process_heap()?;
            if heap.open_collector(range_shift, hooks).is_ok() {
                return Ok(heap.clone());
            }
            // Somebody else's collector is in it, or there is no address space for a second table of that size.
        }
        make_heap(range_shift, hooks)
    }
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        rules: Rules,
        place: Place,
    ) -> Result<NonNull<Self>, MemError> {
        let dead = Box::new(DeadQueue::new());
        let hooks = Hooks { ctx: ptr::from_ref(&*dead).cast(), dead: DeadQueue::hook };
        let heap = place.heap(config.range_shift, hooks)?;
        if config.memory_limit.is_some() {
            heap.set_limit(config.memory_limit);
        }
        if config.clobber_free {
            heap.set_clobber(true);
        }
        let (base, shift) = heap.gc_range();
        let shared = Self {
            g: Published::new(Order::new(1, heap.sweepgen(), Mode::IDLE)),
            range: Range::new(base, shift),
            heap,
            contexts: Registry::new(),
            contexts_lock: Lock::new(&CONTEXTS, ()),
            grey: GreyQueue::default(),
            helpers: Helpers::default(),
            roots: RootTable::new(config.root_places),
            weak: WeakTable::new(),
            cleanups: Cleanups::new(config.host.clone()),
            ephemerons: Ephemerons::new(),
            stacks: Stacks::new(),
            pacer: Pacer::new(
                config.gc_percent,
                config.memory_limit,
                config.min_heap,
                config.host.cpus(),
            ),
            coordinator: Coordinator::new(config.host.parker()),
            stats: StatsCell::new(),
            host: config.host.clone(),
            started: Instant::now(),
            gctrace: AtomicBool::new(config.gctrace),
            work: Work::default(),
            untraced: AtomicU64::new(0),
            walked: AtomicU64::new(0),
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
                if mine && matches!(ctx.word.look(), Seen::Pinned(_)) {
                    let at = ctx.pinned_at().unwrap_or(Location::caller());
                    return Err(CollectError::PinnedHere { at });
                }
            }
        }
        self.coordinator.collect(self)
    }

    pub(crate) fn stats(&self) -> Stats {
        let (glue_run, glue_panics) = self.dead.counts();
        let heap = self.heap.stats();
        let mut classes = [ClassStats::default(); CLASSES];
        self.heap.by_class(Kind::Gc, &mut classes);
        let sum = |figure: fn(&ClassStats) -> u64| classes.iter().map(figure).sum();
        // ORDER: Relaxed — numbers.
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            cycles: self.coordinator.cycles(),
            live_bytes: self.pacer.marked(),
            goal_bytes: self.pacer.goal(),
            limiting: self.pacer.is_limiting(),
            limiter_overflow: Duration::from_nanos(self.pacer.overflow_ns()),
            heap_in_use: heap.gc_in_use,
            committed: heap.committed,
            tiny_allocs: self.sum(|c| &c.tiny_parts),
            alloc_objects: sum(|c| c.mallocs),
            alloc_bytes: sum(|c| c.alloc_bytes),
            freed_objects: sum(|c| c.frees),
            contexts: self.contexts.len() as u64,
            glue_run,
            glue_panics,
            untraced_words: count(&self.untraced),
            checked_objects: count(&self.walked),
            cleanups_queued: count(&self.cleanups.queued),
            cleanups_run: count(&self.cleanups.run),
            cleanup_panics: count(&self.cleanups.panics),
            ..self.stats.get()
        }
    }

    /// Sum of a counter over all contexts.
    pub(crate) fn sum(&self, counter: impl Fn(&Context) -> &AtomicU64) -> u64 {
        // SAFETY: CTX-2 — registry entries live as long as the collector.
        // ORDER: Relaxed — the contexts' acknowledgements published the counters.
        self.contexts.iter().map(|c| counter(unsafe { c.as_ref() }).load(Ordering::Relaxed)).sum()
    }

    /// Bytes that the memory limit leaves for objects; `u64::MAX` without a limit. It counts all of the heap: in the
    /// process-wide collector also what the process's allocator serves.
    pub(crate) fn room(&self) -> u64 {
        let Some(limit) = self.pacer.limit() else { return u64::MAX };
        let own = self.heap.stats();
        let objects = self.pacer.live().min(own.gc_in_use) + own.heap_free;
        pace::room(limit, own.committed, objects.min(own.committed))
    }

    /// Makes a new plan after a setting changed.
    pub(crate) fn replan(&self) {
        self.pacer.replan(self.roots.bytes(), self.room());
    }

    /// Bytes in use and the limit, if the hard limit would be exceeded, or the other is an error and nearly nothing is left.
    pub(crate) fn over_limit(&self, more: u64) -> Option<(u64, u64)> {
        if self.config.limit_is_error && self.pacer.is_exhausted() {
            return Some((self.heap.gc_in_use(), self.pacer.limit()?));
        }
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
                let shared = unsafe { task.0.as_ref() };
                // Without its task nobody would ever be collected or woken again, in silence.
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(shared)));
                if ended.is_err() {
                    gort_sys::fatal!("GC-CYCLE", "the collector's {kind:?} task has panicked");
                }
            }),
        )
    }

    pub(crate) fn tasks(&self) -> usize {
        // ORDER: Acquire ⇐ the tasks' last access.
        self.tasks.load(Ordering::Acquire)
    }

    /// Waits until the program goes on.
    #[cold]
    pub(crate) fn wait_while_held(&self) {
        while self.g.get().mode().holds() && !self.coordinator.is_closing() {
            self.host.sleep(Duration::from_micros(50));
        }
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
    pub(crate) fn is_unused(&self) -> bool {
        let mut in_contexts = 0;
        for ctx in self.contexts.iter() {
            // SAFETY: CTX-2 — registry entries live as long as the collector.
            let ctx = unsafe { ctx.as_ref() };
            if ctx.word.look() != Seen::Free {
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
        impl pause::Pause for Never {
            fn pause(&mut self, _: pause::Point) -> Result<(), pause::Stopped> {
                Ok(())
            }
        }
        self.rules.run_glue = false;
        self.weak.end();
        self.cleanups.end();
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
