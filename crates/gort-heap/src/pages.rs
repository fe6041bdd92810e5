//! Which pages of an address range are free.
//!
//! A bit per page in chunks of 512 (4 MiB); over them five levels of [`Summary`](summary::Summary), each entry of a level
//! standing for eight of the level below, the root for whatever is left. The lowest run that is long enough is found by
//! going down from the root, never by a scan of bits. A pure data structure: it owns its tables, but not the pages.

pub(crate) mod alloc;
pub(crate) mod bits;
#[cfg(any(test, fuzzing))]
#[path = "pages/tests/body.rs"]
pub(crate) mod body;
pub(crate) mod cache;
pub(crate) mod candidate;
pub(crate) mod density;
pub(crate) mod summary;
#[cfg(test)]
#[expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]
mod tests;
pub(crate) mod tree;

pub(crate) use alloc::PageAlloc;
pub(crate) use cache::PageCache;
