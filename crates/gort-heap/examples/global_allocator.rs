//! gort's heap as the allocator of a program: two lines, and figures for whoever asks.

use gort_heap::GortAlloc;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

fn main() {
    let words: Vec<String> = (0..100_000).map(|i| format!("word {i}")).collect();
    println!("{} words\n{}", words.len(), GortAlloc::stats());
}
