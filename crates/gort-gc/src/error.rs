//! What can go wrong, as values with numbers.

use core::fmt;
use core::panic::Location;

use gort_heap::MemError;

/// An object could not be allocated.
#[derive(Debug)]
#[non_exhaustive]
pub enum AllocError {
    /// The system gives no more memory.
    Memory(MemError),
    /// `Config::hard_limit` would be exceeded.
    Limit {
        /// Bytes of the collector's spans.
        in_use: u64,
        /// The limit.
        limit: u64,
        /// Bytes that were asked for in advance; 0 for an allocation.
        asked: u64,
    },
    /// A slice of this length has more bytes than an address can name.
    TooLong {
        /// The length.
        len: usize,
    },
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(e) => write!(f, "{e}"),
            Self::Limit { in_use, limit, asked } => write!(
                f,
                "memory limit reached: {in_use} bytes of objects in use, limit {limit}, {asked} more asked for"
            ),
            Self::TooLong { len } => write!(f, "a slice of {len} fields is too long"),
        }
    }
}

impl std::error::Error for AllocError {}

impl From<MemError> for AllocError {
    fn from(e: MemError) -> Self {
        Self::Memory(e)
    }
}

/// A cycle could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// The calling task holds a guard, for which the cycle would wait; use `Mutator::collect`. Found in
    /// debug builds, and with `Config::pin_checks`.
    PinnedHere {
        /// Where the guard was pinned.
        at: &'static Location<'static>,
    },
    /// The collector is shutting down.
    Closed,
    /// The coordinator's task could not be started.
    Spawn(std::io::Error),
    /// The default collector could not be made.
    Memory(MemError),
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinnedHere { at } => write!(
                f,
                "collect() was called by a task that holds a guard (pinned at {at}): use Mutator::collect"
            ),
            Self::Closed => write!(f, "the collector is shutting down"),
            Self::Spawn(e) => write!(f, "the collector's task could not be started: {e}"),
            Self::Memory(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for CollectError {}
