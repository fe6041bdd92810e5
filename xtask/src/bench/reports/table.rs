//! The results as a table for people, one row per system.
//!
//! ```text
//! metric          P  system  median  unit     min..max    gort/it  cpu ms  peak MiB
//! spawn_join ↓    1  gort      61.0  ns/task  60.2..63.0              310       5.1
//!                    go         179           175..182       0.34     400      12.0
//! ```
//!
//! `↓` less is better, `↑` more is. Processor time and peak memory are the
//! process's, beside the first metric of each.

use crate::bench::reports::record::{Kind, Record};
use crate::bench::workload::Better;

/// The whole table, ending in a newline.
pub(crate) fn render(records: &[Record]) -> String {
    let head =
        ["metric", "P", "system", "median", "unit", "min..max", "gort/it", "cpu ms", "peak MiB"];
    let mut rows = vec![head.map(String::from)];
    let mut last_case = ("", 0);
    let groups = records.chunk_by(|a, b| a.metric == b.metric && a.procs == b.procs);
    for group in groups.filter(|group| group[0].kind == Kind::Main) {
        let case = (group[0].case, group[0].procs);
        let beside = case != last_case;
        last_case = case;
        for (at, record) in group.iter().enumerate() {
            let mut cells = row(record, group);
            if beside {
                cells[7] = beside_it(records, record, Kind::Cpu);
                cells[8] = beside_it(records, record, Kind::Peak);
            }
            if at == 0 {
                cells[0] = format!("{} {}", record.metric, arrow(record.better));
                cells[1] = record.procs.to_string();
                cells[4] = record.unit.clone();
            }
            rows.push(cells);
        }
    }
    align(&rows, &[false, true, false, true, false, false, true, true, true])
}

pub(super) fn arrow(better: Better) -> &'static str {
    match better {
        Better::Lower => "↓",
        Better::Higher => "↑",
    }
}

fn row(record: &Record, group: &[Record]) -> [String; 9] {
    let mut cells = [const { String::new() }; 9];
    cells[2].clone_from(&record.system);
    cells[3] = number(record.median);
    cells[5] = format!("{}..{}", number(record.min), number(record.max));
    let ratio = group.iter().find_map(|ours| ours.ratio_to.get(&record.system));
    cells[6] = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    cells
}

/// What is noted beside, of the same process.
fn beside_it(records: &[Record], of: &Record, kind: Kind) -> String {
    let same =
        |r: &&Record| (r.case, r.procs, &r.system, r.kind) == (of.case, of.procs, &of.system, kind);
    records.iter().find(same).map_or(String::new(), |record| number(record.median))
}

/// Three or four significant digits; thousands in groups.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if digits > 0 {
        return text;
    }
    let mut grouped = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(c);
    }
    grouped
}

/// Pads the cells of each column to its widest, two spaces between columns.
pub(super) fn align<const N: usize>(rows: &[[String; N]], right: &[bool; N]) -> String {
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[at] - width(cell));
            if right[at] {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn record(system: &str, metric: &str, median: f64, ratio: Option<f64>) -> Record {
        Record {
            workload: metric.into(),
            procs: 1,
            system: system.into(),
            version: String::new(),
            metric: metric.into(),
            unit: "ms".into(),
            better: Better::Lower,
            runs: vec![median],
            median,
            min: median - 1.0,
            max: median + 1.0,
            ratio_to: ratio
                .map(|ratio| ("go".into(), ratio))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            case: "case",
            kind: Kind::Main,
            distribution: Vec::new(),
        }
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.5, "0.50"),
            (9.99, "9.99"),
            (9.999, "10.0"),
            (61.23, "61.2"),
            (99.96, "100"),
            (836.4, "836"),
            (2766.0, "2,766"),
            (1_234_567.0, "1,234,567"),
            (-2766.0, "-2,766"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn one_row_per_system() {
        let beside = |system, median, kind| Record { kind, ..record(system, "x", median, None) };
        let table = render(&[
            record("gort", "skynet", 400.0, Some(0.5)),
            record("go", "skynet", 800.0, None),
            beside("gort", 9.0, Kind::Cpu),
            beside("go", 8.0, Kind::Cpu),
            beside("gort", 50.0, Kind::Peak),
        ]);
        let want = "\
metric    P  system  median  unit  min..max  gort/it  cpu ms  peak MiB
skynet ↓  1  gort       400  ms    399..401             9.00      50.0
             go         800        799..801     0.50    8.00
";
        assert_eq!(table, want);
    }

    #[test]
    fn without_results_there_is_a_head() {
        assert_eq!(render(&[]).lines().count(), 1);
    }
}
