//! Tables of page caches: what one serves, what one takes, and what comes back.

use super::{C, Map, Pages};
use crate::config::Share;
use crate::pages::cache::PageCache;
use proptest::prelude::*;

const ONES: u64 = u64::MAX;

#[test]
fn serving() {
    // (free, bare, pages wanted with the place and the bare pages of each answer)
    type Case<'a> = (&'a str, u64, u64, &'a [(usize, Option<usize>, usize)]);
    let cases: &[Case] = &[
        (
            "empty",
            0,
            0,
            &[
                (1, None, 0),
                (2, None, 0),
                (3, None, 0),
                (4, None, 0),
                (5, None, 0),
                (11, None, 0),
                (12, None, 0),
                (16, None, 0),
                (27, None, 0),
                (32, None, 0),
                (43, None, 0),
                (57, None, 0),
                (64, None, 0),
                (121, None, 0),
            ],
        ),
        ("the lowest", 1, 1, &[(1, Some(0), 1), (1, None, 0), (10, None, 0)]),
        ("the highest", 1 << 63, 1, &[(1, Some(63), 0), (1, None, 0), (10, None, 0)]),
        (
            "holes",
            0x2000_5555,
            0x5505,
            &[
                (2, None, 0),
                (1, Some(0), 1),
                (1, Some(2), 1),
                (1, Some(4), 0),
                (1, Some(6), 0),
                (1, Some(8), 1),
                (1, Some(10), 1),
                (1, Some(12), 1),
                (1, Some(14), 1),
                (1, Some(29), 0),
                (1, None, 0),
                (10, None, 0),
            ],
        ),
        ("two at the low end", 3, 2 << 62, &[(2, Some(0), 0), (2, None, 0), (1, None, 0)]),
        ("two at the high end", 3 << 62, 3 << 62, &[(2, Some(62), 2), (2, None, 0), (1, None, 0)]),
        (
            "pairs",
            0x3333 << 31,
            0x3030 << 31,
            &[(2, Some(31), 0), (2, Some(35), 2), (2, Some(39), 0), (2, Some(43), 2), (2, None, 0)],
        ),
        (
            "53 at the high end",
            ((1 << 53) - 1) << 10,
            0xffff << 10,
            &[(53, Some(10), 16), (53, None, 0), (1, None, 0)],
        ),
        ("53 of all", ONES, 0xffff << 10, &[(53, Some(0), 16), (53, None, 0), (1, Some(53), 0)]),
        ("all", ONES, ONES, &[(64, Some(0), 64), (64, None, 0), (1, None, 0)]),
        (
            "all in pieces",
            ONES,
            ONES,
            &[
                (5, Some(0), 5),
                (7, Some(5), 7),
                (1, Some(12), 1),
                (23, Some(13), 23),
                (63, None, 0),
                (3, Some(36), 3),
                (3, Some(39), 3),
                (3, Some(42), 3),
                (12, Some(45), 12),
                (11, None, 0),
                (4, Some(57), 4),
                (4, None, 0),
                (6, None, 0),
                (36, None, 0),
                (2, Some(61), 2),
                (3, None, 0),
                (1, Some(63), 1),
                (4, None, 0),
                (2, None, 0),
                (62, None, 0),
                (1, None, 0),
            ],
        ),
    ];
    for (what, free, scav, hits) in cases {
        let mut c = PageCache { base: 4096, free: *free, scav: *scav & *free };
        for (i, (n, page, bare)) in hits.iter().enumerate() {
            let got = c.alloc(*n);
            assert_eq!(got.map(|r| r.page), page.map(|p| p + 4096), "{what}, number {i}");
            assert_eq!(got.map_or(0, |r| r.scavenged), *bare, "{what}, number {i}: bare pages");
        }
    }
}

