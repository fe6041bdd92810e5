//! All workloads, in the order in which they are reported.

use super::{Better, Case, Group, Metric, Origin, Procs, Program, Workload};

/// A figure that the program prints, where less is better.
const fn printed(name: &'static str, unit: &'static str) -> Metric {
    let origin = Origin::Printed(name);
    Metric { name, unit, better: Better::Lower, origin, main: true }
}

/// The same, where more is better.
const fn rate(name: &'static str, unit: &'static str) -> Metric {
    Metric { better: Better::Higher, ..printed(name, unit) }
}

/// A figure that is taken from outside, where less is better.
const fn taken(name: &'static str, unit: &'static str, origin: Origin) -> Metric {
    Metric { name, unit, better: Better::Lower, origin, main: true }
}

const fn cpu(name: &'static str) -> Metric {
    Metric { main: false, ..taken(name, "ms", Origin::Cpu) }
}

const fn peak(name: &'static str) -> Metric {
    Metric { main: false, ..taken(name, "MiB", Origin::PeakMib) }
}

/// A case whose process is weighed under its own name.
macro_rules! case {
    ($name:literal: $($metric:expr),+) => {
        Case {
            name: $name,
            argument: $name,
            metrics: &[$($metric,)+ cpu(concat!($name, "_cpu")), peak(concat!($name, "_rss"))],
        }
    };
    // One figure that has the case's name.
    ($name:literal, $unit:literal) => { case!($name: printed($name, $unit)) };
}

/// A case whose peak memory is one of its points.
macro_rules! weighed {
    ($name:literal: $metric:expr) => {
        Case {
            name: $name,
            argument: $name,
            metrics: &[
                $metric,
                Metric { main: true, ..peak(concat!($name, "_rss")) },
                cpu(concat!($name, "_cpu")),
            ],
        }
    };
    ($name:literal, $unit:literal) => { weighed!($name: printed($name, $unit)) };
}

/// A workload's case again, with a competing process on each core.
macro_rules! hogged {
    ($name:literal, $from:literal, $metric:expr) => {
        Workload {
            name: $name,
            about: concat!($from, ", with a competing process on each core"),
            hogs: true,
            cases: &[Case {
                name: $name,
                argument: $from,
                metrics: &[
                    Metric { name: $name, ..$metric },
                    cpu(concat!($name, "_cpu")),
                    peak(concat!($name, "_rss")),
                ],
            }],
            ..PLAIN
        }
    };
}

/// What most workloads share.
const PLAIN: Workload = Workload {
    name: "",
    about: "",
    group: Group::Tasks,
    program: Program::Bench,
    procs: Procs::Any,
    repeat: 1,
    touch_mib: 0,
    hogs: false,
    cases: &[],
};

