//! The runtime that fits the workload and the number of processors.

use std::future::Future;

use gort_bench_kit::{Wrong, fail, processors};
use tokio::runtime::{Builder, Runtime};

/// As many workers as the bench asked for.
pub(crate) fn multi() -> Result<Runtime, Wrong> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(processors()).enable_all().build().or_else(fail)
}

/// Runs a future as a task: with one processor on the current-thread runtime.
pub(crate) fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T, Wrong>> + Send + 'static,
) -> Result<T, Wrong> {
    match processors() {
        1 => home(&Builder::new_current_thread().enable_all().build().or_else(fail)?, work),
        _ => run_on_workers(work),
    }
}

/// The same on the multi-threaded runtime, also with one processor: its slot for the
/// task that was woken last pays where tasks hand over to each other.
pub(crate) fn run_on_workers<T: Send + 'static>(
    work: impl Future<Output = Result<T, Wrong>> + Send + 'static,
) -> Result<T, Wrong> {
    home(&multi()?, work)
}

/// A task of its own, so that it is at home on a worker: what `block_on` runs itself
/// is on the caller's thread, and every wake-up would cross threads.
fn home<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T, Wrong>> + Send + 'static,
) -> Result<T, Wrong> {
    runtime.block_on(async { tokio::spawn(work).await }).or_else(fail)?
}
