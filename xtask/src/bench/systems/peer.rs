//! The peers: how each is found or built on this machine.
//!
//! A peer that cannot be had is no failure: the reason is printed and the bench
//! goes on without it.

mod bdwgc;
mod crates;
mod glibc;
mod go;

use std::path::Path;
use std::process::Command;

use crate::bench::systems::system::System;
use crate::bench::workload::Group::{self, Allocator, Collector, Process, Switch, Tasks};

/// A system that gort can be compared with.
#[derive(Debug)]
pub(crate) struct Peer {
    /// As `--peers` names it.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The kinds of workloads that it has programs for.
    pub(crate) groups: &'static [Group],
    source: Source,
}

/// Where its programs come from.
#[derive(Debug)]
enum Source {
    Go,
    Crate(crates::Recipe),
    Glibc,
    Bdwgc,
}

impl Peer {
    /// Finds or builds it, given the workspace's root; else says why not.
    pub(crate) fn prepare(&self, root: &Path) -> Result<System, String> {
        match &self.source {
            Source::Go => go::prepare(root),
            Source::Crate(recipe) => crates::prepare(root, self.name, recipe),
            Source::Glibc => glibc::prepare(root),
            Source::Bdwgc => bdwgc::prepare(root),
        }
    }
}

/// A peer that is a crate.
const fn of_crate(
    name: &'static str,
    about: &'static str,
    groups: &'static [Group],
    package: &'static str,
    version_of: &'static str,
) -> Peer {
    let recipe = crates::Recipe { package, program: package, hello: None, version_of };
    Peer { name, about, groups, source: Source::Crate(recipe) }
}

/// All peers, in the order in which they are reported.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "go",
        about: "Go, standard library only: from PATH, or installed into target/peers",
        groups: &[Tasks, Collector, Process],
        source: Source::Go,
    },
    Peer {
        name: "tokio",
        about: "tokio's runtime, channels, timers and sockets",
        groups: &[Tasks, Process],
        source: Source::Crate(crates::Recipe {
            package: "peer-tokio",
            program: "peer-tokio",
            hello: Some("peer-tokio-hello"),
            version_of: "tokio",
        }),
    },
    of_crate("may", "may, stackful coroutines", &[Tasks], "peer-may", "may"),
    of_crate("flume", "flume's channels on tokio's tasks", &[Tasks], "peer-flume", "flume"),
    of_crate(
        "crossbeam",
        "crossbeam-channel on std's threads",
        &[Tasks],
        "peer-crossbeam",
        "crossbeam-channel",
    ),
    of_crate(
        "parking_lot",
        "parking_lot's mutex on std's threads",
        &[Tasks],
        "peer-parking-lot",
        "parking_lot",
    ),
    of_crate(
        "corosensei",
        "corosensei, the bare switch",
        &[Switch],
        "peer-corosensei",
        "corosensei",
    ),
    Peer {
        name: "glibc",
        about: "this machine's malloc",
        groups: &[Allocator],
        source: Source::Glibc,
    },
    of_crate("mimalloc", "mimalloc as global allocator", &[Allocator], "peer-mimalloc", "mimalloc"),
    of_crate(
        "jemalloc",
        "jemalloc as global allocator",
        &[Allocator],
        "peer-jemalloc",
        "tikv-jemallocator",
    ),
    of_crate(
        "snmalloc",
        "snmalloc as global allocator",
        &[Allocator],
        "peer-snmalloc",
        "snmalloc-rs",
    ),
    of_crate("gc-arena", "gc-arena's collector", &[Collector], "peer-gc-arena", "gc-arena"),
    of_crate("dumpster", "dumpster's counted pointers", &[Collector], "peer-dumpster", "dumpster"),
    Peer {
        name: "bdwgc",
        about: "Boehm, Demers, Weiser: the conservative collector, in C",
        groups: &[Collector],
        source: Source::Bdwgc,
    },
    owner("rc", "counted trees: std::rc::Rc", "peer-rc", ""),
    owner("box", "owned trees: Box", "peer-box", ""),
    owner("bump", "trees in bump arenas: bumpalo", "peer-bump", "bumpalo"),
];

/// A way of owning trees without a collector.
const fn owner(
    name: &'static str,
    about: &'static str,
    program: &'static str,
    version_of: &'static str,
) -> Peer {
    let recipe = crates::Recipe { package: "peer-ownership", program, hello: None, version_of };
    Peer { name, about, groups: &[Collector], source: Source::Crate(recipe) }
}

/// Runs a tool; its standard output, or what went wrong in one line.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(format!("{name} failed ({}): {}", output.status, last.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_one_line_with_the_reason() {
        let missing = output(&mut Command::new("no-such-program")).unwrap_err();
        assert!(missing.contains("no-such-program cannot be run"), "{missing}");
        let failing = output(Command::new("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"]));
        assert!(failing.unwrap_err().ends_with(": two"));
    }
}
