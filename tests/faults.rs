//! How programs end: overflows, deadlocks, panics, exits (STACK-2, SCHED-16, BOOT-14).

#[path = "kit/program.rs"]
mod program;

use std::process::Command;

struct End {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(mode: &str) -> End {
    run_program("faults", mode)
}

fn run_program(program: &str, mode: &str) -> End {
    let out = Command::new(program::path(program))
        .arg(mode)
        .env("GOMAXPROCS", "2")
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the examples are built by `cargo test` or `cargo build --examples`");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    End { code: out.status.code(), out: text(out.stdout), err: text(out.stderr) }
}

#[test]
fn overflows_name_the_goroutine() {
    for (mode, who, place) in [
        ("main-overflow", "goroutine 1 (\"main\") exceeded its stack of 8128 KiB", "faults.rs"),
        ("init-overflow", "goroutine 1 (\"main\") exceeded its stack of 8128 KiB", "faults.rs"),
        // The frame's own probe faults, before its first line.
        ("huge-frame", "(\"big\") exceeded its stack of", "huge"),
    ] {
        let end = run(mode);
        assert_eq!((end.code, end.out.as_str()), (None, ""), "{mode}: {}", end.err);
        assert!(end.err.contains("fatal error: stack overflow: goroutine"), "{mode}: {}", end.err);
        assert!(end.err.contains(who), "{mode}: {}", end.err);
        assert!(end.err.contains(place), "{mode}: {}", end.err);
    }
    // A fault that lies in no guard is nobody's overflow.
    let end = run("segv");
    assert_eq!(end.code, None);
    assert!(!end.err.contains("overflow"), "{}", end.err);
}

#[test]
fn deadlocks_are_reported_with_their_reason() {
    for (mode, reason) in [
        ("recv", "goroutine 1 [chan receive"),
        ("select", "goroutine 1 [select"),
        ("park", "goroutine 1 [park]"),
        ("init-deadlock", "goroutine 1 [chan receive"),
    ] {
        let end = run(mode);
        assert_eq!(end.code, Some(2), "{mode}: {}", end.err);
        assert!(
            end.err.starts_with("fatal error: all goroutines are asleep - deadlock!\n"),
            "{mode}: {}",
            end.err
        );
        assert!(end.err.contains(reason) && end.err.contains("faults.rs"), "{mode}: {}", end.err);
    }
    let end = run_program("library", "deadlock");
    assert_eq!(end.code, Some(2), "{}", end.err);
    assert!(end.err.contains("goroutine 1 [chan receive"), "{}", end.err);
    let end = run("goexit");
    assert_eq!(end.code, Some(2));
    let mut lines: Vec<&str> = end.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["destructor", "the other goroutine"]);
    assert!(end.err.starts_with("fatal error: no goroutines (main called goexit) - deadlock!"));
}

#[test]
fn no_alarm_where_a_thread_may_still_wake() {
    let end = run("outsider");
    assert_eq!((end.code, end.out.as_str(), end.err.as_str()), (Some(0), "Ok(5)\n", ""));
    let end = run_program("library", "outsider");
    assert_eq!((end.code, end.out.as_str(), end.err.as_str()), (Some(0), "Ok(6)\n", ""));
}

#[test]
fn ends_are_as_the_table_says() {
    let end = run("panic");
    assert_eq!((end.code, end.out.as_str()), (Some(101), "destructor\nhook\n"));
    assert!(end.err.contains("goroutine 1 ('main') panicked at"), "{}", end.err);
    assert!(end.err.contains("on purpose"), "{}", end.err);
    let end = run("go-panic");
    assert_eq!((end.code, end.out.as_str()), (Some(0), "joined: true\n"));
    assert!(end.err.contains("('bad') panicked at"), "{}", end.err);
    let end = run("exit");
    assert_eq!((end.code, end.out.as_str()), (Some(7), ""));
    let end = run("code");
    assert_eq!((end.code, end.out.as_str()), (Some(9), "hook 2\nhook 1\n"));
    let end = run("init-order");
    assert_eq!((end.code, end.out.as_str()), (Some(0), "first\nsecond\n"));
}
