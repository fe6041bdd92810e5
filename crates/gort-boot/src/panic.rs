//! Panics of goroutines, reported like a thread's, with the goroutine's number and name.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::Once;

/// Puts a hook in front of the one that is installed: panics on goroutines are reported here,
/// all others as before. Once per process; a hook that the program installs later replaces it.
pub(crate) fn report_goroutines() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if gort_sched::thread::with_current_name(|id, name| report(info, id, name)).is_none() {
                before(info);
            }
        }));
    });
}

fn report(info: &PanicHookInfo<'_>, id: u64, name: Option<&str>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("Box<dyn Any>");
    let name = name.map_or_else(|| "<unnamed>".into(), |n| format!("'{n}'"));
    let place = info.location().map_or_else(String::new, |l| format!(" at {l}"));
    // One write: lines of several goroutines do not mix.
    let mut text = format!("\ngoroutine {id} ({name}) panicked{place}:\n{message}\n");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text.push_str(&format!("stack backtrace:\n{trace}"));
    } else if trace.status() == BacktraceStatus::Disabled {
        text.push_str(
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        );
    }
    gort_sys::fatal::stderr(text.as_bytes());
}
