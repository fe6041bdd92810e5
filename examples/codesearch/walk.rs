//! Walking and reading: a goroutine for each directory.
//!
//! Reading is ordinary blocking `std::fs`; while a thread waits for the disk, the scheduler gives its
//! processor to another. A semaphore bounds how many read at a time, and so the threads and the memory.

use crate::index::{self, Dir};
use crate::report::Counts;
use crate::scan::{self, Distinct};
use gort::channel::{Receiver, Sender, bounded};
use gort::gc::Root;
use gort::sync::{Semaphore, WaitGroup};
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// How many goroutines read the file system at a time.
const READERS: usize = 32;

/// A file on its way to an indexer.
pub(crate) struct Found {
    pub(crate) dir: Root<Dir>,
    pub(crate) name: OsString,
    /// Its distinct trigrams.
    pub(crate) codes: Vec<u32>,
}

/// What the goroutines of a walk share.
pub(crate) struct Walk {
    pub(crate) out: Sender<Found>,
    pub(crate) counts: Arc<Counts>,
    readers: Semaphore,
    /// A few that are lent to whoever has read a file; a channel is a pool.
    distinct: (Sender<Distinct>, Receiver<Distinct>),
    running: WaitGroup,
}

impl Walk {
    pub(crate) fn new(out: Sender<Found>, counts: Arc<Counts>) -> Arc<Self> {
        let lent = gort::runtime::procs() as usize + 1;
        let distinct = bounded(lent);
        for _ in 0..lent {
            let _ = distinct.0.try_send(Distinct::new());
        }
        let (readers, running) = (Semaphore::new(READERS), WaitGroup::new());
        Arc::new(Self { out, counts, readers, distinct, running })
    }

    /// Walks the tree below `base`; returns when all of it was sent.
    pub(crate) fn run(self: &Arc<Self>, base: PathBuf) {
        self.spawn(index::root_dir(base));
        self.running.wait();
    }

    fn spawn(self: &Arc<Self>, dir: Root<Dir>) {
        self.running.add(1);
        self.counts.goroutines.add(1);
        let walk = Arc::clone(self);
        gort::go(move || {
            walk.directory(&dir);
            walk.running.done();
        });
    }

    /// Reads one directory: its files here, its directories in goroutines of their own.
    fn directory(self: &Arc<Self>, dir: &Root<Dir>) {
        let path = index::path_of(dir);
        self.readers.acquire(1);
        let entries: Vec<_> = match std::fs::read_dir(&path) {
            Ok(entries) => entries.collect(),
            Err(e) => {
                self.counts.unreadable(&path, &e);
                Vec::new()
            }
        };
        self.readers.release(1);
        let mut bytes = Vec::new();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    self.counts.unreadable(&path, &e);
                    continue;
                }
            };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.spawn(index::add_dir(dir, entry.file_name())),
                Ok(kind) if kind.is_file() => self.file(dir, &entry, &mut bytes),
                // Links (and with them loops), sockets and devices.
                Ok(_) => {}
                Err(e) => self.counts.unreadable(&entry.path(), &e),
            }
        }
    }

    /// Reads a file into `bytes`, which serves for all files of a directory.
    fn file(&self, dir: &Root<Dir>, entry: &std::fs::DirEntry, bytes: &mut Vec<u8>) {
        bytes.clear();
        self.readers.acquire(1);
        let read = std::fs::File::open(entry.path()).and_then(|mut f| f.read_to_end(bytes));
        self.readers.release(1);
        match read {
            Ok(_) if scan::is_binary(bytes) => {
                self.counts.binary.add(1);
            }
            Ok(_) => {
                self.counts.files.add(1);
                self.counts.bytes.add(bytes.len() as u64);
                let Ok(mut distinct) = self.distinct.1.recv() else { return };
                let codes = distinct.of(bytes);
                let _ = self.distinct.0.send(distinct);
                // The indexers receive until the last sender is gone.
                let _ = self.out.send(Found { dir: dir.clone(), name: entry.file_name(), codes });
            }
            Err(e) => self.counts.unreadable(&entry.path(), &e),
        }
    }
}
