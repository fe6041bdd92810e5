//! A distribution of latencies: one strip per system over a common logarithmic axis, its
//! height the logarithm of how many there are, so that single ones are seen.

use std::fmt::Write;

use super::markup::escape;
use super::svg::Svg;
use crate::bench::reports::record::{OURS, Record};

/// Columns of a strip.
const COLUMNS: usize = 160;
/// Height of the drawing, in its own units.
const HEIGHT: f64 = 30.0;

/// Writes the strips of the records that have a distribution.
pub(super) fn write(page: &mut String, group: &[Record]) {
    let with: Vec<&Record> = group.iter().filter(|r| !r.distribution.is_empty()).collect();
    let values = || with.iter().flat_map(|record| &record.distribution).map(|(value, _)| *value);
    let low = values().fold(f64::INFINITY, f64::min).max(0.01);
    let high = values().fold(low * 10.0, f64::max) * 1.05;
    let axis = Axis { low, high };
    let name = group[0].metric.trim_end_matches("_max");
    let _ = write!(
        page,
        "<figure class=\"strips\">\n<figcaption><b>{}</b> <span>distribution of all runs, {}; height: \
         logarithm of the count; lines: p50, p99, max</span></figcaption>\n",
        escape(name),
        super::processors(group[0].procs)
    );
    for record in &with {
        strip(page, record, &axis);
    }
    let mut svg = Svg::decoration("axis");
    let mut decade = 10_f64.powf(low.log10().ceil());
    let step = if high / low > 1e6 { 100.0 } else { 10.0 };
    while decade <= high {
        let at = axis.percent(decade);
        // Near the edges a label would stick out.
        if (3.0..=97.0).contains(&at) {
            svg = svg.letters("tick", at, 12.0, &time(decade));
        }
        decade *= step;
    }
    let axis = svg.done();
    let _ = writeln!(
        page,
        "<div class=\"row scale\"><span class=\"name\"></span>{axis}</div>\n</figure>"
    );
}

fn strip(page: &mut String, record: &Record, axis: &Axis) {
    let mut bins = [0_u64; COLUMNS];
    for (value, count) in &record.distribution {
        let column = axis.percent(*value) / 100.0 * (COLUMNS - 1) as f64;
        bins[column as usize] += count;
    }
    close_gaps(&mut bins);
    let tallest = bins.iter().copied().max().unwrap_or(1).max(2);
    let mut path = format!("M0 {HEIGHT}");
    for (column, count) in bins.iter().enumerate() {
        let share = ((*count + 1) as f64).ln() / ((tallest + 1) as f64).ln();
        let y = HEIGHT - share * (HEIGHT - 1.0);
        let _ = write!(path, "L{column} {y:.1}L{} {y:.1}", column + 1);
    }
    let _ = write!(path, "L{COLUMNS} {HEIGHT}Z");
    let class = if record.system == OURS { "ours" } else { "peer" };
    let quantile = |q| quantile(&record.distribution, q);
    let marks = [("p50", quantile(0.5)), ("p99", quantile(0.99)), ("max", quantile(1.0))];
    let description = format!(
        "half below {}, 99 of 100 below {}, worst {}",
        time(marks[0].1),
        time(marks[1].1),
        time(marks[2].1)
    );
    let title = format!("{}: how late, and how often", record.system);
    let mut svg = Svg::picture("strip", &title, &description).stretched(COLUMNS, HEIGHT, &path);
    for (_, value) in marks {
        svg = svg.upright("casing", axis.percent(value)).upright("mark", axis.percent(value));
    }
    let named = marks.map(|(name, value)| format!("<span>{name} <b>{}</b></span>", time(value)));
    let _ = writeln!(
        page,
        "<div class=\"row {class}\"><span class=\"name\">{}</span>{}\
         <span class=\"quantiles\">{}</span></div>",
        escape(&record.system),
        svg.done(),
        named.join(" ")
    );
}

/// Where a program's buckets are wider than a column, the columns between two of them
/// are empty though values lie there: they take the lower count of both.
fn close_gaps(bins: &mut [u64]) {
    const WIDEST: usize = 4;
    let full: Vec<usize> = (0..bins.len()).filter(|at| bins[*at] > 0).collect();
    for pair in full.windows(2).filter(|pair| pair[1] - pair[0] <= WIDEST) {
        let between = bins[pair[0]].min(bins[pair[1]]);
        bins[pair[0] + 1..pair[1]].fill(between);
    }
}

struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn percent(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        100.0 * (value / self.low).ln() / (self.high / self.low).ln()
    }
}

/// The value that a share of all does not exceed.
fn quantile(distribution: &[(f64, u64)], q: f64) -> f64 {
    let total: u64 = distribution.iter().map(|(_, count)| count).sum();
    let rank = ((q * total as f64).ceil() as u64).max(1);
    let mut seen = 0;
    for (value, count) in distribution {
        seen += count;
        if seen >= rank {
            return *value;
        }
    }
    0.0
}

/// Microseconds as a person says them.
fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        v if v < 1.0 => (v * 1e3, "ns"),
        v if v < 1e3 => (v, "µs"),
        v if v < 1e6 => (v / 1e3, "ms"),
        v => (v / 1e6, "s"),
    };
    if value < 9.95 && value.fract() > 0.05 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let cases = [
            (0.04, "40 ns"),
            (1.0, "1 µs"),
            (2.5, "2.5 µs"),
            (1500.0, "1.5 ms"),
            (3.97e6, "4.0 s"),
        ];
        for (micros, text) in cases {
            assert_eq!(time(micros), text);
        }
    }

    #[test]
    fn narrow_gaps_are_closed_and_wide_ones_stay() {
        let mut bins = [0, 5, 0, 0, 3, 0, 0, 0, 0, 1];
        close_gaps(&mut bins);
        assert_eq!(bins, [0, 5, 3, 3, 3, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn quantiles_count() {
        let distribution = [(1.0, 98), (5.0, 1), (9.0, 1)];
        assert_eq!([0.5, 0.99, 1.0].map(|q| quantile(&distribution, q)), [1.0, 5.0, 9.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
