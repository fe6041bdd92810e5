//! What a vector gives borrows the vector, and that its handle's guard.
use gort_gc::GcVec;

fn main() {
    let mut mu = gort_gc::pin();
    let row = mu.alloc(GcVec::<u64>::init());
    row.push(&mu, mu.alloc(1));
    let first = row.get().get(0);
    mu.safepoint();
    println!("{:?}", first.map(|x| *x));
}
