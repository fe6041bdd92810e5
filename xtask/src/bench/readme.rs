//! `--update-readme`: the current table in the README, between two marks.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::record::{OURS, Record};
use super::workload::Better;
use crate::failure::Failure;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// The figures that a reader of the README wants, and how it is told what they are.
const ROWS: &[(&str, &str)] = &[
    ("spawn_join", "spawn a task and join it"),
    ("yield", "yield"),
    ("chan_pingpong", "channel round trip"),
    ("chan_spsc", "channel, one to one"),
    ("chan_mpmc", "channel, eight to eight"),
    ("select2", "select on two channels"),
    ("skynet", "a million tasks in a tree"),
    ("parked_1m_spawn", "park a million tasks: time"),
    ("parked_1m_rss", "park a million tasks: memory"),
    ("mutex_contended", "mutex, 64 tasks"),
    ("prime_sieve", "prime sieve, 2,000 filters"),
    ("timers_late_p99", "100,000 timers: lateness, p99"),
    ("hog_late_p99", "wake-up beside two endless loops, p99"),
    ("blocking_calls", "10,000 blocking calls"),
    ("tcp_echo", "TCP echo, requests/s (more is better)"),
    ("gc_alloc_64", "collected object of 64 bytes"),
    ("binary_trees", "binary trees: time"),
    ("binary_trees_rss", "binary trees: memory"),
    ("gc_mark_full", "marking 1 GiB"),
    ("gc_latency_p99.99", "replacing nodes of 256 MiB, p99.99"),
    ("gc_goroutines", "a collection beside a million tasks"),
    ("malloc_free_64", "malloc and free of 64 bytes"),
    ("malloc_churn", "malloc, random replacement"),
    ("larson", "larson, Mops/s (more is better)"),
    ("xmalloc", "xmalloc, Mops/s (more is better)"),
    ("hello_wall", "a whole process that says hello"),
];

/// Puts the table into the file.
pub(crate) fn update(
    file: &Path,
    records: &[Record],
    date: &str,
    machine: &str,
    runs: usize,
) -> Result<(), Failure> {
    let name = file.display();
    let old = fs::read_to_string(file)
        .map_err(|error| Failure::File(format!("bench: {name} cannot be read: {error}")))?;
    let new = replace(&old, &render(records, date, machine, runs)).ok_or_else(|| {
        Failure::File(format!("bench: {name} needs a line '{BEGIN}' and, below it, '{END}'"))
    })?;
    fs::write(file, new)
        .map_err(|error| Failure::File(format!("bench: {name} cannot be written: {error}")))
}

/// The text with what is between the marks replaced.
fn replace(text: &str, table: &str) -> Option<String> {
    let (head, rest) = text.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{table}{END}{tail}"))
}

fn render(records: &[Record], date: &str, machine: &str, runs: usize) -> String {
    let mut text = format!(
        "gort / peer, medians of {runs} alternating runs on {machine}, {date}; less is better where nothing else is said.\n\n\
         | | Go, P=1 | Go, P=2 | best other peer, P=1 | P=2 |\n|---|---|---|---|---|\n"
    );
    for (metric, title) in ROWS {
        let of = |procs| {
            let ours = |r: &&Record| r.metric == *metric && r.procs == procs && r.system == OURS;
            records.iter().find(ours)
        };
        let (one, two) = (of(1), of(2));
        if one.or(two).is_none() {
            continue;
        }
        let _ = writeln!(
            text,
            "| {title} | {} | {} | {} | {} |",
            go(one),
            go(two),
            best(one),
            best(two)
        );
    }
    text
}

fn go(record: Option<&Record>) -> String {
    record.and_then(|r| r.ratio_to.get("go")).map_or(String::new(), |ratio| number(*ratio))
}

/// The hardest of the other peers, with its name.
fn best(record: Option<&Record>) -> String {
    let Some(record) = record else { return String::new() };
    let others = record.ratio_to.iter().filter(|(peer, _)| *peer != "go");
    let hardest = others.max_by(|a, b| {
        let order = a.1.total_cmp(b.1);
        if record.better == Better::Lower { order } else { order.reverse() }
    });
    hardest.map_or(String::new(), |(peer, ratio)| format!("{} {peer}", number(*ratio)))
}

fn number(ratio: f64) -> String {
    if ratio < 0.0095 { "< 0.01".into() } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::sample;
    use super::super::workload::WORKLOADS;
    use super::*;

    #[test]
    fn rows_name_metrics_that_exist() {
        let metrics = || WORKLOADS.iter().flat_map(|w| w.cases).flat_map(|c| c.metrics);
        for (metric, _) in ROWS {
            assert!(metrics().any(|m| m.name == *metric), "{metric}");
        }
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replace(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replace(&new, "new\n").unwrap(), new);
        assert_eq!(replace("no marks", "new"), None);
    }

    #[test]
    fn a_row_has_go_and_the_hardest_peer() {
        let table = render(&sample(), "2026-01-02", "a machine", 3);
        assert!(
            table.contains("| spawn a task and join it | 0.50 |  | 0.25 tokio |  |"),
            "{table}"
        );
        assert!(table.contains("2.00 |  | 1.33 tokio"), "{table}");
    }
}
