//! The process-wide collector: made at the first use, never dropped.

use core::panic::Location;
use core::ptr;

use gort_heap::MemError;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicPtr, Ordering};
use crate::collector::{Collector, pin_in};
use crate::config::Config;
use crate::error::CollectError;
use crate::mutator::Mutator;
use crate::stats::Stats;

static DEFAULT_LOCK: Rank = Rank { layer: layer::GC, n: 0, name: "gc.default" };

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
        Ok(collector) => pin_in(collector.shared_ptr(), at),
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
    let collector: &'static Collector = Box::leak(Box::new(Collector::of_process(config)?));
    *making = None;
    // ORDER: Release ⇒ `default_collector`.
    DEFAULT.store(ptr::from_ref(collector).cast_mut(), Ordering::Release);
    Ok(collector)
}

/// Settings for the process-wide collector, to be given before its first use.
///
/// # Errors
/// It is there already; the settings come back.
#[allow(clippy::result_large_err, reason = "the settings come back, once in a process")]
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

/// Collects, if there is a collector, and gives all free memory of the process's heap back to the system, what
/// [`GortAlloc`](gort_heap::GortAlloc) serves from included; bytes that went. What Go calls `debug.FreeOSMemory`.
///
/// # Errors
/// As [`Collector::collect`]; nothing is given back then.
pub fn free_os_memory() -> Result<u64, CollectError> {
    if let Some(collector) = existing() {
        collector.collect()?;
    }
    Ok(gort_heap::GortAlloc::free_os_memory())
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

/// Sets the smallest heap of the process-wide collector in bytes ([`Config::min_heap`]) and returns the old one.
///
/// # Panics
/// If the collector cannot be made.
pub fn set_min_heap(bytes: u64) -> u64 {
    made().set_min_heap(bytes)
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
