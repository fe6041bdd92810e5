//! The search on goroutines: walkers → indexers, then candidates → checkers → printer.

use crate::index::Index;
use crate::query::Query;
use crate::report::{Counts, Progress};
use crate::scan;
use crate::walk::{Found, Walk};
use gort::channel::{Receiver, bounded};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that wait for an indexer, and results that wait for the printer.
const WAITING: usize = 64;

/// Searches; prints the matching lines in the order of their paths.
pub(crate) fn run(pattern: Regex, query: Query, dir: PathBuf) -> io::Result<Arc<Counts>> {
    // What is indexed stays alive: collections find little to free. Unless somebody says otherwise, the
    // heap may grow to four times what is alive before the next.
    if std::env::var_os("GOGC").is_none() {
        gort::gc::set_gc_percent(Some(300));
    }
    let counts = Arc::new(Counts::default());
    let progress = Progress::start(&counts);
    let parts = build(dir, &counts);
    progress.stop();
    let mut paths: Vec<PathBuf> = parts.iter().flat_map(|p| p.candidates(&query)).collect();
    paths.sort_unstable_by(|a, b| order(a, b));
    counts.candidates.add(paths.len() as u64);
    check(Arc::new(pattern), paths, &counts)?;
    Ok(counts)
}

/// Paths are compared as the bytes that are printed.
pub(crate) fn order(a: &Path, b: &Path) -> std::cmp::Ordering {
    a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes())
}

/// Walks, reads and indexes; one part of the index comes back from each indexer.
fn build(dir: PathBuf, counts: &Arc<Counts>) -> Vec<Index> {
    let (out, found) = bounded::<Found>(WAITING);
    let indexers: Vec<_> = (0..gort::runtime::procs())
        .map(|_| {
            let found = found.clone();
            counts.goroutines.add(1);
            gort::go(move || {
                let mut index = Index::new();
                for file in found {
                    index.add(&file.dir, file.name, &file.codes);
                }
                index.finish();
                index
            })
        })
        .collect();
    let walk = Walk::new(out, Arc::clone(counts));
    walk.run(dir);
    // The last walker may still hold the walk for a moment: closing is what ends the indexers.
    walk.out.close();
    indexers.into_iter().map(|i| i.join().expect("an indexer does not panic")).collect()
}

/// Reads the candidates again, matches them line by line, and prints in order.
fn check(pattern: Arc<Regex>, paths: Vec<PathBuf>, counts: &Arc<Counts>) -> io::Result<()> {
    let (feed, tasks) = bounded::<(usize, PathBuf)>(WAITING);
    let (results, printed) = bounded::<(usize, Vec<u8>)>(WAITING);
    for _ in 0..gort::runtime::procs() * 2 {
        let (tasks, results, pattern, counts) =
            (tasks.clone(), results.clone(), Arc::clone(&pattern), Arc::clone(counts));
        counts.goroutines.add(1);
        gort::go(move || {
            for (number, path) in tasks {
                let lines = match std::fs::read(&path) {
                    Ok(bytes) => scan::matches(&pattern, &path, &bytes),
                    Err(e) => {
                        counts.unreadable(&path, &e);
                        Vec::new()
                    }
                };
                if results.send((number, lines)).is_err() {
                    return;
                }
            }
        });
    }
    drop((tasks, results));
    counts.goroutines.add(1);
    gort::go(move || {
        for task in paths.into_iter().enumerate() {
            if feed.send(task).is_err() {
                return;
            }
        }
    });
    print(printed, counts)
}

/// Prints results as their turn comes; those that are early wait.
fn print(results: Receiver<(usize, Vec<u8>)>, counts: &Counts) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout());
    let (mut early, mut turn) = (BTreeMap::new(), 0);
    for (number, lines) in results {
        early.insert(number, lines);
        while let Some(lines) = early.remove(&turn) {
            let matches = lines.iter().filter(|&&b| b == b'\n').count();
            counts.matches.add(matches as u64);
            out.write_all(&lines)?;
            turn += 1;
        }
    }
    out.flush()
}
