//! Settings of a collector.

use core::time::Duration;
use std::sync::Arc;

use crate::Mutant;
use crate::host::{ThreadHost, WorkerHost};
use crate::pressure::OnPressure;

/// Settings of a collector.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much the heap may grow over what is alive before a cycle has to end, in percent (`GOGC`, 100);
    /// `None`: no cycle because of growth.
    pub gc_percent: Option<u32>,
    /// The smallest heap, in bytes of objects at 100 percent (Go: always 4 MiB): no cycle begins below it. A larger one spares
    /// small programs their first cycles.
    pub min_heap: u64,
    /// Bytes of the whole heap that cycles try to stay below (`GOMEMLIMIT`). Counts all of it: in the process-wide collector
    /// also what `GortAlloc` serves.
    pub memory_limit: Option<u64>,
    /// Whether allocations fail (with `AllocError::Limit`; `alloc` panics) when less than a sixteenth of the memory limit is left
    /// after a cycle, instead of running cycle after cycle.
    pub limit_is_error: bool,
    /// Called when less than an eighth of the memory limit is left after a cycle.
    pub on_pressure: Option<OnPressure>,
    /// Bytes of objects beyond which allocation fails.
    pub hard_limit: Option<u64>,
    /// How long `Mutator::reserve` waits at the hard limit.
    pub max_wait: Duration,
    /// Print a line for each cycle (`GODEBUG=gctrace=1`).
    pub gctrace: bool,
    /// Note which task pins, for reports and for `CollectError::PinnedHere` (`GODEBUG=gcpin=1`; on in debug builds).
    pub pin_checks: bool,
    /// Fill what is freed: each slot when it is swept, objects with drop glue after that ran (`GODEBUG=clobberfree=1`).
    pub clobber_free: bool,
    /// After each marking hold all guards, walk from the roots again and compare (`GODEBUG=gccheckmark=1`). A task that pins
    /// while it holds another guard makes the check of that cycle be left out, after a second.
    pub check_mark: bool,
    /// Hold all guards: 1 while marking, 2 while sweeping, too (`GODEBUG=gcstoptheworld`). As above.
    pub stop_the_world: u8,
    /// Note where each root is made, for `Collector::roots_by_place`: what keeps memory that should be gone?
    /// (`GODEBUG=gcroots=1`.)
    pub root_places: bool,
    /// Look at all words of every object for pointers that its map does not list.
    pub verify_trace: bool,
    /// Tasks that mark at once, the coordinator among them. `None`: as many as processors for a collection that somebody waits
    /// for, else a quarter of them.
    pub mark_workers: Option<usize>,
    /// Where the collector's tasks run.
    pub host: Arc<dyn WorkerHost>,
    /// log2 of the address range that is reserved for objects (38: 256 GiB). The heap takes less if it cannot have it.
    pub range_shift: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gc_percent: Some(100),
            min_heap: crate::pace::FLOOR,
            memory_limit: None,
            limit_is_error: false,
            on_pressure: None,
            hard_limit: None,
            max_wait: Duration::from_millis(100),
            gctrace: false,
            pin_checks: cfg!(debug_assertions),
            clobber_free: false,
            check_mark: false,
            stop_the_world: 0,
            root_places: false,
            verify_trace: false,
            mark_workers: None,
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

/// The rules of a program.
pub(crate) const RULES: Rules = Rules { run_glue: true, mutant: Mutant::None };
