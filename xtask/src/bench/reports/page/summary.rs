//! How gort stands, in three numbers.

use std::fmt::Write;

use crate::bench::reports::record::{Kind, OURS, Record};
use crate::bench::reports::standing::cost;

/// How gort stands in a number of figures.
#[derive(Debug, Default)]
pub(super) struct Stand {
    /// The logarithms of its costs relative to Go's.
    of_go: Vec<f64>,
    /// Figures with a peer, and those in which no peer is better.
    pub(super) against: usize,
    pub(super) best: usize,
}

impl Stand {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut stand = Self::default();
        for record in records.iter().filter(|r| r.system == OURS && r.kind == Kind::Main) {
            let costs = || record.ratio_to.values().map(|ratio| cost(record.better, *ratio));
            if record.ratio_to.is_empty() {
                continue;
            }
            stand.against += 1;
            stand.best += usize::from(costs().all(|cost| cost < 1.0));
            if let Some(ratio) = record.ratio_to.get("go") {
                // Four decades to either side: a figure of 0 must not decide the mean.
                stand.of_go.push(cost(record.better, *ratio).clamp(1e-4, 1e4).ln());
            }
        }
        stand
    }

    /// The geometric mean of the costs relative to Go's.
    pub(super) fn mean_of_go(&self) -> Option<f64> {
        let sum: f64 = self.of_go.iter().sum();
        (!self.of_go.is_empty()).then(|| (sum / self.of_go.len() as f64).exp())
    }
}

/// Writes the three tiles; nothing without a comparison.
pub(super) fn write(page: &mut String, records: &[Record]) {
    let stand = Stand::of(records);
    if stand.against == 0 {
        return;
    }
    page.push_str("<ul class=\"tiles\">");
    if let Some(mean) = stand.mean_of_go() {
        let ahead = stand.of_go.iter().filter(|cost| **cost < 0.0).count();
        let _ = write!(
            page,
            "<li><b>{ahead} of {}</b> figures better than Go’s</li>\
             <li><b>{mean:.2}</b> of Go’s cost, geometric mean</li>",
            stand.of_go.len()
        );
    }
    let _ = writeln!(
        page,
        "<li><b>{} of {}</b> figures better than every peer’s</li></ul>",
        stand.best, stand.against
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::reports::record::tests::sample;

    #[test]
    fn counts_what_is_ahead() {
        let mut page = String::new();
        write(&mut page, &sample());
        assert!(page.contains("<b>2 of 2</b> figures better than Go’s"), "{page}");
        assert!(page.contains("<b>0.50</b> of Go’s cost"), "{page}");
        let mut empty = String::new();
        write(&mut empty, &[]);
        assert_eq!(empty, "");
    }
}
