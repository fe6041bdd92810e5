//! The index: files, directories and posting lists, all garbage-collected.
//!
//! ```text
//! Root<Trie> ─ Trie ─byte 1─▸ Mid ─byte 2─▸ Low ─byte 3─▸ Posting ─▸ Posting ─▸ ..
//! Root<Dir>  ─ Dir ◂──parent── Dir, File      (and down again: first child, next sibling)
//! ```
//! Each indexer fills a trie of its own, so posting lists need no lock; the tree of directories is shared
//! by all, and grows by compare-and-exchange at the head of a sibling list.

use crate::query::{Query, Trigram};
use crate::scan::Batch;
use gort::gc::{self, Field, Gc, Mutator, Root, Trace};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Numbers of files in one block of a posting list: a block has 64 bytes.
const BLOCK: usize = 13;

/// A directory. Its name is empty at the root, where the path stands in `base`.
#[derive(Trace)]
pub(crate) struct Dir {
    base: Option<PathBuf>,
    name: OsString,
    parent: Field<Dir>,
    dirs: Field<Dir>,
    files: Field<File>,
    sibling: Field<Dir>,
}

/// A file that was indexed.
#[derive(Trace)]
pub(crate) struct File {
    name: OsString,
    parent: Field<Dir>,
    sibling: Field<File>,
}

#[derive(Trace)]
struct Trie {
    next: [Field<Mid>; 256],
}

#[derive(Trace)]
struct Mid {
    next: [Field<Low>; 256],
}

#[derive(Trace)]
struct Low {
    lists: [Field<Posting>; 256],
}

/// A block of a posting list, the newest first. Written by its indexer alone.
#[derive(Trace)]
struct Posting {
    len: AtomicU32,
    files: [AtomicU32; BLOCK],
    next: Field<Posting>,
}

impl Posting {
    fn len(&self) -> usize {
        self.len.load(Relaxed) as usize // ORDER: Relaxed — the indexer reads what it wrote itself.
    }

    /// Appends numbers to a block that holds `len`, and has room for them.
    fn append(&self, len: usize, numbers: &[u32]) {
        for (place, number) in self.files[len..].iter().zip(numbers) {
            place.store(*number, Relaxed); // ORDER: Relaxed — one writer, who is joined before others read.
        }
        self.len.store((len + numbers.len()) as u32, Relaxed); // ORDER: Relaxed — as above.
    }

    fn newest_first(&self) -> impl Iterator<Item = u32> + '_ {
        // ORDER: Relaxed — the indexer has ended, and joining it orders what it wrote.
        self.files[..self.len()].iter().rev().map(|n| n.load(Relaxed))
    }
}

/// Puts the directory that the search began with into the heap.
pub(crate) fn root_dir(base: PathBuf) -> Root<Dir> {
    let mu = gc::pin();
    let dir = mu.alloc(DirInit {
        base: Some(base),
        name: OsString::new(),
        parent: None,
        dirs: None,
        files: None,
        sibling: None,
    });
    Root::new(&mu, dir)
}

/// Adds a directory to its parent.
pub(crate) fn add_dir(parent: &Root<Dir>, name: OsString) -> Root<Dir> {
    let mu = gc::pin();
    let parent = parent.get(&mu);
    let dir = mu.alloc(DirInit {
        base: None,
        name,
        parent: Some(parent),
        dirs: None,
        files: None,
        sibling: None,
    });
    // Siblings are added by several goroutines at a time: at the head, if it is still what it was.
    let mut head = parent.dirs.load();
    loop {
        dir.sibling.store(&mu, head);
        match parent.dirs.compare_exchange(&mu, head, Some(dir)) {
            Ok(_) => return Root::new(&mu, dir),
            Err(now) => head = now,
        }
    }
}

fn add_file<'mu>(mu: &'mu Mutator, parent: Gc<'mu, Dir>, name: OsString) -> Gc<'mu, File> {
    let file = mu.alloc(FileInit { name, parent: Some(parent), sibling: None });
    let mut head = parent.files.load();
    loop {
        file.sibling.store(mu, head);
        match parent.files.compare_exchange(mu, head, Some(file)) {
            Ok(_) => return file,
            Err(now) => head = now,
        }
    }
}

