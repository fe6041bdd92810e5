//! Walking and reading: a goroutine for each directory.
//!
//! Reading is ordinary blocking `std::fs`; while a thread waits for the disk, the scheduler gives its
//! processor to another. A semaphore bounds how many read at a time, and so the threads and the memory.

use crate::index::{self, Dir};
use crate::report::Counts;
use crate::scan;
use gort::channel::Sender;
use gort::gc::Root;
use gort::sync::{Semaphore, WaitGroup};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// How many goroutines read the file system at a time.
const READERS: usize = 32;

/// A file's contents on their way to an indexer.
pub(crate) struct Contents {
    pub(crate) dir: Root<Dir>,
    pub(crate) name: OsString,
    pub(crate) bytes: Vec<u8>,
}

/// What the goroutines of a walk share.
pub(crate) struct Walk {
    pub(crate) out: Sender<Contents>,
    pub(crate) counts: Arc<Counts>,
    readers: Semaphore,
    running: WaitGroup,
}

impl Walk {
    pub(crate) fn new(out: Sender<Contents>, counts: Arc<Counts>) -> Arc<Self> {
        Arc::new(Self { out, counts, readers: Semaphore::new(READERS), running: WaitGroup::new() })
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
                Ok(kind) if kind.is_file() => self.file(dir, &entry),
                // Links (and with them loops), sockets and devices.
                Ok(_) => {}
                Err(e) => self.counts.unreadable(&entry.path(), &e),
            }
        }
    }

    fn file(&self, dir: &Root<Dir>, entry: &std::fs::DirEntry) {
        self.readers.acquire(1);
        let read = std::fs::read(entry.path());
        self.readers.release(1);
        match read {
            Ok(bytes) if scan::is_binary(&bytes) => {
                self.counts.binary.add(1);
            }
            Ok(bytes) => {
                self.counts.files.add(1);
                self.counts.bytes.add(bytes.len() as u64);
                let contents = Contents { dir: dir.clone(), name: entry.file_name(), bytes };
                // The indexers receive until the last sender is gone.
                let _ = self.out.send(contents);
            }
            Err(e) => self.counts.unreadable(&entry.path(), &e),
        }
    }
}
