//! Tables of allocations and frees: pages, and how many of them are bare, from a given state to a given state.

use super::{C, Map, Pages, State};

const ALL: &[(usize, usize)] = &[(0, C)];
const NONE: &[(usize, usize)] = &[];
/// Chunks in a page of the last level's summaries, when that page has 4 KiB.
const PAGE_OF_SUMMARIES: usize = 4096 / 8;
/// Far away: 4 TiB in chunks.
const FAR: usize = 0x10_0000;

/// Pages wanted; first page (chunk, page) and bare pages of the answer.
type Hit = (usize, Option<(usize, usize)>, usize);

fn play(what: &str, shift: u32, before: Map, hits: &[Hit], after: Map) {
    let mut p = Pages::like(shift, before);
    for (i, (n, page, bare)) in hits.iter().enumerate() {
        let got = p.alloc.alloc(*n);
        let want = page.map(|(chunk, at)| chunk * C + at);
        assert_eq!(got.map(|r| r.page), want, "{what}, number {i}");
        assert_eq!(got.map_or(0, |r| r.scavenged), *bare, "{what}, number {i}: bare pages");
    }
    p.assert_like(what, after);
}

/// A chunk whose state is what `before` says, and all of which is in use afterwards.
fn to_full<'a>(before: Map<'a>) -> Vec<State<'a>> {
    before.iter().map(|(chunk, ..)| (*chunk, ALL, NONE)).collect()
}

#[test]
fn in_one_chunk() {
    // (bare pages before, hits, pages in use afterwards); everything is free at first.
    type Case<'a> = (&'a str, &'a [(usize, usize)], &'a [(usize, Option<usize>, usize)], usize);
    let cases: &[Case] = &[
        (
            "one",
            &[(0, 1), (2, 2)],
            &[(1, Some(0), 1), (1, Some(1), 0), (1, Some(2), 1), (1, Some(3), 1), (1, Some(4), 0)],
            5,
        ),
        (
            "two",
            &[(0, 3), (7, 1)],
            &[(2, Some(0), 2), (2, Some(2), 1), (2, Some(4), 0), (2, Some(6), 1), (2, Some(8), 0)],
            10,
        ),
        (
            "five",
            &[(0, 8), (9, 1), (17, 5)],
            &[
                (5, Some(0), 5),
                (5, Some(5), 4),
                (5, Some(10), 0),
                (5, Some(15), 3),
                (5, Some(20), 2),
            ],
            25,
        ),
        (
            "64",
            &[(21, 1), (63, 65)],
            &[(64, Some(0), 2), (64, Some(64), 64), (64, Some(128), 0)],
            192,
        ),
        ("65", &[(129, 1)], &[(65, Some(0), 0), (65, Some(65), 1), (65, Some(130), 0)], 195),
        (
            "all but three",
            &[(10, 1)],
            &[
                (C - 3, Some(0), 1),
                (C - 3, None, 0),
                (1, Some(C - 3), 0),
                (2, Some(C - 2), 0),
                (1, None, 0),
                (C - 3, None, 0),
            ],
            C,
        ),
        ("all", &[(0, 1), (C - 1, 1)], &[(C, Some(0), 2), (C, None, 0), (1, None, 0)], C),
    ];
    for (what, bare, hits, used) in cases {
        let hits: Vec<Hit> =
            hits.iter().map(|(n, at, bare)| (*n, at.map(|at| (3, at)), *bare)).collect();
        let used = [(0, *used)];
        play(what, 22, &[(3, NONE, bare)], &hits, &[(3, &used, bare)]);
    }
}

