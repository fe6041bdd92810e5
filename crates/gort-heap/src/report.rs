//! A heap in full, as lines of JSON: for tools that look at it from outside and later.
//!
//! Every line is an object with one key, which says what it is. The first one has the version.
//!
//! | key | value |
//! |---|---|
//! | `gort_heap_report` | the version, 1; with `pid`, `page` (bytes of a heap page), `os_page` |
//! | `stats` | the fields of [`HeapStats`](crate::HeapStats) |
//! | `mapping` | a range of addresses of the heap: `part`, `addr`, `len`, `mapped` |
//! | `class` | a size class with spans: `kind`, and the fields of [`ClassStats`] |
//! | `span` | `kind`, `class`, `addr`, `pages`, `size`, `slots`, `free`, `held` |
//! | `free` | a run of free pages: `kind`, `addr`, `pages`, `released` |
//! | `smaps` | a line of `/proc/self/smaps`, of a mapping that holds something of the heap |
//! | `end` | true: the report is whole; with `mappings_left_out`, beyond 512 |
//!
//! It is written without allocating, so it may describe the very allocator of the process.

use crate::class::{CLASSES, PAGE};
use crate::config::Kind;
use crate::heap::Heap;
use crate::map::PageState;
use crate::mappings::Mapping;
use crate::stats::ClassStats;
use core::fmt::{self, Write};
use gort_sys::Backend;

/// The version of the format.
pub const VERSION: u32 = 1;

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gc => "gc",
        _ => "explicit",
    }
}

impl<B: Backend> Heap<B> {
    /// Writes the heap as lines of JSON. Walks everything; allocates nothing. A heap that moves meanwhile gives lines that do
    /// not quite fit together.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_report(&self, out: &mut dyn Write) -> fmt::Result {
        let os = self.inner().backend().page_size();
        let pid = gort_sys::process::pid();
        writeln!(
            out,
            r#"{{"gort_heap_report":{VERSION},"pid":{pid},"page":{PAGE},"os_page":{os}}}"#
        )?;
        self.report_stats(out)?;
        // The ranges come under locks: they are written afterwards.
        let mut ranges = Ranges { of: [None; MOST], n: 0 };
        self.for_each_mapping(|m| ranges.add(m));
        for m in ranges.of.iter().flatten() {
            writeln!(
                out,
                r#"{{"mapping":{{"part":"{}","addr":{},"len":{},"mapped":{}}}}}"#,
                m.part, m.addr, m.len, m.mapped
            )?;
        }
        for kind in [Kind::Gc, Kind::Explicit] {
            self.report_classes(kind, out)?;
        }
        for s in self.spans() {
            writeln!(
                out,
                r#"{{"span":{{"kind":"{}","class":{},"addr":{},"pages":{},"size":{},"slots":{},"free":{},"held":{}}}}}"#,
                name(s.kind),
                s.class,
                s.addr,
                s.pages,
                s.slot_size,
                s.slots,
                s.free,
                s.held
            )?;
        }
        for kind in [Kind::Gc, Kind::Explicit] {
            self.report_free(kind, out)?;
        }
        report_smaps(&ranges, out)?;
        writeln!(out, r#"{{"end":true,"mappings_left_out":{}}}"#, ranges.n.saturating_sub(MOST))
    }

