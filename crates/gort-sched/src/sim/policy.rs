//! [`Policy`]: who runs next, drawn from a seed.

use super::Strategy;
use gort_sys::chance::Chance;

/// The choices of one run.
#[derive(Debug)]
pub(crate) struct Policy {
    chance: Chance,
    strategy: Strategy,
    /// PCT: priority by the goroutine's number; 0: not drawn yet.
    priorities: Vec<i64>,
    /// PCT: the steps at which whoever runs becomes the lowest, the last one first.
    changes: Vec<u64>,
    /// PCT: the next lowest priority.
    lowest: i64,
}

/// The finalizer of splitmix64: neighbouring seeds shall look unrelated.
fn scatter(seed: u64) -> u64 {
    let n = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

impl Policy {
    pub(crate) fn new(seed: u64, strategy: Strategy) -> Self {
        let mut chance = Chance::seed(scatter(seed));
        let strategy = match strategy {
            Strategy::Mixed if seed.is_multiple_of(3) => Strategy::Random,
            Strategy::Mixed => Strategy::Pct { depth: 1 + chance.below(4) },
            chosen => chosen,
        };
        let mut changes = Vec::new();
        if let Strategy::Pct { depth } = strategy {
            // How long the run will be is not known before: a guess for each seed.
            let horizon = 16 << chance.below(7);
            changes = (1..depth).map(|_| 1 + u64::from(chance.below(horizon))).collect();
            changes.sort_unstable_by(|a, b| b.cmp(a));
        }
        Self { chance, strategy, priorities: Vec::new(), changes, lowest: -1 }
    }

    /// What was chosen for `Mixed`.
    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.chance.draw()
    }

    /// `true` in `of_1000` of 1000 calls. Draws nothing if that is none.
    pub(crate) fn happens(&mut self, of_1000: u32) -> bool {
        of_1000 != 0 && self.chance.below(1000) < of_1000
    }

    /// Whether goroutines are switched out at points.
    pub(crate) fn preempts(&self) -> bool {
        self.strategy != Strategy::InOrder
    }

    /// At step `step`, chooses one of the goroutines that could run, by their numbers; `current` is the
    /// number of the one that runs now, if it could go on. At least one is there.
    pub(crate) fn choose(&mut self, step: u64, current: Option<u64>, ids: &[u64]) -> usize {
        match self.strategy {
            Strategy::InOrder | Strategy::Mixed => 0,
            Strategy::Random => self.chance.below(ids.len() as u32) as usize,
            Strategy::Pct { .. } => {
                while self.changes.last().is_some_and(|&at| at <= step) {
                    self.changes.pop();
                    if let Some(id) = current {
                        self.lower(id);
                    }
                }
                let mut best = (i64::MIN, 0);
                for (i, &id) in ids.iter().enumerate() {
                    best = best.max((self.priority(id), i));
                }
                best.1
            }
        }
    }

    /// The goroutine has yielded: others come first.
    pub(crate) fn yielded(&mut self, id: u64) {
        if let Strategy::Pct { .. } = self.strategy {
            self.lower(id);
        }
    }

    fn lower(&mut self, id: u64) {
        *self.slot(id) = self.lowest;
        self.lowest -= 1;
    }

    fn slot(&mut self, id: u64) -> &mut i64 {
        let at = id as usize;
        if at >= self.priorities.len() {
            self.priorities.resize(at + 1, 0);
        }
        &mut self.priorities[at]
    }

    fn priority(&mut self, id: u64) -> i64 {
        if *self.slot(id) == 0 {
            *self.slot(id) = 1 + (self.chance.draw() >> 2) as i64;
        }
        *self.slot(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(seed: u64, strategy: Strategy, n: u64) -> Vec<usize> {
        let mut policy = Policy::new(seed, strategy);
        let ids: Vec<u64> = (1..=n).collect();
        (0..200).map(|step| policy.choose(step, Some(1), &ids)).collect()
    }

    /// SIM-1: the same seed, the same choices; another seed, others.
    #[test]
    fn a_seed_is_a_sequence_of_choices() {
        for strategy in [Strategy::Random, Strategy::Pct { depth: 3 }] {
            assert_eq!(choices(5, strategy, 6), choices(5, strategy, 6));
            let different = (0..20).filter(|&s| choices(s, strategy, 6) != choices(5, strategy, 6));
            assert!(different.count() > 10, "{strategy:?}");
        }
    }

    #[test]
    fn a_random_walk_chooses_all_alike() {
        let mut counts = [0; 4];
        for seed in 0..50 {
            choices(seed, Strategy::Random, 4).into_iter().for_each(|c| counts[c] += 1);
        }
        assert!(counts.iter().all(|&n| (2200..2800).contains(&n)), "{counts:?}");
    }

    /// PCT of depth d changes its mind d - 1 times at most.
    #[test]
    fn pct_changes_as_often_as_its_depth_says() {
        for seed in 0..200 {
            for depth in 1..5 {
                let seen = choices(seed, Strategy::Pct { depth }, 5);
                let changes = seen.windows(2).filter(|w| w[0] != w[1]).count();
                assert!(changes < depth as usize, "{seed} {depth}: {changes}");
            }
        }
    }

    #[test]
    fn who_yields_comes_last() {
        let mut policy = Policy::new(1, Strategy::Pct { depth: 1 });
        let ids = [1, 2, 3];
        let first = policy.choose(0, None, &ids);
        policy.yielded(ids[first]);
        let second = policy.choose(1, None, &ids);
        policy.yielded(ids[second]);
        let third = policy.choose(2, None, &ids);
        policy.yielded(ids[third]);
        assert_eq!(policy.choose(3, None, &ids), first);
    }
}
