//! M1, `gc_alloc_16` .. `gc_alloc_8192`: makes many objects of a size; the last
//! thousand stay in a ring, every second refers to the one before.

use std::time::Instant;

use gort::gc::{self, Field, GcSlice, Mutator, Root, Trace};
use gort_bench_kit::parameters::gc_alloc::{LARGE, RING, SMALL};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

/// Objects between two passes: often enough for a cycle to start in time, and not
/// on every object's account.
const STRETCH: u64 = 16;

/// A pointer and numbers, `8 * (WORDS + 1)` bytes in all.
#[derive(Trace)]
struct Object<const WORDS: usize> {
    before: Field<Object<WORDS>>,
    words: [u64; WORDS],
}

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
    let mut mutator = gc::pin();
    let slice = mutator.alloc_slice::<Object<WORDS>>(RING).or_else(fail)?;
    let ring = Root::new(&mutator, slice);

    let start = Instant::now();
    let mut number = 0;
    while number < objects {
        stretch(&mutator, &ring, number, (number + STRETCH).min(objects));
        number += STRETCH;
        mutator.safepoint();
    }
    let elapsed = start.elapsed();

    // The ring holds the last objects, each with its own number and a right neighbour.
    for number in objects - RING as u64..objects {
        let slots = ring.get(&mutator);
        let Some(object) = slots[number as usize % RING].load() else {
            return fail("an object of the ring is gone");
        };
        verify("number of an object", object.words[0], number)?;
        if let Some(before) = object.before.load() {
            verify("number of the object before", before.words[0], number - 1)?;
        }
    }
    metric(name, per_op(elapsed, objects), "ns/alloc");
    Ok(())
}

fn stretch<const WORDS: usize>(
    mutator: &Mutator,
    ring: &Root<GcSlice<Object<WORDS>>>,
    from: u64,
    to: u64,
) {
    let slots = ring.get(mutator).slice();
    let mut before = slots[(from + RING as u64 - 1) as usize % RING].load();
    for number in from..to {
        let mut words = [0; WORDS];
        words[0] = number;
        let before_it = if number % 2 == 1 { before } else { None };
        let object = mutator.alloc(ObjectInit { before: before_it, words });
        slots[number as usize % RING].store(mutator, Some(object));
        before = Some(object);
    }
}
