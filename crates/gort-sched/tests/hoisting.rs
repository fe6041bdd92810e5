//! TLS-1 and lessons of others: after a switch nothing of the old thread is left in a register. This program disassembles
//! itself.
//!
//! The compiler takes it for granted that a function stays on its thread: it may work out a thread-local's address once and
//! keep it over a call. So what may switch stacks must not hold an address of thread-local memory: the runtime reads its own
//! word by one instruction, relative to the thread's register, and reaches everything else by functions that never switch.
//! Meant for release builds: `cargo test --release -p gort-sched --test hoisting`.
#![cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]

mod common;

use common::config;
use gort_sched::park::{Ticket, WaitReason};
use gort_sched::testing::run_with;
use gort_sched::{checkpoint, go, thread};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

/// Everything that parks, twice, with a use of the thread before, between and after.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gort_probe_parks(rounds: u64) -> u64 {
    let mut sum = 0;
    for n in 0..rounds {
        sum += thread::goroutine_id().unwrap_or(0);
        thread::yield_now();
        sum += thread::goroutine_id().unwrap_or(0);
        let ticket = Ticket::open();
        let waker = go(move || {
            if ticket.claim(3) {
                ticket.wake();
            }
        });
        sum += u64::from(ticket.wait(WaitReason::Park));
        sum += u64::from(waker.join().is_ok());
        thread::sleep(Duration::from_nanos(n));
        checkpoint();
        sum += thread::current().id().as_u64() + u64::from(thread::panicking());
        sum += thread::no_park(|| thread::blocking(|| n));
    }
    sum
}

/// Instructions of each function of this program, by its name without the hash; `None` without a disassembler.
fn functions() -> Option<BTreeMap<String, Vec<String>>> {
    let mut objdump = Command::new("objdump");
    objdump.args(["-d", "-C", "--no-show-raw-insn", "--no-addresses"]);
    let out = objdump.arg(std::env::current_exe().expect("a path")).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut all = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        match line.strip_prefix('<').and_then(|l| l.strip_suffix(">:")) {
            Some(start) => name = start.to_owned(),
            None if line.starts_with('\t') && !name.is_empty() => {
                all.entry(name.clone()).or_insert_with(Vec::new).push(line.trim().to_owned());
            }
            None => {}
        }
    }
    (!all.is_empty()).then_some(all)
}

/// An address in the thread's own memory goes into a register: the thread pointer itself is read, or the linker's function is
/// called. (A load relative to `%fs` by an offset is no address.)
fn takes_an_address(line: &str) -> bool {
    line.contains("%fs:0x0,") || line.contains("__tls_get_addr")
}

/// Functions of the runtime that do take such an address, and never switch: they are for plain threads, and for sysmon.
const FOR_PLAIN_THREADS: [&str; 7] = [
    "<gort_sched::deadlock::HelperThread as core::ops::drop::Drop>::drop",
    "gort_sched::deadlock::HelperThread::register",
    "gort_sched::park::Ticket::open_outside",
    "gort_sched::park::join_in",
    "gort_sched::park::ready_from_outside",
    "gort_sched::sysmon::run",
    "gort_sched::thread::current::current",
];

#[test]
fn nothing_of_the_old_thread_is_left_after_a_switch() {
    // It runs, in both modes.
    for migrate in [false, true] {
        assert!(run_with(config(2, migrate), || gort_probe_parks(50)) > 0);
    }
    let Some(all) = functions() else {
        return eprintln!("not shown: objdump is not installed");
    };
    let probe = &all["gort_probe_parks"];
    assert!(!probe.iter().any(|l| takes_an_address(l)), "{probe:#?}");
    if cfg!(debug_assertions) {
        return; // Closures of `LocalKey` are functions of their own there, one for each use.
    }
    let takes = all.iter().filter(|(_, code)| code.iter().any(|l| takes_an_address(l)));
    let ours = takes.map(|(name, _)| name.as_str()).filter(|name| name.contains("gort_"));
    let others: Vec<&str> = ours.filter(|name| !FOR_PLAIN_THREADS.contains(name)).collect();
    assert!(others.is_empty(), "addresses of thread-locals are taken in {others:#?}");
}