#[test]
fn over_the_borders_of_chunks() {
    let half = C / 2;
    let many: Map = &[(0, ALL, ALL), (1, ALL, ALL), (2, &[(0, C - 1)], ALL)];
    play("the last page of three", 22, many, &[(1, Some((2, C - 1)), 1)], &to_full(many));
    play(
        "a hole of chunks",
        22,
        &[(0, ALL, ALL), (0xff, NONE, ALL)],
        &[(1, Some((0xff, 0)), 1)],
        &[(0, ALL, NONE), (0xff, &[(0, 1)], ALL)],
    );
    let two: Map = &[(0, &[(0, C - 1)], &[(C - 1, 1)]), (1, &[(1, C - 1)], NONE)];
    play("one page on each side", 22, two, &[(2, Some((0, C - 1)), 1)], &to_full(two));
    let halves: Map = &[(0, &[(0, half)], NONE), (1, &[(half, half)], &[(3, 100)])];
    play(
        "half a chunk on each side",
        22,
        halves,
        &[(C, Some((0, half)), 100), (C, None, 0), (1, None, 0)],
        &to_full(halves),
    );
    play(
        "one page more",
        22,
        &[(0, &[(0, half)], ALL), (1, NONE, ALL)],
        &[(C + 1, Some((0, half)), C + 1), (C, None, 0), (1, Some((1, half + 1)), 1)],
        &[(0, ALL, NONE), (1, &[(0, half + 2)], ALL)],
    );
    let free: Map = &[(0, NONE, NONE), (1, NONE, NONE)];
    play(
        "two chunks",
        22,
        free,
        &[(2 * C, Some((0, 0)), 0), (2 * C, None, 0), (1, None, 0)],
        &to_full(free),
    );
    play(
        "two chunks, but not the first",
        22,
        &[(0, NONE, ALL), (0x40, NONE, NONE), (0x41, NONE, NONE)],
        &[(2 * C, Some((0x40, 0)), 0), (21, Some((0, 0)), 21), (1, Some((0, 21)), 1)],
        &[(0, &[(0, 22)], ALL), (0x40, ALL, NONE), (0x41, ALL, NONE)],
    );
    let three: Map = &[
        (0, &[(0, half)], &[(0, 7)]),
        (1, NONE, &[(3, 5), (121, 10)]),
        (2, &[(half, half)], &[(half + 12, 2)]),
    ];
    play(
        "around a whole one",
        22,
        three,
        &[(2 * C, Some((0, half)), 15), (2 * C, None, 0), (1, None, 0)],
        &to_full(three),
    );
    let most = C * 3 / 4;
    play(
        "a quarter and a chunk",
        22,
        &[
            (0, ALL, ALL),
            (1, &[(0, most)], &[(half, C / 4 + 1)]),
            (2, &[(0, most)], &[(C / 3, 1)]),
            (3, NONE, &[(C * 2 / 3, 1)]),
        ],
        &[(C * 5 / 4, Some((2, most)), 1), (C * 5 / 4, None, 0), (1, Some((1, most)), 1)],
        &[(0, ALL, NONE), (1, &[(0, most + 1)], NONE), (2, ALL, NONE), (3, ALL, NONE)],
    );
    let eight: Map = &[
        (0, NONE, &[(50, 1)]),
        (1, NONE, &[(31, 1)]),
        (2, NONE, &[(7, 1)]),
        (3, NONE, &[(200, 1)]),
        (4, NONE, &[(3, 1)]),
        (5, NONE, &[(51, 1)]),
        (6, NONE, &[(20, 1)]),
        (7, NONE, &[(1, 1)]),
    ];
    let mut after = to_full(eight);
    after[7] = (7, &[(0, 6)], NONE);
    play(
        "seven chunks and five pages",
        22,
        eight,
        &[(7 * C + 5, Some((0, 0)), 8), (7 * C + 5, None, 0), (1, Some((7, 5)), 0)],
        &after,
    );
}

/// Summaries that are not mapped are never read: chunks at the end of what is mapped, and the next ones terabytes away.
#[test]
fn far_apart() {
    let last = PAGE_OF_SUMMARIES - 1;
    let two: Map = &[(last, NONE, NONE), (FAR, NONE, NONE)];
    play(
        "at the end of a page of summaries",
        31,
        two,
        &[
            (C - 1, Some((last, 0)), 0),
            (1, Some((last, C - 1)), 0),
            (1, Some((FAR, 0)), 0),
            (C - 1, Some((FAR, 1)), 0),
            (1, None, 0),
        ],
        &to_full(two),
    );
    // The search address must not end up where nothing is mapped.
    let (b, c) = (FAR + 0x503, 2 * FAR);
    play(
        "a hint into nothing",
        31,
        &[(0, &[(0, C - 1)], NONE), (b, &[(0, C - 10), (C - 1, 1)], NONE), (c, NONE, NONE)],
        &[(1, Some((0, C - 1)), 0), (100, Some((c, 0)), 0), (9, Some((b, C - 10)), 0)],
        &[(0, ALL, NONE), (b, ALL, NONE), (c, &[(0, 100)], NONE)],
    );
}

