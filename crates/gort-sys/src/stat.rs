//! Accounting rows: which memory was taken for what.
//!
//! Each owner of mappings has one [`SysStat`]; every mapped byte is in exactly one of them (MEM-1). The three
//! counters are the bytes of a row by state, so `reserved + mapped + released` is the address space it holds.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One row of the account, in bytes.
#[derive(Debug, Default)]
pub struct SysStat {
    /// Address space held but inaccessible.
    pub reserved: AtomicU64,
    /// Memory that may be read and written (Ready).
    pub mapped: AtomicU64,
    /// Memory given back to the operating system but still ours to use (Prepared).
    pub released: AtomicU64,
}

/// The three figures of a row at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SysBytes {
    /// Bytes reserved.
    pub reserved: u64,
    /// Bytes mapped.
    pub mapped: u64,
    /// Bytes released.
    pub released: u64,
}

impl SysStat {
    /// An empty row.
    pub const fn new() -> Self {
        Self { reserved: AtomicU64::new(0), mapped: AtomicU64::new(0), released: AtomicU64::new(0) }
    }

    /// The figures now. The three are read one after the other: exact only when nobody moves memory.
    pub fn bytes(&self) -> SysBytes {
        // ORDER: Relaxed, three times — counters that publish nothing.
        SysBytes {
            reserved: self.reserved.load(Relaxed),
            mapped: self.mapped.load(Relaxed),
            released: self.released.load(Relaxed),
        }
    }

    /// Moves `len` bytes from one counter to another; `None` is "not ours".
    pub fn shift(&self, from: Option<MemState>, to: Option<MemState>, len: usize) {
        if let Some(cell) = from.map(|s| self.cell(s)) {
            cell.fetch_sub(len as u64, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
        }
        if let Some(cell) = to.map(|s| self.cell(s)) {
            cell.fetch_add(len as u64, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
        }
    }

    fn cell(&self, state: MemState) -> &AtomicU64 {
        match state {
            MemState::Reserved => &self.reserved,
            MemState::Ready => &self.mapped,
            MemState::Prepared => &self.released,
        }
    }
}

/// State of a page that is ours (the fourth, None, is the absence of one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemState {
    /// Address space only.
    Reserved,
    /// Mapped, nothing behind it.
    Prepared,
    /// Usable.
    Ready,
}
