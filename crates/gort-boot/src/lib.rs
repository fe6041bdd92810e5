//! Wires the layers together, in the documented order.
//!
//! Go's start is a fixed sequence that survives as comments and habit. Here it is a chain of types
//! ([`stages`]), seventeen of them, each observable ([`report()`]) and each a symbol to break on
//! (`gort_boot_rt0`, .. `gort_boot_exit`). Programs use the short forms:
//!
//! ```
//! let text = gort_boot::run(|| {
//!     let g = gort_sched::go(|| "from a goroutine");
//!     g.join().unwrap()
//! });
//! assert_eq!(text, "from a goroutine");
//! ```
//!
//! # Does not know
//! Anything that happens between start and exit.
//!
//! # Invariants
//! - BOOT-ORDER A stage takes the token of the one before: the order is the type checker's.
//! - ARGS-1     Nothing past argc is read; entries are null or C strings that outlive their users.
//! - INIT-1     No init task runs if the table is damaged or has a cycle.
//!
//! # Locks
//! `boot.gc_percent` < `boot.report` < `boot.exit_hooks`; none is held over a call into another layer
//! but the collector's settings.
//!
//! # Read in this order
//! [`stages`] → [`env`](mod@env) → [`args`] → [`init_tasks`] → `wire` → [`runtime`] → [`exit`] → [`report`](mod@report) → [`sim`]

pub mod args;
mod clock;
pub mod env;
mod error;
pub mod exit;
pub mod init_tasks;
mod options;
mod panic;
pub mod report;
pub mod runtime;
pub mod sim;
pub mod stages;
mod wire;

pub use error::BootError;
pub use exit::at_exit;
pub use options::Options;
pub use report::{Report, Row, Step, report};
pub use runtime::{Builder, Handle, Runtime, main, run, try_run};
pub use stages::Boot;

/// For the macros of this crate.
#[doc(hidden)]
pub mod __private {
    pub use linkme;

    /// What the attribute macros give: `migrate` only where the program wrote `unsafe(migrate)`.
    pub fn options(migrate: bool) -> crate::Options {
        use gort_sched::Migrate;
        // SAFETY: MIGRATE-1 — the attribute's argument is the program's promise.
        let migrate = if migrate { unsafe { Migrate::yes() } } else { Migrate::NO };
        crate::Options { migrate, ..crate::Options::default() }
    }
}
