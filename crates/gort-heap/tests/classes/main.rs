//! All small sizes, and random ones with alignments.

mod body;

use proptest::prelude::*;

#[test]
fn every_small_size() {
    for size in 1..=32_800 {
        body::check(size, 1 << (size % 14));
    }
}

proptest! {
    #[test]
    fn sizes_from_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        body::run(&bytes);
    }
}
