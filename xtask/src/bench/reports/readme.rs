//! `--update-readme`: the current table in the README, between two marks.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::bench::options::Options;
use crate::bench::reports::record::{OURS, Record};
use crate::bench::reports::standing::cost;
use crate::bench::systems::peer::PEERS;
use crate::bench::workload::WORKLOADS;
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

/// What the table says about the run.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) date: &'a str,
    pub(crate) machine: &'a str,
    /// A warning about other load.
    pub(crate) warning: Option<&'a str>,
    pub(crate) runs: usize,
    /// How to make it again.
    pub(crate) command: &'a str,
}

/// Whether the file has its markers: asked before the long work.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    replace(&read(file)?, "").map(|_| ()).map_err(|why| wrong(file, &why))
}

/// Puts the table into the file.
pub(crate) fn update(file: &Path, records: &[Record], about: &About<'_>) -> Result<(), Failure> {
    let table = render(records, about).ok_or_else(|| wrong(file, "there are no figures for it"))?;
    let text = replace(&read(file)?, &table).map_err(|why| wrong(file, &why))?;
    fs::write(file, text).map_err(|error| wrong(file, &format!("cannot be written: {error}")))
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| wrong(file, &format!("cannot be read: {error}")))
}

fn wrong(file: &Path, why: &str) -> Failure {
    Failure::File(format!("bench: --update-readme: {}: {why}", file.display()))
}

/// The text with something else between its markers.
fn replace(text: &str, between: &str) -> Result<String, String> {
    for marker in [BEGIN, END] {
        match text.matches(marker).count() {
            1 => {}
            0 => return Err(format!("the marker {marker} is missing")),
            more => return Err(format!("the marker {marker} is there {more} times")),
        }
    }
    let (before, rest) = text.split_once(BEGIN).unwrap_or_default();
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("{END} stands before {BEGIN}"))?;
    Ok(format!("{before}{BEGIN}\n{between}{END}{after}"))
}

/// The command line that makes such a table.
pub(crate) fn command(options: &Options) -> String {
    let mut command = format!("cargo xtask bench --runs {}", options.runs);
    let mut list = |option: &str, names: Vec<String>| {
        let names = if names.is_empty() { "none".into() } else { names.join(",") };
        let _ = write!(command, " {option} {names}");
    };
    if options.workloads.len() < WORKLOADS.len() {
        list("--only", options.workloads.iter().map(|workload| workload.name.into()).collect());
    }
    if options.procs != [1, 2] {
        list("--procs", options.procs.iter().map(ToString::to_string).collect());
    }
    if options.peers.len() < PEERS.len() {
        list("--peers", options.peers.iter().map(|peer| peer.name.into()).collect());
    }
    command + " --update-readme"
}

/// The table with a line about the run; `None` where gort has none of its figures.
fn render(records: &[Record], about: &About<'_>) -> Option<String> {
    let mut text = format!(
        "gort / peer, medians of {} alternating runs on {}, {}{}; less is better where nothing else is said. \
         Made by `{}`.\n\n\
         | | Go, P=1 | Go, P=2 | best other peer, P=1 | P=2 |\n|---|---|---|---|---|\n",
        about.runs,
        about.machine,
        about.date,
        about.warning.map_or(String::new(), |warning| format!(" ({warning})")),
        about.command
    );
    let mut rows = 0;
    for (metric, title) in ROWS {
        let of = |procs| {
            let ours = |r: &&Record| r.metric == *metric && r.procs == procs && r.system == OURS;
            records.iter().find(ours)
        };
        let (one, two) = (of(1), of(2));
        let cells = [go(one), go(two), best(one), best(two)];
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows += 1;
            let _ = writeln!(text, "| {title} | {} |", cells.join(" | "));
        }
    }
    (rows > 0).then_some(text)
}

fn go(record: Option<&Record>) -> String {
    record.and_then(|r| r.ratio_to.get("go")).map_or(String::new(), |ratio| number(*ratio))
}

/// The hardest of the other peers, with its name.
fn best(record: Option<&Record>) -> String {
    let Some(record) = record else { return String::new() };
    let others = record.ratio_to.iter().filter(|(peer, _)| *peer != "go");
    let dear = |ratio: f64| cost(record.better, ratio);
    let hardest = others.max_by(|a, b| dear(*a.1).total_cmp(&dear(*b.1)));
    hardest.map_or(String::new(), |(peer, ratio)| format!("{} {peer}", number(*ratio)))
}

fn number(ratio: f64) -> String {
    if ratio < 0.0095 { "< 0.01".into() } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests;
