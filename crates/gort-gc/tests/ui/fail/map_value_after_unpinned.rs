//! A map's values are handles like others.
use gort_gc::GcMap;

fn main() {
    let mut mu = gort_gc::pin();
    let map = mu.alloc(GcMap::<u32, u64>::init());
    let value = map.get().get(&1);
    mu.unpinned(|| ());
    println!("{:?}", value.map(|x| *x));
}