#[test]
fn filling() {
    let last = 4096 / 8 - 1;
    let far = 0x10_0000;
    let all: &[(usize, usize)] = &[(0, C)];
    // (before, caches in turn as page, free and bare, afterwards)
    type Case<'a> = (&'a str, Map<'a>, &'a [Option<(usize, u64, u64)>], Map<'a>);
    let cases: &[Case] = &[
        (
            "the last pages of three chunks",
            &[(0, all, all), (1, all, all), (2, &[(0, C - 64)], &[])],
            &[Some((3 * C - 64, ONES, 0)), None],
            &[(0, all, &[]), (1, all, &[]), (2, all, &[])],
        ),
        ("nothing", &[(0, all, &[])], &[None, None, None], &[(0, all, &[])]),
        (
            "bare pages stay bare",
            &[(0, &[(0, 1), (10, 2)], &[(0, 4), (11, 1)])],
            &[Some((0, !(1 | 3 << 10), 7 << 1))],
            &[(0, &[(0, 64)], &[])],
        ),
        (
            "everything",
            &[(0, &[], &[(1, 1), (64, 64)])],
            &[
                Some((0, ONES, 2)),
                Some((64, ONES, ONES)),
                Some((128, ONES, 0)),
                Some((192, ONES, 0)),
            ],
            &[(0, &[(0, 256)], &[])],
        ),
        (
            "a hole of chunks",
            &[(0, all, all), (0xff, &[], &[(31, 67)])],
            &[Some((0xff * C, ONES, ((1 << 33) - 1) << 31))],
            &[(0, all, &[]), (0xff, &[(0, 64)], &[(64, 34)])],
        ),
        (
            "what is free of the first 64",
            &[(0, &[(0, 32), (33, 31), (96, 32)], &[(1, 4), (31, 5), (66, 2)])],
            &[Some((0, 1 << 32, 1 << 32)), Some((64, (1 << 32) - 1, 3 << 2))],
            &[(0, &[(0, 128)], &[])],
        ),
        (
            "at the end of a page of summaries",
            &[(last, &[(0, C - 1)], &[]), (far, &[(1, C - 1)], &[])],
            &[Some(((last + 1) * C - 64, 1 << 63, 0)), Some((far * C, 1, 0)), None],
            &[(last, all, &[]), (far, all, &[])],
        ),
    ];
    for (what, before, caches, after) in cases {
        let mut p = Pages::like(31, before);
        for (i, want) in caches.iter().enumerate() {
            let want = want.map(|(base, free, scav)| PageCache { base, free, scav });
            assert_eq!(p.alloc.alloc_to_cache(), want, "{what}, number {i}");
        }
        p.assert_like(what, after);
    }
}

/// What a cache has left comes back bit by bit, and what it served stays in use.
fn flushed(word: usize, free: u64, scav: u64) {
    let mut p = Pages::with(22, &[0, 1]);
    for page in 0..2 * C {
        assert_eq!(p.alloc.take_at(page, 1), Some(1));
    }
    let mut cache = PageCache { base: C + word * 64, free, scav };
    p.alloc.free_cache(&mut cache);
    assert_eq!(cache, PageCache::default());
    let (used, bare) = p.alloc.bits_of(1);
    let mut want = [u64::MAX; 8];
    want[word] = !free;
    assert_eq!(used.0, want);
    want = [0; 8];
    want[word] = scav;
    assert_eq!(bare.0, want);
    p.alloc.check().unwrap();
}

#[test]
fn flushing() {
    flushed(0, 0, 0);
    flushed(0, ONES, ONES);
    flushed(7, ONES, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn flushing_at_random(word in 0..8usize, free in any::<u64>(), scav in any::<u64>()) {
        flushed(word, free, scav & free);
    }
}

/// On a machine with nodes each takes from its own chunks first; when these are full, from any; and nothing is lost.
#[test]
fn shares() {
    for of in 1..=4u32 {
        let mut p = Pages::with(26, &[0, 1, 2, 3, 4, 5, 6, 7]);
        let free = p.alloc.free_pages().0;
        let mut taken = Vec::new();
        for turn in 0..free as u32 / 64 {
            let which = turn % of;
            let is_own = |chunk: usize| chunk % of as usize == which as usize;
            let has_own = (0..8).any(|c| is_own(c) && p.alloc.bits_of(c).0.count(0, C) != C);
            let cache = p.alloc.alloc_to_cache_near(Share { which, of }).unwrap();
            p.alloc.check().unwrap();
            assert_eq!(is_own(cache.base / C), has_own, "{of} nodes, node {which}");
            taken.push(cache);
        }
        assert!(p.alloc.alloc_to_cache_near(Share { which: 0, of }).is_none());
        taken.iter_mut().for_each(|cache| p.alloc.free_cache(cache));
        p.alloc.check().unwrap();
        assert_eq!(p.alloc.free_pages().0, free);
        // What comes back is found by its node again.
        let cache = p.alloc.alloc_to_cache_near(Share { which: of - 1, of }).unwrap();
        assert_eq!(cache.base / C, of as usize - 1);
    }
}
