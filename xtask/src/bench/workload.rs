//! What a workload is to the bench: its cases, their metrics, and where each
//! figure comes from.
//!
//! The parameters of the work itself stand in the programs (`benches/` and
//! `benches/peers/`), which must agree; here is only what the bench needs to
//! start them and to read them. [`table`] lists all.

mod table;

pub(crate) use table::WORKLOADS;

/// One workload: what `--only` names.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) group: Group,
    pub(crate) program: Program,
    pub(crate) procs: Procs,
    /// Processes per run; the run's figure is the median of theirs.
    pub(crate) repeat: usize,
    /// Memory that is touched once before the first run, in MiB, so that no
    /// system pays for a host that has not backed it yet.
    pub(crate) touch_mib: u64,
    /// A competing process computes on each core meanwhile.
    pub(crate) hogs: bool,
    /// Each is measured alone, in processes of its own.
    pub(crate) cases: &'static [Case],
}

/// The kind of system that can do it: a peer is built only if a workload of its
/// kind was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Tasks, channels, locks, timers, network.
    Tasks,
    /// The bare change of context.
    Switch,
    /// Collected or counted memory.
    Collector,
    /// The global allocator.
    Allocator,
    /// The process itself.
    Process,
}

/// The program that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// The program of all workloads, told the name by its argument.
    Bench,
    /// A program of its own, so that nothing else is in the process.
    Hello,
    /// The program of all workloads as a server, measured by the echo client.
    Served,
}

/// The numbers of processors that make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Procs {
    Any,
    /// Defined for this number only.
    Only(usize),
}

/// One process of a workload and the figures that it yields.
#[derive(Debug)]
pub(crate) struct Case {
    /// What the results call it.
    pub(crate) name: &'static str,
    /// What the program is told.
    pub(crate) argument: &'static str,
    pub(crate) metrics: &'static [Metric],
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) origin: Origin,
    /// What the workload is about; the others are noted beside.
    pub(crate) main: bool,
}

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program prints it under this name.
    Printed(&'static str),
    /// From starting the process to its end, in milliseconds.
    Wall,
    /// Processor time of the process, in milliseconds.
    Cpu,
    /// Peak resident memory of the process in KiB.
    PeakKib,
    /// The same in MiB.
    PeakMib,
}

#[cfg(test)]
impl Origin {
    #[cfg(test)]
    pub(crate) fn is_peak(self) -> bool {
        matches!(self, Self::PeakKib | Self::PeakMib)
    }
}

impl Workload {
    /// The numbers of processors, of those asked for, to run it with.
    pub(crate) fn procs_of(&self, asked: &[usize]) -> Vec<usize> {
        let fits = |procs: &usize| self.procs == Procs::Any || self.procs == Procs::Only(*procs);
        asked.iter().copied().filter(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_metrics_belong_to_their_case() {
        let names: BTreeSet<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), WORKLOADS.len());
        let mut metrics = BTreeSet::new();
        for workload in WORKLOADS {
            assert!(!workload.cases.is_empty() && workload.repeat > 0, "{}", workload.name);
            for metric in workload.cases.iter().flat_map(|case| case.metrics) {
                assert!(metrics.insert(metric.name), "{} twice", metric.name);
            }
        }
    }

    #[test]
    fn every_process_is_weighed() {
        for case in WORKLOADS.iter().flat_map(|workload| workload.cases) {
            let of = |wanted: fn(Origin) -> bool| {
                case.metrics.iter().filter(|metric| wanted(metric.origin)).count()
            };
            assert_eq!(of(|origin| origin == Origin::Cpu), 1, "{}", case.name);
            assert_eq!(of(Origin::is_peak), 1, "{}", case.name);
        }
    }

    #[test]
    fn one_processor_means_one() {
        let find = |name: &str| WORKLOADS.iter().find(|w| w.name == name).unwrap();
        assert_eq!(find("yield").procs_of(&[2, 1]), [1]);
        assert!(find("yield").procs_of(&[2]).is_empty());
        assert_eq!(find("hog_latency").procs_of(&[1, 2]), [2]);
        assert_eq!(find("skynet").procs_of(&[2, 1]), [2, 1]);
    }
}
