//! Touching memory before a workload that needs much of it.
//!
//! On a virtual machine a page costs far more at its first touch ever, when the
//! host has to back it, than at its first touch by a later process. Whoever ran
//! first would pay for all. So a process of its own touches as much as the
//! workload will need and ends; the bench itself stays small.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// The hidden command that does it: `xtask touch-memory MIB`.
pub(crate) const TOUCH_MEMORY: &str = "touch-memory";

const PAGE: usize = 4096;
const MIB: usize = 1 << 20;

/// Touches `mib` MiB in a child, but never more than most of what is free.
pub(crate) fn touch(mib: u64) {
    let mib = mib.min(available_mib() * 3 / 4);
    let Ok(program) = std::env::current_exe() else { return };
    let child = Command::new(program)
        .args([TOUCH_MEMORY, &mib.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Without it the figures are noisier, no more.
    drop(child);
}

/// The hidden command.
pub(crate) fn touch_memory(args: Vec<OsString>) -> Result<(), Failure> {
    let mib = args.first().and_then(|mib| mib.to_str()?.parse::<usize>().ok());
    let mib = mib.ok_or_else(|| Failure::Usage(format!("{TOUCH_MEMORY} wants a number of MiB")))?;
    let mut memory: Vec<u8> = Vec::new();
    memory
        .try_reserve_exact(mib * MIB)
        .map_err(|error| Failure::Tool(format!("{TOUCH_MEMORY}: {error}")))?;
    // `resize` with a value other than 0 writes to every page.
    memory.resize(mib * MIB, 1);
    std::hint::black_box(memory.iter().step_by(PAGE).count());
    Ok(())
}

/// What the kernel says can be had without swapping, or 0.
fn available_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    parse_available(&text).unwrap_or(0)
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_meminfo() {
        let text = "MemTotal:  100 kB\nMemAvailable:   20480 kB\n";
        assert_eq!(parse_available(text), Some(20));
        assert_eq!(parse_available("MemFree: 1 kB"), None);
    }

    #[test]
    fn touching_wants_a_number() {
        assert!(matches!(touch_memory(vec!["x".into()]), Err(Failure::Usage(_))));
        assert!(touch_memory(vec!["1".into()]).is_ok());
    }
}
