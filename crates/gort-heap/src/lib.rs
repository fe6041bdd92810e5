//! Spans of pages cut into equal slots, for the collector and for explicit owners (front page to come).
pub mod cache;
pub mod class;
pub mod config;
pub mod heap;
pub mod object;

pub use cache::{Cache, NeedSpan, Slot};
pub use class::{SpanClass, class_of, class_size};
pub use config::{DropFn, HeapConfig, Hooks, Kind};
pub use gort_sys::{Backend, Linux, MemError};
pub use heap::{ClassStats, Heap, HeapStats, Swept};
pub use object::{MarkedNew, Object};
