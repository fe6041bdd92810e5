//! BENCH-3: how deep a cache should be. Blocks of all small sizes are made and freed in
//! waves of growing length; the setting is how many KiB of free blocks of a class a cache
//! may hold before it gives half of them back.

use std::alloc::Layout;
use std::time::Instant;

use gort_bench_kit::{Random, Size, Wrong, fail, resident_bytes};
use gort_heap::{Heap, HeapConfig, Kind, Linux};

use crate::report::{figure, point};

const BLOCKS: Size = Size::new(20_000_000, 200_000);

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let depth: u32 = setting.parse().or_else(fail)?;
    let config =
        HeapConfig { gc_range_shift: 0, cache_depth: depth << 10, ..HeapConfig::default() };
    let heap = Heap::with(Linux, config).or_else(fail)?;
    let mut cache = heap.cache(Kind::Explicit).or_else(fail)?;
    let before = resident_bytes()?;
    for wave in [100, 1_000, 10_000, 100_000] {
        let mut random = Random::new(1);
        let mut live = Vec::with_capacity(wave);
        let start = Instant::now();
        let mut made = 0;
        while made < BLOCKS.get() / 4 {
            for _ in 0..wave {
                let size = 16 << random.below(7);
                let layout = Layout::from_size_align(size as usize, 8).or_else(fail)?;
                let Some(block) = cache.alloc(layout) else { return fail("no memory") };
                live.push((block, layout));
            }
            made += wave as u64;
            for (block, layout) in live.drain(..) {
                // SAFETY: H-1: from this cache, with this layout, freed once.
                unsafe { cache.dealloc(block, layout) };
            }
        }
        let rate = made as f64 / start.elapsed().as_secs_f64() / 1e6;
        point(&format!("{depth}_KiB"), wave as f64, rate);
        figure(&format!("wave_{wave}"), rate, "M/s");
    }
    figure("grown", (resident_bytes()?.saturating_sub(before)) as f64 / (1 << 20) as f64, "MiB");
    Ok(())
}
