//! The programs that tests run as processes of their own: examples, which `cargo test` builds.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::PathBuf;
use std::process::Child;

/// Where an example lies: beside this test binary, which is in `target/PROFILE/deps`.
pub(crate) fn path(example: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a test binary");
    path.pop();
    path.pop();
    path.join("examples").join(example)
}

/// A process that is ended when the value goes.
pub(crate) struct Kept(pub(crate) Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
