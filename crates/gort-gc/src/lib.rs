//! A concurrent tri-colour mark-sweep collector that never stops the world and never scans a stack.
//!
//! A task that works with collected objects *pins* itself: [`pin`] gives a [`Mutator`], the guard. Handles
//! ([`Gc`]) borrow the guard, so they end where the guard is asked to pass: at a
//! [`safepoint`](Mutator::safepoint), around [`unpinned`](Mutator::unpinned) code, at its drop. What must live
//! longer is named by a [`Field`] of another object, or kept by a [`Root`].
//!
//! ```
//! use gort_gc::{Field, Root, Trace};
//!
//! #[derive(Trace)]
//! struct Node { key: u64, next: Field<Node> }      // also makes NodeInit<'mu>
//!
//! let mut mu = gort_gc::pin();
//! let tail = mu.alloc(NodeInit { key: 1, next: None });
//! let head = mu.alloc(NodeInit { key: 2, next: Some(tail) });
//! tail.next.store(&mu, Some(head));                // cycles are fine
//! let keep = Root::new(&mu, head);
//! mu.safepoint();                                  // `head` and `tail` end here
//!
//! let head = keep.get(&mu);
//! let tail = head.get().next.load().unwrap();
//! assert_eq!(tail.key + head.key, 3);
//! drop(keep);
//! mu.collect();                                    // both are freed
//! ```
//!
//! # Does not know
//! Schedulers: a guard is not tied to a thread, and the collector's tasks run where a [`WorkerHost`] puts them. How
//! memory is laid out: the heap answers questions about objects, marks and generations.
//!
//! # Invariants
//! - GC-HANDLE A [`Gc`] names the base of an initialised object, and does not exist when its guard passes.
//! - GC-PASS   A context passes only where its guard is borrowed mutably or gone.
//! - GC-FIELD  A [`Field`] that is not null lies in the heap, at a word that the pointer map of its object lists.
//! - GC-LIVE   What a live object, a root or a handle names is alive. (The cycle: [`cycle`](self) and its models.)
//! - GC-BARRIER While the barrier is on, a value is marked before it is stored.
//! - GC-BLACK  A black object does not name a white one, and every grey one is in a buffer, a block or a stack.
//! - TINY-1    All parts of a block for tiny objects are made under one order.
//! - GC-RANGE  An address lies in the collector's range exactly if it is in a span of its objects.
//! - GC-CYCLE  The phases of a cycle come in order, each once.
//! - HS-1      After a handshake no context acts in an older mode.
//! - HS-2      A context takes an order over only between two operations; it passes only without handles.
//! - CTX-1     A context's private parts are used by its guard, or by the coordinator that claimed it.
//! - CTX-2     Contexts are freed with their collector.
//! - CTX-3     A free context's grey buffer is empty.
//! - ALLOC-1   A slot from the cache belongs to its taker until the handle exists; it fits the type.
//! - ALLOC-2   After a refill there is a slot.
//! - ROOT-1    A root's object is alive; while marking it is marked before the slot names it.
//! - ROOT-2    The stack of dropped roots is emptied as a whole.
//! - ROOT-3    A slot's number and address are inside a page of the table, which exists while any root does.
//! - ROOT-4    A slot counts fewer than 2^31 roots.
//! - REG-1     An entry of a registry never moves.
//! - GREY-1    An empty queue without active scanners means that every published object was scanned.
//! - GREY-2    A grey object is alive.
//! - HELP-1    No helper marks outside of a cycle's marking phase.
//! - DROP-1    Drop glue runs once, for an unreachable object of its type, and sees `Leaf` members only.
//! - COLL-1    A collector's memory outlives its guards, roots and tasks.
//! - GC-BOX    A wide pointer to an object begins with the address of its base, and does not change.
//! - WEAK-1    A weak name gives a white object only before marking has ended, which then goes on; it gives no dead one.
//! - WEAK-2    A weak name's slot is atomic, and is cleared before its object is freed or its collector ends.
//! - LEAF-STD  A type that is declared `Leaf` by hand holds no field.
//! - VEC-1     The elements of a vector below its length are not null, for whoever has its latch.
//! - GCMAP-1     An entry of a map's table stays in its place, and every probe ends at a null.
//! - EPH-1     The value of an ephemeron with a live key and an owner is alive.
//! - STACK-MAP Each word through which a foreign mutator will use an object is shown when its stack is read.
//! - STACK-1   A foreign stack is read once in a cycle, after the roots, in black mode, and before its mutator acts again.
//! - COLL-2    The queue of dead objects outlives the heap.
//!
//! # Locks
//! `gc.default`/`gc.graves` (0) < `gc.contexts` (1) < `gc.waiters` (2) < `gc.stacks` (3) < `gc.roots` (4) < `gc.weak` (5) < `gc.cleanups` (6) <
//! `gc.cleanup` (7) < `gc.stats` (8) < `gc.pace` (9) < `gc.places` (10) <
//! `gc.dead` (11, by sweepers, who hold none of the heap's then), all before the heap's. None is taken by a fast path.
//!
//! # Read in this order
//! `cycle` (the whole idea) → `pause` → `handshake` → `context` → `mutator` → `field` → `alloc` → `tiny` → `mark` → `markers` → `roots` →
//! `coordinator` → `pace` → `limiter` → `pacer` → `shared` → `collector`; then what programs use: `gcvec`, `gcmap`, `packed`, `gcbox`, `array`,
//! `weak`, `ephemeron`, `cleanup`, `root_cell`; and what languages use: `foreign`, `stacks`

