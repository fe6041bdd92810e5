//! The table of workloads: names, metrics, and where each figure comes from.
//!
//! The parameters of the work itself stand in the programs (`benches/` and
//! `benches/peers/`), which must agree; here is only what the bench needs to
//! start them and to read them. Rows and metrics stand in the order in which
//! they are reported.

/// One workload.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) program: Program,
    pub(crate) procs: Procs,
    /// Processes per run; the run's figure is the median of theirs.
    pub(crate) repeat: usize,
    /// Memory that is touched once before the first run, in MiB, so that no
    /// system pays for a host that has not backed it yet.
    pub(crate) touch_mib: u64,
    pub(crate) metrics: &'static [Metric],
}

/// The program that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// The program of all workloads, told the name by its argument.
    Bench,
    /// A program of its own, so that nothing else is in the process.
    Hello,
}

/// The numbers of processors that make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Procs {
    Any,
    /// Defined for one processor only.
    One,
}

/// One figure of a workload.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) origin: Origin,
}

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    #[expect(dead_code, reason = "throughputs come with the network and allocator workloads")]
    Higher,
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program prints it.
    Printed,
    /// From starting the process to its end, in milliseconds.
    Wall,
    /// Peak resident memory of the process in KiB.
    PeakKib,
    /// The same in MiB.
    PeakMib,
}

/// A figure that the program prints, where less is better.
const fn printed(name: &'static str, unit: &'static str) -> Metric {
    Metric { name, unit, better: Better::Lower, origin: Origin::Printed }
}

/// A figure that is taken from outside, where less is better.
const fn taken(name: &'static str, unit: &'static str, origin: Origin) -> Metric {
    Metric { name, unit, better: Better::Lower, origin }
}

/// What most workloads share.
const PLAIN: Workload = Workload {
    name: "",
    about: "",
    program: Program::Bench,
    procs: Procs::Any,
    repeat: 1,
    touch_mib: 0,
    metrics: &[],
};

/// All workloads.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn_join",
        about: "start 1,000,000 empty tasks in batches of 1000, wait for each batch",
        metrics: &[printed("spawn_join", "ns/task")],
        ..PLAIN
    },
    Workload {
        name: "yield",
        about: "two tasks, each yields 5,000,000 times (one processor)",
        procs: Procs::One,
        metrics: &[printed("yield", "ns/yield")],
        ..PLAIN
    },
    Workload {
        name: "chan_pingpong",
        about: "two tasks, two rendezvous channels, 1,000,000 round trips",
        metrics: &[printed("chan_pingpong", "ns/roundtrip")],
        ..PLAIN
    },
    Workload {
        name: "skynet",
        about: "a 10-ary tree of tasks with 1,000,000 leaves, summed over channels",
        metrics: &[printed("skynet", "ms")],
        ..PLAIN
    },
    Workload {
        name: "parked_1m",
        about: "1,000,000 tasks blocked on one receive; close, wait for all",
        touch_mib: 6 * 1024,
        metrics: &[
            printed("parked_1m_spawn", "ns/task"),
            printed("parked_1m_rss", "bytes/task"),
            printed("parked_1m_wake", "ns/task"),
        ],
        ..PLAIN
    },
    Workload {
        name: "parked_100k",
        about: "the same with 100,000 tasks",
        touch_mib: 1024,
        metrics: &[
            printed("parked_100k_spawn", "ns/task"),
            printed("parked_100k_rss", "bytes/task"),
            printed("parked_100k_wake", "ns/task"),
        ],
        ..PLAIN
    },
    Workload {
        name: "binary_trees",
        about: "the benchmarks game's trees on the collected heap, depth 18",
        metrics: &[
            printed("binary_trees", "ms"),
            taken("binary_trees_rss", "MiB", Origin::PeakMib),
        ],
        ..PLAIN
    },
    Workload {
        name: "hello",
        about: "a whole process: boot, one task that says hello, exit (one processor)",
        program: Program::Hello,
        procs: Procs::One,
        repeat: 40,
        metrics: &[
            taken("hello_wall", "ms", Origin::Wall),
            taken("hello_rss", "KiB", Origin::PeakKib),
        ],
        ..PLAIN
    },
];

impl Workload {
    /// The numbers of processors, of those asked for, to run it with.
    pub(crate) fn procs_of(&self, asked: &[usize]) -> Vec<usize> {
        asked.iter().copied().filter(|procs| self.procs == Procs::Any || *procs == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_metrics_belong_to_their_workload() {
        let names: BTreeSet<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), WORKLOADS.len());
        for workload in WORKLOADS {
            assert!(!workload.metrics.is_empty() && workload.repeat > 0);
            assert!(workload.metrics.iter().all(|m| m.name.starts_with(workload.name)));
        }
    }

    #[test]
    fn one_processor_means_one() {
        let find = |name: &str| WORKLOADS.iter().find(|w| w.name == name).unwrap();
        assert_eq!(find("yield").procs_of(&[2, 1]), [1]);
        assert!(find("yield").procs_of(&[2]).is_empty());
        assert_eq!(find("skynet").procs_of(&[2, 1]), [2, 1]);
    }
}
