//! A handle, and so a result that borrows, stays inside of its scope.

use gort_sched::thread;

fn main() {
    let handle = thread::scope(|s| s.spawn(|| 1));
    let _ = handle.join();
}
