//! Goroutines, channels, a concurrent collector and a fast heap for Rust: the Go runtime's machinery
//! under the names that Rust programmers know.
//!
//! ```
//! use gort::channel::bounded;
//!
//! #[gort::main]
//! fn main() {
//!     let (tx, rx) = bounded(0);
//!     gort::go(move || tx.send("hello from a goroutine").unwrap());
//!     assert_eq!(rx.recv().unwrap(), "hello from a goroutine");
//! }
//! ```
//!
//! Tasks look like [`std::thread`], locks like [`std::sync`], channels like `crossbeam-channel`,
//! collected objects like `crossbeam-epoch`. What blocks parks the goroutine when called on one, and
//! the thread when called on a plain thread.
//!
//! # Threads and migration
//! | mode | written | a goroutine that has run | rule for the program |
//! |---|---|---|---|
//! | bound (default) | `#[gort::main]` | stays on its OS thread | none |
//! | migrating | `#[gort::main(unsafe(migrate))]` | resumes on any thread, as in Go | no goroutine parks while it holds a borrow of, or anything tied to, thread-local state (`LocalKey::with`, `std::sync::MutexGuard`, `stdout().lock()`) |
//!
//! In the bound mode a thread that computes without end stops only the goroutines that are bound to it; in
//! the migrating mode it stops nobody. [`thread::go_pinned`] and [`thread::go_migrating`] choose for one.
//!
//! # Does not know
//! Anything: this crate re-exports. Each layer is a crate of its own and works alone.
//!
//! # Invariants
//! None of its own.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! The layers, bottom up: `gort-sys`, `gort-fixalloc`, `gort-heap`, `gort-stack`, `gort-sched`, `gort-sync`,
//! `gort-net`, `gort-gc`, `gort-observe`, `gort-boot`.
#![forbid(unsafe_code)]

pub use gort_boot::{Boot, BootError, Handle, Runtime, init_task, run};
pub use gort_heap::GortAlloc;
pub use gort_macros::{main, test};
pub use gort_sched::{JoinHandle, block_on, go, go_async, goroutine_local};
pub use gort_sync::{select, select_biased};

/// The heap as a `#[global_allocator]`, and its figures.
pub mod alloc {
    pub use gort_heap::{ClassStats, GortAlloc, HeapStats, MemStats};
}

/// Goroutines in the shape of [`std::thread`].
pub mod thread {
    pub use gort_sched::JoinHandle;
    pub use gort_sched::join::Result;
    pub use gort_sched::local::{AccessError, LocalKey};
    pub use gort_sched::thread::{
        Builder, OsThreadGuard, Priority, Scope, ScopedJoinHandle, Thread, ThreadId, blocking,
        current, go_migrating, go_pinned, lock_os_thread, no_park, panicking, park, park_timeout,
        priority, scope, set_priority, sleep, sleep_until, spawn, with_priority, yield_now,
    };
}

/// Channels with the interface of `crossbeam-channel` 0.5, and Go's `close`.
pub mod channel {
    pub use gort_sync::{
        IntoIter, Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select,
        SelectTimeoutError, SelectedOperation, SendError, SendTimeoutError, Sender, TryIter,
        TryReadyError, TryRecvError, TrySelectError, TrySendError, after, at, bounded, never,
        select, select_biased, tick, unbounded,
    };
}

/// Locks with the interface of [`std::sync`], and Go's `WaitGroup`, `Map` and `Pool`.
pub mod sync {
    pub use gort_sync::mpsc;
    pub use gort_sync::{
        Barrier, BarrierWaitResult, Condvar, LazyLock, Lent, Map, MapIter, Mutex, MutexGuard, Once,
        OnceLock, OnceState, Pool, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, WaitGroup,
        WaitTimeoutResult,
    };
    pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
}

/// Deadlines, cancellation and values for a tree of tasks: Go's `context`.
pub mod context {
    pub use gort_sync::context::{Cancel, Cause, Context, ContextError};
}

/// Sockets with the interface of [`std::net`].
pub mod net {
    pub use gort_net::{
        AddrParseError, Incoming, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4,
        SocketAddrV6, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
    };
}

/// What only some systems have.
pub mod os {
    /// Unix systems.
    pub mod unix {
        /// Sockets with the interface of [`std::os::unix::net`].
        pub mod net {
            pub use gort_net::unix::{
                Incoming, SocketAddr, UnixDatagram, UnixListener, UnixStream,
            };
        }
    }
}

/// Any descriptor that the kernel can watch.
pub mod io {
    pub use gort_net::Pollable;
    pub use gort_sched::netpoll::AsSource;
}

/// Garbage-collected objects: guards, handles, fields, roots.
pub mod gc {
    #[doc(hidden)]
    pub use gort_gc::__private;
    pub use gort_gc::*;
}

/// The running runtime.
pub mod runtime {
    pub use gort_boot::at_exit;
    pub use gort_sched::thread::goexit;
    pub use gort_sched::thread::yield_now as gosched;
    pub use gort_sched::{Sharded, Stats, StealSum, Steals};

    use gort_sched::Scheduler;

