//! The results: one record per metric, system, workload and number of processors.
//!
//! A record is an object of the JSON array; its field names are an interface.
//! What is only for the tables and pictures of this run is not written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::reports::spread;
use crate::bench::runs::schedule::Series;
use crate::bench::workload::{Better, Origin};

/// One result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) workload: String,
    pub(crate) procs: usize,
    pub(crate) system: String,
    pub(crate) version: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    /// Every counted run, in the order in which they were made.
    pub(crate) runs: Vec<f64>,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// For gort: by peer, gort / peer, whichever direction is better. Empty for
    /// the peers themselves.
    pub(crate) ratio_to: BTreeMap<String, f64>,
    /// The case of the workload that it is a figure of.
    #[serde(skip)]
    pub(crate) case: &'static str,
    #[serde(skip)]
    pub(crate) kind: Kind,
    /// A distribution that belongs to it, all runs together: value and count,
    /// values rising, in the unit of the metric.
    #[serde(skip)]
    pub(crate) distribution: Vec<(f64, u64)>,
}

/// What a figure is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// What the workload is about.
    #[default]
    Main,
    /// Processor time of the process, noted beside.
    Cpu,
    /// Peak memory of the process, noted beside.
    Peak,
}

/// The system that ratios are taken of.
pub(crate) const OURS: &str = "gort";

/// All records, workload by workload, and within one: metric by metric, gort
/// before its peers.
pub(crate) fn all(series: &[Series<'_>]) -> Vec<Record> {
    let mut records = Vec::new();
    for group in series.chunk_by(|a, b| a.case.name == b.case.name && a.procs == b.procs) {
        for at in 0..group[0].case.metrics.len() {
            records.extend(group.iter().filter_map(|one| record(one, group, at)));
        }
    }
    records
}

fn record(one: &Series<'_>, group: &[Series<'_>], at: usize) -> Option<Record> {
    let column =
        |series: &Series<'_>| series.runs.iter().map(|run| run.values[at]).collect::<Vec<f64>>();
    let runs = column(one);
    let spread = spread::of(&runs)?;
    let metric = &one.case.metrics[at];
    let mut ratio_to = BTreeMap::new();
    if one.system.name == OURS {
        for peer in group.iter().filter(|peer| peer.system.name != OURS) {
            if let Some(ratio) = spread::ratio(&runs, &column(peer)) {
                ratio_to.insert(peer.system.name.to_string(), ratio);
            }
        }
    }
    Some(Record {
        workload: one.workload.name.into(),
        procs: one.procs,
        system: one.system.name.into(),
        version: one.system.version.clone(),
        metric: metric.name.into(),
        unit: metric.unit.into(),
        better: metric.better,
        runs,
        median: spread.median,
        min: spread.min,
        max: spread.max,
        ratio_to,
        case: one.case.name,
        kind: match metric.origin {
            _ if metric.main => Kind::Main,
            Origin::Cpu => Kind::Cpu,
            _ => Kind::Peak,
        },
        distribution: distribution(one, metric.name),
    })
}

