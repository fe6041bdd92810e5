//! The parameters of every workload, and what each is.
//!
//! One page for all programs in Rust; those in Go and C name the same numbers.
//! Each has a small form beside it, for a run that only shows that it works.

use crate::program::is_quick;

/// An amount of work: the measured one, and the one of a quick run.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    full: u64,
    quick: u64,
}

impl Size {
    /// The two amounts.
    #[must_use]
    pub const fn new(full: u64, quick: u64) -> Self {
        Self { full, quick }
    }

    /// The one that this process was asked for.
    #[must_use]
    pub fn get(self) -> u64 {
        if is_quick() { self.quick } else { self.full }
    }
}

/// S1: empty tasks are spawned in batches; each batch is waited for (a wait
/// group, or joining every handle) before the next. `spawn_join`, ns/task.
pub mod spawn_join {
    use super::Size;
    /// Tasks in all.
    pub const TASKS: Size = Size::new(1_000_000, 20_000);
    /// Tasks of a batch.
    pub const BATCH: u64 = 1000;
}

/// S2: two tasks each yield so often; one processor. `yield`, ns/yield over both.
pub mod yield_now {
    use super::Size;
    /// Yields of each of the two tasks.
    pub const YIELDS: Size = Size::new(5_000_000, 100_000);
}

/// S3: a number goes there and back over two rendezvous channels; the far side
/// adds one. `chan_pingpong`, ns/roundtrip.
pub mod chan_pingpong {
    use super::Size;
    /// Round trips.
    pub const ROUNDS: Size = Size::new(1_000_000, 20_000);
}

/// S4: one producer sends 0, 1, 2 .. as `u64` over a channel to one consumer,
/// who sums them. `chan_spsc`, ns/item.
pub mod chan_spsc {
    use super::Size;
    /// Items.
    pub const ITEMS: Size = Size::new(10_000_000, 200_000);
    /// The channel's capacity.
    pub const CAPACITY: usize = 128;
}

/// S5: the producers share one channel with the consumers; each producer sends
/// its share of the items, the consumers sum what they get. `chan_mpmc`, ns/item.
pub mod chan_mpmc {
    use super::Size;
    /// Items in all, a multiple of the producers.
    pub const ITEMS: Size = Size::new(8_000_000, 160_000);
    /// Sending tasks.
    pub const PRODUCERS: u64 = 8;
    /// Receiving tasks.
    pub const CONSUMERS: u64 = 8;
    /// The channel's capacity.
    pub const CAPACITY: usize = 128;
}

/// S6: two rendezvous channels with a producer each, who sends 0, 1, 2 ..; one
/// consumer selects on both until it has all, and sums. `select2`, ns/item.
pub mod select2 {
    use super::Size;
    /// Items in all; each producer sends half.
    pub const ITEMS: Size = Size::new(2_000_000, 40_000);
}

/// S7: a task with more than one leaf below it spawns ten, gives each a tenth of
/// the numbers and sums the ten results, which come over one channel of its own
/// (capacity ten, or rendezvous, as suits the system); a leaf sends its number.
/// `skynet`, ms.
pub mod skynet {
    use super::Size;
    /// Leaves, a power of ten; the result is the sum of 0 .. leaves.
    pub const LEAVES: Size = Size::new(1_000_000, 10_000);
    /// Children of a task.
    pub const FAN: u64 = 10;
}

/// S8: so many tasks block in one receive on the same channel; when the last has
/// come there, resident memory is read (growth since before the first spawn);
/// then the channel is closed and all are waited for. `parked_1m_spawn` ns/task,
/// `parked_1m_rss` bytes/task, `parked_1m_wake` ns/task.
pub mod parked {
    use super::Size;
    /// Tasks of `parked_1m`.
    pub const MILLION: Size = Size::new(1_000_000, 20_000);
    /// Tasks of `parked_100k`.
    pub const HUNDRED_THOUSAND: Size = Size::new(100_000, 10_000);
}

/// S9: tasks lock one mutex, add one to the number in it, unlock. The system's
/// own mutex, or what its experts use. `mutex_contended`, ns/op.
pub mod mutex_contended {
    use super::Size;
    /// Tasks.
    pub const TASKS: u64 = 64;
    /// Locks of each task.
    pub const LOCKS: Size = Size::new(100_000, 2_000);
}

