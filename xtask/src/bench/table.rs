//! The results as a table for people.
//!
//! ```text
//! metric      P  unit       good  gort  min..max        go  min..max    gort/go
//! spawn_join  1  ns/task    ↓       61  60.2..63.0     179  175..182       0.34
//! ```
//!
//! One row per metric and number of processors; `↓` less is better, `↑` more is.
//! The last columns are the ratios, as the records carry them.

use super::record::Record;
use super::workload::Better;

/// The whole table, ending in a newline.
pub(crate) fn render(records: &[Record]) -> String {
    let systems = systems(records);
    let mut rows = vec![head(&systems)];
    for group in records.chunk_by(|a, b| a.metric == b.metric && a.procs == b.procs) {
        rows.push(row(group, &systems));
    }
    align(&rows, &columns(&systems))
}

/// The systems' names in the order in which they first appear: gort first, if
/// it is there at all.
fn systems(records: &[Record]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for record in records {
        if !names.contains(&record.system) {
            names.push(record.system);
        }
    }
    names.sort_by_key(|name| *name != "gort");
    names
}

/// `true`: the column is aligned to the right.
fn columns(systems: &[&str]) -> Vec<bool> {
    let mut right = vec![false, true, false, false];
    right.extend(systems.iter().flat_map(|_| [true, false]));
    right.extend(systems.iter().skip(1).map(|_| true));
    right
}

fn head(systems: &[&str]) -> Vec<String> {
    let mut cells: Vec<String> = ["metric", "P", "unit", "good"].map(String::from).into();
    for system in systems {
        cells.extend([(*system).to_string(), "min..max".to_string()]);
    }
    cells.extend(systems.iter().skip(1).map(|peer| format!("{}/{peer}", systems[0])));
    cells
}

/// The cells of one metric, from the records of the systems that have it.
fn row(group: &[Record], systems: &[&str]) -> Vec<String> {
    let first = &group[0];
    let arrow = match first.better {
        Better::Lower => "↓",
        Better::Higher => "↑",
    };
    let mut cells: Vec<String> =
        [first.metric, &first.procs.to_string(), first.unit, arrow].map(String::from).into();
    let of = |system: &str| group.iter().find(|record| record.system == system);
    for system in systems {
        match of(system) {
            Some(r) => {
                cells.extend([number(r.median), format!("{}..{}", number(r.min), number(r.max))]);
            }
            None => cells.extend(["-".to_string(), String::new()]),
        }
    }
    for peer in &systems[1..] {
        let ratio = of(systems[0]).and_then(|record| record.ratio_to.get(peer));
        cells.push(ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")));
    }
    cells
}

/// Three or four significant digits; thousands in groups.
fn number(value: f64) -> String {
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
fn align(rows: &[Vec<String>], right: &[bool]) -> String {
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..right.len())
        .map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0))
        .collect();
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

    fn record(
        system: &'static str,
        metric: &'static str,
        median: f64,
        ratio: Option<f64>,
    ) -> Record {
        Record {
            workload: metric,
            procs: 1,
            system,
            version: String::new(),
            metric,
            unit: "ms",
            better: Better::Lower,
            runs: vec![median],
            median,
            min: median - 1.0,
            max: median + 1.0,
            ratio_to: ratio.map(|ratio| ("go", ratio)).into_iter().collect::<BTreeMap<_, _>>(),
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
    fn columns_line_up() {
        let table = render(&[
            record("gort", "skynet", 400.0, Some(0.5)),
            record("go", "skynet", 800.0, None),
            record("gort", "spawn_join", 61.5, Some(0.34)),
            record("go", "spawn_join", 1790.0, None),
        ]);
        let want = "\
metric      P  unit  good  gort  min..max       go  min..max      gort/go
skynet      1  ms    ↓      400  399..401      800  799..801         0.50
spawn_join  1  ms    ↓     61.5  60.5..62.5  1,790  1,789..1,791     0.34
";
        assert_eq!(table, want);
    }

    #[test]
    fn a_system_that_failed_has_a_dash() {
        let table = render(&[
            record("go", "skynet", 800.0, None),
            record("gort", "yield", 9.0, None),
            record("go", "yield", 54.0, None),
        ]);
        let skynet = table.lines().nth(1).unwrap();
        assert!(skynet.contains('-') && skynet.contains("800"), "{table}");
        assert!(table.starts_with("metric  P  unit  good  gort"), "{table}");
    }

    #[test]
    fn without_results_there_is_a_head() {
        assert_eq!(render(&[]), "metric  P  unit  good\n");
    }
}
