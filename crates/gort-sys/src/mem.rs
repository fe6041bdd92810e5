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
//! [`Backend`] is the door to whoever owns the pages: [`Linux`] asks the kernel, [`TestBackend`] takes them from
//! the standard allocator, records every step and refuses those that the table does not have. Every step is charged
//! to one [`SysStat`](crate::SysStat), so the sum over all of them is what the process has mapped through this crate (MEM-1).
//!
//! [`Region`] is the same for simple owners, with the state in the type: a step out of order does not compile.
//!
//! Nothing here allocates from the global allocator (but for the test backend), panics or unwinds.

mod backend;
mod error;
mod linux;
mod region;
mod test;

pub use backend::{Backend, HugeHint, PageRange, Release};
pub use error::{MemError, MemOp};
pub use linux::{Linux, calls, total};
pub use region::{Ready, Region, Reserved};
pub use test::{Step, TestBackend};
