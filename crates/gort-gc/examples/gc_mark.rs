//! Marking alone: a large table of nodes with random pointers, and forced collections.
//!
//! `cargo run --release -p gort-gc --example gc_mark -- 8` (Mi nodes of 64 bytes)

use std::time::Instant;

use gort_gc::{Field, Root, Trace};

#[derive(Trace)]
struct Node {
    to: [Field<Node>; 4],
    rest: [u64; 4],
}

fn main() {
    let millions: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let n = millions << 20;
    let mut mu = gort_gc::pin();
    gort_gc::set_gc_percent(None);
    let all = Root::new(&mu, mu.alloc_slice::<Node>(n).expect("memory"));
    let kept = Root::new(&mu, mu.alloc_slice::<Node>(n / 64).expect("memory"));
    let mut rng = 0x9e37_79b9_7f4a_7c15_u64;
    for i in 0..n {
        let mut pick = || {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            if i == 0 { None } else { all.get(&mu).slice()[rng as usize % i].load() }
        };
        let to = [pick(), pick(), pick(), pick()];
        let node = mu.alloc(NodeInit { to, rest: [i as u64; 4] });
        all.get(&mu).slice()[i].store(&mu, Some(node));
        if i % 64 == 0 {
            kept.get(&mu).slice()[i / 64].store(&mu, Some(node));
        }
        if i % 1024 == 0 {
            mu.safepoint();
        }
    }
    assert_eq!(all.get(&mu).slice()[n - 1].load().map(|n| n.rest[0]), Some(n as u64 - 1));
    drop(all);
    mu.collect();
    for _ in 0..5 {
        let start = Instant::now();
        mu.collect();
        let live = gort_gc::stats().live_bytes >> 20;
        println!("{:.1} ms, {live} MiB alive", start.elapsed().as_secs_f64() * 1e3);
    }
}
