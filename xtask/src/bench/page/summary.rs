//! How gort stands, in three numbers.

use std::fmt::Write;

use crate::bench::record::{Kind, OURS, Record};
use crate::bench::workload::Better;

/// Writes the three tiles; nothing without a comparison.
pub(super) fn write(page: &mut String, records: &[Record]) {
    let of_go: Vec<f64> = ours(records).filter_map(|r| cost(r, *r.ratio_to.get("go")?)).collect();
    let against: Vec<bool> =
        ours(records).filter(|r| !r.ratio_to.is_empty()).map(is_best).collect();
    if against.is_empty() {
        return;
    }
    page.push_str("<ul class=\"tiles\">");
    if !of_go.is_empty() {
        let ahead = of_go.iter().filter(|cost| **cost < 1.0).count();
        let mean = (of_go.iter().map(|cost| cost.ln()).sum::<f64>() / of_go.len() as f64).exp();
        let _ = write!(
            page,
            "<li><b>{ahead} of {}</b> figures better than Go's</li>\
             <li><b>{mean:.2}</b> of Go's cost, geometric mean</li>",
            of_go.len()
        );
    }
    let best = against.iter().filter(|best| **best).count();
    let _ = writeln!(
        page,
        "<li><b>{best} of {}</b> figures better than every peer's</li></ul>",
        against.len()
    );
}

fn ours(records: &[Record]) -> impl Iterator<Item = &Record> {
    records.iter().filter(|record| record.system == OURS && record.kind == Kind::Main)
}

/// A ratio as a cost: less is better. `None` where it says nothing.
fn cost(record: &Record, ratio: f64) -> Option<f64> {
    let ratio = ratio.max(1e-4);
    ratio.is_finite().then(|| if record.better == Better::Lower { ratio } else { 1.0 / ratio })
}

fn is_best(record: &Record) -> bool {
    record.ratio_to.values().all(|ratio| cost(record, *ratio).is_some_and(|cost| cost < 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::sample;

    #[test]
    fn counts_what_is_ahead() {
        let mut page = String::new();
        write(&mut page, &sample());
        assert!(page.contains("<b>2 of 2</b> figures better than Go's"), "{page}");
        assert!(page.contains("<b>0.50</b> of Go's cost"), "{page}");
        let mut empty = String::new();
        write(&mut empty, &[]);
        assert_eq!(empty, "");
    }
}
