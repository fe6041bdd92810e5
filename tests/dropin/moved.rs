//! The programs on gort.

pub(crate) use gort::{channel, net, os, sync, thread};

#[path = "bank.rs"]
pub(crate) mod bank;
#[path = "chat.rs"]
pub(crate) mod chat;
#[path = "parcels.rs"]
pub(crate) mod parcels;
#[path = "phases.rs"]
pub(crate) mod phases;
#[path = "primes.rs"]
pub(crate) mod primes;
