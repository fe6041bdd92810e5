//! What goes back, in which order, and which chunks are left alone.

use super::{C, Map, Pages};
use crate::pages::alloc::PageAlloc;
use crate::pages::candidate::Wish;
use crate::pages::density::{DENSE, Density, DensityIndex};
use gort_sys::{SysStat, TestBackend};
use proptest::prelude::*;

/// Gives back by single pages until `most` pages are gone.
fn scavenge(alloc: &mut PageAlloc, most: usize) -> usize {
    let mut gone = 0;
    while gone < most {
        let wish = Wish { align: 1, most: most - gone, huge: 0 };
        let Some((page, n)) = alloc.take_warm(wish, true) else { break };
        alloc.free_as(page, n, true);
        gone += n;
    }
    gone
}

#[test]
fn the_highest_goes_first() {
    let all: &[(usize, usize)] = &[(0, C)];
    // (bare pages before; in use before; pages wanted and gone, in turn; bare pages afterwards)
    type Case<'a> = (&'a str, Map<'a>, &'a [(usize, usize)], Map<'a>);
    let cases: &[Case] = &[
        (
            "all of three chunks",
            &[(0, &[], &[]), (1, &[], &[]), (2, &[], &[])],
            &[(usize::MAX, 3 * C), (usize::MAX, 0)],
            &[(0, &[], all), (1, &[], all), (2, &[], all)],
        ),
        (
            "nothing: in use, or bare",
            &[(0, all, &[]), (1, &[], all), (2, all, &[])],
            &[(usize::MAX, 0)],
            &[(0, all, &[]), (1, &[], all), (2, all, &[])],
        ),
        ("one page", &[(0, &[], &[(1, C - 2)])], &[(1, 1)], &[(0, &[], &[(1, C - 1)])]),
        (
            "one after the other",
            &[(0, &[], &[(1, C - 2)])],
            &[(1, 1), (1, 1), (1, 0)],
            &[(0, &[], all)],
        ),
        (
            "from the chunk above first",
            &[(0, &[], &[(1, C - 2)]), (1, &[], &[(0, C - 2)])],
            &[(2, 2), (1, 1), (1, 1)],
            &[(0, &[], all), (1, &[], all)],
        ),
        (
            "over a hole",
            &[(0, &[], &[(1, C - 2)]), (0xe, &[], &[(2, C - 2)])],
            &[(2, 2), (usize::MAX, 2), (usize::MAX, 0)],
            &[(0, &[], all), (0xe, &[], all)],
        ),
        (
            "over a hole that is not mapped",
            &[(3, &[], &[]), (0x10_0000, &[], &[])],
            &[(usize::MAX, 2 * C), (usize::MAX, 0)],
            &[(3, &[], all), (0x10_0000, &[], all)],
        ),
    ];
    for (what, before, steps, after) in cases {
        let mut p = Pages::like(31, before);
        for (i, (most, want)) in steps.iter().enumerate() {
            assert_eq!(scavenge(&mut p.alloc, *most), *want, "{what}, step {i}");
        }
        p.assert_like(what, after);
    }
}

/// Bare pages come into use, and are not bare then.
#[test]
fn pages_in_use_are_not_bare() {
    let mut p = Pages::with(22, &[0, 1]);
    for n in [1, 7, 63, 200, 300] {
        let run = p.alloc.alloc(n).unwrap();
        assert_eq!(run.scavenged, n);
    }
    let mut cache = p.alloc.alloc_to_cache().unwrap();
    cache.alloc(3).unwrap();
    for chunk in 0..2 {
        let (used, bare) = p.alloc.bits_of(chunk);
        assert!(used.0.iter().zip(bare.0).all(|(u, b)| u & b == 0));
    }
    p.alloc.free_cache(&mut cache);
    p.alloc.check().unwrap();
}

/// Without force a chunk that is or was nearly full stays as it is, until a whole generation later.
#[test]
fn dense_chunks_are_left_alone() {
    let wish = Wish { align: 8, most: C, huge: 256 };
    let mut p = Pages::with(22, &[0, 1]);
    assert_eq!(p.alloc.alloc(2 * C).map(|r| r.page), Some(0));
    p.alloc.free(C + 64, 16);
    for _ in 0..3 {
        assert_eq!(p.alloc.take_warm(wish, false), None, "96.875 % in use");
        p.alloc.next_generation();
    }
    p.alloc.free(C + 80, 16);
    // 94 % now, but it was full in this generation.
    p.alloc.next_generation();
    assert_eq!(
        p.alloc.take_warm(wish, false),
        Some((C + 64, 32)),
        "as full as this since the last generation"
    );
    p.alloc.free_as(C + 64, 32, true);

    // Freed in the generation after one in which it was full.
    p.alloc.free(0, 40);
    assert_eq!(p.alloc.take_warm(wish, false), None, "full at the end of the last generation");
    assert_eq!(p.alloc.take_warm(wish, true), Some((0, 40)), "by force");
    p.alloc.free_as(0, 40, true);
    p.alloc.check().unwrap();

    // Small runs are not worth a call, and do not hide from force.
    p.alloc.free(100, 7);
    p.alloc.next_generation();
    p.alloc.next_generation();
    assert_eq!(p.alloc.take_warm(wish, false), None);
    assert_eq!(p.alloc.take_warm(Wish { align: 1, ..wish }, true), Some((100, 7)));
}

