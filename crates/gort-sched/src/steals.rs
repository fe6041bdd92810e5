//! [`Steals`]: who has stolen from whom, in plain figures.
//!
//! A snapshot of all processors' logs. Totals and the matrix count from the start of the scheduler;
//! the records are the last few hundred of each processor.

use crate::p::P;
use crate::scheduler::Scheduler;
use crate::steal_log::NOBODY;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// One try to steal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steal {
    /// When it began, in nanoseconds of the runtime's clock.
    pub at_ns: u64,
    /// The processor that looked for work.
    pub thief: u32,
    /// The one that it looked at; `None`: all, and there was nothing.
    pub victim: Option<u32>,
    /// Goroutines in the thief's queue before.
    pub thief_len: u32,
    /// Goroutines in the victim's queue before.
    pub victim_len: u32,
    /// Goroutines that moved; 0: others were faster.
    pub taken: u32,
    /// How long it took: for a look at all, the whole search. At most 4.29 s.
    pub took: Duration,
    /// The two processors are on different memory nodes.
    pub far: bool,
}

/// Figures of one thief and one victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// Who took.
    pub thief: u32,
    /// From whom.
    pub victim: u32,
    /// They are on different memory nodes.
    pub far: bool,
    /// Steals that took something.
    pub steals: u64,
    /// Goroutines that moved.
    pub stolen: u64,
    /// Tries in which others were faster.
    pub lost: u64,
    /// Time of the steals, all together.
    pub took: Duration,
}

/// Sums over pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StealSum {
    /// Steals that took something.
    pub steals: u64,
    /// Goroutines that moved.
    pub stolen: u64,
    /// Tries in which others were faster.
    pub lost: u64,
    /// Time of the steals, all together.
    pub took: Duration,
}

