//! The targets: `workloads.md` and the heap's issue, one line each.

use super::{Bound, Target};

/// The ratio gort / Go, at most (for a rate: at least).
const fn go(metric: &'static str, procs: &'static [usize], limit: f64) -> Target {
    peers(metric, procs, &["go"], limit)
}

/// The ratio to each of these peers.
const fn peers(
    metric: &'static str,
    procs: &'static [usize],
    names: &'static [&'static str],
    limit: f64,
) -> Target {
    Target { metric, procs, bound: Bound::Peers(names, limit) }
}

/// The ratio to the best of all peers.
const fn best(metric: &'static str, procs: &'static [usize], limit: f64) -> Target {
    Target { metric, procs, bound: Bound::Best(limit) }
}

/// An allocator's peak memory, relative to the leanest of the fast ones.
macro_rules! lean {
    ($speed:literal, $procs:expr) => {
        Target {
            metric: concat!($speed, "_rss"),
            procs: $procs,
            bound: Bound::Leanest { speed: $speed, limit: 1.1 },
        }
    };
}

const ONE: &[usize] = &[1];
const TWO: &[usize] = &[2];
const BOTH: &[usize] = &[1, 2];

/// In the order in which the workloads are reported.
pub(super) const TARGETS: &[Target] = &[
    go("spawn_join", ONE, 0.4),
    go("spawn_join", TWO, 0.5),
    go("yield", ONE, 0.2),
    best("yield", ONE, 1.0),
    go("chan_pingpong", ONE, 0.35),
    go("chan_pingpong", TWO, 0.5),
    go("chan_spsc", BOTH, 0.6),
    peers("chan_spsc", BOTH, &["flume", "may"], 1.0),
    go("chan_mpmc", BOTH, 0.6),
    peers("chan_mpmc", BOTH, &["flume", "may"], 1.0),
    go("select2", BOTH, 0.5),
    go("skynet", ONE, 0.4),
    go("skynet", TWO, 0.5),
    go("parked_1m_spawn", ONE, 1.0),
    Target { metric: "parked_1m_rss", procs: ONE, bound: Bound::Value(4500.0) },
    go("parked_1m_wake", ONE, 0.6),
    go("mutex_contended", BOTH, 1.0),
    go("prime_sieve", ONE, 0.4),
    go("prime_sieve", TWO, 0.5),
    go("timers_wall", TWO, 0.8),
    go("timers_late_p99", TWO, 0.3),
    go("hog_late_p50", TWO, 0.3),
    go("hog_late_p99", TWO, 0.3),
    go("blocking_calls", TWO, 0.6),
    go("tcp_echo", BOTH, 1.3),
    peers("tcp_echo", BOTH, &["tokio"], 1.0),
    peers("raw_switch", ONE, &["corosensei"], 1.1),
    go("gc_alloc_16", ONE, 0.5),
    go("gc_alloc_64", ONE, 0.5),
    go("gc_alloc_256", ONE, 0.5),
    go("gc_alloc_1024", ONE, 0.5),
    go("gc_alloc_8192", ONE, 0.5),
    go("binary_trees", BOTH, 0.5),
    go("binary_trees_rss", BOTH, 1.0),
    go("gc_mark", BOTH, 0.5),
    go("gc_mark_full", BOTH, 0.5),
    go("gc_latency_p50", TWO, 1.0),
    go("gc_latency_p99.99", TWO, 0.5),
    go("gc_latency_max", TWO, 0.1),
    go("gc_latency_ops", TWO, 1.2),
    go("gc_goroutines", BOTH, 0.02),
    best("malloc_free_16", ONE, 1.0),
    lean!("malloc_free_16", ONE),
    best("malloc_free_64", ONE, 1.0),
    lean!("malloc_free_64", ONE),
    best("malloc_free_256", ONE, 1.0),
    lean!("malloc_free_256", ONE),
    best("malloc_free_1024", ONE, 1.0),
    lean!("malloc_free_1024", ONE),
    best("malloc_free_8192", ONE, 1.0),
    lean!("malloc_free_8192", ONE),
    best("malloc_free_32768", ONE, 1.0),
    lean!("malloc_free_32768", ONE),
    best("malloc_fifo_16", ONE, 1.0),
    lean!("malloc_fifo_16", ONE),
    best("malloc_fifo_64", ONE, 1.0),
    lean!("malloc_fifo_64", ONE),
    best("malloc_fifo_256", ONE, 1.0),
    lean!("malloc_fifo_256", ONE),
    best("malloc_fifo_1024", ONE, 1.0),
    lean!("malloc_fifo_1024", ONE),
    best("malloc_fifo_8192", ONE, 1.0),
    lean!("malloc_fifo_8192", ONE),
    best("malloc_fifo_32768", ONE, 1.0),
    lean!("malloc_fifo_32768", ONE),
    best("malloc_churn", ONE, 1.0),
    lean!("malloc_churn", ONE),
    best("larson", TWO, 1.0),
    lean!("larson", TWO),
    best("xmalloc", TWO, 1.2),
    lean!("xmalloc", TWO),
    go("hello_wall", ONE, 0.7),
    go("hello_rss", ONE, 1.2),
];
