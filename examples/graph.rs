//! Collected objects: a graph with cycles, a root that keeps a part of it, and a collection.
//!
//! `cargo run --release --example graph`

use gort::gc::{self, Field, Root, Trace};

/// A city with up to three roads; roads lead both ways, so the graph is full of cycles.
#[derive(Trace)]
struct City {
    name: String,
    roads: [Field<City>; 3],
}

fn main() {
    let mut mu = gc::pin();
    let city = |name: &str| mu.alloc(CityInit { name: name.into(), roads: [None; 3] });
    let (bern, thun, brig, lost) = (city("Bern"), city("Thun"), city("Brig"), city("Lost"));
    for (from, place, to) in
        [(bern, 0, thun), (thun, 0, bern), (thun, 1, brig), (brig, 0, thun), (lost, 0, lost)]
    {
        from.roads[place].store(&mu, Some(to));
    }
    let keep = Root::new(&mu, bern);

    // The handles end here; what the root reaches stays.
    mu.collect();
    let mut at = keep.get(&mu);
    let mut trip = vec![at.get().name.as_str()];
    while let Some(next) = at.get().roads[trip.len() - 1].load() {
        trip.push(&next.get().name);
        at = next;
    }
    println!("a trip from the root: {}", trip.join(" -> "));

    // "Lost" names itself, and nothing else names it: the first collection found it dead, its
    // string was dropped, and a later one frees its place.
    while gc::stats().freed_objects == 0 {
        mu.collect();
    }
    let stats = gc::stats();
    println!("{} objects allocated, {} freed", stats.alloc_objects, stats.freed_objects);
}
