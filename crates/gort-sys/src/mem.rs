//! Address space and its four states.
//!
//! A range of pages is in one of four states, and moves between them only as the table says:
//!
//! | state | what it is | leaves by |
//! |---|---|---|
//! | None | not ours | `reserve` |
//! | Reserved | ours, inaccessible, costs no memory | `map`, `free` |
//! | Prepared | accessible or not, but nothing behind it | `used`, `free` |
//! | Ready | may be read and written; fresh memory is zero | `unused`, `fault`, `free` |
//!
//! [`Backend`] is the door to whoever owns the pages: [`Linux`] asks the kernel, [`Fixed`] has a region that the
//! program brings along, [`TestBackend`] takes them from the standard allocator, records every step and refuses those that the
//! table does not have. Every step is charged
//! to one [`SysStat`](crate::SysStat), so the sum over all of them is what the process has mapped through this crate (MEM-1).
//!
//! [`Region`] is the same for simple owners, with the state in the type: a step out of order does not compile.
//!
//! Nothing here allocates from the global allocator (but for the test backend), panics or unwinds.

mod backend;
mod error;
mod exhausted;
pub mod fixed;
mod linux;
mod region;
mod test;

pub use backend::{Backend, Gone, HugeHint, PageRange, Release};
pub use error::{MemError, MemOp, Resource};
pub use fixed::Fixed;
pub use linux::{Linux, calls, total};
pub(crate) use linux::{MADV_POPULATE_WRITE, try_advice, try_name};
pub use region::{Ready, Region, Reserved};
pub use test::{Step, TestBackend};

use core::sync::atomic::{AtomicBool, Ordering};

static LAZY: AtomicBool = AtomicBool::new(false);

/// How the process's memory goes back where its owner has no wish of its own: [`Release::DontNeed`], or [`Release::Free`]
/// after [`set_lazy_release`].
pub fn release() -> Release {
    // ORDER: Relaxed — a setting.
    if LAZY.load(Ordering::Relaxed) { Release::Free } else { Release::DontNeed }
}

/// `true`: memory goes back only when the kernel wants it, as Go does with `GODEBUG=madvdontneed=0`. Cheaper for programs that
/// take it again soon, but it counts as theirs until then.
pub fn set_lazy_release(on: bool) {
    LAZY.store(on, Ordering::Relaxed); // ORDER: Relaxed — a setting.
}