    /// Goroutines alive on the caller's scheduler; 0 on a thread that is no goroutine.
    pub fn num_goroutine() -> u64 {
        Scheduler::with_current(Scheduler::goroutines).unwrap_or(0)
    }

    /// Processors of the caller's scheduler; 0 on a thread that is no goroutine.
    pub fn procs() -> u32 {
        Scheduler::with_current(Scheduler::procs).unwrap_or(0)
    }

    /// Changes how many threads may run goroutines or block in them, Go's `debug.SetMaxThreads`; the number before: 10,000
    /// at the start, and 0 on a thread that is no goroutine, where nothing changes. A program that needs one more ends with
    /// `thread exhaustion` and status 2.
    pub fn set_max_threads(most: u32) -> u32 {
        Scheduler::with_current(|s| s.set_max_threads(most)).unwrap_or(0)
    }

    /// Changes the number of processors of the caller's scheduler, which from then on follows neither the affinity mask nor
    /// the quotas; the number before. Nothing waits for it, and nothing is lost.
    ///
    /// # Errors
    /// The number is 0 or above 1024, which the error says; on a thread that is no goroutine it is
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) as well.
    pub fn set_procs(count: u32) -> std::io::Result<u32> {
        let wrong = |why: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, why);
        Scheduler::with_current(|s| s.set_procs(count).map_err(|e| wrong(e.to_string())))
            .unwrap_or_else(|| Err(wrong("no goroutine calls, so there is no scheduler".into())))
    }

    /// Processors that the process may use.
    pub fn num_cpu() -> u32 {
        gort_sys::thread::cpus()
    }

    /// Figures of the caller's scheduler; all zero on a thread that is no goroutine.
    pub fn stats() -> Stats {
        Scheduler::with_current(Scheduler::stats).unwrap_or_default()
    }

    /// Figures of the process's heap under the names of Go's `runtime.MemStats`. Stacks are not in them.
    pub fn mem_stats() -> gort_heap::MemStats {
        gort_heap::GortAlloc::mem_stats()
    }

    /// Who has stolen from whom on the caller's scheduler, as a table ([`Display`](std::fmt::Display)), a matrix, folded
    /// stacks for a flame graph, and the last records of each processor; empty on a thread that is no goroutine.
    pub fn steals() -> Steals {
        Scheduler::with_current(Scheduler::steals).unwrap_or_default()
    }

    /// The version of gort.
    pub fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// Looking inside a running program.
pub mod debug {
    /// Profiles for `go tool pprof`. The heap's is empty unless [`set_mem_profile_rate`] or
    /// `GORT_MEMPROFILE_RATE` asked for it.
    pub mod pprof {
        pub use gort_observe::pprof::{NAMES, Profile, View, profile, write};
    }

    pub use gort_gc::{free_os_memory, set_gc_percent, set_memory_limit};
    pub use gort_heap::profile::DEFAULT_RATE;
    /// The process's heap in full, as lines of JSON, for `cargo xtask frag` and `cargo xtask heap-map`.
    pub use gort_observe::heap_report::write as heap_report;

    /// Asks for one sample of the heap profile in so many bytes allocated ([`DEFAULT_RATE`] is Go's default); 0 is none.
    pub fn set_mem_profile_rate(bytes: u64) {
        gort_heap::GortAlloc::set_profile_rate(bytes);
    }
}

/// The simulator: an unchanged program on one processor, with the schedule and the time of a seed.
pub mod sim {
    pub use gort_boot::sim::{explore, explore_with};
    pub use gort_sched::sim::{
        Blocked, Config, Event, Explored, Failure, Outcome, Report, Strategy, What, atomic,
        is_simulated, mini, point, run, search,
    };
}

/// The runtime's clock, and what is done later.
pub mod time {
    pub use gort_sync::{Elapsed, FuncTimer, Ticker, Timer, after_func, timeout};
    /// [`std::time::Instant::now`]; inside a simulation, the virtual time.
    pub use gort_sys::clock::now;
}

/// The boot: its stages, its report, its settings.
pub mod boot {
    pub use gort_boot::{Options, Report, Row, report, stages, try_run};
    pub use gort_sched::Migrate;
}

/// For the attribute macros.
#[doc(hidden)]
pub mod __private {
    use std::process::{ExitCode, Termination};

    /// What `#[gort::main]` expands to.
    pub fn main<R: Termination + 'static>(migrate: bool, f: fn() -> R) -> ExitCode {
        gort_boot::main(gort_boot::__private::options(migrate), f)
    }

    /// What `#[gort::test]` expands to.
    pub fn test<R: Termination + Send + 'static>(
        migrate: bool,
        seed: Option<u64>,
        explore: Option<u64>,
        f: fn() -> R,
    ) -> R {
        if seed.or(explore).is_some() {
            return gort_boot::sim::test(seed, explore, f);
        }
        match gort_boot::try_run(gort_boot::__private::options(migrate), f) {
            Ok(Ok(result)) => result,
            Ok(Err(payload)) => std::panic::resume_unwind(payload),
            Err(e) => panic!("gort: cannot start: {e}"),
        }
    }
}
