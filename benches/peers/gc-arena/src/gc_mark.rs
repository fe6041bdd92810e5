//! M3, `gc_mark` and `gc_mark_full`: many nodes with pointers to random earlier ones;
//! five whole cycles.

use std::time::Instant;

use gc_arena::{Arena, Collect, Gc, Rootable};
use gort_bench_kit::parameters::gc_mark::{
    COLLECTIONS, NODE_BYTES, NODES, NODES_FULL, POINTERS, REACHABLE, STEP,
};
use gort_bench_kit::{Random, Wrong, metric, millis, verify};

/// 64 bytes of its own.
#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    number: u64,
    to: [Option<Gc<'gc, Node<'gc>>>; POINTERS],
    padding: [u64; 3],
}

type Table<'gc> = Vec<Gc<'gc, Node<'gc>>>;

pub(crate) fn sparse() -> Result<(), Wrong> {
    run("gc_mark", NODES.get(), STEP)
}

pub(crate) fn full() -> Result<(), Wrong> {
    run("gc_mark_full", NODES_FULL.get(), 1)
}

fn run(name: &str, nodes: u64, step: u64) -> Result<(), Wrong> {
    let mut arena = Arena::<Rootable![Table<'_>]>::new(|context| {
        let mut random = Random::new(1);
        let mut all: Table<'_> = Vec::with_capacity(nodes as usize);
        for number in 0..nodes {
            let to = [(); POINTERS].map(|()| match number {
                0 => None,
                _ => Some(all[random.below(number) as usize]),
            });
            all.push(Gc::new(context, Node { number, to, padding: [0; 3] }));
        }
        all.into_iter().step_by(step as usize).collect()
    });
    arena.finish_cycle();

    let start = Instant::now();
    for _ in 0..COLLECTIONS {
        arena.finish_cycle();
    }
    let reachable = if step == 1 { nodes } else { REACHABLE.get() };
    let bytes = reachable * NODE_BYTES;
    let each = millis(start.elapsed()) / COLLECTIONS as f64;
    let left = arena.metrics().total_gc_count() as u64;

    let (sum, wrong) = arena.mutate(|_, table| {
        let late = |node: &Gc<'_, Node<'_>>| {
            node.to.iter().flatten().filter(|next| next.number >= node.number).count()
        };
        (table.iter().map(|node| node.number).sum::<u64>(), table.iter().map(late).sum::<usize>())
    });
    let rooted = nodes / step;
    verify("pointers that do not lead to an earlier node", wrong as u64, 0)?;
    verify("sum of the rooted nodes", sum, step * (rooted * (rooted - 1) / 2))?;
    verify("number of nodes left", left, reachable)?;
    metric(name, each, "ms/collection");
    metric(&format!("{name}_rate"), bytes as f64 / each / 1e3, "MB/s");
    Ok(())
}
