//! One metric at one number of processors: a bar for each system.
//!
//! ```text
//!            better <- | -> worse
//! gort        [========|          0.34   61.0   310 ms cpu · 5.1 MiB
//! go                   |          1.00    179
//! tokio ★              |===]      1.10    197
//!             0.5      1      2
//! ```
//! A position is the logarithm of the ratio to Go; for a rate the axis runs the other
//! way, so that left is always better. Where Go has no figure, the best peer is the line.

use std::fmt::Write;

use super::markup::{escape, ratio};
use super::scale::{Scale, relative};
use super::svg::Svg;
use crate::bench::reports::record::{Kind, OURS, Record};
use crate::bench::reports::spread::Spread;
use crate::bench::reports::standing::best_peer;
use crate::bench::reports::table::number;
use crate::bench::workload::Better;

/// Writes the chart of the records of one metric; `all` has what is noted beside.
pub(super) fn write(page: &mut String, group: &[Record], all: &[Record]) {
    let first = &group[0];
    let best = best_peer(group, |_| true);
    let Some(base) = group.iter().find(|r| r.system == "go").or(best).or(group.first()) else {
        return;
    };
    let places: Vec<Spread> = group.iter().map(|record| relative(record, base)).collect();
    let chart = Chart {
        base,
        best: best.map(|best| best.system.as_str()),
        scale: Scale::over(first.better, &places),
        all,
    };
    let direction = match first.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    let _ = write!(
        page,
        "<figure class=\"chart\">\n<figcaption><b>{}</b> <span>{}, {}, {direction}; relative to \
         {}</span></figcaption>\n",
        escape(&first.metric),
        escape(&first.unit),
        super::processors(first.procs),
        escape(&base.system)
    );
    for (record, place) in group.iter().zip(&places) {
        chart.row(page, record, place);
    }
    chart.axis(page);
    page.push_str("</figure>\n");
}

struct Chart<'a> {
    base: &'a Record,
    /// The best peer's name.
    best: Option<&'a str>,
    scale: Scale,
    all: &'a [Record],
}

impl Chart<'_> {
    fn row(&self, page: &mut String, record: &Record, place: &Spread) {
        let is_best = self.best == Some(record.system.as_str());
        let class = match record.system.as_str() {
            OURS => "ours",
            _ if is_best => "best",
            _ => "peer",
        };
        let star = if is_best {
            " <span class=\"star\" role=\"img\" aria-label=\"best peer\" title=\"best peer\">★</span>"
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "<div class=\"row {class}\"><span class=\"name\">{}{star}</span>{}\
             <span class=\"ratio\">{}</span><span class=\"value\">{}</span>\
             <span class=\"beside\">{}</span></div>",
            escape(&record.system),
            self.track(record, place),
            ratio(place.median),
            number(record.median),
            beside(record, self.all)
        );
    }

    /// The bar from the line to the median, over it a whisker from one end to the other.
    fn track(&self, record: &Record, place: &Spread) -> String {
        let (at, one) = (self.scale.at(place.median), self.scale.at(1.0));
        let title = format!("{}: {} x {}", record.system, ratio(place.median), self.base.system);
        let description = format!(
            "{} {}, from {} to {}; relative from {} to {}",
            number(record.median),
            record.unit,
            number(record.min),
            number(record.max),
            ratio(place.min),
            ratio(place.max)
        );
        let (low, high) = (self.scale.at(place.min), self.scale.at(place.max));
        let mut svg = Svg::picture("track", &title, &description).band("bar", at, one, 0.0, 16.0);
        if (high - low).abs() > 0.05 {
            svg = svg.band("under", low, high, 6.0, 4.0).band("whisker", low, high, 7.0, 2.0);
        }
        svg.upright("one", one).done()
    }

    fn axis(&self, page: &mut String) {
        let mut svg = Svg::decoration("axis");
        for tick in self.scale.ticks() {
            svg = svg.letters("tick", self.scale.at(tick), 12.0, &tick_label(tick));
        }
        let _ = writeln!(
            page,
            "<div class=\"row scale\"><span class=\"name\"></span>{}</div>",
            svg.done()
        );
    }
}

/// A round number: 0.05, 0.5, 1, 20.
fn tick_label(tick: f64) -> String {
    let text = format!("{tick:.5}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::reports::record::tests::sample;

    fn chart(metric: &str) -> String {
        let all = sample();
        let group: Vec<_> = all.iter().filter(|r| r.metric == metric).cloned().collect();
        let mut page = String::new();
        write(&mut page, &group, &all);
        page
    }

    #[test]
    fn a_row_per_system_with_the_best_peer_marked() {
        let page = chart("tcp_echo");
        assert_eq!(page.matches("<div class=\"row ").count(), 3 + 1);
        assert_eq!((page.matches("row ours").count(), page.matches("★").count()), (1, 1));
        assert!(page.contains("<span class=\"name\">tokio <span class=\"star\""), "{page}");
        assert!(page.contains("requests/s, 1 processor, more is better; relative to go"), "{page}");
        assert!(page.contains("<title>gort: 2.00 x go</title>"), "{page}");
        assert!(page.contains("<span class=\"beside\">5.00 ms cpu · 6.00 MiB</span>"), "{page}");
    }

    #[test]
    fn without_go_the_best_is_the_line() {
        let page = chart("hog_late_p50");
        assert!(page.contains("less is better; relative to gort"), "{page}");
    }

    #[test]
    fn ticks_are_round() {
        let cases = [(0.05, "0.05"), (0.5, "0.5"), (1.0, "1"), (20.0, "20"), (1e4, "10000")];
        for (tick, label) in cases {
            assert_eq!(tick_label(tick), label);
        }
    }
}
