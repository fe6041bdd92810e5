//! The verdicts, and what a file must hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::bench::reports::record::tests::sample;

fn record(system: &str, metric: &str, runs: &[f64]) -> Record {
    let spread = spread::of(runs).unwrap();
    Record {
        workload: "skynet".into(),
        procs: 1,
        system: system.into(),
        version: "1".into(),
        metric: metric.into(),
        unit: "ms".into(),
        better: Better::Lower,
        runs: runs.to_vec(),
        median: spread.median,
        min: spread.min,
        max: spread.max,
        ratio_to: BTreeMap::new(),
        case: "skynet",
        kind: Kind::Main,
        distribution: Vec::new(),
    }
}

fn run(ours: &[f64], go: &[f64]) -> Vec<Record> {
    vec![record("gort", "skynet", ours), record("go", "skynet", go)]
}

/// The verdict about gort.
fn of_gort(old: &[Record], new: &[Record]) -> (Verdict, Option<String>) {
    let change = change(old, new, &new[0]).unwrap();
    (change.verdict, change.to.map(String::from))
}

#[test]
fn verdicts() {
    use Better::{Higher, Lower};
    use Verdict::{Faster, Maybe, Slower, Unchanged};
    let cases: &[(Better, &[f64], &[f64], Verdict)] = &[
        (Lower, &[1.0, 1.02, 0.98], &[1.5, 1.53, 1.47], Slower),
        (Lower, &[1.5, 1.53, 1.47], &[1.0, 1.02, 0.98], Faster),
        (Higher, &[1.0, 1.02, 0.98], &[1.5, 1.53, 1.47], Faster),
        (Higher, &[1.5, 1.53, 1.47], &[1.0, 1.02, 0.98], Slower),
        // A tenth is the border, and it counts.
        (Lower, &[1.0, 1.0, 1.0], &[1.1, 1.1, 1.1], Slower),
        (Lower, &[1.0, 1.0, 1.0], &[1.099, 1.099, 1.099], Unchanged),
        (Lower, &[1.0, 1.0, 1.0], &[0.92, 0.92, 0.92], Unchanged),
        (Lower, &[1.0, 1.0, 1.0], &[0.9, 0.9, 0.9], Faster),
        // Ranges that touch overlap.
        (Lower, &[1.0, 1.1, 1.2], &[1.2, 1.3, 1.4], Maybe),
        (Lower, &[0.5, 1.0, 3.0], &[1.4, 1.5, 1.6], Maybe),
        // Of five, one that was disturbed on each side hides nothing; two do.
        (Lower, &[1.0, 1.0, 1.01, 0.99, 1.6], &[1.5, 1.52, 1.49, 1.51, 1.0], Slower),
        (Lower, &[1.0, 1.0, 1.01, 1.6, 1.6], &[1.5, 1.52, 1.49, 1.51, 1.5], Maybe),
        // Too few runs for a range.
        (Lower, &[1.0], &[1.5], Maybe),
        (Lower, &[1.0, 1.0], &[1.5, 1.5, 1.5], Maybe),
        (Lower, &[1.0], &[1.0], Unchanged),
    ];
    for (better, before, now, want) in cases {
        let figure = |values: &[f64]| Figure::of(values.iter().copied()).unwrap();
        let got = verdict(*better, &figure(before), &figure(now));
        assert_eq!(got, *want, "{better:?} {before:?} {now:?}");
    }
}

#[test]
fn go_is_preferred_then_a_common_peer_then_the_medians() {
    let (same, slow) = ([1.0, 1.0, 1.0], [1.5, 1.5, 1.5]);
    let with = |ours: &[f64], peers: &[&str]| {
        let peers = peers.iter().map(|peer| record(peer, "skynet", &same));
        [record("gort", "skynet", ours)].into_iter().chain(peers).collect::<Vec<_>>()
    };
    let cases: &[(&[&str], &[&str], Option<&str>)] = &[
        (&["may", "go"], &["may", "go"], Some("go")),
        (&["may", "tokio", "go"], &["may", "tokio"], Some("may")),
        (&["go"], &["may"], None),
        (&[], &[], None),
    ];
    for (before, now, to) in cases {
        let (verdict, by) = of_gort(&with(&same, before), &with(&slow, now));
        assert_eq!((verdict, by.as_deref()), (Verdict::Slower, *to), "{before:?} {now:?}");
    }
    // A peer of another version is no fixed point where one of the same is there.
    let (old, mut new) = (with(&same, &["go", "may"]), with(&slow, &["go", "may"]));
    new[1].version = "2".into();
    assert_eq!(of_gort(&old, &new).1.as_deref(), Some("may"));
    assert!(render(&old, &new, &"x").contains("go: 1 → 2\n"));
    // gort is nobody's measure.
    let change = change(&with(&same, &["go"]), &with(&slow, &["go"]), &with(&slow, &["go"])[1])
        .map(|change| (change.verdict, change.to.is_none()));
    assert_eq!(change, Some((Verdict::Unchanged, true)));
}

