//! The settings that the tests begin with: those of a program, or, with `GORT_GC_MODE`, one of the debugging modes.

use gort_gc::Config;

/// `Config::default()` under the mode that the environment asks for.
///
/// # Panics
/// If there is no such mode.
#[must_use]
pub(crate) fn config() -> Config {
    let config = Config::default();
    let mode = std::env::var("GORT_GC_MODE").unwrap_or_default();
    match mode.as_str() {
        "" => config,
        "check" => Config { check_mark: true, ..config },
        "stop" => Config { stop_the_world: 1, ..config },
        "stop2" => Config { stop_the_world: 2, ..config },
        "clobber" => Config { clobber_free: true, ..config },
        "verify" => Config { verify_trace: true, ..config },
        "all" => Config {
            check_mark: true,
            stop_the_world: 2,
            clobber_free: true,
            verify_trace: true,
            ..config
        },
        _ => panic!("GORT_GC_MODE={mode}: check, stop, stop2, clobber, verify or all"),
    }
}

/// Fewer steps under a mode, which makes each of them dear.
#[allow(dead_code, reason = "not every test counts steps")]
pub(crate) fn steps(n: u32) -> u32 {
    if std::env::var_os("GORT_GC_MODE").is_some() { n / 10 } else { n }
}
