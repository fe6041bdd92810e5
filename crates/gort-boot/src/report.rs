//! The boot trace: what each stage took.

use core::fmt;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::BOOT, n: 4, name: "boot.report" };
static LAST: Lock<Report> = Lock::new(&RANK, Report { rows: Vec::new(), steps: Vec::new() });

/// One stage, as it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Number, 1 to 17.
    pub number: u8,
    /// Name, as in the documentation.
    pub name: &'static str,
    /// Wall time in nanoseconds.
    pub ns: u64,
    /// Bytes of address space that the process holds more than before.
    pub reserved: u64,
    /// Bytes of memory that may be used more than before.
    pub committed: u64,
    /// Memory calls (`mmap`, `mprotect`, `madvise`, ..) that gort made.
    pub calls: u64,
}

/// One step of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Number of the stage.
    pub stage: u8,
    /// What was done.
    pub name: &'static str,
    /// Wall time in nanoseconds, part of the stage's.
    pub ns: u64,
}

/// All stages of the last boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    rows: Vec<Row>,
    steps: Vec<Step>,
}

impl Report {
    /// The stages so far, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The steps of MallocInit, in order: how the heap came into being. Fewer where the process's allocator or an earlier boot
    /// has made it.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Wall time of all stages together, in nanoseconds.
    pub fn total_ns(&self) -> u64 {
        self.rows.iter().map(|r| r.ns).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>2}  {:<12} {:>10} {:>16} {:>14} {:>6}",
            "#", "stage", "us", "reserved", "committed", "calls"
        )?;
        for r in &self.rows {
            writeln!(
                f,
                "{:>2}  {:<12} {:>10.1} {:>16} {:>14} {:>6}",
                r.number,
                r.name,
                r.ns as f64 / 1e3,
                r.reserved,
                r.committed,
                r.calls
            )?;
            for step in self.steps.iter().filter(|step| step.stage == r.number) {
                writeln!(f, "      - {:<20} {:>6.1}", step.name, step.ns as f64 / 1e3)?;
            }
        }
        writeln!(f, "    {:<12} {:>10.1}", "total", self.total_ns() as f64 / 1e3)
    }
}

/// The report of the last boot of this process, complete once its main function has started.
pub fn report() -> Report {
    LAST.lock().clone()
}

/// Starts a new report.
pub(crate) fn begin() {
    *LAST.lock() = Report::default();
}

pub(crate) fn add(row: Row) {
    LAST.lock().rows.push(row);
}

pub(crate) fn add_step(step: Step) {
    LAST.lock().steps.push(step);
}
