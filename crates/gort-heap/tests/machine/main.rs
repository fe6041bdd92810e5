//! Random operations for the body.

mod body;

use body::{Op, drive, run, run_fixed};
use gort_heap::Linux;
use gort_sys::TestBackend;
use proptest::prelude::*;

/// How often as many cases as usual: `GORT_TEST_SCALE`.
fn scale() -> u32 {
    std::env::var("GORT_TEST_SCALE").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1..200usize, 4 => 200..4000usize, 2 => 4000..33_000usize, 1 => 33_000..300_000usize]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..3usize, size(), 0..14u32, any::<bool>()).prop_map(|(cache, size, align, zeroed)| Op::Alloc { cache, size, align, zeroed }),
        5 => (0..3usize, any::<usize>()).prop_map(|(cache, which)| Op::Free { cache, which }),
        2 => (0..3usize, any::<usize>(), prop_oneof![3 => size(), 1 => 30_000..1_300_000usize]).prop_map(|(cache, which, size)| Op::Realloc { cache, which, size }),
        1 => (0..3_000_000u64, any::<bool>()).prop_map(|(budget, force)| Op::Scavenge { budget, force }),
        1 => Just(Op::Trim),
        1 => (0..3usize).prop_map(|cache| Op::Flush { cache }),
        1 => (0..3usize).prop_map(|cache| Op::Drop { cache }),
        8 => (0..2usize, size(), any::<bool>()).prop_map(|(cache, size, noscan)| Op::Take { cache, size, noscan }),
        1 => (any::<u64>(), any::<bool>(), any::<bool>()).prop_map(|(seed, lag, lazy)| Op::Cycle { seed, lag, lazy }),
        1 => (0..2usize, any::<bool>()).prop_map(|(cache, on)| Op::Black { cache, on }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * scale(), max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_the_map_of_live_ranges(ops in prop::collection::vec(op(), 1..250)) {
        drive(Linux, ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * scale(), max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_same_on_checked_memory(ops in prop::collection::vec(op(), 1..120)) {
        drive(TestBackend::new(), ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3 * scale(), max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn and_from_bytes(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        run(Linux, &bytes);
    }

    #[test]
    fn and_in_a_fixed_region(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        run_fixed(&bytes);
    }
}
