//! What was counted, and how it is told.

use crate::scan;
use gort::channel::{Sender, bounded, tick};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number that several goroutines count up.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed); // ORDER: Relaxed — a number that publishes nothing.
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed) // ORDER: Relaxed — as above.
    }
}

/// Counters of one search.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) files: Counter,
    pub(crate) bytes: Counter,
    pub(crate) binary: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) candidates: Counter,
    pub(crate) matches: Counter,
    pub(crate) goroutines: Counter,
}

impl Counts {
    /// Says that something could not be read, and counts it.
    pub(crate) fn unreadable(&self, path: &Path, e: &std::io::Error) {
        self.unreadable.add(1);
        scan::complain(path, e);
    }
}

/// A line that shows how far the indexing is, on a terminal only.
pub(crate) struct Progress(Option<(Sender<()>, gort::JoinHandle<()>)>);

impl Progress {
    pub(crate) fn start(counts: &Arc<Counts>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let counts = Arc::clone(counts);
        let (stop, stopped) = bounded::<()>(0);
        let beat = tick(Duration::from_millis(100));
        let shower = gort::go(move || {
            loop {
                gort::select! {
                    recv(beat) -> _ => eprint!(
                        "\r{} files, {} MiB indexed\x1b[K",
                        counts.files.get(),
                        counts.bytes.get() >> 20
                    ),
                    recv(stopped) -> _ => break,
                }
            }
            eprint!("\r\x1b[K");
        });
        Self(Some((stop, shower)))
    }

    pub(crate) fn stop(self) {
        if let Some((stop, shower)) = self.0 {
            drop(stop);
            let _ = shower.join();
        }
    }
}

/// The report at the end.
pub(crate) fn print(c: &Counts, wall: Duration, sequential: bool) {
    let n = Counter::get;
    let mut text = format!(
        "{} matches in {} candidates of {} files, {:.1} MiB ({} binary, {} unreadable)\n",
        n(&c.matches),
        n(&c.candidates),
        n(&c.files),
        n(&c.bytes) as f64 / f64::from(1 << 20),
        n(&c.binary),
        n(&c.unreadable),
    );
    if !sequential {
        let (sched, gc) = (gort::runtime::stats(), gort::gc::stats());
        let mib = |b: u64| b as f64 / f64::from(1 << 20);
        text += &format!(
            "{} goroutines on {} processors, {} steals ({} goroutines), {} hand-offs, {} threads\n\
             {} collections, longest handshake {:.0} us; heap: {:.1} MiB live at the last, {:.1} MiB committed\n",
            n(&c.goroutines),
            sched.procs,
            sched.steals,
            sched.stolen,
            sched.handoffs,
            sched.threads,
            gc.cycles,
            gc.longest_handshake.as_secs_f64() * 1e6,
            mib(gc.live_bytes),
            mib(gc.committed),
        );
    }
    text += &format!("{:.3} s\n", wall.as_secs_f64());
    let _ = std::io::stderr().write_all(text.as_bytes());
}
