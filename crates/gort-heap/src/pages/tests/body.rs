//! The page allocator against one flat vector, step by step: one body, driven by random tests and by a fuzzer.
#![expect(
    clippy::undocumented_unsafe_blocks,
    clippy::expect_used,
    reason = "the body keeps the contracts that the functions state"
)]

use super::alloc::{PageAlloc, Run};
use super::bits::CHUNK_PAGES;
use super::cache::PageCache;
use super::candidate::Wish;
use gort_sys::{SysStat, TestBackend};
use std::vec::Vec;

pub(crate) const C: usize = CHUNK_PAGES;

/// A page allocator on tables of its own; the pages themselves do not exist.
pub(crate) struct Pages {
    pub(crate) alloc: PageAlloc,
    backend: TestBackend,
    st: SysStat,
}

impl Pages {
    pub(crate) fn new(shift: u32) -> Self {
        let st = SysStat::new();
        let backend = TestBackend::new();
        Self { alloc: PageAlloc::new(&backend, 1 << shift, &st).expect("tables"), backend, st }
    }

    /// Adds `n` chunks.
    pub(crate) fn grow(&mut self, chunk: usize, n: usize) {
        self.alloc
            .prepare(&self.backend, chunk * CHUNK_PAGES, n * CHUNK_PAGES, &self.st)
            .expect("tables");
        self.alloc.grow(chunk * CHUNK_PAGES, n * CHUNK_PAGES);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        unsafe { self.alloc.release(&self.backend, &self.st) };
        assert_eq!(self.st.bytes(), Default::default());
    }
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Grow(usize),
    Alloc(usize),
    Aligned(usize, u32),
    Free(usize),
    Cache,
    Serve(usize),
    Flush,
    /// Gives warm pages back: least length as a power of two, by force or not.
    Release(u32, bool),
    Generation,
}

impl Op {
    /// From a byte that says what, and two that say how much.
    fn read([what, a, b]: [u8; 3]) -> Self {
        let n = usize::from(u16::from_le_bytes([a, b]));
        let pages = 1 + if a & 3 == 0 { n % 3000 } else { n % 20 };
        match what % 16 {
            0 | 1 => Op::Grow(n % 20),
            2..=5 => Op::Alloc(pages),
            6 => Op::Aligned(pages, u32::from(b) % 7),
            7..=10 => Op::Free(n),
            11 => Op::Cache,
            12 => Op::Serve(1 + n % 15),
            13 => Op::Flush,
            14 => Op::Release(u32::from(a) % 4, b & 1 != 0),
            _ => Op::Generation,
        }
    }
}

/// Steps from bytes, three for each.
pub(crate) fn run(bytes: &[u8]) {
    play(bytes.as_chunks::<3>().0.iter().map(|op| Op::read(*op)));
}

/// The flat model: per page, not there, free (with or without memory behind it), or in use.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Page {
    None,
    Scavenged,
    Warm,
    Used,
}

fn is_free(p: &Page) -> bool {
    matches!(p, Page::Scavenged | Page::Warm)
}

/// PAGE-1, P-1 to P-5.
pub(crate) fn play(ops: impl IntoIterator<Item = Op>) {
    let mut p = Pages::new(22);
    let mut model = vec![Page::None; 20 * C];
    let mut live: Vec<(usize, usize)> = vec![];
    let mut cache = PageCache::default();
    let find = |model: &[Page], n: usize| {
        let mut run = 0;
        model
            .iter()
            .position(|p| {
                run = if is_free(p) { run + 1 } else { 0 };
                run == n
            })
            .map(|end| end + 1 - n)
    };
    let taken =
        |model: &mut [Page], live: &mut Vec<_>, got: Option<Run>, want: Option<usize>, n: usize| {
            assert_eq!(got.map(|r| r.page), want);
            if let Some(r) = got {
                let pages = &mut model[r.page..r.page + n];
                assert_eq!(r.scavenged, pages.iter().filter(|p| **p == Page::Scavenged).count());
                pages.fill(Page::Used);
                live.push((r.page, n));
            }
        };
    for op in ops {
        let mut release = None;
        match op {
            Op::Generation => p.alloc.next_generation(),
            Op::Release(shift, force) => {
                let shift = if force { 0 } else { shift };
                release = Some((Wish { align: 1 << shift, most: 100, huge: 256 }, force));
            }
            Op::Grow(c) if model[c * C] == Page::None => {
                p.grow(c, 1);
                model[c * C..(c + 1) * C].fill(Page::Scavenged);
            }
            Op::Grow(_) => {}
            Op::Alloc(n) => {
                let want = find(&model, n);
                taken(&mut model, &mut live, p.alloc.alloc(n), want, n);
            }
            Op::Aligned(n, shift) => {
                let align = 1 << shift;
                let want = find(&model, n + align - 1).map(|at| at.next_multiple_of(align));
                taken(&mut model, &mut live, p.alloc.alloc_aligned(n, align), want, n);
            }
            Op::Free(which) if !live.is_empty() => {
                let (at, n) = live.swap_remove(which % live.len());
                p.alloc.free(at, n);
                model[at..at + n].fill(Page::Warm);
            }
            Op::Free(_) => {}
            Op::Cache if cache.free == 0 => {
                let want = find(&model, 1).map(|at| at & !63);
                let got = p.alloc.alloc_to_cache();
                assert_eq!(got.map(|c| c.base), want);
                if let Some(got) = got {
                    for (i, page) in model[got.base..got.base + 64].iter_mut().enumerate() {
                        assert_eq!(got.free >> i & 1 != 0, is_free(page));
                        assert_eq!(got.scav >> i & 1 != 0, *page == Page::Scavenged);
                        if is_free(page) {
                            *page = Page::Used
                        }
                    }
                    cache = got;
                }
            }
            Op::Cache => {}
            Op::Serve(n) => {
                if let Some(r) = cache.alloc(n) {
                    live.push((r.page, n));
                }
            }
            Op::Flush => {
                for i in (0..64).filter(|i| cache.free >> i & 1 != 0) {
                    model[cache.base + i] =
                        if cache.scav >> i & 1 != 0 { Page::Scavenged } else { Page::Warm };
                }
                p.alloc.free_cache(&mut cache);
            }
        }
        while let Some((page, n)) = release.and_then(|(wish, force)| p.alloc.take_warm(wish, force))
        {
            // Free and warm, all of it; by force nothing of that kind is left above.
            assert!(model[page..page + n].iter().all(|p| *p == Page::Warm));
            assert!(
                !release.is_some_and(|(_, force)| force)
                    || model[page + n..].iter().all(|p| *p != Page::Warm)
            );
            p.alloc.free_as(page, n, true);
            model[page..page + n].fill(Page::Scavenged);
        }
        if release.is_some_and(|(wish, force)| force && wish.align == 1) {
            assert!(model.iter().all(|p| *p != Page::Warm), "warm pages were left");
        }
        if let Err(id) = p.alloc.check() {
            panic!("{id} is broken");
        }
        let free = model.iter().filter(|p| is_free(p)).count();
        let scavenged = model.iter().filter(|p| **p == Page::Scavenged).count();
        assert_eq!(p.alloc.free_pages(), (free, scavenged));
    }
}
