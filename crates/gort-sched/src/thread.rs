//! Goroutines in the shape of `std::thread`: handles, names, park and unpark, scopes.

mod builder;
mod current;
mod handle;
mod scope;

pub use crate::blocking::blocking;
pub use crate::osthread::{OsThreadGuard, lock_os_thread};
pub use crate::priority::{Priority, priority, set_priority, with_priority};
pub use builder::{Builder, go_migrating, go_pinned, spawn};
pub(crate) use current::GoexitToken;
pub use current::{
    current, deadline_after, goexit, goroutine_id, is_goexit, no_park, panicking, park,
    park_timeout, sleep, sleep_until, with_current_name, yield_now,
};
pub(crate) use handle::{Inner, of};
pub use handle::{Thread, ThreadId};
pub use scope::{Scope, ScopedJoinHandle, scope};