/// All workloads.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn_join",
        about: "start 1,000,000 empty tasks in batches of 1000, wait for each batch",
        cases: &[case!("spawn_join", "ns/task")],
        ..PLAIN
    },
    Workload {
        name: "yield",
        about: "two tasks, each yields 5,000,000 times (one processor)",
        procs: Procs::Only(1),
        cases: &[case!("yield", "ns/yield")],
        ..PLAIN
    },
    Workload {
        name: "chan_pingpong",
        about: "two tasks, two rendezvous channels, 1,000,000 round trips",
        cases: &[case!("chan_pingpong", "ns/roundtrip")],
        ..PLAIN
    },
    Workload {
        name: "chan_spsc",
        about: "one producer, one consumer, capacity 128, 10,000,000 numbers",
        cases: &[case!("chan_spsc", "ns/item")],
        ..PLAIN
    },
    Workload {
        name: "chan_mpmc",
        about: "8 producers, 8 consumers, one channel of capacity 128, 8,000,000 numbers",
        cases: &[case!("chan_mpmc", "ns/item")],
        ..PLAIN
    },
    Workload {
        name: "select2",
        about: "a consumer selects on two rendezvous channels, a producer on each, 2,000,000 numbers",
        cases: &[case!("select2", "ns/item")],
        ..PLAIN
    },
    Workload {
        name: "skynet",
        about: "a 10-ary tree of tasks with 1,000,000 leaves, summed over channels",
        touch_mib: 4 * 1024,
        cases: &[case!("skynet", "ms")],
        ..PLAIN
    },
    Workload {
        name: "parked_1m",
        about: "1,000,000 tasks blocked on one receive; close, wait for all",
        touch_mib: 6 * 1024,
        cases: &[Case {
            name: "parked_1m",
            argument: "parked_1m",
            metrics: &[
                printed("parked_1m_spawn", "ns/task"),
                printed("parked_1m_rss", "bytes/task"),
                printed("parked_1m_wake", "ns/task"),
                cpu("parked_1m_cpu"),
                peak("parked_1m_peak"),
            ],
        }],
        ..PLAIN
    },
    Workload {
        name: "parked_100k",
        about: "the same with 100,000 tasks",
        touch_mib: 1024,
        cases: &[Case {
            name: "parked_100k",
            argument: "parked_100k",
            metrics: &[
                printed("parked_100k_spawn", "ns/task"),
                printed("parked_100k_rss", "bytes/task"),
                printed("parked_100k_wake", "ns/task"),
                cpu("parked_100k_cpu"),
                peak("parked_100k_peak"),
            ],
        }],
        ..PLAIN
    },
    Workload {
        name: "mutex_contended",
        about: "64 tasks, one mutex, 100,000 times lock, add one, unlock, each",
        cases: &[case!("mutex_contended", "ns/op")],
        ..PLAIN
    },
    Workload {
        name: "prime_sieve",
        about: "a chain of filters over rendezvous channels, the first 2,000 primes",
        cases: &[case!("prime_sieve", "ms")],
        ..PLAIN
    },
    Workload {
        name: "timers",
        about: "100,000 tasks sleep 10 times 1 to 10 ms each",
        touch_mib: 1024,
        cases: &[Case {
            name: "timers",
            argument: "timers",
            metrics: &[
                printed("timers_wall", "ms"),
                printed("timers_cpu", "ms"),
                printed("timers_late_p50", "us"),
                printed("timers_late_p99", "us"),
                printed("timers_late_max", "us"),
                cpu("timers_process_cpu"),
                peak("timers_rss"),
            ],
        }],
        ..PLAIN
    },
    Workload {
        name: "hog_latency",
        about: "two endless loops; how late a task wakes that sleeps 1 ms, for 2 s (two processors)",
        procs: Procs::Only(2),
        cases: &[case!("hog_latency":
            printed("hog_late_p50", "us"),
            printed("hog_late_p99", "us"),
            printed("hog_late_max", "us")
        )],
        ..PLAIN
    },
    Workload {
        name: "blocking_calls",
        about: "200 tasks, 50 blocking calls of 1 ms each, said to the runtime and not (two processors)",
        procs: Procs::Only(2),
        cases: &[case!("blocking_calls", "ms"), case!("blocking_unsaid", "ms")],
        ..PLAIN
    },
    Workload {
        name: "tcp_echo",
        about: "an echo server, 64 connections, 64-byte messages for 3 s, one client for all",
        program: Program::Served,
        cases: &[case!("tcp_echo": rate("tcp_echo", "requests/s"))],
        ..PLAIN
    },
    hogged!("chan_pingpong_hogged", "chan_pingpong", printed("chan_pingpong", "ns/roundtrip")),
    hogged!("chan_spsc_hogged", "chan_spsc", printed("chan_spsc", "ns/item")),
    hogged!("chan_mpmc_hogged", "chan_mpmc", printed("chan_mpmc", "ns/item")),
    hogged!("select2_hogged", "select2", printed("select2", "ns/item")),
    Workload {
        program: Program::Served,
        ..hogged!("tcp_echo_hogged", "tcp_echo", rate("tcp_echo", "requests/s"))
    },
    Workload {
        name: "raw_switch",
        about: "no scheduler: one context resumed and suspended 50,000,000 times (one processor)",
        group: Group::Switch,
        procs: Procs::Only(1),
        cases: &[case!("raw_switch", "ns/resume+suspend")],
        ..PLAIN
    },
    Workload {
        name: "gc_alloc",
        about: "20,000,000 collected objects of 16 to 256 bytes, 2,000,000 of 1 and 8 KiB",
        group: Group::Collector,
        cases: &[
            case!("gc_alloc_16", "ns/alloc"),
            case!("gc_alloc_64", "ns/alloc"),
            case!("gc_alloc_256", "ns/alloc"),
            case!("gc_alloc_1024", "ns/alloc"),
            case!("gc_alloc_8192", "ns/alloc"),
        ],
        ..PLAIN
    },
    Workload {
        name: "binary_trees",
        about: "the benchmarks game's trees on collected memory, depth 18",
        group: Group::Collector,
        cases: &[weighed!("binary_trees", "ms")],
        ..PLAIN
    },
    Workload {
        name: "gc_mark",
        about: "8 Mi nodes with four pointers, every 64th rooted; five collections",
        group: Group::Collector,
        touch_mib: 2 * 1024,
        cases: &[
            case!("gc_mark": printed("gc_mark", "ms/collection"), rate("gc_mark_rate", "MB/s")),
        ],
        ..PLAIN
    },
    Workload {
        name: "gc_mark_full",
        about: "16 Mi nodes, all rooted, 1 GiB live; five collections",
        group: Group::Collector,
        touch_mib: 4 * 1024,
        cases: &[case!("gc_mark_full":
            printed("gc_mark_full", "ms/collection"),
            rate("gc_mark_full_rate", "MB/s")
        )],
        ..PLAIN
    },
    Workload {
        name: "gc_latency",
        about: "random nodes of a table of 4 Mi are replaced for 10 s, each timed (two processors)",
        group: Group::Collector,
        procs: Procs::Only(2),
        cases: &[case!("gc_latency":
            printed("gc_latency_p50", "us"),
            printed("gc_latency_p99", "us"),
            printed("gc_latency_p99.9", "us"),
            printed("gc_latency_p99.99", "us"),
            printed("gc_latency_max", "us"),
            rate("gc_latency_ops", "ops/s")
        )],
        ..PLAIN
    },
    Workload {
        name: "gc_goroutines",
        about: "a collection while 1,000,000 tasks are parked",
        group: Group::Collector,
        touch_mib: 6 * 1024,
        cases: &[case!("gc_goroutines":
            printed("gc_goroutines", "ms"),
            printed("gc_goroutines_pause", "us")
        )],
        ..PLAIN
    },
    Workload {
        name: "malloc_free",
        about: "pairs of allocation and free: one block, 1000 live in a ring, 100,000 live at random",
        group: Group::Allocator,
        procs: Procs::Only(1),
        cases: &[
            case!("malloc_free_16", "ns/pair"),
            case!("malloc_free_64", "ns/pair"),
            case!("malloc_free_256", "ns/pair"),
            case!("malloc_free_1024", "ns/pair"),
            case!("malloc_free_8192", "ns/pair"),
            case!("malloc_free_32768", "ns/pair"),
            case!("malloc_fifo_16", "ns/pair"),
            case!("malloc_fifo_64", "ns/pair"),
            case!("malloc_fifo_256", "ns/pair"),
            case!("malloc_fifo_1024", "ns/pair"),
            case!("malloc_fifo_8192", "ns/pair"),
            case!("malloc_fifo_32768", "ns/pair"),
            case!("malloc_churn", "ns/pair"),
        ],
        ..PLAIN
    },
    Workload {
        name: "larson",
        about: "two threads replace random blocks of 8 to 1000 bytes and hand over to successors, 5 s",
        group: Group::Allocator,
        procs: Procs::Only(2),
        cases: &[weighed!("larson": rate("larson", "Mops/s"))],
        ..PLAIN
    },
    Workload {
        name: "xmalloc",
        about: "one thread allocates blocks of 8 to 512 bytes, another frees them, 5 s",
        group: Group::Allocator,
        procs: Procs::Only(2),
        cases: &[weighed!("xmalloc": rate("xmalloc", "Mops/s"))],
        ..PLAIN
    },
    Workload {
        name: "hello",
        about: "a whole process: boot, one task that says hello, exit (one processor)",
        group: Group::Process,
        program: Program::Hello,
        procs: Procs::Only(1),
        repeat: 40,
        cases: &[Case {
            name: "hello",
            argument: "",
            metrics: &[
                taken("hello_wall", "ms", Origin::Wall),
                taken("hello_rss", "KiB", Origin::PeakKib),
                cpu("hello_cpu"),
            ],
        }],
        ..PLAIN
    },
];
