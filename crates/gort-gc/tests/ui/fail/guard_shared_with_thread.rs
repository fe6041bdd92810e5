//! A guard is one task's at a time.

fn main() {
    let mu = gort_gc::pin();
    share(&mu);
}

/// What another thread asks of a reference; of this file, so that the message does not depend on whether the standard
/// library's source is there.
fn share<T: Sync>(_: &T) {}