/// S10: the chain of filters: a generator sends 2, 3, 4 .. over a rendezvous
/// channel; each prime found adds a task that passes on what it does not divide.
/// The channels are torn down at the end. `prime_sieve`, ms.
pub mod prime_sieve {
    use super::Size;
    /// Primes to find; the result is the last of them.
    pub const PRIMES: Size = Size::new(2_000, 200);
    /// The last prime of the measured work and of the quick one.
    pub const LAST: Size = Size::new(17_389, 1_223);
}

/// S11: each task sleeps so often, for a pseudo-random whole number of
/// microseconds from 1 to 10 ms (`1000 + random.below(9001)`, seed: the task's
/// number); how late it wakes is recorded. All tasks are spawned at once.
/// `timers_wall` ms from the first spawn until the last has ended, `timers_cpu`
/// ms of the process over that time, `timers_late_p50`, `_p99`, `_max` us.
pub mod timers {
    use super::Size;
    /// Tasks.
    pub const TASKS: Size = Size::new(100_000, 2_000);
    /// Sleeps of each.
    pub const SLEEPS: u64 = 10;
}

/// S12: two tasks compute without end and never call the runtime; a third sleeps
/// 1 ms over and over; how late it wakes is recorded. Two processors.
/// `hog_late_p50`, `_p99`, `_max` us. The process ends while the hogs still run.
pub mod hog_latency {
    use super::Size;
    /// For how long, in ms.
    pub const MILLIS: Size = Size::new(2_000, 200);
    /// Tasks that compute.
    pub const HOGS: u64 = 2;
}

/// S13: each task blocks its thread in `nanosleep` so often, and the runtime is
/// told so in the system's own way; two processors. `blocking_calls`, ms. The
/// same without telling: `blocking_unsaid`, ms.
pub mod blocking_calls {
    use super::Size;
    /// Tasks.
    pub const TASKS: Size = Size::new(200, 50);
    /// Calls of each.
    pub const CALLS: Size = Size::new(50, 5);
    /// Length of a call, in microseconds.
    pub const MICROS: u64 = 1_000;
}

/// S14: the program serves connections on a loopback address that it prints as
/// `listening ADDRESS`, one task per connection, sending back what it reads, until
/// it is killed. The client, one for all systems, measures. `tcp_echo`, requests/s.
pub mod tcp_echo {
    use super::Size;
    /// Connections of the client.
    pub const CONNECTIONS: usize = 64;
    /// Bytes of a message.
    pub const MESSAGE: usize = 64;
    /// For how long, in ms.
    pub const MILLIS: Size = Size::new(3_000, 300);
}

/// S15: no scheduler: one context is resumed and suspends itself, over and over.
/// `raw_switch`, ns per resume and suspend.
pub mod raw_switch {
    use super::Size;
    /// Resumptions.
    pub const ROUNDS: Size = Size::new(50_000_000, 1_000_000);
}

/// M1: collected objects of a size in bytes, one pointer field among them that
/// refers to the object before; the last 1000 are kept in a ring of roots that
/// the collector traces, the others die. So that the chain of pointers does not
/// keep all alive, an object refers to the one before only where its number is
/// odd. The program touches the whole object (it is zeroed or written).
/// `gc_alloc_16` and so on, ns/alloc.
pub mod gc_alloc {
    use super::Size;
    /// Objects of 16, 64 and 256 bytes.
    pub const SMALL: Size = Size::new(20_000_000, 400_000);
    /// Objects of 1024 and 8192 bytes.
    pub const LARGE: Size = Size::new(2_000_000, 40_000);
    /// Objects that are kept.
    pub const RING: usize = 1000;
}

/// M2: the benchmarks game's binary trees: a stretch tree one deeper, a tree that
/// lives all the time, and for depths 4, 6 .. the deepest, 2^(deepest - depth + 4)
/// short-lived trees, one task per depth. A tree's check is its number of nodes.
/// `binary_trees`, ms; `binary_trees_rss`, MiB.
pub mod binary_trees {
    use super::Size;
    /// The deepest.
    pub const DEPTH: Size = Size::new(18, 10);
    /// The least deep.
    pub const MIN_DEPTH: u64 = 4;
}

