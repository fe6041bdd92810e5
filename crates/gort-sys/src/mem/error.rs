//! Running out of memory as a value, with the figures a reader needs.

use super::fixed::Side;
use core::fmt;

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemOp {
    /// Asking for address space.
    Reserve,
    /// Making address space usable.
    Map,
    /// Giving pages back to the operating system.
    Unused,
    /// Moving pages to another address.
    Remap,
    /// A step that the state of the pages does not permit.
    Order,
    /// A request larger than the address space, or past a limit set by the program.
    Limit,
    /// In a fixed region: growing the heap would run into the stack.
    Boundary {
        /// Address behind the heap's highest mapped page.
        heap_top: usize,
        /// Lowest address that the stack has or needs.
        stack_low: usize,
    },
    /// In a fixed region: the guard between heap and stack was written to.
    Guard {
        /// First damaged address.
        at: usize,
        /// Who has written, judged by the place.
        side: Side,
    },
}

/// What a limit limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resource {
    /// Nothing is known about it.
    #[default]
    Unknown,
    /// The process's address space (`RLIMIT_AS`, `ulimit -v`).
    AddressSpace,
    /// The process's private writable memory (`RLIMIT_DATA`, `ulimit -d`).
    Data,
    /// The number of mappings of a process (`vm.max_map_count`), not bytes.
    Mappings,
    /// A range that the owner has reserved.
    Range,
    /// A fixed region.
    Region,
}

impl Resource {
    /// Its name for a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "limit",
            Self::AddressSpace => "address space (RLIMIT_AS)",
            Self::Data => "private memory (RLIMIT_DATA)",
            Self::Mappings => "mappings (vm.max_map_count)",
            Self::Range => "reserved range",
            Self::Region => "fixed region",
        }
    }
}

/// Memory could not be had. SYS-2: the text names what was asked, what is in use, and the limit if one was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemError {
    /// What was tried.
    pub op: MemOp,
    /// Bytes asked for.
    pub len: usize,
    /// The system's error number, 0 if the system was not asked.
    pub errno: i32,
    /// Bytes in use by the caller when it failed.
    pub in_use: u64,
    /// The limit that was hit, in bytes (a count for [`Resource::Mappings`]); 0 if none is known.
    pub limit: u64,
    /// What that limit limits.
    pub resource: Resource,
}

impl MemError {
    /// An error of the system.
    pub const fn os(op: MemOp, len: usize, errno: i32) -> Self {
        Self { op, len, errno, in_use: 0, limit: 0, resource: Resource::Unknown }
    }

    /// The same error, with the caller's figure of bytes in use.
    #[must_use]
    pub const fn in_use(mut self, bytes: u64) -> Self {
        self.in_use = bytes;
        self
    }

    /// The same error, with the limit of the owner's own range that was hit.
    #[must_use]
    pub const fn limit(self, bytes: u64) -> Self {
        self.limited_by(Resource::Range, bytes)
    }

    /// The same error, with the limit that was hit and what it limits.
    #[must_use]
    pub const fn limited_by(mut self, resource: Resource, limit: u64) -> Self {
        self.limit = limit;
        self.resource = resource;
        self
    }
}

impl fmt::Display for MemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let MemOp::Guard { at, side } = self.op {
            let who = match side {
                Side::Heap => "the heap has run over its end",
                Side::Stack => "the stack has grown too deep",
                Side::Both => "heap and stack have both written there",
            };
            return write!(f, "guard of the fixed region damaged at {at:#x}: {who}");
        }
        write!(
            f,
            "out of memory: cannot allocate {}-byte block ({} in use)",
            self.len, self.in_use
        )?;
        match self.op {
            MemOp::Reserve => write!(f, ": reserve address space")?,
            MemOp::Map => write!(f, ": map memory")?,
            MemOp::Unused => write!(f, ": release memory")?,
            MemOp::Remap => write!(f, ": move memory")?,
            MemOp::Order => write!(f, ": step out of order")?,
            MemOp::Limit => write!(f, ": limit")?,
            MemOp::Boundary { heap_top, stack_low } => {
                write!(f, ": the heap ends at {heap_top:#x}, the stack begins at {stack_low:#x}")?;
            }
            MemOp::Guard { .. } => {}
        }
        if self.errno != 0 {
            write!(f, " failed with error {}", self.errno)?;
        }
        match (self.limit, self.resource) {
            (0, _) => Ok(()),
            (limit, Resource::Unknown) => write!(f, ", limit {limit} bytes"),
            (limit, Resource::Mappings) => write!(f, ", {}: {limit}", Resource::Mappings.name()),
            (limit, resource) => write!(f, ", {}: limit {limit} bytes", resource.name()),
        }
    }
}

impl core::error::Error for MemError {}
