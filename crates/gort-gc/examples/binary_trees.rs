//! The benchmarks game's binary trees: allocation, marking and sweeping of very many small objects.
//!
//! `cargo run --release -p gort-gc --example binary_trees -- 18`

use gort_gc::{Field, Gc, Mutator, Root, Trace};

#[derive(Trace)]
struct Node {
    left: Field<Node>,
    right: Field<Node>,
}

fn build(mu: &Mutator, depth: u32) -> Gc<'_, Node> {
    let (left, right) = match depth {
        0 => (None, None),
        _ => (Some(build(mu, depth - 1)), Some(build(mu, depth - 1))),
    };
    mu.alloc(NodeInit { left, right })
}

fn count(node: &Node) -> u32 {
    match (node.left.load(), node.right.load()) {
        (Some(left), Some(right)) => 1 + count(&left) + count(&right),
        _ => 1,
    }
}

fn main() {
    let depth = std::env::args().nth(1).and_then(|d| d.parse().ok()).unwrap_or(14).max(6);
    let start = std::time::Instant::now();
    let mut mu = gort_gc::pin();
    println!("stretch tree of depth {}: {}", depth + 1, count(&build(&mu, depth + 1)));
    mu.safepoint();
    let long = Root::new(&mu, build(&mu, depth));
    mu.safepoint();
    for d in (4..=depth).step_by(2) {
        let trees = 1 << (depth - d + 4);
        let mut sum = 0;
        for _ in 0..trees {
            sum += count(&build(&mu, d));
            mu.safepoint();
        }
        println!("{trees} trees of depth {d}: {sum}");
    }
    println!("long lived tree of depth {depth}: {}", count(&long.get(&mu)));
    eprintln!("{:.3} s", start.elapsed().as_secs_f64());
    let stats = gort_gc::stats();
    eprintln!(
        "{} cycles, {} rounds, longest handshake {:?}, p50 {:?}, committed {} MiB",
        stats.cycles,
        stats.rounds,
        stats.longest_handshake,
        stats.handshakes.quantile(0.5),
        stats.committed >> 20
    );
}
