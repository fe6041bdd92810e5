//! What was taken out of a vector is kept by nobody else.
use gort_gc::{GcVec, Root};

fn main() {
    let mut mu = gort_gc::pin();
    let row = Root::new(&mu, mu.alloc(GcVec::<u64>::init()));
    let last = row.get(&mu).get().pop(&mu);
    mu.collect();
    println!("{:?}", last.map(|x| *x));
}
