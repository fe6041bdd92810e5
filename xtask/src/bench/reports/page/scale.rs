//! Where a figure stands relative to another, and the logarithmic axis that shows it.

use crate::bench::reports::record::Record;
use crate::bench::reports::spread::{self, Spread};
use crate::bench::reports::standing::cost;
use crate::bench::workload::Better;

/// A record relative to another, as ratios of neighbouring runs; the base itself as its
/// runs relative to their median. Where there are no pairs the medians are compared.
pub(super) fn relative(record: &Record, base: &Record) -> Spread {
    let pairs: Vec<f64> = if record.system == base.system {
        record.runs.iter().map(|run| run / base.median).collect()
    } else {
        record.runs.iter().zip(&base.runs).map(|(run, base)| run / base).collect()
    };
    let pairs: Vec<f64> = pairs.into_iter().filter(|r| r.is_finite() && *r > 0.0).collect();
    spread::of(&pairs).unwrap_or_else(|| {
        // A figure of 0 (a time below the clock's step) has no place on a logarithmic scale.
        let ratio = record.median.max(1e-9) / base.median.max(1e-9);
        Spread { median: ratio, min: ratio, max: ratio }
    })
}

/// A logarithmic axis of ratios on which left is better.
#[derive(Debug)]
pub(super) struct Scale {
    better: Better,
    /// The ends, as costs.
    low: f64,
    high: f64,
}

impl Scale {
    /// An axis with room for all of these, from a half to the double at least.
    pub(super) fn over(better: Better, all: &[Spread]) -> Self {
        let (mut low, mut high) = (0.5_f64, 2.0_f64);
        for ratio in all.iter().flat_map(|spread| [spread.min, spread.median, spread.max]) {
            // Four decades to either side: what is further is cut at the edge.
            low = low.min(cost(better, ratio).max(1e-4));
            high = high.max(cost(better, ratio).min(1e4));
        }
        Self { better, low: low / 1.15, high: high * 1.15 }
    }

    /// Percent of the width, from the left.
    pub(super) fn at(&self, ratio: f64) -> f64 {
        let cost = cost(self.better, ratio).clamp(self.low, self.high);
        let share = (cost / self.low).ln() / (self.high / self.low).ln();
        (100.0 * share).clamp(0.0, 100.0)
    }

    /// The ratios to be labelled: 1 and as many round ones as have room.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let sets: [(&[f64], i32); 4] =
            [(&[1.0, 2.0, 5.0], 1), (&[1.0, 3.0], 1), (&[1.0], 1), (&[1.0], 2)];
        let mut ticks = vec![1.0];
        for (steps, every) in sets {
            let decades = (-5..=5).filter(|decade| decade % every == 0);
            let all =
                decades.flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
            // Near the edges a label would stick out.
            ticks = all.filter(|ratio| (3.0..=97.0).contains(&self.at(*ratio))).collect();
            ticks.sort_by(|a, b| self.at(*a).total_cmp(&self.at(*b)));
            if ticks.windows(2).all(|pair| self.at(pair[1]) - self.at(pair[0]) >= ROOM) {
                break;
            }
        }
        ticks
    }
}

/// The room of a label, in percent of the width.
const ROOM: f64 = 9.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::reports::record::tests::sample;
    use proptest::prelude::*;

    fn of(metric: &str, system: &str) -> Record {
        let mut all = sample().into_iter();
        all.find(|record| record.metric == metric && record.system == system).unwrap()
    }

    #[test]
    fn ratios_are_of_pairs_and_the_base_keeps_its_spread() {
        let (ours, go) = (of("spawn_join", "gort"), of("spawn_join", "go"));
        let half = relative(&ours, &go);
        assert_eq!([half.min, half.median, half.max], [0.5; 3]);
        let base = relative(&go, &go);
        assert_eq!((base.median, base.min < 0.95, base.max > 1.05), (1.0, true, true));
        let zero = Record { runs: vec![0.0], median: 0.0, ..ours };
        assert!(relative(&zero, &go).median > 0.0 && relative(&go, &zero).median.is_finite());
    }

    #[test]
    fn left_is_better_for_times_and_rates() {
        let scale = Scale::over(Better::Lower, &[]);
        assert!(scale.at(0.6) < scale.at(1.0) && scale.at(1.0) < scale.at(1.5));
        let scale = Scale::over(Better::Higher, &[]);
        assert!(scale.at(1.5) < scale.at(1.0) && scale.at(1.0) < scale.at(0.6));
        assert_eq!(scale.at(1.0), 50.0);
    }

    proptest! {
        #[test]
        fn everything_is_on_the_axis_and_labels_have_room(
            ratios in prop::collection::vec(-18.0..18.0_f64, 0..6),
            rate in any::<bool>(),
        ) {
            let better = if rate { Better::Higher } else { Better::Lower };
            let spread = |log: &f64| Spread { median: log.exp(), min: log.exp(), max: log.exp() };
            let all: Vec<Spread> = ratios.iter().map(spread).collect();
            let scale = Scale::over(better, &all);
            for spread in &all {
                prop_assert!((0.0..=100.0).contains(&scale.at(spread.median)));
            }
            let ticks = scale.ticks();
            prop_assert!(ticks.contains(&1.0), "{ticks:?}");
            for pair in ticks.windows(2) {
                prop_assert!(scale.at(pair[1]) - scale.at(pair[0]) >= ROOM, "{ticks:?}");
            }
        }
    }
}
