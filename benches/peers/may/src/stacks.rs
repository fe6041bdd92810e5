//! How many coroutines there can be: each stack is a mapping with a guard, which is
//! two, and the kernel allows so many in a process.

use std::fs;

use gort_bench_kit::{Wrong, cannot};

/// Refuses what would end in a failed mapping.
pub(crate) fn enough_for(coroutines: u64) -> Result<(), Wrong> {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let maps: u64 = text.trim().parse().unwrap_or(65_530);
    if coroutines * 2 + 200 <= maps {
        return Ok(());
    }
    cannot(format_args!(
        "{coroutines} stacks are {} mappings, and vm.max_map_count is {maps}",
        coroutines * 2
    ))
}
