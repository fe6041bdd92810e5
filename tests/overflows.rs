//! STACK-2: an overflow names its goroutine and the size, prints the frames, and aborts: wherever it happens, with guards of
//! both kinds.

#[path = "kit/program.rs"]
mod program;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

#[test]
fn wherever_a_stack_overflows_its_goroutine_is_named() {
    let program = program::path("overflows");
    for guard in ["best", "protect"] {
        for (kind, who, place) in [
            ("main", "goroutine 1 (\"main\") exceeded its stack of 8128 KiB", "dig"),
            ("goroutine", "exceeded its stack of ", "dig"),
            ("small", "(\"deep\") exceeded its stack of 48 KiB", "dig"),
            ("large", "(\"deep\") exceeded its stack of 32704 KiB", "dig"),
            // The frame's own probe faults, before its first line.
            ("huge", "(\"deep\") exceeded its stack of 48 KiB", "huge"),
            ("foreign", "(\"deep\") exceeded its stack of 48 KiB", "overflows.rs"),
            (
                "foreign-main",
                "goroutine 1 (\"main\") exceeded its stack of 8128 KiB",
                "overflows.rs",
            ),
            ("unwinding", "(\"deep\") exceeded its stack of 48 KiB", "dig"),
            ("resumed", "exceeded its stack of ", "dig"),
        ] {
            let out = Command::new(&program)
                .args([kind, guard])
                .env_remove("RUST_BACKTRACE")
                .output()
                .expect("the programs are built by `cargo test` or `cargo build --examples`");
            let err = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.signal(), Some(6), "{kind} {guard}: {err}");
            assert!(
                err.starts_with("fatal error: stack overflow: goroutine "),
                "{kind} {guard}: {err}"
            );
            assert!(err.contains(who), "{kind} {guard}: {err}");
            assert!(err.contains(place), "{kind} {guard}: {err}");
        }
    }
}
