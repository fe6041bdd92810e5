//! A cleanup runs later, so it cannot hold a handle.
fn main() {
    let mu = gort_gc::pin();
    let object = mu.alloc(1u64);
    mu.add_cleanup(object, object, |o| drop(o));
}
