//! The line that tells a waiting person how far it is.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Steps of a known number. On a terminal the line is overwritten; elsewhere only
/// notes are printed.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    done: usize,
    of: usize,
    start: Instant,
}

impl Progress {
    pub(crate) fn new(of: usize) -> Self {
        Self { terminal: io::stderr().is_terminal(), done: 0, of, start: Instant::now() }
    }

    /// One more step begins.
    pub(crate) fn step(&mut self, text: &str) {
        let left = left(self.start.elapsed(), self.done, self.of);
        let head = format!("[{}/{}{left}] ", self.done + 1, self.of);
        self.done += 1;
        self.say(&(head + text));
    }

    /// Steps that will not be made.
    pub(crate) fn skip(&mut self, steps: usize) {
        self.of -= steps.min(self.of);
    }

    /// Something that is no step.
    pub(crate) fn say(&mut self, text: &str) {
        if self.terminal {
            self.write(&format!("\r\x1b[K{text}"));
        }
    }

    /// A line that stays.
    pub(crate) fn note(&mut self, text: &str) {
        self.clear();
        self.write(&format!("bench: {text}\n"));
    }

    pub(crate) fn clear(&mut self) {
        if self.terminal {
            self.write("\r\x1b[K");
        }
    }

    fn write(&mut self, text: &str) {
        let mut stderr = io::stderr();
        // Nobody may be listening; that is no reason to stop measuring.
        drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
    }
}

/// How long it may still take, once a few steps are done.
fn left(elapsed: Duration, done: usize, of: usize) -> String {
    if done < 5 {
        return String::new();
    }
    let seconds = elapsed.as_secs_f64() / done as f64 * of.saturating_sub(done) as f64;
    if seconds < 90.0 {
        format!(", {seconds:.0} s left")
    } else {
        format!(", {:.0} min left", seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_once_it_knows() {
        let second = Duration::from_secs(10);
        assert_eq!(left(second, 4, 100), "");
        assert_eq!(left(second, 10, 20), ", 10 s left");
        assert_eq!(left(second, 10, 310), ", 5 min left");
    }
}
