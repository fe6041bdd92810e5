//! Memory pressure: what a program is told when little is left of its memory limit, so that it can let go of caches or refuse
//! work, before cycles follow each other.

use core::fmt;
use std::sync::Arc;

use crate::shared::Shared;

/// Figures of a collector whose limit is nearly reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Bytes of objects that the last marking found alive.
    pub live: u64,
    /// Bytes that the limit leaves for objects: the limit, without what else the process's heaps have.
    pub room: u64,
    /// The limit.
    pub limit: u64,
    /// Whether the collector has had its share of the processors (`Stats::limiting`).
    pub limiting: bool,
}

/// A function that is called after each cycle that leaves less than an eighth of the room, on a task of the collector's host
/// and without a guard; for `Config::on_pressure`. It may pin, collect, and block.
#[derive(Clone)]
pub struct OnPressure(Arc<dyn Fn(Pressure) + Send + Sync>);

impl OnPressure {
    /// Calls `f`.
    pub fn new(f: impl Fn(Pressure) + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }
}

impl fmt::Debug for OnPressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnPressure")
    }
}

/// After a cycle that found `live` bytes: looks whether the limit is near, and tells.
pub(crate) fn look(s: &Shared, live: u64, room: u64) {
    let Some(limit) = s.pacer.limit() else { return s.pacer.set_exhausted(false) };
    s.pacer.set_exhausted(live.saturating_add(live / 16) > room);
    if let Some(tell) = &s.config.on_pressure
        && live.saturating_add(room / 8) > room
    {
        let (f, limiting) = (tell.0.clone(), s.pacer.is_limiting());
        let pressure = Pressure { live, room, limit, limiting };
        s.cleanups.enqueue(Box::new(move || f(pressure)));
    }
}
