//! `--compare OLD.json`: what has become slower or faster since an earlier run.
//!
//! ```text
//! before: gort 50 51 49 | go 100 99 101  → gort/go 0.49..0.51 ┐
//! now:    gort 90 88 91 | go 119 121 120 → gort/go 0.73..0.76 ┴→ x1.50, apart: slower
//! ```
//!
//! What is compared is a ratio to a peer of the same run: both met the same machine,
//! whose drift drops out. Only where no peer is common the figures themselves are
//! compared, and the table says so.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use crate::bench::reports::record::{Kind, OURS, Record};
use crate::bench::reports::spread::{self, Spread};
use crate::bench::reports::standing::cost;
use crate::bench::reports::table::{align, arrow, number};
use crate::bench::workload::Better;
use crate::failure::Failure;

/// A change below this factor is none: machines differ by more from day to day.
const NOTABLE: f64 = 1.1;

/// With fewer runs a range says nothing, and a change is a `maybe` at best.
const ENOUGH: usize = 3;

/// From so many runs on, the smallest and the largest are not looked at: one that was
/// disturbed must not hide what all the others show. (The median stays the same.)
const TRIMMED: usize = 5;

/// Reads what an earlier `--json` wrote.
pub(crate) fn read(file: &Path) -> Result<Vec<Record>, Failure> {
    let wrong =
        |what: String| Failure::File(format!("bench: --compare {}: {what}", file.display()));
    let text =
        fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<Record>, String> {
    let values: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    let serde_json::Value::Array(values) = values else {
        return Err("is not an array of results as --json writes it".into());
    };
    if values.is_empty() {
        return Err("holds no results".into());
    }
    let records = values.into_iter().enumerate();
    records
        .map(|(at, value)| record(value).map_err(|e| format!("result {}: {e}", at + 1)))
        .collect()
}

fn record(value: serde_json::Value) -> Result<Record, String> {
    let fields: Vec<String> = match &value {
        serde_json::Value::Object(object) => object.keys().cloned().collect(),
        _ => return Err("is no object".into()),
    };
    let record: Record =
        serde_json::from_value(value).map_err(|error| format!("does not fit: {error}"))?;
    if let Some(unknown) = fields.iter().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(format!("has a field `{unknown}` that no result has"));
    }
    let name = format!("{} P={}, {}", record.metric, record.procs, record.system);
    if record.runs.is_empty() {
        return Err(format!("{name} has no runs"));
    }
    let figures = || record.runs.iter().chain([&record.median, &record.min, &record.max]);
    if let Some(figure) = figures().find(|figure| !figure.is_finite() || **figure < 0.0) {
        return Err(format!("{name} has the figure {figure}"));
    }
    Ok(record)
}

/// The fields of a result.
const FIELDS: &[&str] = &[
    "workload", "procs", "system", "version", "metric", "unit", "better", "runs", "median", "min",
    "max", "ratio_to",
];

/// What came of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// By a tenth or more, and the ranges are apart.
    Slower,
    Faster,
    /// By a tenth or more, but the ranges overlap, or are of too few runs.
    Maybe,
    Unchanged,
}

impl Verdict {
    /// As the table says it: memory is larger, not slower.
    fn word(self, unit: &str) -> &'static str {
        let memory = unit.starts_with("MiB") || unit.starts_with("KiB") || unit.starts_with("byte");
        match self {
            Self::Slower if memory => "larger",
            Self::Slower => "slower",
            Self::Faster if memory => "smaller",
            Self::Faster => "faster",
            Self::Maybe => "maybe",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A figure of one run: relative to a peer, or alone.
#[derive(Debug, Clone, Copy)]
struct Figure {
    spread: Spread,
    runs: usize,
}

impl Figure {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|v| v.is_finite() && *v > 0.0).collect();
        let runs = values.len();
        values.sort_by(f64::total_cmp);
        let kept = if runs >= TRIMMED { &values[1..runs - 1] } else { &values[..] };
        Some(Self { spread: spread::of(kept)?, runs })
    }

    fn relative(of: &Record, to: &Record) -> Option<Self> {
        Self::of(of.runs.iter().zip(&to.runs).map(|(of, to)| of / to))
    }

    fn alone(of: &Record) -> Option<Self> {
        Self::of(of.runs.iter().copied())
    }
}

/// One figure of both runs.
#[derive(Debug)]
struct Change<'a> {
    record: &'a Record,
    /// The peer that it is relative to; `None`: the medians.
    to: Option<&'a str>,
    before: Figure,
    now: Figure,
    verdict: Verdict,
}

