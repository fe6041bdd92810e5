//! Programs that move over by their `use` lines: each is compiled twice, against std and
//! crossbeam-channel and against gort, and has to give the same answer on plain threads with std's
//! items, on plain threads with gort's, on goroutines that stay on their threads, and on one processor.
#![allow(clippy::duplicate_mod, reason = "each program is compiled twice, on purpose")]

mod moved;
mod plain;

#[global_allocator]
static ALLOCATOR: gort::GortAlloc = gort::GortAlloc;

macro_rules! programs {
    ($($program:ident)*) => {
        $(#[test]
        fn $program() {
            let want = plain::$program::run();
            assert_eq!(moved::$program::run(), want, "on plain threads");
            assert_eq!(gort::run(moved::$program::run), want, "on goroutines");
            let one = gort::Runtime::builder().procs(1).build().unwrap();
            assert_eq!(one.run(moved::$program::run), want, "on one processor");
        })*
    };
}

programs! { bank chat parcels phases primes }