/// M3: nodes of 64 bytes: a number, four pointers to earlier nodes (each
/// `random.below(own number)`, none for node 0), padding; a table roots every
/// 64th (`gc_mark_full`: twice the nodes, each rooted). Building is not timed;
/// then so many forced collections are. `gc_mark` or `gc_mark_full`,
/// ms/collection; `gc_mark_rate`, MB/s: the bytes of the reachable nodes (64 each,
/// in every system) over that time.
pub mod gc_mark {
    use super::Size;
    /// Nodes of `gc_mark`.
    pub const NODES: Size = Size::new(8 << 20, 64 << 10);
    /// Nodes of `gc_mark_full`.
    pub const NODES_FULL: Size = Size::new(16 << 20, 128 << 10);
    /// Every how many nodes one is rooted.
    pub const STEP: u64 = 64;
    /// Nodes of `gc_mark` that the rooted ones lead to: the same graph in every program,
    /// since all draw the same numbers.
    pub const REACHABLE: Size = Size::new(3_266_520, 25_642);
    /// Bytes of a node, without what a system adds to it.
    pub const NODE_BYTES: u64 = 64;
    /// Pointers of a node.
    pub const POINTERS: usize = 4;
    /// Collections.
    pub const COLLECTIONS: u64 = 5;
}

/// M4: a table of slots, filled with nodes of 64 bytes each (one pointer, the
/// rest numbers); one task puts a new node into a random slot over and over and
/// records how long each operation took, the clock being read once per operation.
/// Two processors. `gc_latency_p50`, `_p99`, `_p99.9`, `_p99.99`, `_max` us,
/// `gc_latency_ops` operations/s.
pub mod gc_latency {
    use super::Size;
    /// Slots.
    pub const SLOTS: Size = Size::new(4 << 20, 64 << 10);
    /// For how long, in ms.
    pub const MILLIS: Size = Size::new(10_000, 300);
}

/// M5: as many tasks as S8 are parked; then one collection is forced.
/// `gc_goroutines`, ms of the collection; `gc_goroutines_pause`, us: the longest
/// time that one running task was held up meanwhile (it reads the clock in a loop
/// and passes a safepoint each time).
pub mod gc_goroutines {
    use super::Size;
    /// Parked tasks.
    pub const TASKS: Size = Size::new(1_000_000, 20_000);
}

/// M6: the global allocator on one thread. `malloc_free_N`: allocate and free one
/// block of N bytes; `malloc_fifo_N`: a ring of 1000 live blocks, the oldest is
/// freed and a new one made; `malloc_churn`: of 100,000 live blocks of 64 bytes a
/// random one is replaced. The first byte of each block is written. ns/pair.
pub mod malloc_free {
    use super::Size;
    /// The sizes N.
    pub const SIZES: [usize; 6] = [16, 64, 256, 1024, 8192, 32768];
    /// Pairs of each.
    pub const PAIRS: Size = Size::new(50_000_000, 200_000);
    /// Live blocks of `malloc_fifo_N`.
    pub const FIFO: usize = 1000;
    /// Pairs of `malloc_fifo_N`.
    pub const FIFO_PAIRS: Size = Size::new(20_000_000, 200_000);
    /// Live blocks of `malloc_churn`.
    pub const CHURN: usize = 100_000;
    /// Size of those.
    pub const CHURN_SIZE: usize = 64;
    /// Pairs of `malloc_churn`.
    pub const CHURN_PAIRS: Size = Size::new(20_000_000, 200_000);
}

/// M7, after Larson and Krishnan: each of two threads has 1000 slots with blocks of
/// 8 to 1000 bytes; it replaces random ones, and after so many replacements hands
/// its slots to a thread that succeeds it. `larson`, Mops/s (a replacement is one
/// operation); `larson_rss`, MiB.
pub mod larson {
    use super::Size;
    /// Threads at a time.
    pub const THREADS: usize = 2;
    /// Slots of a thread.
    pub const SLOTS: usize = 1000;
    /// Smallest block.
    pub const MIN: u64 = 8;
    /// Largest block.
    pub const MAX: u64 = 1000;
    /// Replacements before a successor takes over.
    pub const ROUND: u64 = 100_000;
    /// For how long, in ms.
    pub const MILLIS: Size = Size::new(5_000, 300);
}

/// M8: one thread allocates blocks of 8 to 512 bytes and hands them in batches to
/// one that frees them. `xmalloc`, Mops/s (a block is one operation);
/// `xmalloc_rss`, MiB.
pub mod xmalloc {
    use super::Size;
    /// Smallest block.
    pub const MIN: u64 = 8;
    /// Largest block.
    pub const MAX: u64 = 512;
    /// Blocks of a batch.
    pub const BATCH: usize = 256;
    /// Batches that may be under way.
    pub const BATCHES: usize = 16;
    /// For how long, in ms.
    pub const MILLIS: Size = Size::new(5_000, 300);
}
