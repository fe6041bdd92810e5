//! One metric at one number of processors: a bar for each system.
//!
//! ```text
//!            better <- | -> worse
//! gort        [========|          0.34   61.0 ns/task
//! go                   |          1      179
//! tokio ★              |===]      1.10   197
//! ```
//! A position is the logarithm of a time relative to Go's, of a rate the inverse, so that
//! left is always better. Where Go has no figure, the best peer's line takes its place.

use std::fmt::Write;

use super::markup::{escape, ratio};
use crate::bench::record::{Kind, OURS, Record};
use crate::bench::table::number;
use crate::bench::workload::Better;

/// Writes the chart of the records of one metric; `all` has what is noted beside.
pub(super) fn write(page: &mut String, group: &[Record], all: &[Record]) {
    let first = &group[0];
    let best = best_peer(group);
    let Some(base) = group.iter().find(|r| r.system == "go").or(best).or(group.first()) else {
        return;
    };
    let scale = Scale::over(group, base);
    let direction = match first.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    let _ = write!(
        page,
        "<figure class=\"chart\">\n<figcaption><b>{}</b> <span>{}, {} processor{}, {direction}; \
         relative to {}</span></figcaption>\n<div class=\"bars\" style=\"--one:{:.2}%\">\n",
        escape(&first.metric),
        escape(&first.unit),
        first.procs,
        if first.procs == 1 { "" } else { "s" },
        escape(&base.system),
        scale.at(1.0)
    );
    for record in group {
        row(page, record, base, &scale, best, group, all);
    }
    page.push_str("</div>\n</figure>\n");
}

fn row(
    page: &mut String,
    record: &Record,
    base: &Record,
    scale: &Scale,
    best: Option<&Record>,
    group: &[Record],
    all: &[Record],
) {
    let is_best = best.is_some_and(|best| best.system == record.system);
    let class = match record.system.as_str() {
        OURS => "ours",
        _ if is_best => "best",
        _ => "peer",
    };
    let relative = relative(record, base, group);
    let (at, one) = (scale.at(relative), scale.at(1.0));
    let (from, to) = (cost(record.min, record, base), cost(record.max, record, base));
    let (low, high) = (scale.at(from.min(to)), scale.at(from.max(to)));
    let star = if is_best { " <span class=\"star\" title=\"best peer\">★</span>" } else { "" };
    let _ = writeln!(
        page,
        "<div class=\"row {class}\"><span class=\"name\">{}{star}</span><span class=\"track\">\
         <i class=\"bar\" style=\"left:{:.2}%;width:{:.2}%\"></i>\
         <i class=\"span\" style=\"left:{low:.2}%;width:{:.2}%\"></i></span>\
         <span class=\"ratio\">{}</span><span class=\"value\" title=\"{}..{} {}\">{}</span>\
         <span class=\"beside\">{}</span></div>",
        escape(&record.system),
        at.min(one),
        (at - one).abs().max(0.4),
        (high - low).max(0.0),
        ratio(relative),
        number(record.min),
        number(record.max),
        escape(&record.unit),
        number(record.median),
        beside(record, all)
    );
}

/// Processor time and peak memory of the process.
fn beside(record: &Record, all: &[Record]) -> String {
    let of = |kind: Kind| {
        let same = |other: &&Record| {
            (other.case, other.procs, &other.system, other.kind)
                == (record.case, record.procs, &record.system, kind)
        };
        all.iter().find(same)
    };
    let mut parts = Vec::new();
    if let Some(cpu) = of(Kind::Cpu) {
        parts.push(format!("{} ms cpu", number(cpu.median)));
    }
    if let Some(peak) = of(Kind::Peak) {
        parts.push(format!("{} {}", number(peak.median), escape(&peak.unit)));
    }
    parts.join(" · ")
}

/// The peer with the best median.
fn best_peer(group: &[Record]) -> Option<&Record> {
    let peers = group.iter().filter(|record| record.system != OURS);
    peers.min_by(|a, b| {
        let order = a.median.total_cmp(&b.median);
        if a.better == Better::Lower { order } else { order.reverse() }
    })
}

/// A value relative to the base's median, inverted for rates.
fn cost(value: f64, record: &Record, base: &Record) -> f64 {
    // A figure of 0 (a time below the clock's step) has no place on a logarithmic scale.
    let (value, base) = (value.max(1e-9), base.median.max(1e-9));
    if record.better == Better::Lower { value / base } else { base / value }
}

/// The same for the median; for gort the ratio of neighbouring runs, where there is one.
fn relative(record: &Record, base: &Record, group: &[Record]) -> f64 {
    let paired = |of: &Record, to: &str| of.ratio_to.get(to).copied().filter(|ratio| *ratio > 0.0);
    let invert = |ratio: f64| if record.better == Better::Lower { ratio } else { 1.0 / ratio };
    if let Some(ratio) = paired(record, &base.system) {
        return invert(ratio);
    }
    // gort / base and gort / this give this / base, all over neighbouring runs.
    let ours = group.iter().find(|ours| ours.system == OURS);
    let both =
        ours.and_then(|ours| Some((paired(ours, &base.system)?, paired(ours, &record.system)?)));
    match both {
        Some((to_base, to_this)) => invert(to_base / to_this),
        None => cost(record.median, record, base),
    }
}

/// A logarithmic axis with room for everything.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn over(group: &[Record], base: &Record) -> Self {
        let (mut low, mut high) = (0.5_f64, 2.0_f64);
        for record in group {
            for value in [
                relative(record, base, group),
                cost(record.min, record, base),
                cost(record.max, record, base),
            ] {
                // Four decades to either side: what is further is cut at the edge.
                low = low.min(value.max(1e-4));
                high = high.max(value.min(1e4));
            }
        }
        Self { low: low / 1.15, high: high * 1.15 }
    }

    /// Percent of the width.
    fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        100.0 * (value / self.low).ln() / (self.high / self.low).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::sample;

    fn of(metric: &str) -> Vec<Record> {
        sample().into_iter().filter(|record| record.metric == metric).collect()
    }

    #[test]
    fn left_is_better_for_times_and_rates() {
        for metric in ["spawn_join", "tcp_echo"] {
            let group = of(metric);
            let go = group.iter().find(|record| record.system == "go").unwrap();
            let ours = relative(&group[0], go, &group);
            assert!((ours - 0.5).abs() < 1e-9, "{metric}: {ours}");
            assert!((relative(go, go, &group) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_best_peer_has_the_star() {
        let group = of("spawn_join");
        assert_eq!(best_peer(&group).unwrap().system, "go");
        let mut page = String::new();
        write(&mut page, &group, &sample());
        let starred = page.lines().find(|line| line.contains('★')).unwrap();
        assert!(starred.contains(">go "), "{starred}");
    }

    #[test]
    fn positions_are_inside() {
        let scale = Scale { low: 0.1, high: 10.0 };
        for value in [1e-9, 0.1, 1.0, 10.0, 1e9] {
            assert!((0.0..=100.0).contains(&scale.at(value)));
        }
        assert!((scale.at(1.0) - 50.0).abs() < 1e-9);
    }
}
