//! The page allocator: tables of cases here and in the parts, and against one flat vector in `random`.

mod allocs;
mod bits;
mod caches;
mod candidates;
mod random;
mod released;

use super::alloc::Run;
use super::bits::PageBits;
use super::body::{C, Pages};
use super::cache::PageCache;

/// First page and length of a run inside of a chunk.
type Part = (usize, usize);
/// A chunk, its pages in use, and its bare pages; of those the pages in use are left out.
type State<'a> = (usize, &'a [Part], &'a [Part]);
type Map<'a> = &'a [State<'a>];

fn bits(parts: &[Part]) -> PageBits {
    let mut bits = PageBits::EMPTY;
    parts.iter().for_each(|(at, n)| bits.set(*at, *n));
    bits
}

impl Pages {
    /// With the given chunks grown.
    fn with(shift: u32, chunks: &[usize]) -> Self {
        let mut p = Self::new(shift);
        for c in chunks {
            p.grow(*c, 1);
        }
        p
    }

    /// In a given state, reached by the allocator's own operations.
    fn like(shift: u32, map: Map) -> Self {
        let chunks: Vec<usize> = map.iter().map(|(chunk, ..)| *chunk).collect();
        let mut p = Self::with(shift, &chunks);
        for (chunk, used, bare) in map {
            let (used, bare) = (bits(used), bits(bare));
            for at in 0..C {
                let page = chunk * C + at;
                let is = |b: &PageBits| b.count(at, 1) == 1;
                if is(&used) || !is(&bare) {
                    assert_eq!(p.alloc.take_at(page, 1), Some(1));
                }
                if !is(&used) && !is(&bare) {
                    p.alloc.free(page, 1);
                }
            }
        }
        p.alloc.check().unwrap();
        p
    }

    /// It is in that state, to the bit.
    fn assert_like(&mut self, what: &str, map: Map) {
        self.alloc.check().unwrap_or_else(|id| panic!("{what}: {id}"));
        for (chunk, used, bare) in map {
            let (is_used, is_bare) = self.alloc.bits_of(*chunk);
            let used = bits(used);
            let bare = PageBits(std::array::from_fn(|w| bits(bare).0[w] & !used.0[w]));
            assert_eq!(is_used, used, "{what}: pages in use of chunk {chunk}");
            assert_eq!(is_bare, bare, "{what}: bare pages of chunk {chunk}");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// pages, first page of the answer, scavenged pages among them
    Alloc(usize, Option<(usize, usize)>),
    Free(usize, usize),
}
use Step::{Alloc, Free};

fn run(shift: u32, chunks: &[usize], steps: &[Step]) {
    let mut p = Pages::with(shift, chunks);
    for (i, step) in steps.iter().enumerate() {
        match *step {
            Alloc(n, want) => {
                let got = p.alloc.alloc(n).map(|r| (r.page, r.scavenged));
                assert_eq!(got, want, "step {i}: {step:?}");
            }
            Free(page, n) => p.alloc.free(page, n),
        }
        p.alloc.check().unwrap_or_else(|id| panic!("{id} after step {i}"));
    }
}

#[test]
fn one_chunk() {
    run(
        22,
        &[0],
        &[
            Alloc(1, Some((0, 1))),
            Alloc(1, Some((1, 1))),
            Alloc(510, Some((2, 510))),
            Alloc(1, None),
        ],
    );
    run(22, &[0], &[Alloc(C, Some((0, C))), Alloc(1, None), Free(0, C), Alloc(C, Some((0, 0)))]);
    run(22, &[0], &[Alloc(C + 1, None), Alloc(C, Some((0, C)))]);
    // Freeing lets a lower address win again, and a long run is not cut for a short one before it.
    run(
        22,
        &[0],
        &[
            Alloc(100, Some((0, 100))),
            Alloc(100, Some((100, 100))),
            Alloc(1, Some((200, 1))),
            Free(50, 10),
            Alloc(11, Some((201, 11))),
            Alloc(10, Some((50, 0))),
            Free(0, 50),
            Alloc(50, Some((0, 0))),
            Alloc(300, Some((212, 300))),
            Alloc(1, None),
        ],
    );
}

#[test]
fn runs_over_chunks_and_levels() {
    run(22, &[0, 1], &[Alloc(C - 1, Some((0, C - 1))), Alloc(2, Some((C - 1, 2))), Alloc(C, None)]);
    run(
        22,
        &[0, 1, 2],
        &[Alloc(1, Some((0, 1))), Alloc(3 * C - 1, Some((1, 3 * C - 1))), Alloc(1, None)],
    );
    // A hole between chunks is not free.
    run(
        22,
        &[0, 2],
        &[Alloc(C + 1, None), Alloc(C, Some((0, C))), Alloc(C, Some((2 * C, C))), Alloc(1, None)],
    );
    // Over the border of a block of eight at each level: chunks 7|8, 63|64, 511|512, 4095|4096.
    for low in [7, 63, 511, 4095] {
        let at = low * C + C - 3;
        run(
            26,
            &[low, low + 1],
            &[
                Alloc(C - 3, Some((low * C, C - 3))),
                Alloc(6, Some((at, 6))),
                Free(at, 6),
                Alloc(C + 3, Some((at, C - 3 + 6))).scavenged(C - 3),
                Alloc(1, None),
            ],
        );
    }
}

impl Step {
    fn scavenged(self, n: usize) -> Step {
        match self {
            Alloc(pages, Some((page, _))) => Alloc(pages, Some((page, n))),
            other => other,
        }
    }
}

#[test]
fn large_runs() {
    let mut p = Pages::new(23);
    p.grow(0, 8192);
    // 2^22 pages: more than one entry of the root.
    assert_eq!(p.alloc.alloc(1 << 22), Some(Run { page: 0, scavenged: 1 << 22 }));
    assert_eq!(p.alloc.alloc(1), None);
    p.alloc.free(5, 1 << 21);
    assert_eq!(p.alloc.alloc((1 << 21) + 1), None);
    assert_eq!(p.alloc.alloc(1 << 21), Some(Run { page: 5, scavenged: 0 }));
    p.alloc.check().unwrap();
}

#[test]
fn aligned_runs() {
    let mut p = Pages::with(22, &[0, 1]);
    assert_eq!(p.alloc.alloc(3).map(|r| r.page), Some(0));
    assert_eq!(p.alloc.alloc_aligned(5, 16).map(|r| r.page), Some(16));
    assert_eq!(p.alloc.alloc(13).map(|r| r.page), Some(3));
    assert_eq!(p.alloc.alloc_aligned(1, 512).map(|r| r.page), Some(512));
    p.alloc.check().unwrap();
}

#[test]
fn to_the_cache_and_back() {
    let mut p = Pages::with(22, &[0, 1]);
    assert_eq!(
        p.alloc.alloc_to_cache(),
        Some(PageCache { base: 0, free: u64::MAX, scav: u64::MAX })
    );
    assert_eq!(p.alloc.alloc(70).map(|r| r.page), Some(64));
    let mut c = p.alloc.alloc_to_cache().unwrap();
    assert_eq!(c, PageCache { base: 128, free: u64::MAX << 6, scav: u64::MAX << 6 });
    assert_eq!(c.alloc(3), Some(Run { page: 134, scavenged: 3 }));
    p.alloc.free_cache(&mut c);
    assert_eq!(c, PageCache::default());
    assert_eq!(p.alloc.alloc(1), Some(Run { page: 137, scavenged: 1 }));
    p.alloc.free(135, 1);
    assert_eq!(
        p.alloc.alloc_to_cache(),
        Some(PageCache { base: 128, free: u64::MAX << 10 | 1 << 7, scav: u64::MAX << 10 })
    );
    p.alloc.check().unwrap();
}
