//! What a weak name gives is a handle.
use gort_gc::Weak;

fn main() {
    let mut mu = gort_gc::pin();
    let weak = Weak::new(&mu, mu.alloc(1u64));
    let object = weak.get(&mu);
    mu.safepoint();
    println!("{:?}", object.map(|x| *x));
}
