//! The results: one record per metric, system, workload and number of processors.
//!
//! A record is a line of the JSON array; its field names are an interface.

use std::collections::BTreeMap;

use serde::Serialize;

use super::schedule::Series;
use super::spread;
use super::workload::Better;

/// One result.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) workload: &'static str,
    pub(crate) procs: usize,
    pub(crate) system: &'static str,
    pub(crate) version: String,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// Every counted run, in the order in which they were made.
    pub(crate) runs: Vec<f64>,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// For gort: by peer, gort / peer, whichever direction is better. Empty for
    /// the peers themselves.
    pub(crate) ratio_to: BTreeMap<&'static str, f64>,
}

/// The system that ratios are taken of.
const OURS: &str = "gort";

/// All records, workload by workload, and within one: metric by metric, gort
/// before its peers.
pub(crate) fn all(series: &[Series<'_>]) -> Vec<Record> {
    let mut records = Vec::new();
    for group in groups(series) {
        for at in 0..group[0].workload.metrics.len() {
            records.extend(group.iter().filter_map(|one| record(one, group, at)));
        }
    }
    records
}

/// The series of the same workload and number of processors stand together.
fn groups<'a, 'b>(series: &'b [Series<'a>]) -> impl Iterator<Item = &'b [Series<'a>]> {
    series.chunk_by(|a, b| a.workload.name == b.workload.name && a.procs == b.procs)
}

fn record(one: &Series<'_>, group: &[Series<'_>], at: usize) -> Option<Record> {
    let column = |series: &Series<'_>| series.runs.iter().map(|run| run[at]).collect::<Vec<f64>>();
    let runs = column(one);
    let spread = spread::of(&runs)?;
    let metric = &one.workload.metrics[at];
    let mut ratio_to = BTreeMap::new();
    if one.system.name == OURS {
        for peer in group.iter().filter(|peer| peer.system.name != OURS) {
            if let Some(ratio) = spread::ratio(&runs, &column(peer)) {
                ratio_to.insert(peer.system.name, ratio);
            }
        }
    }
    Some(Record {
        workload: one.workload.name,
        procs: one.procs,
        system: one.system.name,
        version: one.system.version.clone(),
        metric: metric.name,
        unit: metric.unit,
        better: metric.better,
        runs,
        median: spread.median,
        min: spread.min,
        max: spread.max,
        ratio_to,
    })
}

#[cfg(test)]
mod tests {
    use super::super::system::System;
    use super::super::workload::WORKLOADS;
    use super::*;
    use std::path::PathBuf;

    fn system(name: &'static str) -> System {
        System { name, version: "1".into(), bench: PathBuf::new(), hello: PathBuf::new() }
    }

    #[test]
    fn records_follow_the_table_and_carry_the_ratio() {
        let (ours, go) = (system("gort"), system("go"));
        let workload = WORKLOADS.iter().find(|w| w.name == "binary_trees").unwrap();
        let series = |system, runs| Series { workload, procs: 1, system, runs };
        let all = all(&[
            series(&ours, vec![vec![10.0, 5.0], vec![12.0, 5.0]]),
            series(&go, vec![vec![20.0, 4.0], vec![24.0, 4.0]]),
        ]);
        let heads: Vec<_> = all.iter().map(|r| (r.metric, r.system)).collect();
        let want = [
            ("binary_trees", "gort"),
            ("binary_trees", "go"),
            ("binary_trees_rss", "gort"),
            ("binary_trees_rss", "go"),
        ];
        assert_eq!(heads, want);
        assert_eq!(all[0].ratio_to, BTreeMap::from([("go", 0.5)]));
        assert_eq!(all[2].ratio_to, BTreeMap::from([("go", 1.25)]));
        assert!(all[1].ratio_to.is_empty());
    }

    #[test]
    fn json_has_the_promised_fields() {
        let (ours, go) = (system("gort"), system("go"));
        let workload = WORKLOADS.iter().find(|w| w.name == "skynet").unwrap();
        let series =
            [&ours, &go].map(|system| Series { workload, procs: 2, system, runs: vec![vec![3.0]] });
        let json = serde_json::to_string(&all(&series)).unwrap();
        let want = "{\"workload\":\"skynet\",\"procs\":2,\"system\":\"gort\",\"version\":\"1\",\
                    \"metric\":\"skynet\",\"unit\":\"ms\",\"better\":\"lower\",\"runs\":[3.0],\
                    \"median\":3.0,\"min\":3.0,\"max\":3.0,\"ratio_to\":{\"go\":1.0}}";
        assert!(json.starts_with(&format!("[{want},")), "{json}");
    }
}
