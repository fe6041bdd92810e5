//! One file per processor architecture; each defines the same two modules, `frame` and `switch`.

#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod imp;

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod imp;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("gort-stack has no context switch for this architecture (x86_64, aarch64)");

pub use imp::{frame, switch};
