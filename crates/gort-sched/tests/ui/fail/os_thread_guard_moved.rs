//! Who has locked a thread unlocks it.

use gort_sched::thread;

fn main() {
    let guard = thread::lock_os_thread();
    gort_sched::go(move || drop(guard));
}
