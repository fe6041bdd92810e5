//! Dividing memory between a heap that grows up and a stack that grows down (SYS-11): a pure function.
//!
//! | strategy | the boundary | right when |
//! |---|---|---|
//! | [`Strategy::Static`] | fixed: the stack's bytes are kept, used or not | the deepest stack is known |
//! | [`Strategy::Checked`] | as low as the stack pointer is now; each growth looks again | the stack is shallow when the heap is large |
//! | [`Strategy::Split`] | computed at start from a description of the load | both are known roughly |
//!
//! A plan has three parts, from low to high: heap, guard, stack. They are disjoint and cover the memory; the heap's end is a
//! multiple of a page (the stack gets what the rounding leaves).

use core::fmt;
use core::ops::Range;

/// Boundaries are multiples of this: the page of a fixed region.
pub const UNIT: usize = 4 << 10;

/// What a program is expected to need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls on the deepest path.
    pub depth: usize,
    /// Bytes of an average frame.
    pub frame: usize,
    /// Bytes of live objects at the peak.
    pub live: usize,
    /// What the heap needs beside live objects, in percent of them: tables, classes' roundings, free memory.
    pub slack_percent: usize,
}

/// How to find the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The stack gets that many bytes, at least.
    Static {
        /// Bytes of the stack.
        stack: usize,
        /// Bytes of the guard below it.
        guard: usize,
    },
    /// The heap gets all below the stack pointer.
    Checked {
        /// The stack pointer now.
        sp: usize,
        /// Bytes of the guard below it.
        guard: usize,
    },
    /// Both get what the load asks for, and share the rest in the same proportion.
    Split {
        /// The load.
        load: Load,
        /// Bytes of the guard between.
        guard: usize,
    },
}

/// The three parts, from low to high.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Grows up from its start.
    pub heap: Range<usize>,
    /// Nobody's.
    pub guard: Range<usize>,
    /// Grows down from its end.
    pub stack: Range<usize>,
}

/// The memory is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// Start behind end.
    Order {
        /// Where the memory begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The stack pointer is not in the memory.
    Elsewhere {
        /// The stack pointer.
        sp: usize,
    },
    /// The parts need more than there is.
    Room {
        /// Bytes there are.
        ram: usize,
        /// Bytes the heap needs.
        heap: usize,
        /// Bytes of the guard.
        guard: usize,
        /// Bytes the stack needs.
        stack: usize,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Order { start, end } => write!(f, "memory from {start:#x} to {end:#x}"),
            Self::Elsewhere { sp } => write!(f, "the stack pointer {sp:#x} is not in the memory"),
            Self::Room { ram, heap, guard, stack } => write!(
                f,
                "of {ram} bytes the heap needs {heap}, the guard {guard}, the stack {stack}"
            ),
        }
    }
}

impl core::error::Error for PlanError {}

/// Divides `ram`. Looks at nothing but its arguments.
///
/// ```
/// use gort_sys::mem::fixed::{Strategy, plan};
///
/// let ram = 0x2000_0000..0x2000_4000;
/// let plan = plan(ram, Strategy::Static { stack: 4096, guard: 0 })?;
/// assert_eq!(plan.heap, 0x2000_0000..0x2000_3000);
/// assert_eq!(plan.stack, 0x2000_3000..0x2000_4000);
/// # Ok::<(), gort_sys::mem::fixed::PlanError>(())
/// ```
///
/// # Errors
/// [`PlanError`], with the numbers.
pub fn plan(ram: Range<usize>, strategy: Strategy) -> Result<Plan, PlanError> {
    let Range { start, end } = ram;
    if start >= end {
        return Err(PlanError::Order { start, end });
    }
    let bytes = end - start;
    let (heap, guard, stack) = match strategy {
        Strategy::Static { stack, guard } => (0, guard, stack),
        Strategy::Checked { sp, guard } => {
            if !(start..=end).contains(&sp) {
                return Err(PlanError::Elsewhere { sp });
            }
            (0, guard, end - sp)
        }
        Strategy::Split { load, guard } => {
            let stack = load.depth.saturating_mul(load.frame);
            let more = load.live as u128 * load.slack_percent as u128 / 100;
            let heap = load.live.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
            let asked = heap as u128 + stack as u128;
            let rest = bytes.saturating_sub(guard) as u128;
            if asked > rest {
                return Err(PlanError::Room { ram: bytes, heap, guard, stack });
            }
            // With no wish at all the heap gets everything.
            let share = (rest * stack as u128).checked_div(asked).unwrap_or(0) as usize;
            (heap, guard, share)
        }
    };
    let room = PlanError::Room { ram: bytes, heap, guard, stack };
    let above = stack.checked_add(guard).filter(|n| *n <= bytes).ok_or(room)?;
    // Down to whole pages, so that the stack never gets less than it asked for.
    let boundary = (end - above) / UNIT * UNIT;
    if boundary < start || boundary - start < heap {
        return Err(room);
    }
    let middle = boundary + guard;
    Ok(Plan { heap: start..boundary, guard: boundary..middle, stack: middle..end })
}
