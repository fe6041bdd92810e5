//! The examples, run as a person would run them.

#[path = "kit/program.rs"]
mod program;

use std::process::{Command, Output};

fn example(name: &str) -> Command {
    let mut command = Command::new(program::path(name));
    for name in ["GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"] {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command
        .output()
        .expect("the examples are built by `cargo test` or `cargo build --examples`");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn hello_and_pipeline() {
    for procs in ["1", "2", "8"] {
        let (code, out, err) = run(example("hello").env("GOMAXPROCS", procs));
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "hello from a goroutine\n", ""));
        let (code, out, _) = run(example("pipeline").env("GOMAXPROCS", procs));
        assert_eq!(code, Some(0));
        assert!(out.contains("333833500"), "{out}");
    }
}

#[test]
fn a_graph_survives_by_its_root() {
    let (code, out, _) = run(&mut example("graph"));
    assert_eq!(code, Some(0));
    assert_eq!(out, "a trip from the root: Bern -> Thun -> Brig\n4 objects allocated, 1 freed\n");
}

#[test]
fn a_lisp_on_the_collector() {
    const GOLDEN: &str = include_str!("../examples/lisp/demo.golden");
    for (procs, debug) in [("1", ""), ("2", "gctrace=1"), ("2", "gccheckmark=1,clobberfree=1")] {
        let (code, out, err) = run(example("lisp").env("GOMAXPROCS", procs).env("GODEBUG", debug));
        assert_eq!((code, out.as_str()), (Some(0), GOLDEN), "{err}");
        // The two forced cycles at least.
        let traced = err.lines().filter(|line| line.starts_with("gc ")).count();
        assert!(if debug == "gctrace=1" { traced >= 2 } else { err.is_empty() }, "{err}");
    }
}

#[test]
fn a_hog_on_one_processor() {
    let (code, out, _) = run(example("hog").env("GOMAXPROCS", "1"));
    assert_eq!(code, Some(0));
    assert!(out.contains("on 1 processor(s)"), "{out}");
}

#[test]
fn a_deadlock_is_reported_with_reasons_and_stacks() {
    for procs in ["1", "2"] {
        let (code, out, err) = run(example("deadlock").env("GOMAXPROCS", procs));
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.starts_with("fatal error: all goroutines are asleep - deadlock!\n\n"), "{err}");
        for part in
            ["goroutine 1 [sync.Mutex.Lock]:", "(\"other\") [sync.Mutex.Lock]:", "deadlock.rs"]
        {
            assert!(err.contains(part), "{part} is not in: {err}");
        }
    }
}

#[test]
fn an_overflow_names_the_goroutine() {
    let (code, out, err) = run(&mut example("overflow"));
    // Ended by a signal, so there is no code.
    assert_eq!((code, out.as_str()), (None, ""));
    assert!(
        err.contains("stack overflow: goroutine 2 (\"digger\") exceeded its stack of"),
        "{err}"
    );
    assert!(err.contains("overflow.rs"), "{err}");
}

#[test]
fn a_bad_environment_is_refused() {
    for (name, value) in [("GOGC", "abc"), ("GOMAXPROCS", "-1"), ("GOMEMLIMIT", "1XB")] {
        let (code, out, err) = run(example("hello").env(name, value));
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.contains(name) && err.contains(value) && err.contains("must be"), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let (code, ..) = run(example("hello").env("GODEBUG", "nosuchkey=1"));
    assert_eq!(code, Some(0));
}

#[test]
fn traces_have_their_form() {
    let (_, _, err) = run(example("graph").env("GODEBUG", "gctrace=1"));
    // `graph` does not boot a runtime: its collector is the process-wide one with defaults.
    assert_eq!(err, "");
    let (code, _, err) = run(example("hog").env("GODEBUG", "schedtrace=50").env("GOMAXPROCS", "2"));
    assert_eq!(code, Some(0));
    let line = err.lines().next().expect("a line");
    assert!(line.starts_with("SCHED ") && line.contains("ms: gomaxprocs=2 idleprocs="), "{line}");
}

#[test]
fn websocket_echoes_everything() {
    let (code, out, err) = run(example("websocket").args(["30", "5"]));
    let want = "150 messages echoed to 30 clients\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), want, ""));
}
