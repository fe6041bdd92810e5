//! What a program asks of its boot. What it says here goes before the environment.

use gort_sched::Migrate;
use std::time::Duration;

/// Settings of a boot.
#[derive(Debug, Clone)]
pub struct Options {
    /// Processors; `None`: `GOMAXPROCS`, else as many as may be used.
    pub procs: Option<u32>,
    /// Bytes of stack of goroutines that ask for nothing.
    pub stack_bytes: Option<usize>,
    /// Growth of the collected heap in percent (`Some(None)`: no collection because of growth).
    pub gc_percent: Option<Option<u32>>,
    /// Memory limit in bytes (`Some(None)`: none).
    pub memory_limit: Option<Option<u64>>,
    /// Whether goroutines may resume on another thread than they parked on.
    pub migrate: Migrate,
    /// The environment is not looked at.
    pub ignore_env: bool,
    /// How long a shut-down waits for goroutines that neither park nor end.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            procs: None,
            stack_bytes: None,
            gc_percent: None,
            memory_limit: None,
            migrate: Migrate::NO,
            ignore_env: false,
            patience: Duration::from_secs(5),
        }
    }
}