#[test]
fn a_peer_alone_is_never_certain() {
    let (same, slow) = ([1.0, 1.0, 1.0], [1.5, 1.5, 1.5]);
    let (old, new) = (run(&same, &same), run(&slow, &slow));
    assert_eq!(of_gort(&old, &new).0, Verdict::Unchanged);
    assert_eq!(change(&old, &new, &new[1]).unwrap().verdict, Verdict::Maybe);
    assert_eq!(change(&old[..1], &new[..1], &new[0]).unwrap().verdict, Verdict::Slower);
}

#[test]
fn the_table_names_what_changed_and_counts_the_rest() {
    let old = sample();
    let mut new = sample();
    for record in new.iter_mut().filter(|r| r.system == "gort" && r.metric == "tcp_echo") {
        record.runs.iter_mut().for_each(|run| *run /= 1.5);
    }
    for record in new.iter_mut().filter(|r| r.system == "gort" && r.metric == "spawn_join_rss") {
        record.runs.iter_mut().for_each(|run| *run *= 2.0);
    }
    let text = render(&old, &new, &"old.json");
    let want = "\
Compared with old.json, by the ratio to a peer of the same run:
verdict  metric            P  system  relative to  before   now  change
slower   tcp_echo ↑        1  gort    go             2.00  1.33   x0.67
larger   spawn_join_rss ↓  1  gort    go             1.00  2.00   x2.00
2 slower or larger, 0 faster or smaller, 0 maybe, 21 unchanged (by less than 10 %)
fewer than 3 runs of a figure say no more than maybe (--runs)
";
    assert_eq!(text, want);
    let same = render(&old, &old, &"old.json");
    assert!(same.contains("\n0 slower or larger, 0 faster or smaller, 0 maybe, 23 unchanged"));
    assert!(render(&old[..1], &new, &"x").contains("\n0 figures only before, 22 only now\n"));
}

#[test]
fn zeros_are_no_figures() {
    let (zero, one) = ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]);
    let text = render(&run(&zero, &one), &run(&one, &one), &"x");
    assert!(text.contains("\n0 slower or larger, 0 faster or smaller, 0 maybe, 1 unchanged"));
    assert!(text.contains("\n1 figures are 0 in one of the runs\n"));
}

#[test]
fn files_that_are_none_are_refused_with_the_place() {
    let good = serde_json::to_string(&sample()).unwrap();
    assert_eq!(parse(&good).unwrap().len(), sample().len());
    let cases = [
        ("", "is not JSON: EOF"),
        ("metric,P", "is not JSON: expected value at line 1 column 1"),
        ("{}", "is not an array"),
        ("[]", "holds no results"),
        ("[3]", "result 1: is no object"),
        (r#"[{"name":"x"}]"#, "result 1: does not fit: missing field `workload`"),
        (
            &good.replacen("\"metric\"", "\"meter\"", 1),
            "result 1: does not fit: missing field `metric`",
        ),
        (
            &good.replacen("\"lower\"", "\"less\"", 1),
            "result 1: does not fit: unknown variant `less`",
        ),
        (&good.replacen("[{", "[{\"p99\":1,", 1), "result 1: has a field `p99`"),
        (
            &good.replacen("\"procs\":1", "\"procs\":\"one\"", 1),
            "result 1: does not fit: invalid type",
        ),
    ];
    for (text, want) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
    let mut none = sample();
    none[1].runs.clear();
    let error = parse(&serde_json::to_string(&none).unwrap()).unwrap_err();
    assert_eq!(error, "result 2: spawn_join P=1, go has no runs");
    let missing = read(Path::new("no/such.json")).unwrap_err();
    assert_eq!(missing.status(), 4);
    assert!(missing.to_string().starts_with("bench: --compare no/such.json: cannot be read: "));
}

proptest! {
    /// The machine drifts by up to three times between rounds and between the runs; what
    /// neighbours differ by is under 4 %.
    #[test]
    fn drift_and_noise_are_unchanged_and_a_planted_factor_is_found(
        rounds in prop::collection::vec((1.0..3.0_f64, 0.98..1.02_f64, 0.98..1.02_f64), 6..14),
        rate in any::<bool>(),
    ) {
        let series = |at: usize, factor: f64| -> Vec<f64> {
            let half = rounds.len() / 2;
            let noise = |round: &(f64, f64, f64)| if factor == 0.0 { round.2 } else { factor * round.1 };
            rounds[at * half..(at + 1) * half].iter().map(|r| 100.0 * r.0 * noise(r)).collect()
        };
        let better = if rate { Better::Higher } else { Better::Lower };
        let of = |at, factor| {
            let mut both = run(&series(at, factor), &series(at, 0.0));
            both.iter_mut().for_each(|record| record.better = better);
            both
        };
        let (slow, fast) =
            if rate { (Verdict::Faster, Verdict::Slower) } else { (Verdict::Slower, Verdict::Faster) };
        prop_assert_eq!(of_gort(&of(0, 0.5), &of(1, 0.5)).0, Verdict::Unchanged);
        prop_assert_eq!(of_gort(&of(0, 0.5), &of(1, 0.75)).0, slow);
        prop_assert_eq!(of_gort(&of(0, 0.75), &of(1, 0.5)).0, fast);
    }
}
