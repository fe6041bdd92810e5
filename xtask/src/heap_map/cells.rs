//! A heap as rows of pages.

use std::collections::BTreeMap;

use crate::frag::report::{Report, Span};

/// Pages of a row: 4 MiB.
pub(crate) const ROW: u64 = 512;

/// What a run of pages in one row is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// A span of small objects: slot size, share of slots in use, of the collector.
    Small { size: u64, used: f64, gc: bool },
    /// Part of a large object.
    Large { pages: u64, gc: bool },
    /// Free, with memory behind it.
    Free,
    /// Free, with nothing behind it.
    Released,
}

/// A run of pages inside a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) pages: u64,
    pub(crate) what: What,
}

/// The rows that hold something, by first address.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) page: u64,
    pub(crate) rows: BTreeMap<u64, Vec<Run>>,
}

impl Grid {
    pub(crate) fn of(report: &Report) -> Self {
        let mut grid = Grid { page: report.page.max(1), rows: BTreeMap::new() };
        for span in &report.spans {
            grid.add(span.addr, span.pages, &of_span(span));
        }
        for free in &report.free {
            let what = if free.released { What::Released } else { What::Free };
            grid.add(free.addr, free.pages, &what);
        }
        for runs in grid.rows.values_mut() {
            runs.sort_by_key(|run| run.first);
        }
        grid
    }

    /// Cuts a run at the ends of rows.
    fn add(&mut self, addr: u64, pages: u64, what: &What) {
        let (mut at, end) = (addr / self.page, addr / self.page + pages);
        while at < end {
            let upto = end.min((at / ROW + 1) * ROW);
            let run = Run { first: at % ROW, pages: upto - at, what: what.clone() };
            self.rows.entry(at / ROW * ROW * self.page).or_default().push(run);
            at = upto;
        }
    }

    /// A letter for eight pages: that of what takes most of them.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (addr, runs) in &self.rows {
            out.push_str(&format!("{addr:#014x} "));
            for cell in 0..ROW / 8 {
                let common = |run: &&Run| {
                    (run.first + run.pages)
                        .min(cell * 8 + 8)
                        .saturating_sub(run.first.max(cell * 8))
                };
                let most = runs.iter().max_by_key(common).filter(|run| common(run) != 0);
                out.push(most.map_or(' ', |run| letter(&run.what)));
            }
            out.push('\n');
        }
        out
    }
}

fn of_span(span: &Span) -> What {
    let gc = span.kind == "gc";
    if span.class == 0 {
        What::Large { pages: span.pages, gc }
    } else {
        What::Small { size: span.size, used: span.occupancy(), gc }
    }
}

fn letter(what: &What) -> char {
    match what {
        What::Small { used, .. } => char::from(b'0' + (used * 9.99) as u8),
        What::Large { .. } => 'L',
        What::Free => '.',
        What::Released => '-',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_at_rows() {
        let row = ROW * 8192;
        let text = format!(
            "{{\"gort_heap_report\":1,\"pid\":1,\"page\":8192}}\n\
             {{\"span\":{{\"kind\":\"gc\",\"class\":5,\"addr\":{row},\"pages\":8,\"size\":48,\"slots\":100,\"free\":50}}}}\n\
             {{\"free\":{{\"kind\":\"gc\",\"addr\":{},\"pages\":496,\"released\":false}}}}\n\
             {{\"span\":{{\"kind\":\"explicit\",\"class\":0,\"addr\":{},\"pages\":24,\"size\":1,\"slots\":1,\"free\":0}}}}\n\
             {{\"end\":true}}",
            row + 8 * 8192,
            row + 504 * 8192
        );
        let grid = Grid::of(&Report::parse(&text).unwrap());
        let rows: Vec<_> = grid.rows.iter().collect();
        assert_eq!((rows.len(), *rows[0].0, *rows[1].0), (2, row, 2 * row));
        assert_eq!(rows[0].1.len(), 3);
        assert_eq!(
            rows[1].1[0],
            Run { first: 0, pages: 16, what: What::Large { pages: 24, gc: false } }
        );
        let lines: Vec<String> = grid.text().lines().map(|l| l[15..].to_string()).collect();
        assert_eq!(lines[0], format!("4{}L", ".".repeat(62)));
        assert_eq!(lines[1], format!("LL{}", " ".repeat(62)));
    }
}