// The derives name this crate by its own name, also inside of it.
extern crate self as gort_gc;

mod atomic;
#[cfg_attr(loom, allow(dead_code, reason = "the model uses a part of it"))]
mod handshake;

#[cfg(not(loom))]
mod across;
#[cfg(not(loom))]
mod alloc;
#[cfg(not(loom))]
mod array;
#[cfg(not(loom))]
mod assist;
#[cfg(not(loom))]
mod cleanup;
#[cfg(not(loom))]
mod collector;
#[cfg(not(loom))]
mod config;
#[cfg(not(loom))]
mod context;
#[cfg(not(loom))]
mod coordinator;
#[cfg(not(loom))]
mod cycle;
#[cfg(not(loom))]
mod dead;
#[cfg(not(loom))]
mod ephemeron;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod field;
#[cfg(not(loom))]
pub mod foreign;
#[cfg(not(loom))]
mod gcbox;
#[cfg(not(loom))]
mod gcmap;
#[cfg(not(loom))]
mod gctrace;
#[cfg(not(loom))]
mod gcvec;
#[cfg(not(loom))]
mod grey;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
mod host;
#[cfg(not(loom))]
mod latch;
#[cfg(not(loom))]
mod leaf;
#[cfg(not(loom))]
mod limiter;
#[cfg(not(loom))]
mod map;
#[cfg(not(loom))]
mod mark;
#[cfg(not(loom))]
mod markers;
#[cfg(not(loom))]
mod mutant;
#[cfg(not(loom))]
mod mutator;
#[cfg(not(loom))]
mod pace;
#[cfg(not(loom))]
mod pacer;
#[cfg(not(loom))]
mod packed;
#[cfg(not(loom))]
mod pause;
#[cfg(not(loom))]
mod policy;
#[cfg(not(loom))]
mod pressure;
#[cfg(not(loom))]
mod process;
#[cfg(not(loom))]
mod range;
#[cfg(not(loom))]
mod registry;
#[cfg(not(loom))]
mod root;
#[cfg(not(loom))]
mod root_cell;
#[cfg(not(loom))]
mod roots;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod slice;
#[cfg(not(loom))]
mod stacks;
#[cfg(not(loom))]
mod stats;
#[cfg(not(loom))]
mod tiny;
#[cfg(not(loom))]
mod trace;

#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(not(loom))]
mod verify;
#[cfg(not(loom))]
mod weak;

#[cfg(not(loom))]
pub(crate) use crate::mutant::Mutant;
#[cfg(not(loom))]
pub use crate::{
    array::{Array, ArrayInit, Maybe, MaybeInit},
    cleanup::Cleanup,
    collector::Collector,
    config::Config,
    ephemeron::Ephemeron,
    error::{AllocError, CollectError},
    field::Field,
    gcbox::GcBox,
    gcmap::{GcMap, GcMapInit},
    gcvec::{GcVec, GcVecInit},
    handle::Gc,
    host::{Parker, ThreadHost, WorkerHost, WorkerKind},
    leaf::Leaf,
    map::PointerMap,
    mutator::Mutator,
    packed::{GcPacked, GcStr},
    policy::{ClosedLoop, Reading},
    pressure::{OnPressure, Pressure},
    process::{
        collect, configure, default_collector, existing, free_os_memory, pin, set_gc_percent,
        set_gctrace, set_memory_limit, set_min_heap, stats,
    },
    root::Root,
    root_cell::RootCell,
    slice::{GcSlice, GcSliceInit},
    stats::{Histogram, LongPin, Stats},
    trace::{Init, Pointers, Trace},
    weak::Weak,
};
#[cfg(not(loom))]
pub use gort_heap::MemError;
pub use gort_macros::{Leaf, Trace};

/// For the macros' expansions.
#[doc(hidden)]
#[cfg(not(loom))]
pub mod __private {
    /// Bytes from a value to one of its members.
    #[inline]
    pub fn distance<T, M>(value: &T, member: &M) -> usize {
        core::ptr::from_ref(member).addr() - core::ptr::from_ref(value).addr()
    }

    /// Compiles for `Leaf` types only.
    pub fn must_be_leaf<T: crate::Leaf + ?Sized>() {}
}