/// After each growth exactly the chunks that were grown are free, as one run where they touch.
#[test]
fn growth() {
    let runs: &[&[(usize, usize)]] = &[
        &[(0, 1)],
        &[(0, 2)],
        &[(0, 5)],
        &[(0, 1), (2, 1), (4, 1)],
        &[(0, 3), (4, 1)],
        &[(0, 2), (0x10, 1), (0x21, 1)],
        &[(0, 1), (FAR, 1)],
    ];
    let every_other: Vec<(usize, usize)> = (0..33).map(|i| (2 * i, 1)).collect();
    for runs in runs.iter().copied().chain([&every_other[..]]) {
        let mut p = Pages::new(31);
        for (chunk, n) in runs {
            for chunk in *chunk..chunk + n {
                p.grow(chunk, 1);
                p.alloc.check().unwrap();
            }
        }
        let chunks: usize = runs.iter().map(|(_, n)| n).sum();
        assert_eq!(p.alloc.free_pages(), (chunks * C, chunks * C));
        // A run as long as any can be had where it is, and nowhere else.
        for (chunk, n) in runs {
            assert!(p.alloc.is_free(chunk * C, n * C));
            assert!(!p.alloc.is_free(chunk * C, n * C + 1));
        }
        let longest = runs.iter().map(|(_, n)| *n).max().unwrap();
        let first = runs.iter().find(|(_, n)| *n == longest).unwrap().0;
        assert_eq!(p.alloc.alloc(longest * C + 1), None);
        assert_eq!(p.alloc.alloc(longest * C).map(|r| r.page), Some(first * C));
    }
}

#[test]
fn exhaustion() {
    for n in [1, 2, 3, 4, 5, 8, 16, 64, 1024, 1025, 2048, 2049] {
        let mut p = Pages::with(22, &[0, 1, 2, 3]);
        for i in 0..4 * C / n {
            assert_eq!(p.alloc.alloc(n).map(|r| r.page), Some(i * n), "{n} pages, number {i}");
        }
        assert_eq!(p.alloc.alloc(n), None, "{n} pages");
        p.alloc.check().unwrap();
    }
}

#[test]
fn frees() {
    let half = C / 2;
    // (pages of each free, chunks in use, frees as pages, pages in use afterwards by chunk)
    type Case<'a> =
        (usize, Vec<(usize, &'a [(usize, usize)])>, Vec<usize>, Vec<(usize, Vec<(usize, usize)>)>);
    let full = |n: usize| (0..n).map(|c| (c, ALL)).collect::<Vec<_>>();
    let free = |n: usize| (0..n).map(|c| (c, vec![])).collect::<Vec<_>>();
    let row = |n: usize, count: usize| (0..count).map(|i| i * n).collect::<Vec<_>>();
    let mut seven = free(7);
    seven.push((7, vec![(5, C - 5)]));
    let cases: Vec<Case> = vec![
        (1, full(1), row(1, 5), vec![(0, vec![(5, C - 5)])]),
        (
            1,
            full(3),
            vec![half, C, 3 * C - 1],
            vec![
                (0, vec![(0, half), (half + 1, half - 1)]),
                (1, vec![(1, C - 1)]),
                (2, vec![(0, C - 1)]),
            ],
        ),
        (2, full(1), row(2, 5), vec![(0, vec![(10, C - 10)])]),
        (2, vec![(0, &[(C - 1, 1)]), (1, &[(0, 1)])], vec![C - 1], free(2)),
        (5, full(1), row(5, 5), vec![(0, vec![(25, C - 25)])]),
        (64, full(1), row(64, 3), vec![(0, vec![(192, C - 192)])]),
        (65, full(1), row(65, 3), vec![(0, vec![(195, C - 195)])]),
        (C, full(1), vec![0], free(1)),
        (C, vec![(0, &[(256, 256)]), (1, &[(0, 256)])], vec![half], free(2)),
        (C + 1, full(2), vec![half], vec![(0, vec![(0, half)]), (1, vec![(half + 1, half - 1)])]),
        (2 * C, full(2), vec![0], free(2)),
        (
            2 * C,
            full(3),
            vec![half],
            vec![(0, vec![(0, half)]), (1, vec![]), (2, vec![(half, half)])],
        ),
        (7 * C + 5, full(8), vec![0], seven),
    ];
    for (n, before, pages, after) in cases {
        let before: Vec<_> = before.into_iter().map(|(c, used)| (c, used, ALL)).collect();
        let mut p = Pages::like(22, &before);
        pages.iter().for_each(|page| p.alloc.free(*page, n));
        p.alloc.check().unwrap();
        for (chunk, used) in after {
            assert_eq!(
                p.alloc.bits_of(chunk).0,
                super::bits(&used),
                "{n} pages, {pages:?}, chunk {chunk}"
            );
        }
    }
}

#[test]
fn again_and_again() {
    let mut p = Pages::with(22, &[0, 1, 2, 3, 4, 5, 6, 7]);
    for n in [8 * C, 8 * C, 8 * C, 1, 8 * C] {
        assert_eq!(p.alloc.alloc(n).map(|r| r.page), Some(0));
        p.alloc.free(0, n);
        p.alloc.check().unwrap();
    }
}
