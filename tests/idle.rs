//! A program in which everything waits wakes nobody: no thread of it is scheduled, until something happens. Before that, it
//! gives back the memory that it no longer needs.

#[path = "kit/program.rs"]
mod program;

use program::Kept;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

struct Idle(Kept);

impl Idle {
    fn start(what: &str) -> Self {
        let mut command = Command::new(program::path("idle"));
        for name in ["GOGC", "GOMEMLIMIT", "GODEBUG", "LD_PRELOAD"] {
            command.env_remove(name);
        }
        let child = command.arg(what).env("GOMAXPROCS", "2").stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it says something");
        assert_eq!(line, "ready\n");
        Self(Kept(child))
    }

    /// How often the threads of the program have left a processor.
    fn switches(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0.0.id())).expect("it runs");
        let of = |status: String| -> u64 {
            let counts = status.lines().filter_map(|l| l.split_once("ctxt_switches:"));
            counts.map(|(_, n)| n.trim().parse::<u64>().expect("a number")).sum()
        };
        // A thread may end between the two looks.
        tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok())
            .map(of)
            .sum()
    }

    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.0.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a row");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Waits until for three seconds on end nothing was scheduled.
    fn falls_asleep(&self) {
        let (mut before, mut calm) = (self.switches(), 0);
        for _ in 0..120 {
            std::thread::sleep(Duration::from_millis(500));
            let now = self.switches();
            calm = if now == before { calm + 1 } else { 0 };
            if calm == 6 {
                return;
            }
            before = now;
        }
        panic!("after a minute it is still awake: {before} switches");
    }
}

#[test]
fn nothing_to_do() {
    Idle::start("nothing").falls_asleep();
}

#[test]
fn a_listener_without_clients() {
    Idle::start("listener").falls_asleep();
}

#[test]
fn timers_far_away() {
    Idle::start("timers").falls_asleep();
}

/// Two hundred goroutines that were 24 KiB deep, and 1000 stacks of those that ended: what they touched comes back although
/// nothing runs any more.
#[test]
fn stacks_that_were_deep() {
    let idle = Idle::start("deep");
    idle.falls_asleep();
    let flat = Idle::start("nothing");
    flat.falls_asleep();
    // What stays of each: the pages of the frames that wait, and two more below them. Untrimmed it were 11 MiB.
    let (deep, flat) = (idle.resident(), flat.resident());
    assert!(deep < flat + 200 * 16 + 2000, "{deep} KiB resident against {flat}");
}
