//! Figures about a handful of runs: median, extremes, ratio of pairs.

/// The middle and the ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The spread of some values; `None` of none.
pub(crate) fn of(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some(Spread { median: f64::midpoint(low, high), min, max })
}

/// The median of `ours[i] / theirs[i]`, over the runs that both have: runs that
/// stood next to each other met the same machine.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let pairs: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| ours / theirs)
        .filter(|ratio| ratio.is_finite())
        .collect();
    of(&pairs).map(|spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], median: f64, min: f64, max: f64) {
        assert_eq!(of(values), Some(Spread { median, min, max }), "{values:?}");
    }

    #[test]
    fn medians() {
        check(&[5.0], 5.0, 5.0, 5.0);
        check(&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0, 1.0, 100.0);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn ratio_is_of_pairs_not_of_medians() {
        // The machine slowed down by 10 in the middle; every pair says one half.
        assert_eq!(ratio(&[1.0, 10.0, 1.0], &[2.0, 20.0, 2.0]), Some(0.5));
        assert_eq!(ratio(&[1.0, 10.0, 10.0], &[2.0, 2.0, 20.0]), Some(0.5));
    }

    #[test]
    fn ratio_needs_a_pair() {
        assert_eq!(ratio(&[1.0], &[]), None);
        assert_eq!(ratio(&[1.0], &[0.0]), None);
        assert_eq!(ratio(&[1.0, 7.0], &[2.0]), Some(0.5));
    }
}
