//! BENCH-7: giving memory back. A batch of requests takes 256 MiB of blocks and frees them;
//! then windows of 500 ms stream through 32 MiB at a time. The resident memory is noted as it
//! goes, and how long it takes after the batch until most is gone. The setting is who gives
//! it back: the `background` (what the heap does by itself), nobody (`never`), or nobody but
//! the program, who asks once after the batch (`asked`).

use std::alloc::{GlobalAlloc, Layout};
use std::time::{Duration, Instant};

use gort_bench_kit::{Size, Wrong, fail, resident_bytes};
use gort_heap::GortAlloc;

use crate::report::{figure, point};

const BATCH: Size = Size::new(256 << 20, 16 << 20);
const WINDOW: Size = Size::new(32 << 20, 4 << 20);
/// Milliseconds after the batch.
const WATCHED: Size = Size::new(8_000, 500);
const WINDOWS: Size = Size::new(10, 2);

pub(crate) fn run(setting: &str) -> Result<(), Wrong> {
    let base = resident_bytes()?;
    let start = Instant::now();
    let note = |peak: &mut u64| -> Result<u64, Wrong> {
        let resident = resident_bytes()?.saturating_sub(base);
        *peak = (*peak).max(resident);
        let (seconds, mib) = (start.elapsed().as_secs_f64(), resident as f64 / (1 << 20) as f64);
        point(setting, seconds, mib);
        Ok(resident)
    };
    let (mut peak, mut gone) = (0, None);
    take_and_free(BATCH.get(), || note(&mut peak).map(drop))?;
    let freed = Instant::now();
    if setting == "asked" {
        GortAlloc::free_os_memory();
    }
    while freed.elapsed() < Duration::from_millis(WATCHED.get()) {
        let resident = note(&mut peak)?;
        if resident < BATCH.get() / 10 && gone.is_none() {
            gone = Some(freed.elapsed());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut streaming = 0;
    for _ in 0..WINDOWS.get() {
        let window = Instant::now();
        take_and_free(WINDOW.get(), || note(&mut streaming).map(drop))?;
        std::thread::sleep(Duration::from_millis(500).saturating_sub(window.elapsed()));
        note(&mut streaming)?;
    }
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    figure("peak_batch", mib(peak), "MiB");
    figure("peak_streaming", mib(streaming), "MiB");
    figure(
        "until_nine_tenths_are_gone",
        gone.map_or(f64::INFINITY, |t| t.as_secs_f64() * 1e3),
        "ms",
    );
    Ok(())
}

fn take_and_free(bytes: u64, mut note: impl FnMut() -> Result<(), Wrong>) -> Result<(), Wrong> {
    let layout = Layout::new::<[u64; 128]>();
    let mut blocks = Vec::new();
    for at in 0..bytes / layout.size() as u64 {
        // SAFETY: GLOBAL-3: the layout has a size.
        let block = unsafe { GortAlloc.alloc_zeroed(layout) };
        if block.is_null() {
            return fail("no memory");
        }
        // SAFETY: GLOBAL-3: the block is ours; writing makes its page real.
        unsafe { block.write(1) };
        blocks.push(block);
        if at % 16_384 == 0 {
            note()?;
        }
    }
    for block in blocks {
        // SAFETY: GLOBAL-3: allocated above with this layout, freed once.
        unsafe { GortAlloc.dealloc(block, layout) };
    }
    note()
}
