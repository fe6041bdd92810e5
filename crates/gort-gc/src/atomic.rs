//! The door to atomics: what `gort-sys` offers, `loom`'s under `--cfg loom`.

pub(crate) use gort_sys::atomic::*;
