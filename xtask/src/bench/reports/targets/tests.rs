//! The list against the workloads, and each kind of bound.

use super::*;
use crate::bench::reports::record::tests::sample;
use crate::bench::systems::peer::PEERS;
use crate::bench::workload::{Procs, WORKLOADS};

#[test]
fn targets_are_about_what_is_measured() {
    for target in TARGETS {
        let has = |name: &str| {
            WORKLOADS.iter().find(|workload| {
                workload.cases.iter().flat_map(|case| case.metrics).any(|m| m.name == name)
            })
        };
        let workload = has(target.metric);
        let workload = workload.unwrap_or_else(|| panic!("no metric {}", target.metric));
        for procs in target.procs {
            let fits = workload.procs == Procs::Any || workload.procs == Procs::Only(*procs);
            assert!(fits, "{} P={procs}", target.metric);
        }
        match target.bound {
            Bound::Peers(peers, _) => {
                assert!(peers.iter().all(|name| PEERS.iter().any(|peer| peer.name == *name)));
            }
            Bound::Leanest { speed, .. } => assert_eq!(has(speed).unwrap().name, workload.name),
            Bound::Best(_) | Bound::Value(_) => {}
        }
    }
}

/// gort has half of Go's cost and a quarter of tokio's, of the memory 6 MiB like all.
fn standing(metric: &'static str, bound: Bound) -> Vec<(String, String, String)> {
    let target = Target { metric, procs: &[1], bound };
    let records = sample();
    let answers = stand(&target, 1, &records);
    answers
        .into_iter()
        .map(|standing| match standing {
            Standing::Measured(measured) => {
                let [_, _, wanted, is, verdict] = row(metric, 1, &measured);
                (wanted, is, verdict)
            }
            Standing::NotMeasured(why) => (String::new(), String::new(), why),
        })
        .collect()
}

#[test]
fn bounds() {
    let lean = Bound::Leanest { speed: "spawn_join", limit: 1.1 };
    let cases: &[(&'static str, Bound, &[[&str; 3]])] = &[
        ("spawn_join", Bound::Peers(&["go"], 0.5), &[["<= 0.50 x go", "0.50", "met"]]),
        (
            "spawn_join",
            Bound::Peers(&["go"], 0.4),
            &[["<= 0.40 x go", "0.50", "missed, 25 % over"]],
        ),
        (
            "spawn_join",
            Bound::Peers(&["go"], 0.499),
            &[["<= 0.50 x go", "0.50", "missed, 1 % over"]],
        ),
        (
            "spawn_join",
            Bound::Value(10.0),
            &[["<= 10.0 ns/task", "50.0", "missed, 5.0 x the limit"]],
        ),
        ("tcp_echo", Bound::Peers(&["go"], 1.3), &[[">= 1.30 x go", "2.00", "met"]]),
        ("tcp_echo", Bound::Peers(&["go"], 2.5), &[[">= 2.50 x go", "2.00", "missed, 20 % short"]]),
        (
            "tcp_echo",
            Bound::Peers(&["may", "go"], 2.0),
            &[["", "", "no figure of may"], [">= 2.00 x go", "2.00", "met"]],
        ),
        ("spawn_join", Bound::Best(1.0), &[["<= 1.00 x go", "0.50", "met"]]),
        ("tcp_echo", Bound::Best(1.2), &[[">= 1.20 x tokio", "1.33", "met"]]),
        ("spawn_join", Bound::Value(40.0), &[["<= 40.0 ns/task", "50.0", "missed, 25 % over"]]),
        ("tcp_echo", Bound::Value(200.0), &[[">= 200 requests/s", "200", "met"]]),
        ("spawn_join_rss", lean, &[["<= 1.10 x go", "1.00", "met"]]),
        ("skynet", Bound::Value(1.0), &[["", "", "no figure of gort"]]),
    ];
    for (metric, bound, want) in cases {
        let got = standing(metric, *bound);
        let got: Vec<[&str; 3]> =
            got.iter().map(|(a, b, c)| [a.as_str(), b.as_str(), c.as_str()]).collect();
        assert_eq!(got, *want, "{metric} {bound:?}");
    }
}

#[test]
fn the_leanest_is_sought_among_the_fast() {
    let all = sample();
    let take = |metric: &str, medians: [f64; 3]| {
        let mut group: Vec<Record> = all.iter().filter(|r| r.metric == metric).cloned().collect();
        group.iter_mut().zip(medians).for_each(|(record, median)| record.median = median);
        group
    };
    // gort, go, tokio: tokio is lean but slow; then within a tenth.
    let memory = take("spawn_join_rss", [9.0, 8.0, 2.0]);
    let cases = [([1.0, 100.0, 120.0], "go"), ([1.0, 100.0, 109.0], "tokio")];
    for (speeds, want) in cases {
        assert_eq!(leanest(&take("spawn_join", speeds), &memory), Some(want));
    }
    assert_eq!(leanest(&take("tcp_echo", [1.0, 100.0, 80.0]), &memory), Some("go"));
    assert_eq!(leanest(&[], &memory), None);
}

#[test]
fn what_was_not_measured_is_named_once() {
    let text = render(&sample());
    let head = "metric        P  target            is  verdict\n\
                spawn_join ↓  1  <= 0.40 x go    0.50  missed, 25 % over\n\
                tcp_echo ↑    1  >= 1.30 x go    2.00  met\n\
                tcp_echo ↑    1  >= 1.00 x tokio  1.33  met\n";
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeeze(&text).contains(&squeeze(head)), "{text}");
    assert!(text.contains("\n2 of 3 met, 1 missed, "), "{text}");
    let none = "\nnot measured, no figure of gort: spawn_join P=2, yield P=1, chan_pingpong P=1,";
    assert!(text.contains(none), "{text}");
    let mut alone = sample();
    alone.iter_mut().for_each(|record| record.ratio_to.clear());
    let text = render(&alone);
    assert!(text.contains("\nnot measured, no figure of go: spawn_join P=1, tcp_echo P=1\n"));
    assert!(text.contains("\nnot measured, no figure of tokio: tcp_echo P=1\n"), "{text}");
    assert!(render(&[]).contains("\n0 of 0 met, 0 missed, "));
}
