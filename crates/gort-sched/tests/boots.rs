//! What a scheduler leaves behind: nothing. A process of its own, because other tests' threads have mappings too.

use gort_sched::go;
use gort_sched::testing::run;

#[test]
fn boots_leave_nothing_behind() {
    let count = |dir: &str| std::fs::read_dir(dir).unwrap().count();
    let maps = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    run(2, || go(|| ()).join().unwrap());
    let (fds, before) = (count("/proc/self/fd"), maps());
    for _ in 0..200 {
        run(2, || go(|| ()).join().unwrap());
    }
    assert!(count("/proc/self/fd") <= fds + 2);
    // What the C library keeps of threads that have ended; a leak of 200 stands out.
    assert!(maps() < before + 50, "{} {before}", maps());
}
