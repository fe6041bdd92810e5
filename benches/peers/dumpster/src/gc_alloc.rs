//! M1, `gc_alloc_16` .. `gc_alloc_8192`: many objects of a size; the last thousand stay
//! in a ring, every second refers to the one before.

use std::time::Instant;

use dumpster::Trace;
use dumpster::unsync::Gc;
use gort_bench_kit::parameters::gc_alloc::{LARGE, RING, SMALL};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

/// `8 * (WORDS + 1)` bytes of its own.
#[derive(Trace)]
struct Object<const WORDS: usize> {
    before: Option<Gc<Object<WORDS>>>,
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
    let mut ring: Vec<Option<Gc<Object<WORDS>>>> = vec![None; RING];
    let start = Instant::now();
    let mut last = RING - 1;
    for number in 0..objects {
        let mut words = [0; WORDS];
        words[0] = number;
        let before = if number % 2 == 1 { ring[last].clone() } else { None };
        last = number as usize % RING;
        ring[last] = Some(Gc::new(Object { before, words }));
    }
    let elapsed = start.elapsed();

    for (object, number) in ring.iter().zip(objects - RING as u64..) {
        let Some(object) = object else { return fail("an object of the ring is gone") };
        verify("number of an object", object.words[0], number)?;
        if let Some(before) = &object.before {
            verify("number of the object before", before.words[0], number - 1)?;
        }
    }
    metric(name, per_op(elapsed, objects), "ns/alloc");
    Ok(())
}
