//! The end of a program.
//!
//! | the main goroutine | then | status |
//! |---|---|---|
//! | returns | exit hooks in reverse order, standard output flushed | its own code |
//! | panics | its destructors first (the panic was reported), then as above | 101 |
//! | calls `goexit` | others run on; when none can, the deadlock report | 2 |
//! | (any goroutine) calls `std::process::exit` | at once: no hooks, no destructors | as asked |
//!
//! Whatever other goroutines do at that moment is not waited for, their destructors do not run,
//! and nothing is unmapped: the process ends with one `exit_group`.

use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ExitCode, Termination};

static RANK: Rank = Rank { layer: layer::BOOT, n: 6, name: "boot.exit_hooks" };
static HOOKS: Lock<Vec<Box<dyn FnOnce() + Send>>> = Lock::new(&RANK, Vec::new());

/// Status of a program whose main goroutine panicked, as Rust's.
const PANICKED: u8 = 101;

/// Runs `f` at the end of the program, the last registered first. Not at
/// `std::process::exit`, nor after a fatal error.
pub fn at_exit(f: impl FnOnce() + Send + 'static) {
    HOOKS.lock().push(Box::new(f));
}

/// Runs what was registered; a hook that panics is passed over.
pub(crate) fn run_hooks() {
    loop {
        let hook = HOOKS.lock().pop();
        match hook {
            Some(hook) => _ = catch_unwind(AssertUnwindSafe(hook)),
            None => return,
        }
    }
}

/// Runs the main function as the program's: its end ends the process.
pub(crate) fn run_to_exit<R: Termination>(f: impl FnOnce() -> R) {
    match catch_unwind(AssertUnwindSafe(|| f().report())) {
        Ok(code) => leave(status_of(code)),
        Err(payload) if gort_sched::thread::is_goexit(&*payload) => {
            std::panic::resume_unwind(payload)
        }
        Err(_) => leave(PANICKED),
    }
}

fn leave(status: u8) -> ! {
    run_hooks();
    let _ = std::io::stdout().flush();
    std::process::exit(i32::from(status))
}

/// The number in an exit code, which has no other way out.
fn status_of(code: ExitCode) -> u8 {
    (0..=u8::MAX).find(|&n| ExitCode::from(n) == code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_out() {
        for n in 0..=u8::MAX {
            assert_eq!(status_of(ExitCode::from(n)), n);
        }
        assert_eq!(status_of(ExitCode::FAILURE), 1);
    }
}
