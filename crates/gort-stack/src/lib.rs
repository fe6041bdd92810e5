//! Native stacks for goroutines: slots of reserved address space with a guard below, pools that
//! keep them warm, and the switch from one stack to another.
//!
//! Rust frames hold pointers into themselves and cannot be moved. So a stack here does not grow
//! by copying, as Go's does, but in place: a slot reserves address space, and the kernel brings
//! memory page by page as the goroutine goes deeper. A parked goroutine of small depth costs one
//! page.
//!
//! ```
//! use gort_stack::{Class, StackPool, switch, frame};
//!
//! // One stack, run by hand: it adds two numbers and switches back.
//! struct Job { back: usize, own: usize, sum: u32 }
//! extern "C" fn body(job: *mut u8) -> ! {
//!     let job = job.cast::<Job>();
//!     unsafe {
//!         (*job).sum = 2 + 3;
//!         switch::away((*job).back)
//!     }
//! }
//! let pool = StackPool::new(Default::default());
//! let stack = pool.take(Class::SMALLEST).unwrap();
//! let mut job = Job { back: 0, own: 0, sum: 0 };
//! let at = &raw mut job;
//! unsafe {
//!     (*at).own = frame::first(stack.top(), body, at.cast());
//!     switch::switch(&raw mut (*at).back, (*at).own);
//! }
//! assert_eq!(job.sum, 5);
//! pool.give(stack);
//! ```
//!
//! # Does not know
//! Goroutines, run queues, states. Who overflowed a stack is told by whoever installs the
//! [`overflow`] handler.
//!
//! # Invariants
//! - STACK-OWN   A slot has one owner: a `Stack` value, a cache, or a free list.
//! - STACK-GUARD The lowest bytes of every slot that was handed out are inaccessible, unless the
//!   pool was built with `Guard::None` (which is `unsafe`).
//! - STACK-SLOT  A slot lies inside one region, aligned to its size; regions are unmapped only
//!   when the pool goes.
//! - SWITCH-1    A saved stack pointer is written by a switch (or is a first frame) and is
//!   resumed at most once.
//! - SWITCH-2    Every register that the callee must preserve is saved on the stack or declared
//!   clobbered; MXCSR and the x87 control word are not switched.
//! - FRAME-1     The oldest frame of a stack ends every walk: its return address is undefined.
//! - OVERFLOW-1 The fault handler reads what `install` stored before it could run, and ends the
//!   process or passes the signal on; it never resumes overflowed code.
//! - OVERFLOW-2 A signal stack is undone by the thread that installed it, outside a handler.
//!
//! # Locks
//! One per size class (rank `stack.class`); nothing else is taken under it but the kernel's.
//!
//! # Read in this order
//! [`class`] → [`pool`] → [`guard`] → [`cache`] → [`frame`] → [`switch`](mod@switch) → [`walk`] → [`overflow`]

mod arch;
pub mod cache;
pub mod class;
pub mod guard;
pub mod overflow;
pub mod pool;
pub mod walk;

pub use arch::{frame, switch};
pub use cache::StackCache;
pub use class::Class;
pub use guard::Guard;
pub use pool::{ClassStats, Config, Stack, StackError, StackPool, StackStats};
