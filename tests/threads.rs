//! Programs and the system's threads: limits, exhaustion, deadlocks with locked threads, stops, masks, std's lock of stdout.

#[path = "kit/program.rs"]
mod program;

use program::Kept;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

fn command(mode: &str) -> Command {
    let mut command = Command::new(program::path("threads"));
    command.arg(mode).env("GOMAXPROCS", "2").env_remove("RUST_BACKTRACE");
    command
}

fn run(mode: &str) -> (Option<i32>, String, String) {
    ended(command(mode).output().expect("the program starts"))
}

fn ended(out: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// SCHED-2.
#[test]
fn the_limit_of_threads_is_said_in_words() {
    let (code, out, err) = run("limit");
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("program exceeds 10-thread limit"), "{err}");
    assert!(err.ends_with("fatal error: thread exhaustion\n"), "{err}");
    let (code, _, err) = run("lower");
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("program exceeds 3-thread limit"), "{err}");
    let (code, out, err) = run("enough");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "done\n", ""));
}

/// As another user, as the limit of processes does not hold for root.
#[test]
fn where_the_system_gives_no_thread_the_program_says_so() {
    const NOBODY: u32 = 65534;
    // The other user may not see the build's directory.
    let copy = std::env::temp_dir().join(format!("gort-threads-{}", std::process::id()));
    std::fs::copy(program::path("threads"), &copy).expect("a copy");
    let mut command = Command::new(&copy);
    command.arg("many").env("GOMAXPROCS", "2").env_remove("RUST_BACKTRACE").current_dir("/");
    // SAFETY: a system call; it cannot fail.
    let root = unsafe { libc::getuid() } == 0;
    if root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let limit = || {
        let most = libc::rlimit { rlim_cur: 24, rlim_max: 24 };
        // SAFETY: between fork and exec, one system call with a filled record.
        match unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const most) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: as said in it.
    unsafe { command.pre_exec(limit) };
    let out = if root { command.output() } else { Err(std::io::Error::other("not root")) };
    std::fs::remove_file(&copy).expect("the copy");
    match out {
        Err(e) => eprintln!("not shown: no program as another user: {e}"),
        Ok(out) => {
            let (code, _, err) = ended(out);
            assert_eq!(code, Some(2), "{err}");
            assert!(err.contains("no thread for a processor, "), "{err}");
            assert!(err.contains("exist: Resource temporarily unavailable"), "{err}");
            assert!(err.contains("ulimit -u"), "{err}");
        }
    }
}

#[test]
fn deadlocks_are_seen_beside_locked_threads() {
    for mode in ["locked-deadlock", "locked-deadlock-2"] {
        let (code, _, err) = run(mode);
        assert_eq!(code, Some(2), "{mode}: {err}");
        assert!(
            err.starts_with("fatal error: all goroutines are asleep - deadlock!\n"),
            "{mode}: {err}"
        );
        assert!(err.contains("[park, locked to thread]"), "{mode}: {err}");
    }
}

/// A child with its output piped; ended when the value goes.
struct Running(Kept, BufReader<std::process::ChildStdout>);

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Self(Kept(child), out)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.1.read_to_string(&mut rest).expect("text");
        rest
    }

    fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.0.0.id()).expect("a process");
        // SAFETY: a child that was not waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    fn is_stopped(&self) -> bool {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.0.0.id())).expect("it lives");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }
}

#[test]
fn a_wait_for_the_network_is_no_deadlock() {
    let mut program = Running::start(command("network"));
    let port: u16 = program.line().parse().expect("a port");
    // Long enough for all looks of the last thread that fell asleep.
    std::thread::sleep(std::time::Duration::from_millis(400));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.send_to(&[7], ("127.0.0.1", port)).expect("sent");
    assert_eq!(program.line(), "done 7");
    assert!(program.0.0.wait().expect("it ends").success());
}

#[test]
fn a_program_that_was_stopped_goes_on() {
    let mut program = Running::start(command("stopped"));
    assert_eq!(program.line(), "ready");
    for _ in 0..5 {
        program.signal(libc::SIGSTOP);
        while !program.is_stopped() {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        program.signal(libc::SIGCONT);
        std::thread::sleep(std::time::Duration::from_millis(2));
        if program.0.0.try_wait().expect("a child").is_some() {
            break;
        }
    }
    assert_eq!(program.rest(), "done\n");
    assert!(program.0.0.wait().expect("it ends").success());
}

#[test]
fn the_mask_says_how_many_processors_there_are() {
    let mut masked = Command::new("taskset");
    masked.arg("-c").arg("0").arg(program::path("threads")).arg("procs").env_remove("GOMAXPROCS");
    match masked.output() {
        Ok(out) => assert_eq!(ended(out).1, "1 1\n"),
        Err(e) => eprintln!("not shown: taskset is not there: {e}"),
    }
}

#[test]
fn a_lock_of_stdout_held_over_parks() {
    for procs in ["1", "2"] {
        let mut child = command("stdout");
        let (code, out, err) = ended(child.env("GOMAXPROCS", procs).output().expect("it starts"));
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let mut lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.pop(), Some("done"));
        assert_eq!(lines.len(), 200);
        for name in ["ada", "bob", "cyd", "dan"] {
            let whole = format!("{name} begins and {name} ends");
            assert_eq!(lines.iter().filter(|l| **l == whole).count(), 50, "{name}: {out}");
        }
    }
}

/// STACK-10: a debugger walks a goroutine's stack to its oldest frame, and that of a thread that runs one as well.
#[test]
fn a_debugger_walks_over_a_switch() {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"]);
    gdb.args(["-ex", "break threads::the_probe", "-ex", "run", "-ex", "backtrace"]);
    gdb.arg("--args").arg(program::path("threads")).arg("probe").env("GOMAXPROCS", "2");
    let out = match gdb.output() {
        Ok(out) => ended(out),
        Err(e) => return eprintln!("not shown: gdb is not there: {e}"),
    };
    if !out.1.contains("hit Breakpoint 1") {
        return eprintln!("not shown: gdb cannot trace here: {}", out.2);
    }
    let frames: Vec<&str> = out.1.lines().filter(|l| l.starts_with('#')).collect();
    let at = |name: &str| frames.iter().position(|f| f.contains(name));
    let places = [at("the_probe"), at("caller_of_the_probe"), at("gort_stack_start")];
    assert!(places.is_sorted() && places[0] == Some(0), "{frames:#?}");
    assert_eq!(places[2], Some(frames.len() - 1), "the oldest frame ends the walk: {frames:#?}");
    for trouble in ["corrupt stack", "inner to this frame", "Cannot access memory"] {
        assert!(!out.1.contains(trouble) && !out.2.contains(trouble), "{} {}", out.1, out.2);
    }
}
