//! `--targets`: which of the project's targets the run meets, and what falls short.
//!
//! ```text
//! list: metric, processors, bound → the run's records → met, missed by .., not measured
//! ```
//!
//! It is information: figures of a machine that is not quiet are no verdict, and the
//! exit status does not depend on them.

mod list;

use std::fmt::Write;

use crate::bench::reports::record::{OURS, Record};
use crate::bench::reports::standing::{cost, groups, ours};
use crate::bench::reports::table::{align, arrow, number};
use crate::bench::workload::Better;
use list::TARGETS;

/// What gort is to reach in one metric.
#[derive(Debug)]
struct Target {
    metric: &'static str,
    /// The numbers of processors that it holds for.
    procs: &'static [usize],
    bound: Bound,
}

/// A limit. What is at most for a cost is at least for a rate.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// The ratio gort / peer, to each of these that was measured.
    Peers(&'static [&'static str], f64),
    /// The same, to every peer: that is, to the best.
    Best(f64),
    /// The figure itself.
    Value(f64),
    /// Memory relative to the leanest peer of those whose `speed` comes within a tenth
    /// of the best peer's.
    Leanest { speed: &'static str, limit: f64 },
}

/// How a target stands in a run.
#[derive(Debug)]
enum Standing<'a> {
    Measured(Measured<'a>),
    /// With the reason.
    NotMeasured(String),
}

/// A figure beside its limit.
#[derive(Debug)]
struct Measured<'a> {
    figure: f64,
    limit: f64,
    better: Better,
    unit: &'a str,
    /// The peer that it is relative to.
    to: Option<&'a str>,
}

impl Measured<'_> {
    fn is_met(&self) -> bool {
        cost(self.better, self.figure / self.limit) <= 1.0
    }

    /// By how much of the limit it is missed, in percent.
    fn short(&self) -> f64 {
        (self.figure / self.limit - 1.0).abs() * 100.0
    }

    fn wanted(&self) -> String {
        let sign = if self.better == Better::Lower { "<=" } else { ">=" };
        match self.to {
            Some(peer) => format!("{sign} {:.2} x {peer}", self.limit),
            None => format!("{sign} {} {}", number(self.limit), self.unit),
        }
    }

    fn is(&self) -> String {
        if self.to.is_some() && self.figure < 0.1 {
            return format!("{:.3}", self.figure);
        }
        number(self.figure)
    }
}

/// All targets beside the run's figures, as text.
pub(crate) fn render(records: &[Record]) -> String {
    let head = ["metric", "P", "target", "is", "verdict"];
    let mut rows = vec![head.map(String::from)];
    let (mut met, mut missing) = (0, Vec::new());
    for target in TARGETS {
        for &procs in target.procs {
            for standing in stand(target, procs, records) {
                match standing {
                    Standing::Measured(measured) => {
                        met += usize::from(measured.is_met());
                        rows.push(row(target.metric, procs, &measured));
                    }
                    Standing::NotMeasured(why) => {
                        missing.push((why, format!("{} P={procs}", target.metric)));
                    }
                }
            }
        }
    }
    let mut text = String::from("Targets (for information; a noisy machine misses some):\n");
    if rows.len() > 1 {
        text.push_str(&align(&rows, &[false, true, false, true, false]));
    }
    let measured = rows.len() - 1;
    let _ = writeln!(
        text,
        "{met} of {measured} met, {} missed, {} not measured",
        measured - met,
        missing.len()
    );
    // Stable: within a reason the order of the list.
    missing.sort_by(|a, b| a.0.cmp(&b.0));
    for same in missing.chunk_by(|a, b| a.0 == b.0) {
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in same {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let _ = writeln!(text, "not measured, {}: {}", same[0].0, names.join(", "));
    }
    text
}

fn row(metric: &str, procs: usize, measured: &Measured<'_>) -> [String; 5] {
    let short = measured.short();
    let verdict = match measured.better {
        _ if measured.is_met() => "met".to_string(),
        Better::Lower if short > 200.0 => format!("missed, {:.1} x the limit", short / 100.0 + 1.0),
        Better::Lower => format!("missed, {:.0} % over", short.max(1.0)),
        Better::Higher => format!("missed, {:.0} % short", short.max(1.0)),
    };
    [
        format!("{metric} {}", arrow(measured.better)),
        procs.to_string(),
        measured.wanted(),
        measured.is(),
        verdict,
    ]
}

/// How a target stands: one answer, or one per peer that it names.
fn stand<'a>(target: &Target, procs: usize, records: &'a [Record]) -> Vec<Standing<'a>> {
    let group = find(records, target.metric, procs);
    let Some(gort) = ours(group) else {
        return vec![Standing::NotMeasured("no figure of gort".into())];
    };
    let measured = |figure, limit, to| {
        let (better, unit) = (gort.better, gort.unit.as_str());
        Standing::Measured(Measured { figure, limit, better, unit, to })
    };
    let nobody = || vec![Standing::NotMeasured("no figure of a peer".into())];
    match target.bound {
        Bound::Value(limit) => vec![measured(gort.median, limit, None)],
        Bound::Peers(peers, limit) => peers
            .iter()
            .map(|peer| match gort.ratio_to.get_key_value(*peer) {
                Some((peer, ratio)) => measured(*ratio, limit, Some(peer)),
                None => Standing::NotMeasured(format!("no figure of {peer}")),
            })
            .collect(),
        Bound::Best(limit) => {
            let dearest = gort
                .ratio_to
                .iter()
                .max_by(|a, b| cost(gort.better, *a.1).total_cmp(&cost(gort.better, *b.1)));
            dearest.map_or_else(nobody, |(peer, ratio)| {
                vec![measured(*ratio, limit, Some(peer.as_str()))]
            })
        }
        Bound::Leanest { speed, limit } => {
            let peer = leanest(find(records, speed, procs), group);
            let ratio = peer.and_then(|peer| Some((peer, *gort.ratio_to.get(peer)?)));
            ratio.map_or_else(nobody, |(peer, ratio)| vec![measured(ratio, limit, Some(peer))])
        }
    }
}

/// The peer with the least memory of those whose speed is within a tenth of the best peer's.
fn leanest<'a>(speed: &[Record], memory: &'a [Record]) -> Option<&'a str> {
    let peers = || speed.iter().filter(|record| record.system != OURS);
    let costs = peers().map(|record| cost(record.better, record.median));
    let best = costs.min_by(f64::total_cmp)?;
    let fast = peers().filter(|record| cost(record.better, record.median) <= best * 1.1);
    fast.filter_map(|fast| memory.iter().find(|record| record.system == fast.system))
        .min_by(|a, b| a.median.total_cmp(&b.median))
        .map(|record| record.system.as_str())
}

fn find<'a>(records: &'a [Record], metric: &str, procs: usize) -> &'a [Record] {
    let wanted = |group: &&[Record]| group[0].metric == metric && group[0].procs == procs;
    groups(records).find(wanted).unwrap_or(&[])
}

#[cfg(test)]
mod tests;