    fn report_stats(&self, out: &mut dyn Write) -> fmt::Result {
        let s = self.stats();
        let fields = [
            ("heap_in_use", s.heap_in_use),
            ("gc_in_use", s.gc_in_use),
            ("explicit_in_use", s.explicit_in_use),
            ("heap_free", s.heap_free),
            ("heap_released", s.heap_released),
            ("reserved", s.reserved),
            ("committed", s.committed),
            ("tables", s.tables),
            ("rows", s.rows),
            ("spans", s.spans),
            ("caches", s.caches),
            ("profile", s.profile),
            ("other", s.other),
            ("mallocs", s.mallocs),
            ("frees", s.frees),
            ("live_objects", s.live_objects),
            ("alloc_bytes", s.alloc_bytes),
            ("live_bytes", s.live_bytes),
            ("free_slots", s.free_slots),
            ("cached", s.cached),
            ("tails", s.tails),
        ];
        out.write_str(r#"{"stats":{"#)?;
        for (i, (name, value)) in fields.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(out, r#"{comma}"{name}":{value}"#)?;
        }
        writeln!(out, "}}}}")
    }

    fn report_classes(&self, kind: Kind, out: &mut dyn Write) -> fmt::Result {
        let mut rows = [ClassStats::default(); CLASSES];
        self.by_class(kind, &mut rows);
        for (class, r) in rows.iter().enumerate().filter(|(_, r)| r.spans != 0 || r.mallocs != 0) {
            writeln!(
                out,
                r#"{{"class":{{"kind":"{}","class":{class},"size":{},"mallocs":{},"frees":{},"live_bytes":{},"spans":{},"span_bytes":{},"free_slots":{},"cached_slots":{}}}}}"#,
                name(kind),
                r.size,
                r.mallocs,
                r.frees,
                r.live_bytes,
                r.spans,
                r.span_bytes,
                r.free_slots,
                r.cached_slots
            )?;
        }
        Ok(())
    }

    fn report_free(&self, kind: Kind, out: &mut dyn Write) -> fmt::Result {
        // Runs that go on in the next chunk are one.
        let mut open: Option<(usize, usize, PageState)> = None;
        let mut line = |(addr, pages, state): (usize, usize, PageState)| {
            let released = state == PageState::Released;
            writeln!(
                out,
                r#"{{"free":{{"kind":"{}","addr":{addr},"pages":{pages},"released":{released}}}}}"#,
                name(kind)
            )
        };
        for chunk in self.map().chunks(kind) {
            for (first, pages, state) in chunk.runs() {
                let addr = chunk.addr + first * PAGE;
                open = match open {
                    Some((at, n, s)) if s == state && at + n * PAGE == addr => {
                        Some((at, n + pages, s))
                    }
                    before => {
                        if let Some(run) = before.filter(|run| run.2 != PageState::InUse) {
                            line(run)?;
                        }
                        Some((addr, pages, state))
                    }
                };
            }
        }
        match open.filter(|run| run.2 != PageState::InUse) {
            Some(run) => line(run),
            None => Ok(()),
        }
    }
}

/// Ranges of a heap that are written, and looked for in smaps.
const MOST: usize = 512;

struct Ranges {
    of: [Option<Mapping>; MOST],
    n: usize,
}

impl Ranges {
    fn add(&mut self, m: Mapping) {
        if let Some(place) = self.of.get_mut(self.n) {
            *place = Some(m);
        }
        self.n += 1;
    }

    fn meet(&self, from: usize, to: usize) -> bool {
        self.of.iter().flatten().any(|m| m.addr < to && from < m.addr + m.len)
    }
}

/// The two addresses at the beginning of a mapping's first line.
fn head(line: &[u8]) -> Option<(usize, usize)> {
    let text = core::str::from_utf8(line.split(|b| *b == b' ').next()?).ok()?;
    let (from, to) = text.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

fn report_smaps(ranges: &Ranges, out: &mut dyn Write) -> fmt::Result {
    let (mut ours, mut result) = (false, Ok(()));
    gort_sys::process::smaps(|line| {
        if let Some((from, to)) = head(line) {
            ours = ranges.meet(from, to);
        }
        // Paths may hold anything; numbers and flags are plain.
        let plain = line.iter().all(|b| (b' '..=b'~').contains(b) && *b != b'"' && *b != b'\\');
        if let Ok(text) = core::str::from_utf8(line)
            && ours
            && plain
        {
            result = writeln!(out, r#"{{"smaps":"{text}"}}"#);
        }
        result.is_ok()
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_mappings() {
        assert_eq!(head(b"c000000000-c000400000 rw-p 0 0"), Some((0xc0_0000_0000, 0xc0_0040_0000)));
        assert_eq!(head(b"Rss:                   4 kB"), None);
        assert_eq!(head(b""), None);
    }
}
