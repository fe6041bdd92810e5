//! M4, `gc_latency`: random nodes of a large table are replaced for ten seconds; how
//! long each replacement takes is noted.
//!
//! The table is cut into pieces, each an object of its own, so that no step of the
//! collector is long; and the new node is made grey instead of the piece that it is put
//! into, which would have to be traced anew. The collector steps once per operation.

use std::time::{Duration, Instant};

use gc_arena::lock::Lock;
use gc_arena::{Arena, Collect, Gc, Mutation, Rootable};
use gort_bench_kit::parameters::gc_latency::{MILLIS, SLOTS};
use gort_bench_kit::{Histogram, Random, Wrong, fail, metric};

/// 64 bytes of its own.
#[derive(Collect)]
#[collect(no_drop)]
struct Node<'gc> {
    number: u64,
    next: Option<Gc<'gc, Node<'gc>>>,
    padding: [u64; 6],
}

/// Slots of a piece of the table.
const PIECE: usize = 512;

type Slot<'gc> = Lock<Gc<'gc, Node<'gc>>>;
type Table<'gc> = Vec<Gc<'gc, [Slot<'gc>; PIECE]>>;

pub(crate) fn run() -> Result<(), Wrong> {
    let slots = SLOTS.get();
    let mut arena = Arena::<Rootable![Table<'_>]>::new(|context| {
        let piece = |first: usize| {
            let slot = |at| Lock::new(node(context, (first + at) as u64));
            Gc::new(context, std::array::from_fn(slot))
        };
        (0..slots as usize).step_by(PIECE).map(piece).collect()
    });
    arena.finish_cycle();

    let mut random = Random::new(1);
    let mut taken = Histogram::new();
    let start = Instant::now();
    let end = start + Duration::from_millis(MILLIS.get());
    let mut last = start;
    while last < end {
        let slot = random.below(slots);
        arena.mutate(|context, table| {
            put(context, table[slot as usize / PIECE], slot as usize % PIECE, node(context, slot));
        });
        arena.collect_debt();
        let now = Instant::now();
        taken.record((now - last).as_nanos() as u64);
        last = now;
    }
    let elapsed = start.elapsed();

    let mut slots = 0..;
    let wrong = arena.mutate(|_, table| {
        let all = table.iter().flat_map(|piece| piece.iter());
        all.zip(&mut slots).filter(|(slot, number)| slot.get().number != *number).count()
    });
    if wrong > 0 {
        return fail(format_args!("{wrong} slots do not hold their nodes"));
    }
    taken.report("gc_latency", &[50.0, 99.0, 99.9, 99.99]);
    metric("gc_latency_ops", taken.total() as f64 / elapsed.as_secs_f64(), "ops/s");
    Ok(())
}

fn node<'gc>(context: &Mutation<'gc>, number: u64) -> Gc<'gc, Node<'gc>> {
    Gc::new(context, Node { number, next: None, padding: [0; 6] })
}

/// Puts a node into a slot of a piece.
fn put<'gc>(
    context: &Mutation<'gc>,
    piece: Gc<'gc, [Slot<'gc>; PIECE]>,
    at: usize,
    node: Gc<'gc, Node<'gc>>,
) {
    context.forward_barrier(Some(Gc::erase(piece)), Gc::erase(node));
    // SAFETY: ARENA-1: the barrier for the only pointer that is written came just before.
    unsafe { piece[at].as_cell() }.set(node);
}
