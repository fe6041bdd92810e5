//! A heap full of holes: of each sixteen blocks one stays. What `cargo xtask frag` makes of it:
//!
//! ```text
//! $ cargo build -p gort-heap --example holes
//! $ cargo xtask frag --own -- target/debug/examples/holes
//! ```

use gort_heap::GortAlloc;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(16_000);
    let blocks: Vec<Box<[u8; 512]>> = (0..count).map(|i| Box::new([i as u8; 512])).collect();
    let kept: Vec<_> = blocks.into_iter().step_by(16).collect();
    // What the cache has on loan is no hole yet.
    GortAlloc::flush_current();
    println!("{} blocks stay", kept.len());
    // They live to the end of the process, so that its report shows them.
    std::mem::forget(kept);
}
