//! The programs on std and crossbeam-channel.

pub(crate) use crossbeam_channel as channel;
pub(crate) use std::{net, os, sync, thread};

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
