//! Points as a drawing: one line per series, in a page of its own.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::list::{Axis, Experiment};
use crate::bench::reports::page::markup::escape;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 52.0;

/// Colours that can be told apart in light and in dark, also by the colour-blind (Okabe and Ito).
const COLOURS: [&str; 7] =
    ["#009e73", "#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a"];

const SHEET: &str = "\
:root{--paper:#fbfaf8;--ink:#1d2126;--soft:#5c6570;--line:#dedbd5}\
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e8eaed;--soft:#a3adb8;--line:#333a43}}\
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:960px;margin:0 auto;padding:32px 16px}h1{font-size:1.6rem;margin:0}\
p{color:var(--soft);margin:.3em 0 1em}svg{width:100%;height:auto}\
svg text{fill:var(--soft);font:13px system-ui,sans-serif}.grid{stroke:var(--line)}\
.series{fill:none;stroke-width:2;stroke-linejoin:round}\
ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:.4em 0 1em}\
li i{display:inline-block;width:18px;height:3px;vertical-align:middle;margin-right:6px}\
pre{overflow-x:auto;font-size:.84rem;border-top:1px solid var(--line);padding-top:12px}";

/// The page of an experiment: the drawing and the table.
pub(super) fn page(
    experiment: &Experiment,
    points: &[&(String, f64, f64)],
    table: &str,
    machine: &str,
) -> String {
    let series = by_name(points);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>gort: {0}</title><style>{SHEET}</style></head>\n<body><main>\n\
         <h1>{0}</h1>\n<p>{1}: {2}.<br>{3}</p>\n<ul>",
        escape(experiment.name),
        escape(experiment.row),
        escape(experiment.about),
        escape(machine)
    );
    for (at, name) in series.keys().enumerate() {
        let _ =
            write!(page, "<li><i style=\"background:{}\"></i>{}</li>", colour(at), escape(name));
    }
    page.push_str("</ul>\n");
    drawing(&mut page, experiment, &series);
    let _ = write!(page, "<pre>{}</pre>\n</main></body></html>\n", escape(table));
    page
}

fn by_name<'a>(points: &[&'a (String, f64, f64)]) -> BTreeMap<&'a str, Vec<(f64, f64)>> {
    let mut series: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (name, x, y) in points {
        series.entry(name).or_default().push((*x, *y));
    }
    series
}

/// The drawing alone, as a file that other pages show.
pub(super) fn picture(experiment: &Experiment, points: &[&(String, f64, f64)]) -> String {
    let series = by_name(points);
    let mut drawn = String::new();
    drawing(&mut drawn, experiment, &series);
    let mut head = String::from(
        "<style>text{fill:#5c6570;font:13px sans-serif}.grid{stroke:#dedbd5}\
         .series{fill:none;stroke-width:2;stroke-linejoin:round}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fbfaf8\"/>\n",
    );
    for (at, name) in series.keys().enumerate() {
        let (x, y) = (WIDTH - 130.0, TOP + 20.0 + 20.0 * at as f64);
        let _ = writeln!(
            head,
            "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"3\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"{y}\">{}</text>",
            y - 5.0,
            colour(at),
            x + 26.0,
            escape(name)
        );
    }
    let drawn = drawn.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    drawn.replacen(">\n", &format!(">\n{head}"), 1)
}

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

fn drawing(page: &mut String, experiment: &Experiment, series: &BTreeMap<&str, Vec<(f64, f64)>>) {
    let all = || series.values().flatten();
    let x = Scale::over(experiment.x, all().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let y = Scale::over(experiment.y, all().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}: {} over {}; the table \
         below has the figures\">",
        escape(experiment.name),
        escape(experiment.y.label),
        escape(experiment.x.label)
    );
    for tick in x.ticks() {
        let at = x.at(tick);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0,
            label(tick)
        );
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            label(tick)
        );
    }
    let _ = writeln!(
        page,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 {} {})\">{}</text>",
        f64::midpoint(LEFT, WIDTH),
        HEIGHT - 10.0,
        escape(experiment.x.label),
        16.0,
        HEIGHT / 2.0,
        16.0,
        HEIGHT / 2.0,
        escape(experiment.y.label)
    );
    for (at, points) in series.values().enumerate() {
        let mut path = String::new();
        for (n, (px, py)) in points.iter().enumerate() {
            let _ =
                write!(path, "{}{:.1} {:.1}", if n == 0 { "M" } else { "L" }, x.at(*px), y.at(*py));
        }
        let _ = writeln!(page, "<path class=\"series\" stroke=\"{}\" d=\"{path}\"/>", colour(at));
        // Few points are shown as such: a line alone would hide where they are.
        if points.len() <= 20 {
            for (px, py) in points {
                let _ = write!(
                    page,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{}\"/>",
                    x.at(*px),
                    y.at(*py),
                    colour(at)
                );
            }
        }
    }
    page.push_str("</svg>\n");
}

/// From values to places.
struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn over(axis: Axis, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let logarithmic = axis.logarithmic;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            let value = if logarithmic { value.max(1e-3) } else { value };
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (1.0, 2.0);
        }
        if !logarithmic {
            // Sizes and times are seen right only from zero on.
            low = low.min(0.0);
        }
        if high <= low {
            high = low + 1.0;
        }
        Self { logarithmic, low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(1e-3) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values, four to ten of them.
    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.high / self.low).log10();
            let steps: &[f64] = if decades < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let first = self.low.log10().floor() as i32;
            let last = self.high.log10().ceil() as i32;
            let all = (first..=last).flat_map(|e| steps.iter().map(move |s| s * 10_f64.powi(e)));
            return all.filter(|v| (self.low * 0.999..=self.high * 1.001).contains(v)).collect();
        }
        let rough = (self.high - self.low) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| *s >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil();
        let count = ((self.high - first * step) / step).floor() as usize;
        (0..=count).map(|n| (first + n as f64) * step).collect()
    }
}

fn label(value: f64) -> String {
    if value.abs() >= 1e6 {
        return format!("{:.0}M", value / 1e6);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::super::list::EXPERIMENTS;
    use super::*;

    #[test]
    fn every_series_is_drawn_and_named() {
        let points =
            [("a<b".to_string(), 1.0, 2.0), ("a<b".into(), 2.0, 3.0), ("c".into(), 1.0, 5.0)];
        let points: Vec<_> = points.iter().collect();
        let page = page(&EXPERIMENTS[0], &points, "table & more", "machine");
        assert_eq!(page.matches("class=\"series\"").count(), 2);
        assert!(page.contains("a&lt;b</li>") && page.contains("table &amp; more"));
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        assert!(page(&EXPERIMENTS[0], &[], "", "").contains("</svg>"));
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let linear = Axis { label: "", logarithmic: false };
        let scale = Scale::over(linear, [3.0, 97.0].into_iter(), 0.0, 100.0);
        assert_eq!(scale.ticks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
        let log = Axis { label: "", logarithmic: true };
        let scale = Scale::over(log, [1.0, 16.0].into_iter(), 0.0, 100.0);
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0]);
        assert!((scale.at(4.0) - 50.0).abs() < 1e-9);
        assert_eq!([label(0.5), label(20.0), label(2e6)], ["0.5", "20", "2M"]);
    }
}
