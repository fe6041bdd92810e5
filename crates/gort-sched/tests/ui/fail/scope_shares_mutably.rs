//! Two goroutines of a scope do not change one value.

use gort_sched::thread;

fn main() {
    let mut n = 0;
    thread::scope(|s| {
        s.spawn(|| n += 1);
        s.spawn(|| n += 1);
    });
}