impl StealSum {
    /// How long a steal took on average; zero if there was none.
    pub fn mean(&self) -> Duration {
        let nanos = self.took.as_nanos() / u128::from(self.steals.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The stealing of a scheduler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steals {
    /// Processors that were ever made.
    pub procs: u32,
    /// The last records of all processors, oldest first.
    pub records: Vec<Steal>,
    /// Older records that are gone.
    pub lost_records: u64,
    /// All pairs with a steal or a lost try.
    pub pairs: Vec<Pair>,
    /// Searches that found nothing anywhere.
    pub fruitless: u64,
}

impl Steals {
    fn sum(&self, far: bool) -> StealSum {
        self.pairs.iter().filter(|p| p.far == far).fold(StealSum::default(), |sum, p| StealSum {
            steals: sum.steals + p.steals,
            stolen: sum.stolen + p.stolen,
            lost: sum.lost + p.lost,
            took: sum.took + p.took,
        })
    }

    /// Within memory nodes.
    pub fn near(&self) -> StealSum {
        self.sum(false)
    }

    /// From one memory node to another.
    pub fn far(&self) -> StealSum {
        self.sum(true)
    }

    /// Goroutines that moved: a row for each thief, a column for each victim.
    pub fn matrix(&self) -> Vec<Vec<u64>> {
        let n = self.procs as usize;
        let mut rows = vec![vec![0; n]; n];
        for p in &self.pairs {
            rows[p.thief as usize][p.victim as usize] = p.stolen;
        }
        rows
    }

    /// Folded stacks, as flame graph tools read them: a line for each pair, weighted by the nanoseconds
    /// that its steals took.
    pub fn folded(&self) -> String {
        use fmt::Write;
        let mut text = String::new();
        for p in self.pairs.iter().filter(|p| p.steals > 0) {
            let distance = if p.far { "far" } else { "near" };
            let _ = writeln!(
                text,
                "steal;{distance};P{};from P{} {}",
                p.thief,
                p.victim,
                p.took.as_nanos()
            );
        }
        text
    }
}

/// The table: steals near and far, and the matrix.
impl fmt::Display for Steals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "distance      steals  goroutines        lost   mean ns")?;
        for (name, sum) in [("same node", self.near()), ("other node", self.far())] {
            let mean = sum.mean().as_nanos();
            writeln!(f, "{name:10} {:9} {:11} {:11} {mean:9}", sum.steals, sum.stolen, sum.lost)?;
        }
        writeln!(
            f,
            "fruitless searches: {}; records: {}, and {} older ones gone",
            self.fruitless,
            self.records.len(),
            self.lost_records
        )?;
        write!(f, "\n{:>8}", "from")?;
        (0..self.procs).try_for_each(|p| write!(f, "{:>8}", format!("P{p}")))?;
        writeln!(f)?;
        for (thief, row) in self.matrix().iter().enumerate() {
            write!(f, "{:>8}", format!("P{thief}"))?;
            row.iter().try_for_each(|n| write!(f, "{n:8}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Scheduler {
    /// Whether two processors are on different memory nodes, where nodes count ([`Config::nodes`](crate::Config::nodes)).
    pub(crate) fn is_far(&self, a: &P, b: &P) -> bool {
        self.nodes().is_some_and(|nodes| nodes.ring(a.node(nodes), b.node(nodes)) != 0)
    }

    /// Who has stolen from whom. Allocates about 30 kB for each processor that has stolen; takes no lock.
    pub fn steals(&self) -> Steals {
        let mut all = Steals { procs: self.ps.len() as u32, ..Steals::default() };
        for thief in &self.ps {
            // ORDER: Relaxed — a figure.
            all.fruitless += thief.counts.failed_steals.load(Relaxed);
            let Some(log) = thief.steal_log.get() else { continue };
            all.lost_records += log.copy(|t| {
                all.records.push(Steal {
                    at_ns: t.at,
                    thief: thief.id,
                    victim: (t.victim != NOBODY).then_some(t.victim),
                    thief_len: t.thief_len,
                    victim_len: t.victim_len,
                    taken: t.taken,
                    took: Duration::from_nanos(t.nanos.into()),
                    far: t.far,
                });
            });
            for (victim, pair) in self.ps.iter().zip(&log.pairs) {
                // ORDER: Relaxed — figures.
                let (steals, lost) = (pair.steals.load(Relaxed), pair.lost.load(Relaxed));
                if steals + lost > 0 {
                    all.pairs.push(Pair {
                        thief: thief.id,
                        victim: victim.id,
                        far: self.is_far(thief, victim),
                        steals,
                        stolen: pair.stolen.load(Relaxed), // ORDER: Relaxed — a figure.
                        lost,
                        took: Duration::from_nanos(pair.nanos.load(Relaxed)), // ORDER: Relaxed — a figure.
                    });
                }
            }
        }
        all.records.sort_by_key(|r| r.at_ns);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Steals {
        let pair = |thief, victim, far, steals, stolen, ns| Pair {
            thief,
            victim,
            far,
            steals,
            stolen,
            lost: u64::from(far),
            took: Duration::from_nanos(ns),
        };
        Steals {
            procs: 3,
            pairs: vec![
                pair(0, 1, false, 842, 5000, 673_600),
                pair(2, 0, true, 197, 400, 847_100),
                pair(2, 1, true, 0, 0, 0),
            ],
            fruitless: 7,
            lost_records: 2,
            ..Steals::default()
        }
    }

    /// OBS-5: the table of a recorded log.
    #[test]
    fn golden_table() {
        let want = "\
distance      steals  goroutines        lost   mean ns
same node        842        5000           0       800
other node       197         400           2      4300
fruitless searches: 7; records: 0, and 2 older ones gone

    from      P0      P1      P2
      P0       0    5000       0
      P1       0       0       0
      P2     400       0       0
";
        assert_eq!(recorded().to_string(), want);
    }

    #[test]
    fn golden_folded_stacks() {
        let want = "steal;near;P0;from P1 673600\nsteal;far;P2;from P0 847100\n";
        assert_eq!(recorded().folded(), want);
        assert_eq!(recorded().far().mean(), Duration::from_nanos(4300));
        assert_eq!(Steals::default().near().mean(), Duration::ZERO);
    }
}
