//! What lives inside of the scope's closure ends before the scope's goroutines.

use gort_sched::thread;

fn main() {
    thread::scope(|s| {
        let inner = String::from("inner");
        s.spawn(|| inner.len());
    });
}
