//! The smallest program: one goroutine, one channel.
//!
//! `cargo run --release --example hello`

use gort::channel::bounded;

#[gort::main]
fn main() {
    let (tx, rx) = bounded(0);
    gort::go(move || tx.send("hello from a goroutine"));
    println!("{}", rx.recv().expect("the goroutine sends before it ends"));
}