/// The path of a directory, from its names up to the root.
pub(crate) fn path_of(dir: &Root<Dir>) -> PathBuf {
    let mu = gc::pin();
    dir_path(dir.get(&mu))
}

fn dir_path(dir: Gc<'_, Dir>) -> PathBuf {
    let mut names = Vec::new();
    let mut at = dir;
    let mut path = loop {
        let here = at.get();
        if let Some(base) = &here.base {
            break base.clone();
        }
        names.push(&here.name);
        match here.parent.load() {
            Some(parent) => at = parent,
            None => break PathBuf::new(),
        }
    };
    path.extend(names.into_iter().rev());
    path
}

/// One indexer's part: a trie, and the files by number.
pub(crate) struct Index {
    trie: Root<Trie>,
    files: Vec<Root<File>>,
    batch: Batch,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mu = gc::pin();
        let trie = mu.alloc(TrieInit { next: [None; 256] });
        Self { trie: Root::new(&mu, trie), files: Vec::new(), batch: Batch::new() }
    }

    /// Adds a file and its trigrams.
    pub(crate) fn add(&mut self, parent: &Root<Dir>, name: OsString, codes: &[u32]) {
        let mu = gc::pin();
        let file = add_file(&mu, parent.get(&mu), name);
        let number = self.files.len() as u32;
        self.files.push(Root::new(&mu, file));
        if self.batch.add(number, codes) {
            drop(mu);
            self.finish();
        }
    }

    /// Writes what was collected into the posting lists; to be called after the last file.
    pub(crate) fn finish(&mut self) {
        let mu = gc::pin();
        let trie = self.trie.get(&mu);
        self.batch.hand_out(|trigram, files| post(&mu, trie, trigram, files));
    }

    /// Paths of the files in which the pattern could match.
    pub(crate) fn candidates(&self, query: &Query) -> Vec<PathBuf> {
        let mu = gc::pin();
        let trie = self.trie.get(&mu);
        let numbers = query.files(self.files.len() as u32, &mut |t| posted(trie, t));
        numbers.into_iter().map(|n| file_path(self.files[n as usize].get(&mu))).collect()
    }
}

fn file_path(file: Gc<'_, File>) -> PathBuf {
    let mut path = file.get().parent.load().map(dir_path).unwrap_or_default();
    path.push(&file.name);
    path
}

/// Appends files to the list of a trigram.
fn post(mu: &Mutator, trie: Gc<'_, Trie>, [a, b, c]: Trigram, numbers: &[u32]) {
    let mid = match trie.next[a as usize].load() {
        Some(mid) => mid,
        None => {
            let mid = mu.alloc(MidInit { next: [None; 256] });
            trie.next[a as usize].store(mu, Some(mid));
            mid
        }
    };
    let low = match mid.next[b as usize].load() {
        Some(low) => low,
        None => {
            let low = mu.alloc(LowInit { lists: [None; 256] });
            mid.next[b as usize].store(mu, Some(low));
            low
        }
    };
    let list = &low.lists[c as usize];
    let mut head = list.load();
    let mut numbers = numbers;
    if let Some(block) = head {
        let len = block.len();
        let (fit, rest) = numbers.split_at(numbers.len().min(BLOCK - len));
        block.append(len, fit);
        numbers = rest;
    }
    for chunk in numbers.chunks(BLOCK) {
        let files: [AtomicU32; BLOCK] =
            std::array::from_fn(|i| AtomicU32::new(chunk.get(i).copied().unwrap_or(0)));
        let len = AtomicU32::new(chunk.len() as u32);
        let block = mu.alloc(PostingInit { len, files, next: head });
        list.store(mu, Some(block));
        head = Some(block);
    }
}

/// The files of a trigram, ascending.
fn posted(trie: Gc<'_, Trie>, [a, b, c]: Trigram) -> Vec<u32> {
    let low = trie.next[a as usize].load().and_then(|mid| mid.get().next[b as usize].load());
    let mut block = low.and_then(|low| low.get().lists[c as usize].load());
    let mut numbers = Vec::new();
    while let Some(b) = block {
        numbers.extend(b.newest_first());
        block = b.get().next.load();
    }
    numbers.reverse();
    numbers
}
