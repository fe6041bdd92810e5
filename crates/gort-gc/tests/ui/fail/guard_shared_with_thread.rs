//! A guard is one task's at a time.

fn main() {
    let mu = gort_gc::pin();
    std::thread::scope(|s| {
        s.spawn(|| mu.alloc(1u64).get());
    });
}