/// The comparison as text; `name` is what the earlier run is called.
pub(crate) fn render(old: &[Record], new: &[Record], name: &impl fmt::Display) -> String {
    let common = new.iter().filter(|record| find(old, record, &record.system).is_some());
    let common = common.collect::<Vec<_>>();
    let mut changes: Vec<Change<'_>> =
        common.iter().filter_map(|record| change(old, new, record)).collect();
    changes.sort_by_key(|change| {
        let record = change.record;
        (record.kind != Kind::Main, record.system != OURS, change.verdict)
    });
    let mut text = format!("Compared with {name}, by the ratio to a peer of the same run:\n");
    versions(&mut text, old, new);
    table(&mut text, &changes);
    let count = |verdict| changes.iter().filter(|change| change.verdict == verdict).count();
    let _ = writeln!(
        text,
        "{} slower or larger, {} faster or smaller, {} maybe, {} unchanged (by less than {:.0} %)",
        count(Verdict::Slower),
        count(Verdict::Faster),
        count(Verdict::Maybe),
        count(Verdict::Unchanged),
        (NOTABLE - 1.0) * 100.0
    );
    let (gone, fresh) = (old.len() - common.len().min(old.len()), new.len() - common.len());
    if gone + fresh > 0 {
        let _ = writeln!(text, "{gone} figures only before, {fresh} only now");
    }
    if common.len() > changes.len() {
        let _ = writeln!(text, "{} figures are 0 in one of the runs", common.len() - changes.len());
    }
    if changes.iter().any(|change| change.before.runs.min(change.now.runs) < ENOUGH) {
        let _ =
            writeln!(text, "fewer than {ENOUGH} runs of a figure say no more than maybe (--runs)");
    }
    text
}

/// Systems that are not what they were.
fn versions(text: &mut String, old: &[Record], new: &[Record]) {
    let mut said: Vec<&str> = Vec::new();
    for record in new {
        let before = old.iter().find(|before| before.system == record.system);
        let Some(before) = before.filter(|before| before.version != record.version) else {
            continue;
        };
        if !said.contains(&record.system.as_str()) {
            said.push(&record.system);
            let _ = writeln!(text, "{}: {} → {}", record.system, before.version, record.version);
        }
    }
}

fn table(text: &mut String, changes: &[Change<'_>]) {
    let head = ["verdict", "metric", "P", "system", "relative to", "before", "now", "change"];
    let mut rows = vec![head.map(String::from)];
    for change in changes.iter().filter(|change| change.verdict != Verdict::Unchanged) {
        let record = change.record;
        let (before, now) = (change.before.spread.median, change.now.spread.median);
        rows.push([
            change.verdict.word(&record.unit).into(),
            format!("{} {}", record.metric, arrow(record.better)),
            record.procs.to_string(),
            record.system.clone(),
            change.to.map_or_else(|| format!("medians, {}", record.unit), String::from),
            figure(before),
            figure(now),
            format!("x{:.2}", now / before),
        ]);
    }
    if rows.len() > 1 {
        text.push_str(&align(&rows, &[false, false, true, false, false, true, true, true]));
    }
}

/// A ratio or a median; small ones keep their digits.
fn figure(value: f64) -> String {
    if value < 0.1 { format!("{value:.4}") } else { number(value) }
}

/// The record of a system about the same figure.
fn find<'a>(records: &'a [Record], like: &Record, system: &str) -> Option<&'a Record> {
    records.iter().find(|record| {
        record.procs == like.procs
            && record.system == system
            && record.metric == like.metric
            && record.workload == like.workload
    })
}

/// Compares one figure; `None` where it says nothing (a zero, no earlier record).
fn change<'a>(old: &[Record], new: &'a [Record], record: &'a Record) -> Option<Change<'a>> {
    let before = find(old, record, &record.system)?;
    // Peers of the same figure in both runs, Go first, then in their order.
    let mut peers: Vec<_> = new
        .iter()
        .filter(|peer| peer.system != OURS && peer.system != record.system)
        .filter(|peer| find(std::slice::from_ref(*peer), record, &peer.system).is_some())
        .filter_map(|peer| {
            let peer_before = find(old, record, &peer.system)?;
            let before = Figure::relative(before, peer_before)?;
            Some((
                peer,
                peer_before.version == peer.version,
                before,
                Figure::relative(record, peer)?,
            ))
        })
        .collect();
    peers.sort_by_key(|(peer, same, before, now)| {
        (before.runs.min(now.runs) < ENOUGH, !same, peer.system != "go")
    });
    let (to, before, now) = match peers.into_iter().next() {
        Some((peer, _, before, now)) => (Some(peer.system.as_str()), before, now),
        None => (None, Figure::alone(before)?, Figure::alone(record)?),
    };
    let verdict = match verdict(record.better, &before, &now) {
        // A peer alone shows how the machine has drifted, nothing about us.
        Verdict::Slower | Verdict::Faster if to.is_none() && record.system != OURS => {
            Verdict::Maybe
        }
        verdict => verdict,
    };
    Some(Change { record, to, before, now, verdict })
}

fn verdict(better: Better, before: &Figure, now: &Figure) -> Verdict {
    let cost = cost(better, now.spread.median / before.spread.median);
    if cost < NOTABLE && cost > 1.0 / NOTABLE {
        return Verdict::Unchanged;
    }
    let apart = now.spread.min > before.spread.max || now.spread.max < before.spread.min;
    if !apart || before.runs.min(now.runs) < ENOUGH {
        Verdict::Maybe
    } else if cost > 1.0 {
        Verdict::Slower
    } else {
        Verdict::Faster
    }
}

#[cfg(test)]
mod tests;
