//! The client of `tcp_echo`, the same for all systems:
//! `echo-client SERVER WORKLOAD [quick]`.
//!
//! It starts the server, reads the line `listening ADDRESS`, and plays ping-pong
//! on 64 connections from one thread: a message goes out, comes back whole, is
//! compared, and the next goes out. At the end it kills the server and weighs it:
//! its processor time and its peak memory are the kernel's own figures, not this
//! client's.
//!
//! # Does not know
//! What the server is made of.
//!
//! # Invariants
//! - ECHO-1 Descriptors and structures given to the kernel live over the call.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! This page → `server` → `load`.
//!
//! An example of its use alone:
//!
//! ```text
//! $ GOMAXPROCS=2 echo-client gort-bench tcp_echo
//! metric tcp_echo 182334.1 requests/s
//! ```

mod load;
mod server;

use std::process::ExitCode;
use std::time::Duration;

use gort_bench_kit::parameters::tcp_echo::{CONNECTIONS, MILLIS};
use gort_bench_kit::{Wrong, metric, program};
use server::Server;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((program, rest)) = args.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        eprintln!("usage: echo-client SERVER WORKLOAD [quick]");
        return ExitCode::from(2);
    };
    program::set_quick(rest.last().is_some_and(|last| last == "quick"));
    match run(program, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("echo-client: {wrong}");
            ExitCode::from(wrong.status())
        }
    }
}

fn run(program: &str, args: &[String]) -> Result<(), Wrong> {
    let server = Server::start(program, args)?;
    let mut load = load::Load::connect(server.address(), CONNECTIONS)?;
    // A tenth of the time to warm up: the server's tasks exist, its buffers are touched.
    let time = Duration::from_millis(MILLIS.get());
    load.run(time / 10)?;
    let (requests, elapsed) = load.run(time)?;
    drop(load);

    let weight = server.end()?;
    metric("tcp_echo", requests as f64 / elapsed.as_secs_f64(), "requests/s");
    metric("tcp_echo_cpu", weight.cpu_millis, "ms");
    metric("tcp_echo_rss", weight.peak_mib, "MiB");
    Ok(())
}
