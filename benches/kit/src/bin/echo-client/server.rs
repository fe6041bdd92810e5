//! The server as a child process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{io, mem};

use gort_bench_kit::{Wrong, fail};

/// A running server. It is killed when this goes.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

/// What the kernel says of it afterwards.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) cpu_millis: f64,
    pub(crate) peak_mib: f64,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(program: &str, args: &[String]) -> Result<Self, Wrong> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .or_else(|error| fail(format_args!("{program} cannot be started: {error}")))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).or_else(fail)?;
        }
        let address = line.strip_prefix("listening ").and_then(|text| text.trim().parse().ok());
        let Some(address) = address else {
            let status = child.wait().or_else(fail)?;
            return fail(format_args!("the server ended with {status} before it listened"));
        };
        Ok(Self { child, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it and takes it away.
    pub(crate) fn end(mut self) -> Result<Weight, Wrong> {
        self.child.kill().or_else(fail)?;
        let pid = self.child.id() as libc::pid_t;
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        let mut status = 0;
        // SAFETY: ECHO-1: our own child, not reaped; both places live over the call.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } != pid {
            return fail(io::Error::last_os_error());
        }
        let millis = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
        Ok(Weight {
            cpu_millis: millis(usage.ru_utime) + millis(usage.ru_stime),
            peak_mib: usage.ru_maxrss as f64 / 1024.0,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `end` there is nothing left to kill; then both say so, and that is well.
        drop(self.child.kill());
        drop(self.child.try_wait());
    }
}