#[test]
fn packing() {
    let cases = [(1_918_237_402, 512, 512, 3), (u32::MAX, 12, 0, 0), (0, 0, 512, 63)];
    for (generation, used, then, flags) in cases {
        let d = Density { used, then, generation, flags };
        assert_eq!(Density::unpack(d.pack()), d);
    }
}

proptest! {
    #[test]
    fn packing_at_random(generation in any::<u32>(), used in 0..513u32, then in 0..513u32, flags in 0..64u8) {
        let d = Density { used, then, generation, flags };
        prop_assert_eq!(Density::unpack(d.pack()), d);
    }
}

/// An index of 64 chunks, each full in the last generation, with nothing to release now.
struct Index(DensityIndex, SysStat, TestBackend);

impl Index {
    fn new() -> Self {
        let st = SysStat::new();
        let b = TestBackend::new();
        let mut index = DensityIndex::new(&b, 64, &st).unwrap();
        index.prepare(&b, 0, 64, &st).unwrap();
        for chunk in 0..64 {
            index.grow(chunk, 0, 512);
            index.alloc(chunk, C);
        }
        index.next_generation();
        for chunk in 0..64 {
            index.free_bare(chunk, C);
        }
        Self(index, st, b)
    }

    /// The pages from `from` up to `to` are taken and freed.
    fn mark(&mut self, from: (usize, usize), to: (usize, usize)) {
        let (mut at, end) = (from.0 * C + from.1, to.0 * C + to.1);
        while at < end {
            let next = end.min((at / C + 1) * C);
            self.0.alloc(at / C, next - at);
            self.0.free(at / C, at % C, next - at);
            at = next;
        }
    }

    /// Finds this chunk and page, and nothing there any more.
    fn find(&mut self, force: bool, want: Option<(usize, usize)>) {
        let got = self.0.find(force);
        assert_eq!(got, want.map(|(chunk, page)| (chunk, page + 1)));
        if let Some((chunk, _)) = got {
            self.0.nothing(chunk, force);
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        unsafe { self.0.release(&self.2, &self.1) };
    }
}

/// What was freed is found from the top down: by force at once, else after a generation.
#[test]
fn the_index_finds_what_was_freed() {
    let whole =
        |chunks: std::ops::Range<usize>| chunks.rev().map(|c| (c, C - 1)).collect::<Vec<_>>();
    let with = |first: (usize, usize), rest: std::ops::Range<usize>| {
        let mut all = vec![first];
        all.extend(whole(rest));
        all
    };
    type Place = (usize, usize);
    type Case = (Vec<(Place, Place)>, Vec<Place>);
    let cases: Vec<Case> = vec![
        (vec![], vec![]),
        (vec![((0, 3), (0, 4))], vec![(0, 3)]),
        (vec![((0, 0), (0, 1))], vec![(0, 0)]),
        (vec![((0, 9), (0, 14))], vec![(0, 13)]),
        (vec![((0, 0), (1, 0))], whole(0..1)),
        (vec![((0, C - 1), (1, 0))], whole(0..1)),
        (vec![((6, 11), (13, 15))], with((13, 14), 6..13)),
        (vec![((0, 0), (32, 0))], whole(0..32)),
        (vec![((3, 0), (35, 0))], whole(3..35)),
        ((0..32).map(|c| ((c, 0), (c + 1, 0))).collect(), whole(0..32)),
        (vec![((0, 0), (1, 0)), ((0, 0), (1, 0))], whole(0..1)),
        (vec![((0, 0), (32, 0)), ((0, 0), (32, 0))], whole(0..32)),
        (vec![((4, 0), (31, 0)), ((5, 0), (36, 0))], whole(4..36)),
        (vec![((0, 128), (1, 128))], with((1, 127), 0..1)),
        (vec![((7, 128), (8, 129))], with((8, 128), 7..8)),
    ];
    for (marks, finds) in cases {
        for force in [false, true] {
            let mut index = Index::new();
            marks.iter().for_each(|(from, to)| index.mark(*from, *to));
            if !force {
                index.find(false, None);
                index.0.next_generation();
            }
            finds.iter().for_each(|want| index.find(force, Some(*want)));
            index.find(force, None);
        }
    }
}

#[test]
fn the_index_between_marks() {
    for force in [false, true] {
        let mut index = Index::new();
        for chunk in 0..32 {
            index.mark((chunk, 0), (chunk + 1, 0));
            if !force {
                index.0.next_generation();
            }
            index.find(force, Some((chunk, C - 1)));
        }
        index.find(force, None);
    }
    assert_eq!(DENSE, 496);
}
