//! Running: one process at a time, in turns, with what is measured from outside.

pub(crate) mod child;
pub(crate) mod measure;
pub(crate) mod memory;
pub(crate) mod progress;
pub(crate) mod schedule;
pub(crate) mod spin;
