//! gort itself: builds the package `gort-bench` with the bench profile.

use std::path::{Path, PathBuf};

use crate::bench::systems::programs::Programs;
use crate::bench::systems::system::System;
use crate::failure::Failure;

/// gort as a system, and the client that drives all echo servers.
pub(crate) fn build(root: &Path) -> Result<(System, PathBuf), Failure> {
    make(root).map_err(|why| Failure::Tool(format!("bench: gort's workloads: {why}")))
}

fn make(root: &Path) -> Result<(System, PathBuf), String> {
    let packages = ["gort-bench", "gort-bench-kit"];
    let built = Programs::build(root, &packages, "bench", None)?;
    let programs = [built.get("gort-bench")?, built.get("gort-bench-memory")?];
    let hello = Some(built.get("gort-hello")?);
    let system = System::of("gort", env!("CARGO_PKG_VERSION").into(), &programs, hello)?;
    Ok((system, built.get("echo-client")?))
}
