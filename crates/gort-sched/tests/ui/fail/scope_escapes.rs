//! Nobody spawns into a scope that has ended.

use gort_sched::thread;

fn main() {
    let mut kept = None;
    thread::scope(|s| kept = Some(s));
    drop(kept);
}
