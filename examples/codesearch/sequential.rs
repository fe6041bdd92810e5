//! The same work on one thread with the standard library alone.

use crate::query::{Query, Trigram};
use crate::report::Counts;
use crate::scan::{self, Batch, Distinct};
use crate::search::order;
use regex::bytes::Regex;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Low = [Vec<u32>; 256];
type Mid = [Option<Box<Low>>; 256];

/// The index in plain collections: the same trie, with a vector for each list.
struct Index {
    trie: Vec<Option<Box<Mid>>>,
    files: Vec<PathBuf>,
    distinct: Distinct,
    batch: Batch,
}

impl Index {
    fn add(&mut self, path: PathBuf, bytes: &[u8]) {
        let number = self.files.len() as u32;
        self.files.push(path);
        if self.batch.add(number, &self.distinct.of(bytes)) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let trie = &mut self.trie;
        self.batch.hand_out(|[a, b, c], files| {
            let mid = trie[a as usize].get_or_insert_with(|| Box::new([const { None }; 256]));
            let low = mid[b as usize].get_or_insert_with(|| Box::new([const { Vec::new() }; 256]));
            low[c as usize].extend_from_slice(files);
        });
    }

    fn posted(&self, [a, b, c]: Trigram) -> Vec<u32> {
        let mid = self.trie[a as usize].as_ref();
        let low = mid.and_then(|m| m[b as usize].as_ref());
        low.map(|l| l[c as usize].clone()).unwrap_or_default()
    }
}

/// Searches; prints the matching lines in the order of their paths.
pub(crate) fn run(pattern: &Regex, query: &Query, dir: &Path) -> io::Result<Arc<Counts>> {
    let counts = Arc::new(Counts::default());
    let mut index = Index {
        trie: (0..256).map(|_| None).collect(),
        files: Vec::new(),
        distinct: Distinct::new(),
        batch: Batch::new(),
    };
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        match std::fs::read_dir(&dir) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => visit(&entry, &mut todo, &mut index, &counts),
                        Err(e) => counts.unreadable(&dir, &e),
                    }
                }
            }
            Err(e) => counts.unreadable(&dir, &e),
        }
    }
    index.finish();
    let numbers = query.files(index.files.len() as u32, &mut |t| index.posted(t));
    let mut paths: Vec<&PathBuf> = numbers.iter().map(|&n| &index.files[n as usize]).collect();
    paths.sort_unstable_by(|a, b| order(a, b));
    counts.candidates.add(paths.len() as u64);
    let mut out = io::BufWriter::new(io::stdout());
    for path in paths {
        match std::fs::read(path) {
            Ok(bytes) => {
                let lines = scan::matches(pattern, path, &bytes);
                let matches = lines.iter().filter(|&&b| b == b'\n').count();
                counts.matches.add(matches as u64);
                out.write_all(&lines)?;
            }
            Err(e) => counts.unreadable(path, &e),
        }
    }
    out.flush()?;
    Ok(counts)
}

fn visit(entry: &std::fs::DirEntry, todo: &mut Vec<PathBuf>, index: &mut Index, counts: &Counts) {
    let path = entry.path();
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => todo.push(path),
        Ok(kind) if kind.is_file() => match std::fs::read(&path) {
            Ok(bytes) if scan::is_binary(&bytes) => {
                counts.binary.add(1);
            }
            Ok(bytes) => {
                counts.files.add(1);
                counts.bytes.add(bytes.len() as u64);
                index.add(path, &bytes);
            }
            Err(e) => counts.unreadable(&path, &e),
        },
        Ok(_) => {}
        Err(e) => counts.unreadable(&path, &e),
    }
}
