//! Competing processes: on each core one that computes, while a workload runs.
//!
//! A figure from a machine that has nothing else to do is half of the truth:
//! designs that spin, or that need all their threads to make progress, look good
//! there and fall apart beside others.

use std::process::{Child, Command, Stdio};
use std::thread;

/// The hidden command that one of them is: `xtask spin`.
pub(crate) const SPIN: &str = "spin";

/// They compute while this lives.
#[derive(Debug)]
pub(crate) struct Hogs(Vec<Child>);

impl Hogs {
    /// One for each core.
    pub(crate) fn start() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut hogs = Self(Vec::new());
        for _ in 0..cores {
            let child = Command::new(&program).arg(SPIN).stdin(Stdio::piped()).spawn();
            hogs.0.push(child.map_err(|error| format!("no competing process: {error}"))?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // It may have ended by itself; then there is nothing to do.
            drop(hog.kill());
            drop(hog.wait());
        }
    }
}

/// The hidden command: computes until its parent is gone.
pub(crate) fn spin() -> ! {
    thread::spawn(|| {
        // The pipe closes with the parent, however that ends.
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        std::process::exit(0);
    });
    let mut sum = 0_u64;
    loop {
        sum = std::hint::black_box(sum.wrapping_mul(3).wrapping_add(1));
    }
}
