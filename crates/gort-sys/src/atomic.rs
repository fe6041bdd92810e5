//! The one door to atomics: `core` in a program, `loom` in a model.
//!
//! A protocol that is to be checked by loom takes its atomics from here. Under `--cfg loom`
//! every access becomes a choice point of the explorer; otherwise these names are plain
//! re-exports and cost nothing.

#[cfg(not(loom))]
pub use core::sync::atomic::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    compiler_fence, fence,
};
#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    fence,
};

#[cfg(not(loom))]
pub use core::hint::spin_loop;
#[cfg(loom)]
pub use loom::thread::yield_now as spin_loop;