/// The histogram of which this metric is the maximum, over all runs: it belongs
/// to one record only, and every histogram is printed with its maximum.
fn distribution(series: &Series<'_>, metric: &str) -> Vec<(f64, u64)> {
    let Some(name) = metric.strip_suffix("_max") else { return Vec::new() };
    let mut counts: Vec<(f64, u64)> = Vec::new();
    for run in &series.runs {
        for histogram in run.histograms.iter().filter(|histogram| histogram.name == name) {
            counts.extend(&histogram.counts);
        }
    }
    counts.sort_by(|a, b| a.0.total_cmp(&b.0));
    counts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    counts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::runs::measure::{Histogram, Run};
    use crate::bench::systems::system::System;
    use crate::bench::workload::WORKLOADS;

    fn run(values: &[f64]) -> Run {
        Run { values: values.to_vec(), histograms: Vec::new() }
    }

    fn series<'a>(name: &str, system: &'a System, runs: Vec<Run>) -> Series<'a> {
        let workload = WORKLOADS.iter().find(|w| w.name == name).unwrap();
        Series { workload, case: &workload.cases[0], procs: 1, system, runs }
    }

    /// What a run would give: two workloads, gort at half of Go's cost, tokio behind.
    pub(crate) fn sample() -> Vec<Record> {
        let systems = ["gort", "go", "tokio"].map(System::named);
        let rows = |workload: &str, values: [f64; 3], rest: &[f64]| {
            let of = |system, value: f64| {
                let run = |factor: f64| {
                    let mut values = vec![value * factor];
                    values.extend(rest);
                    Run { values, histograms: Vec::new() }
                };
                series(workload, system, vec![run(1.0), run(1.1), run(0.9)])
            };
            let each: Vec<_> = systems.iter().zip(values).map(|(s, value)| of(s, value)).collect();
            all(&each)
        };
        let mut records = rows("spawn_join", [50.0, 100.0, 200.0], &[5.0, 6.0]);
        records.extend(rows("tcp_echo", [200.0, 100.0, 150.0], &[5.0, 6.0]));
        let histogram = Histogram {
            name: "hog_late".into(),
            counts: vec![(0.5, 3), (70.0, 900), (90.0, 30), (16_000.0, 1)],
        };
        let run = Run { values: vec![70.0, 90.0, 16_000.0, 1.0, 2.0], histograms: vec![histogram] };
        records.extend(all(&[series("hog_latency", &systems[0], vec![run])]));
        records
    }

    #[test]
    fn records_follow_the_table_and_carry_the_ratio() {
        let (ours, go) = (System::named("gort"), System::named("go"));
        let all = all(&[
            series("binary_trees", &ours, vec![run(&[10.0, 5.0, 1.0]), run(&[12.0, 5.0, 1.0])]),
            series("binary_trees", &go, vec![run(&[20.0, 4.0, 1.0]), run(&[24.0, 4.0, 1.0])]),
        ]);
        let heads: Vec<_> = all.iter().map(|r| (r.metric.as_str(), r.system.as_str())).collect();
        let want = [
            ("binary_trees", "gort"),
            ("binary_trees", "go"),
            ("binary_trees_rss", "gort"),
            ("binary_trees_rss", "go"),
            ("binary_trees_cpu", "gort"),
            ("binary_trees_cpu", "go"),
        ];
        assert_eq!(heads, want);
        assert_eq!(all[0].ratio_to, BTreeMap::from([("go".into(), 0.5)]));
        assert_eq!(all[2].ratio_to, BTreeMap::from([("go".into(), 1.25)]));
        assert!(all[1].ratio_to.is_empty());
        assert_eq!([all[0].kind, all[2].kind, all[4].kind], [Kind::Main, Kind::Main, Kind::Cpu]);
    }

    #[test]
    fn json_has_the_promised_fields() {
        let (ours, go) = (System::named("gort"), System::named("go"));
        let one = |system| series("skynet", system, vec![run(&[3.0, 1.0, 1.0])]);
        let json = serde_json::to_string(&all(&[one(&ours), one(&go)])).unwrap();
        let want = "{\"workload\":\"skynet\",\"procs\":1,\"system\":\"gort\",\"version\":\"1\",\
                    \"metric\":\"skynet\",\"unit\":\"ms\",\"better\":\"lower\",\"runs\":[3.0],\
                    \"median\":3.0,\"min\":3.0,\"max\":3.0,\"ratio_to\":{\"go\":1.0}}";
        assert!(json.starts_with(&format!("[{want},")), "{json}");
        let read: Vec<Record> = serde_json::from_str(&json).unwrap();
        assert_eq!((read.len(), read[0].ratio_to["go"]), (6, 1.0));
    }

    #[test]
    fn distributions_of_runs_are_added() {
        let ours = System::named("gort");
        let histogram =
            |counts: &[(f64, u64)]| Histogram { name: "hog_late".into(), counts: counts.to_vec() };
        let run = |counts| Run { values: vec![1.0; 5], histograms: vec![histogram(counts)] };
        let runs = vec![run(&[(1.0, 2), (3.0, 1)]), run(&[(1.0, 1), (2.0, 5)])];
        let all = all(&[series("hog_latency", &ours, runs)]);
        let max = all.iter().find(|record| record.metric == "hog_late_max").unwrap();
        assert_eq!(max.distribution, [(1.0, 3), (2.0, 5), (3.0, 1)]);
        assert!(all.iter().all(|r| r.metric == "hog_late_max" || r.distribution.is_empty()));
    }
}
