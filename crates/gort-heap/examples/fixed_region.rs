//! A heap in memory of the program's own: one megabyte, of which 64 KiB are the stack's.
//!
//! `cargo run -p gort-heap --example fixed_region`

use gort_heap::{Heap, HeapConfig, Kind};
use gort_sys::mem::fixed::{Asked, Fixed, Strategy, plan};
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// The memory: on a small machine, what the linker script left free.
const RAM: usize = 1 << 20;
const STACK: usize = 64 << 10;
static mut MEMORY: [MaybeUninit<u8>; RAM] = [const { MaybeUninit::uninit() }; RAM];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = (&raw mut MEMORY).cast::<u8>();
    let start = base as usize;
    let parts = plan(start..start + RAM, Strategy::Static { stack: STACK, guard: 4096 })?;
    println!("heap {} KiB, stack {} KiB", parts.heap.len() >> 10, parts.stack.len() >> 10);

    let asked = Asked::new(base, RAM).stack(STACK).check()?.align()?;
    // SAFETY: FIXED-1 — the static is named here alone.
    let fixed: Arc<Fixed> = Arc::new(unsafe { asked.ready() }?);
    let heap = Heap::with(fixed.clone(), HeapConfig::within(RAM, false, true))?;
    let mut cache = heap.cache(Kind::Explicit)?;

    let layout = Layout::new::<[u64; 12]>();
    let mut blocks = Vec::new();
    while let Some(p) = cache.alloc(layout) {
        blocks.push(p);
    }
    println!(
        "{} blocks of 96 bytes; heap top at {} KiB",
        blocks.len(),
        (fixed.heap_top() - start) >> 10
    );
    for p in blocks {
        // SAFETY: H-1 — allocated above with this layout, and freed once.
        unsafe { cache.dealloc(p, layout) };
    }
    fixed.check()?;
    println!("the guard is whole");
    Ok(())
}
