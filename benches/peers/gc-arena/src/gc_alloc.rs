//! M1, `gc_alloc_16` .. `gc_alloc_8192`: many objects of a size; the last thousand stay
//! in a ring, every second refers to the one before.
//!
//! The ring is the arena's root, and the collector may pass after each turn of it: to
//! enter the arena for writing makes the root grey again, all of it.

use std::time::Instant;

use gc_arena::metrics::Pacing;
use gc_arena::{Arena, Collect, Gc, Mutation, Rootable};
use gort_bench_kit::parameters::gc_alloc::{LARGE, RING, SMALL};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

/// Objects that are made before a cycle may begin. The default, 256, is for heaps that
/// hold nothing: with it the ring is traced every five hundred objects.
const MIN_SLEEP: usize = 4096;

/// `8 * (WORDS + 1)` bytes of its own.
#[derive(Collect)]
#[collect(no_drop)]
struct Object<'gc, const WORDS: usize> {
    before: Option<Gc<'gc, Object<'gc, WORDS>>>,
    words: [u64; WORDS],
}

type Ring<'gc, const WORDS: usize> = Vec<Option<Gc<'gc, Object<'gc, WORDS>>>>;

pub(crate) fn of_16() -> Result<(), Wrong> {
    run::<1>("gc_alloc_16", SMALL.get())
}

pub(crate) fn of_64() -> Result<(), Wrong> {
    run::<7>("gc_alloc_64", SMALL.get())
}

pub(crate) fn of_256() -> Result<(), Wrong> {
    run::<31>("gc_alloc_256", SMALL.get())
}

pub(crate) fn of_1024() -> Result<(), Wrong> {
    run::<127>("gc_alloc_1024", LARGE.get())
}

pub(crate) fn of_8192() -> Result<(), Wrong> {
    run::<1023>("gc_alloc_8192", LARGE.get())
}

fn run<const WORDS: usize>(name: &str, objects: u64) -> Result<(), Wrong> {
    let mut arena = Arena::<Rootable![Ring<'_, WORDS>]>::new(|_| vec![None; RING]);
    arena.metrics().set_pacing(Pacing { min_sleep: MIN_SLEEP, ..Pacing::DEFAULT });
    let start = Instant::now();
    for turn in 0..objects / RING as u64 {
        arena.mutate_root(|context, ring| fill(context, ring, turn * RING as u64));
        arena.collect_debt();
    }
    let elapsed = start.elapsed();

    arena.mutate(|_, ring| {
        for (object, number) in ring.iter().zip(objects - RING as u64..) {
            let Some(object) = object else { return fail("an object of the ring is gone") };
            verify("number of an object", object.words[0], number)?;
            if let Some(before) = object.before {
                verify("number of the object before", before.words[0], number - 1)?;
            }
        }
        Ok(())
    })?;
    metric(name, per_op(elapsed, objects), "ns/alloc");
    Ok(())
}

/// One turn of the ring.
fn fill<'gc, const WORDS: usize>(context: &Mutation<'gc>, ring: &mut Ring<'gc, WORDS>, first: u64) {
    let mut before = ring[RING - 1];
    for (slot, number) in ring.iter_mut().zip(first..) {
        let mut words = [0; WORDS];
        words[0] = number;
        let before_it = if number % 2 == 1 { before } else { None };
        before = Some(Gc::new(context, Object { before: before_it, words }));
        *slot = before;
    }
}
