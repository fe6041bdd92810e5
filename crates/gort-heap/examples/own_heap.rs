//! A heap of one's own, beside whatever allocator the program has: its figures by size class, and its map.

use gort_heap::class::CLASSES;
use gort_heap::{ClassStats, Heap, HeapConfig, Kind, Linux, MemError};
use std::alloc::Layout;

fn main() -> Result<(), MemError> {
    let heap = Heap::with(Linux, HeapConfig::SMALL)?;
    let mut cache = heap.cache(Kind::Explicit)?;
    let mut blocks = Vec::new();
    for i in 1..5000 {
        let layout = Layout::from_size_align(i % 700 + 1, 8).unwrap_or(Layout::new::<u64>());
        blocks.extend(cache.alloc(layout).map(|p| (p, layout)));
    }
    for (p, layout) in blocks.drain(..3000) {
        // SAFETY: from `alloc` of this heap with this layout, out of the list, once.
        unsafe { cache.dealloc(p, layout) };
    }

    let mut rows = [ClassStats::default(); CLASSES];
    heap.by_class(Kind::Explicit, &mut rows);
    println!("{:>6} {:>8} {:>8} {:>8}", "size", "live", "spans", "free");
    for row in rows.iter().filter(|row| row.spans != 0) {
        println!("{:>6} {:>8} {:>8} {:>8}", row.size, row.live(), row.spans, row.free_slots);
    }
    println!("\n{}\n{}", heap.stats(), heap.map());
    if let Err(report) = heap.verify_stats() {
        println!("{report}");
    }
    for (p, layout) in blocks {
        // SAFETY: from `alloc` of this heap with this layout, out of the list, once.
        unsafe { cache.dealloc(p, layout) };
    }
    Ok(())
}
