//! The number of processors follows the affinity mask of a running program, within about a second, there and back.

#[path = "kit/program.rs"]
mod program;

use program::Kept;
use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command, Stdio};

fn start() -> (Kept, BufReader<ChildStderr>) {
    let child = Command::new(program::path("http"))
        .arg("127.0.0.1:0")
        .env_remove("GOMAXPROCS")
        .env("GODEBUG", "schedtrace=50")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the examples are built by `cargo test`");
    let lines = BufReader::new(child.stderr.take().expect("a pipe"));
    (Kept(child), lines)
}

/// Reads lines of the trace until one says `procs`; how many it took.
fn until(lines: &mut BufReader<ChildStderr>, procs: usize) -> usize {
    for n in 1..1_000 {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).expect("a line") > 0, "the program has ended");
        if line.contains(&format!(" gomaxprocs={procs} ")) {
            return n;
        }
    }
    panic!("no line says {procs}");
}

/// All threads of the process, those to come included. `false`: there is no such tool.
fn pin(process: u32, cpus: &str) -> bool {
    let set = Command::new("taskset").args(["-a", "-c", "-p", cpus, &process.to_string()]).output();
    set.is_ok_and(|output| output.status.success())
}

/// The mask of a process as the tool takes it.
fn mask() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

#[test]
fn processors_follow_the_affinity_mask() {
    let Some(all) = mask() else { return };
    let first = all.split([',', '-']).next().expect("a number").to_owned();
    if all == first {
        return; // There is one processor.
    }
    let (server, mut lines) = start();
    if !pin(server.0.id(), &all) {
        return;
    }
    let procs = std::thread::available_parallelism().expect("a number").get();
    until(&mut lines, procs);
    assert!(pin(server.0.id(), &first));
    until(&mut lines, 1);
    assert!(pin(server.0.id(), &all));
    until(&mut lines, procs);
}
