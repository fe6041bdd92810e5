//! Random steps for the body.

use crate::pages::body::{Op, play, run};
use proptest::prelude::*;

fn op() -> impl Strategy<Value = Op> {
    let pages = prop_oneof![6 => 1..20usize, 2 => 20..600usize, 1 => 600..3000usize];
    prop_oneof![
        2 => (0..20usize).prop_map(Op::Grow),
        8 => pages.clone().prop_map(Op::Alloc),
        1 => (pages, 0..7u32).prop_map(|(n, a)| Op::Aligned(n, a)),
        7 => any::<usize>().prop_map(Op::Free),
        1 => Just(Op::Cache),
        4 => (1..16usize).prop_map(Op::Serve),
        1 => Just(Op::Flush),
        3 => (0..4u32, any::<bool>()).prop_map(|(shift, force)| Op::Release(shift, force)),
        1 => Just(Op::Generation),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// PAGE-1, P-1 to P-5.
    #[test]
    fn agrees_with_one_flat_vector(ops in prop::collection::vec(op(), 1..120)) {
        play(ops);
    }

    #[test]
    fn and_from_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run(&bytes);
    }
}
