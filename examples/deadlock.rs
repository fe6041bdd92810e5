//! All goroutines asleep: the runtime says who waits for what, and ends the program with status 2.
//!
//! `cargo run --example deadlock`

use gort::channel::bounded;
use gort::sync::Mutex;
use std::sync::Arc;

#[gort::main]
fn main() {
    let (first, second) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (ready, wait) = bounded::<()>(0);
    let locks = (Arc::clone(&second), Arc::clone(&first));
    let other = gort::thread::Builder::new().name("other".into()).spawn(move || {
        let _second = locks.0.lock();
        let _ = ready.send(());
        let _first = locks.1.lock();
    });
    let _first = first.lock();
    let _ = wait.recv();
    let _second = second.lock();
    drop(other);
    println!("never printed");
}
