//! The allocator of this machine's C library: the same programs without a global
//! allocator of their own.

use std::ffi::CStr;
use std::path::Path;

use crate::bench::systems::programs::Programs;
use crate::bench::systems::system::System;

pub(crate) fn prepare(root: &Path) -> Result<System, String> {
    let folder = root.join("benches").join("peers");
    let target = root.join("target").join("peers").join("cargo");
    let built = Programs::build(&folder, &["peer-glibc"], "release", Some(&target))?;
    System::of("glibc", version(), &[built.get("peer-glibc")?], None)
}

/// What the library says of itself; this program and the measured one share it.
#[cfg(target_env = "gnu")]
fn version() -> String {
    // SAFETY: CHILD-3: the library returns a constant string of its own.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_string_lossy().into_owned()
}

#[cfg(not(target_env = "gnu"))]
fn version() -> String {
    "not glibc".into()
}
