//! The invariants as code: a walk over everything, for tests and for a stopped program.

use crate::central::pair;
use crate::class::{CLASSES, PAGE, SPAN_CLASSES};
use crate::config::Kind;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::side::{ARENA_PAGES, Side};
use crate::span::{Span, State};
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// A broken invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Its id.
    pub id: &'static str,
    /// The span concerned, 0 = none.
    pub span: u32,
    /// What was found and what it should be; their meaning follows from the id.
    pub found: u64,
    /// See `found`.
    pub want: u64,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is broken (span {}): found {:#x}, should be {:#x}",
            self.id, self.span, self.found, self.want
        )
    }
}

impl core::error::Error for CheckReport {}

fn expect(id: &'static str, span: &Span, found: u64, want: u64) -> Result<(), CheckReport> {
    if found == want { Ok(()) } else { Err(CheckReport { id, span: span.index(), found, want }) }
}

impl<B: Backend> Heap<B> {
    /// Verifies the invariants of the front page. Nobody else may use the heap meanwhile: a walk over a moving heap reports
    /// what is not there.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), CheckReport> {
        let inner = self.inner();
        for kind in [Kind::Gc, Kind::Explicit] {
            if let Some(side) = inner.side(kind) {
                check_pages(inner, side, kind)?;
            }
        }
        for span in inner.spans.iter() {
            if span.state().state() != State::Free {
                check_span(inner, span)?;
            }
        }
        check_lists(inner)
    }
}

fn check_pages<B: Backend>(inner: &Inner<B>, side: &Side, kind: Kind) -> Result<(), CheckReport> {
    let bare = |id| CheckReport { id, span: 0, found: 0, want: 0 };
    let (free, end) = {
        let mut pages = side.pages.lock();
        pages.check().map_err(bare)?;
        (pages.free_pages().0, pages.end())
    };
    let cached: usize = inner
        .records()
        .filter(|r| r.kind.get() == kind)
        .map(|r| r.page_cache().free_pages().0)
        .sum();
    let spans =
        inner.spans.iter().filter(|s| s.kind() == kind as u8 && s.state().state() != State::Free);
    let used: usize = spans.map(Span::pages).sum();
    let in_use = side.in_use.load(Relaxed); // ORDER: Relaxed — at rest.
    if in_use != (used * PAGE) as u64 {
        return Err(CheckReport { id: "H-5", span: 0, found: in_use, want: (used * PAGE) as u64 });
    }
    let mapped = side.stat.heap.bytes().mapped;
    let known = ((free + cached + used) * PAGE) as u64;
    if mapped != known {
        return Err(CheckReport { id: "M-2", span: 0, found: mapped, want: known });
    }
    // Entries of pages that belong to no span say so (H-6).
    let mut named = 0;
    for first in (0..end).step_by(ARENA_PAGES).filter(|p| side.words(*p).is_some()) {
        let pages = first..first + ARENA_PAGES;
        named += pages.filter(|p| side.entries.is_mapped(*p) && side.entry(*p).kind() != 0).count();
    }
    if named != used {
        return Err(CheckReport { id: "H-6", span: 0, found: named as u64, want: used as u64 });
    }
    Ok(())
}

fn holders<'a, B: Backend>(
    inner: &'a Inner<B>,
    span: &'a Span,
) -> impl Iterator<Item = &'a CacheRec> {
    let (index, class) = (span.index(), span.class().index());
    inner.records().filter(move |r| r.mags[class].span.load(Relaxed) == index) // ORDER: Relaxed — at rest.
}

fn check_span<B: Backend>(inner: &Inner<B>, span: &Span) -> Result<(), CheckReport> {
    let kind = if span.kind() == Kind::Gc as u8 { Kind::Gc } else { Kind::Explicit };
    let Some(side) = inner.side(kind) else { return expect("H-6", span, 0, kind as u64) };
    let st = span.state();
    expect("H-2", span, st.count() as u64, span.recount() as u64)?;
    for w in 0..span.nwords() {
        let extra = span.word(w).load(Relaxed) & !span.valid(w); // ORDER: Relaxed — at rest.
        expect("H-1", span, extra, 0)?;
    }
    let first = side.page_of(span.base());
    for i in 0..span.pages() {
        let entry = side.entry(first + i);
        expect("H-6", span, entry.span().into(), span.index().into())?;
        expect("H-6", span, entry.class().into(), span.class().class().into())?;
        if entry.class() != 0 {
            expect("H-6", span, entry.offset() as u64, i as u64)?;
        }
    }
    expect("H-4", span, holders(inner, span).count() as u64, u64::from(st.state() == State::Held))?;
    for rec in holders(inner, span) {
        let mag = &rec.mags[span.class().index()];
        let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — at rest.
        if bits != 0 {
            let word = span.word(mag.word.load(Relaxed) as usize); // ORDER: Relaxed — at rest.
            expect("H-1", span, word.load(Relaxed) & bits, 0)?;
        }
    }
    Ok(())
}

fn check_lists<B: Backend>(inner: &Inner<B>) -> Result<(), CheckReport> {
    let mut listed = 0u64;
    for class in 0..SPAN_CLASSES {
        let lists = inner.central_gc[class].lock();
        for at in 0..2 {
            for (list, full) in [(&lists.partial[at], false), (&lists.full[at], true)] {
                let mut n = 0;
                for span in list.iter(&inner.spans) {
                    n += 1;
                    let state = span.state().state();
                    let right = if full {
                        matches!(state, State::Full | State::Large)
                    } else {
                        state == State::Partial
                    };
                    expect("H-3", span, u64::from(right), 1)?;
                    // ORDER: Relaxed — at rest.
                    expect("SWEEP-1", span, pair(span.sweepgen.load(Relaxed)) as u64, at as u64)?;
                    expect("H-3", span, span.class().index() as u64, class as u64)?;
                }
                if n != list.len() {
                    return Err(CheckReport {
                        id: "H-3",
                        span: 0,
                        found: n.into(),
                        want: list.len().into(),
                    });
                }
                listed += u64::from(n);
            }
        }
    }
    for class in 0..CLASSES {
        let lists = inner.central_explicit[class].lock();
        for span in lists.partial[0].iter(&inner.spans) {
            expect("H-3", span, span.state().state() as u64, State::Partial as u64)?;
            listed += 1;
        }
    }
    let unheld = inner.spans.iter().filter(|s| {
        let gc = s.kind() == Kind::Gc as u8;
        match s.state().state() {
            State::Free | State::Held => false,
            State::Partial => true,
            State::Full | State::Large => gc,
        }
    });
    let want = unheld.count() as u64;
    if listed == want {
        Ok(())
    } else {
        Err(CheckReport { id: "H-3", span: 0, found: listed, want })
    }
}
