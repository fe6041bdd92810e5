//! Programs that must not compile, each for the reason that its `.stderr` gives, and programs that must.
//!
//! `TRYBUILD=overwrite cargo test -p gort-gc --test ui` writes the expected messages anew (another compiler
//! may word them differently).
#![cfg(not(loom))]

#[test]
fn ui() {
    let t = trybuild::TestCases::new();
    t.pass("tests/ui/pass/*.rs");
    t.compile_fail("tests/ui/fail/*.rs");
}
