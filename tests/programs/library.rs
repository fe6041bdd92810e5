//! Runtimes inside a program with a main of its own; `tests/faults.rs` runs it.

use gort::channel::{bounded, never};
use std::time::Duration;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("deadlock") => gort::run(|| _ = never::<()>().recv()),
        Some("outsider") => {
            // The main thread has not used the channel yet when everything else sleeps.
            let (tx, rx) = bounded(0);
            let waiter = std::thread::spawn(|| gort::run(move || println!("{:?}", rx.recv())));
            std::thread::sleep(Duration::from_millis(100));
            tx.send(6).expect("the goroutine receives");
            waiter.join().expect("no panic");
        }
        _ => {}
    }
}
