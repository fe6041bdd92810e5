//! How two figures stand to one another, whichever direction is better.
//!
//! A ratio as a *cost*: below 1 is better. That of a time is the ratio itself, that of
//! a rate the inverse, so that everything that compares needs one rule only.

use crate::bench::reports::record::{OURS, Record};
use crate::bench::workload::Better;

/// A ratio of two figures as a cost, and a cost as such a ratio.
pub(crate) fn cost(better: Better, ratio: f64) -> f64 {
    match better {
        Better::Lower => ratio,
        Better::Higher => 1.0 / ratio,
    }
}

/// The records of each metric and number of processors, all systems together.
pub(crate) fn groups(records: &[Record]) -> impl Iterator<Item = &[Record]> {
    records.chunk_by(|a, b| a.metric == b.metric && a.procs == b.procs && a.workload == b.workload)
}

/// gort's own record of a group.
pub(crate) fn ours(group: &[Record]) -> Option<&Record> {
    group.iter().find(|record| record.system == OURS)
}

/// The peer with the best median, of those that a test accepts.
pub(crate) fn best_peer(group: &[Record], accepts: impl Fn(&str) -> bool) -> Option<&Record> {
    let peers = group.iter().filter(|r| r.system != OURS && accepts(&r.system));
    peers.min_by(|a, b| {
        let order = a.median.total_cmp(&b.median);
        if a.better == Better::Lower { order } else { order.reverse() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::reports::record::tests::sample;

    #[test]
    fn the_best_is_the_fastest_or_the_one_with_most() {
        let records = sample();
        let best: Vec<_> = groups(&records)
            .filter(|group| ["spawn_join", "tcp_echo"].contains(&group[0].metric.as_str()))
            .map(|group| (best_peer(group, |_| true).unwrap(), best_peer(group, |n| n != "tokio")))
            .map(|(best, other)| (best.system.as_str(), other.unwrap().system.as_str()))
            .collect();
        assert_eq!(best, [("go", "go"), ("tokio", "go")]);
    }

    #[test]
    fn costs_are_of_ratios_and_back() {
        assert_eq!([cost(Better::Lower, 0.5), cost(Better::Higher, 0.5)], [0.5, 2.0]);
        assert_eq!(cost(Better::Higher, cost(Better::Higher, 0.25)), 0.25);
    }
}
