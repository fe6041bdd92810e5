//! Models of the scheduler's protocols, a file each. Every one is explored completely, on a machine with store buffers, and
//! finds its planted mutants.

mod alarm;
mod explore;
mod handoff;
mod inbox;
mod injector;
mod lend;
mod note;
mod poller;
mod shutdown;
mod slot;
mod timers;
mod wake;
