//! Running out of memory as a value, with the figures a reader needs.

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
    /// The limit that was hit, in bytes; 0 if none is known.
    pub limit: u64,
}

impl MemError {
    /// An error of the system.
    pub const fn os(op: MemOp, len: usize, errno: i32) -> Self {
        Self { op, len, errno, in_use: 0, limit: 0 }
    }

    /// The same error, with the caller's figure of bytes in use.
    #[must_use]
    pub const fn in_use(mut self, bytes: u64) -> Self {
        self.in_use = bytes;
        self
    }

    /// The same error, with the limit that was hit.
    #[must_use]
    pub const fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

impl fmt::Display for MemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "out of memory: cannot allocate {}-byte block ({} in use)",
            self.len, self.in_use
        )?;
        let what = match self.op {
            MemOp::Reserve => "reserve address space",
            MemOp::Map => "map memory",
            MemOp::Unused => "release memory",
            MemOp::Remap => "move memory",
            MemOp::Order => "step out of order",
            MemOp::Limit => "limit",
        };
        write!(f, ": {what}")?;
        if self.errno != 0 {
            write!(f, " failed with error {}", self.errno)?;
        }
        if self.limit != 0 {
            write!(f, ", limit {} bytes", self.limit)?;
        }
        Ok(())
    }
}

impl core::error::Error for MemError {}
