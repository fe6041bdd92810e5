//! The operating system as gort sees it: memory in states, locks with ranks, sleeping and
//! waking, the clock, chance, a thread's own words, and what the machine has.
//!
//! Every other layer reaches the kernel through this crate alone.
//!
//! ```
//! use gort_sys::lock::Lock;
//! use gort_sys::rank::{Rank, layer};
//!
//! static COUNTER: Rank = Rank { layer: layer::BOOT, n: 15, name: "example.counter" };
//! let counter = Lock::new(&COUNTER, 0);
//! *counter.lock() += 1;
//! assert_eq!(*counter.lock(), 1);
//! ```
//!
//! # Does not know
//! Goroutines, spans, marks, or any policy. Nothing here allocates (mappings aside), and nothing
//! panics.
//!
//! # Invariants
//! - TLS-1   The address of a thread word never leaves the assembly that uses it.
//! - MEM-1   Every mapped byte is charged to exactly one `SysStat`, in the state it is in.
//! - MEM-2   A range is touched, mapped or unmapped only by the owner of its reservation.
//! - FIXED-1 A fixed region is its backend's alone, but for the stack above the guard; its page map gives no page twice.
//! - FIXED-2 Whenever a page of a fixed region is mapped, the heap's top and the guard lie below the stack as it is known.
//! - NOTE-1  A wake that comes before the sleep makes the sleep return at once.
//! - LOCK-1  The data of a `Lock` is reached only between its acquire and its release.
//! - CLOCK-1 A thread's virtual clock is alive while the thread's word names it.
//! - RANK-1  The table of lock names holds nothing but pointers to constants.
//! - RANK-2  A thread takes a lock only while all that it holds have smaller ranks (checked in debug builds).
//! - SYS-ERRNO `errno` is read right after the call that set it, on the same thread.
//! - SYS-FUTEX A futex call borrows its word, or uses its address as a key and no more.
//! - SYS-CALL  What is passed to the kernel by address is alive for the whole call. (Cited by
//!   the call's name: SYS-WRITE, SYS-CLOCK, SYS-RANDOM, SYS-MEMBARRIER, SYS-AFFINITY,
//!   SYS-YIELD, SYS-TID, SYS-STACK, SYS-ABORT.)
//!
//! # Locks
//! This crate owns the rule ([`rank`]): a lock may be taken only while every held lock has a
//! smaller rank.
//!
//! # Read in this order
//! [`mem`] → [`stat`] → [`rank`] → [`lock`] → [`note`] → [`thread`] → [`membarrier`] → [`cgroup`] → [`cpu`] → [`numa`]
//! → [`platform`] → [`sink`] → [`fatal`](mod@fatal)

pub mod atomic;
pub mod cgroup;
pub mod chance;
pub mod clock;
pub mod cpu;
pub mod errno;
pub mod fatal;
mod file;
pub mod futex;
pub mod lock;
pub mod mem;
pub mod membarrier;
pub mod note;
pub mod numa;
pub mod platform;
pub mod process;
pub mod rank;
pub mod sink;
pub mod stat;
pub mod thread;

pub use mem::{
    Backend, Fixed, Gone, Linux, MemError, MemOp, PageRange, Region, Release, Resource, TestBackend,
};
pub use stat::{MemState, SysBytes, SysStat};
