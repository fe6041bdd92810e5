//! M3, `gc_mark` and `gc_mark_full`: many nodes of 64 bytes with pointers to random
//! earlier ones; five collections that are asked for.

use std::time::Instant;

use gort::gc::{self, Field, GcSlice, Mutator, Root, Trace};
use gort_bench_kit::parameters::gc_mark::{
    COLLECTIONS, NODE_BYTES, NODES, NODES_FULL, POINTERS, REACHABLE, STEP,
};
use gort_bench_kit::{Random, Wrong, fail, metric, millis, verify};

/// 64 bytes.
#[derive(Trace)]
struct Node {
    number: u64,
    to: [Field<Node>; POINTERS],
    padding: [u64; 3],
}

type Table = Root<GcSlice<Node>>;

pub(crate) fn sparse() -> Result<(), Wrong> {
    run("gc_mark", NODES.get(), STEP)
}

pub(crate) fn full() -> Result<(), Wrong> {
    run("gc_mark_full", NODES_FULL.get(), 1)
}

fn run(name: &str, nodes: u64, step: u64) -> Result<(), Wrong> {
    let roots = {
        let mut mutator = gc::pin();
        build(&mut mutator, nodes, step)?
    };
    // What only the building needed goes first.
    gc::collect().or_else(fail)?;

    let start = Instant::now();
    for _ in 0..COLLECTIONS {
        gc::collect().or_else(fail)?;
    }
    let reachable = if step == 1 { nodes } else { REACHABLE.get() };
    let bytes = reachable * NODE_BYTES;
    let each = millis(start.elapsed()) / COLLECTIONS as f64;

    let mutator = gc::pin();
    let mut sum = 0;
    for root in roots.get(&mutator).slice() {
        let Some(node) = root.load() else { return fail("a root is gone") };
        for next in node.to.iter().filter_map(Field::load) {
            if next.number >= node.number {
                return fail("a pointer does not lead to an earlier node");
            }
        }
        sum += node.number;
    }
    let rooted = nodes / step;
    verify("sum of the rooted nodes", sum, step * (rooted * (rooted - 1) / 2))?;
    metric(name, each, "ms/collection");
    metric(&format!("{name}_rate"), bytes as f64 / each / 1e3, "MB/s");
    Ok(())
}

/// Makes the nodes; a table of every `step`th.
fn build(mutator: &mut Mutator, nodes: u64, step: u64) -> Result<Table, Wrong> {
    let all = mutator.alloc_slice::<Node>(nodes as usize).or_else(fail)?;
    let all = Root::new(mutator, all);
    let mut random = Random::new(1);
    for number in 0..nodes {
        let table = all.get(mutator).slice();
        let to = [(); POINTERS].map(|()| match number {
            0 => None,
            _ => table[random.below(number) as usize].load(),
        });
        let node = mutator.alloc(NodeInit { number, to, padding: [0; 3] });
        table[number as usize].store(mutator, Some(node));
        if number % 64 == 0 {
            mutator.safepoint();
        }
    }
    if step == 1 {
        return Ok(all);
    }
    let rooted = mutator.alloc_slice::<Node>((nodes / step) as usize).or_else(fail)?;
    let table = all.get(mutator).slice();
    for (at, slot) in rooted.slice().iter().enumerate() {
        slot.store(mutator, table[at * step as usize].load());
    }
    Ok(Root::new(mutator, rooted))
}
