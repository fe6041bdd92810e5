//! Random calls of the C interface, which is this program's allocator from its first instruction on: the linker takes the
//! names from the library that is linked in.

mod body;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn calls_from_bytes(bytes in prop::collection::vec(any::<u8>(), 0..1800)) {
        body::run(&bytes);
    }
}
