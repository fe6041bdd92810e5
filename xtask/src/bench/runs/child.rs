//! One process, run to its end: how long it took, its peak memory, what it said.
//!
//! The peak is the kernel's own (`ru_maxrss` of `wait4`). The kernel starts that
//! counter from the memory image that the process had before exec, so a child
//! that shares the parent's memory until then (`vfork`, as `posix_spawn` does)
//! would inherit *our* peak; a hook before exec makes the standard library fork,
//! and a forked image holds only the few pages that were copied.
//!
//! What the process prints goes to files, not pipes: nobody has to read along,
//! and no reader disturbs the measured process.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// It was ended by us because it took too long.
    pub(crate) timed_out: bool,
    /// From before its start to its end.
    pub(crate) wall: Duration,
    /// Processor time of it and of its own children, user and system.
    pub(crate) cpu: Duration,
    /// Peak resident memory in KiB.
    pub(crate) peak_kib: u64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command`, with its output in files below `folder`, for `limit` at most.
pub(crate) fn run(mut command: Command, folder: &Path, limit: Duration) -> io::Result<Ended> {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    // SAFETY: CHILD-2: the hook makes one system call and touches nothing else.
    unsafe { command.pre_exec(die_with_parent) };

    let start = Instant::now();
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let timed_out = wait_or_kill(pid, limit)?;
    let wall = start.elapsed();
    let (status, usage) = reap(pid)?;

    Ok(Ended {
        status,
        timed_out,
        wall,
        cpu: span(usage.ru_utime) + span(usage.ru_stime),
        peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        stdout: String::from_utf8_lossy(&fs::read(&out)?).into_owned(),
        stderr: String::from_utf8_lossy(&fs::read(&err)?).into_owned(),
    })
}

/// Asks the kernel to end this process with the bench.
fn die_with_parent() -> io::Result<()> {
    // SAFETY: CHILD-2: a plain system call on integers, in the forked child.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits until the process has ended, but leaves it unreaped; `true` where it
/// had to be killed.
fn wait_or_kill(pid: libc::pid_t, limit: Duration) -> io::Result<bool> {
    thread::scope(|scope| {
        let (ended, alarm) = mpsc::channel::<()>();
        let watchdog = scope.spawn(move || {
            let late = alarm.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                // SAFETY: CHILD-1: `reap` runs after this scope, so the id is still our child's.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            late
        });
        let waited = wait_unreaped(pid);
        drop(ended);
        let late = watchdog.join().unwrap_or(false);
        waited.map(|()| late)
    })
}

/// Returns when the process has ended; it stays to be reaped.
fn wait_unreaped(pid: libc::pid_t) -> io::Result<()> {
    let id = libc::id_t::try_from(pid).map_err(io::Error::other)?;
    retry(|| {
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: CHILD-1: our own child, not reaped; `info` lives over the call.
        unsafe { libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT) }
    })
}

/// Takes the ended process away; its status and resource usage.
fn reap(pid: libc::pid_t) -> io::Result<(ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: all-zero is a valid value of this plain C structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    retry(|| {
        // SAFETY: CHILD-1: our own child; both places live over the call.
        unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) }
    })?;
    Ok((ExitStatus::from_raw(status), usage))
}

fn span(time: libc::timeval) -> Duration {
    let micros = time.tv_sec * 1_000_000 + time.tv_usec;
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Repeats a system call that a signal interrupted.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<()> {
    while call() == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Ended {
        let name = format!("xtask-child-{}-{}", std::process::id(), script.len());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ended = run(command, &folder, limit).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        ended
    }

    #[test]
    fn says_how_it_ended() {
        let ended = shell("echo out; echo err >&2; exit 3", Duration::from_secs(60));
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
        assert!(!ended.timed_out && ended.peak_kib > 0 && ended.wall > Duration::ZERO);
    }

    #[test]
    fn too_long_is_killed() {
        let ended = shell("exec sleep 600", Duration::from_millis(50));
        assert!(ended.timed_out);
        assert_eq!(ended.status.signal(), Some(libc::SIGKILL));
    }

    /// The peak must be the child's: this process is made much larger before.
    #[test]
    fn peak_is_not_the_parents() {
        let mut large = vec![0_u8; 64 << 20];
        large.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        std::hint::black_box(&large);
        drop(large);
        let ended = shell("exit  0", Duration::from_secs(60));
        assert!(ended.peak_kib < 32 << 10, "{} KiB", ended.peak_kib);
    }
}
