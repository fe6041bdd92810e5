//! The peers: how each is found or built on this machine.
//!
//! One file per peer. A peer that cannot be had is no failure: the reason is
//! printed and the bench goes on without it.

mod go;

use std::path::Path;

use super::system::System;

/// A system that gort can be compared with.
#[derive(Debug)]
pub(crate) struct Peer {
    /// As `--peers` names it.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Finds or builds it, given the workspace's root; else says why not.
    pub(crate) prepare: fn(&Path) -> Result<System, String>,
}

/// All peers, in the order of the table's columns.
pub(crate) const PEERS: &[Peer] = &[Peer {
    name: "go",
    about: "Go, standard library only: from PATH, or installed into target/peers",
    prepare: go::prepare,
}];
