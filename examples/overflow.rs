//! A recursion without an end: the report names the goroutine, then the program aborts.
//!
//! `cargo run --example overflow`

#[expect(unconditional_recursion, reason = "that is what the example is about")]
fn dig(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 8]);
    dig(depth + 1) + frame[3]
}

#[gort::main]
fn main() {
    let digger = gort::thread::Builder::new().name("digger".into()).spawn(|| dig(0));
    let depth = digger.expect("there is memory for a goroutine").join();
    println!("never printed: {depth:?}");
}
