//! Guards and roots go to threads, handles to scoped threads.

use std::sync::atomic::{AtomicU64, Ordering};

use gort_gc::{Field, Root, Trace};

#[derive(Trace)]
struct Counter {
    n: AtomicU64,
    next: Field<Counter>,
}

fn main() {
    let mu = gort_gc::pin();
    let counter = mu.alloc(CounterInit { n: AtomicU64::new(0), next: None });
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(move || counter.n.fetch_add(1, Ordering::Relaxed));
        }
    });
    let root = Root::new(&mu, counter);
    let thread = std::thread::spawn(move || {
        let counter = root.get(&mu);
        counter.next.store(&mu, Some(counter));
        counter.n.load(Ordering::Relaxed)
    });
    assert_eq!(thread.join().unwrap(), 2);
}
