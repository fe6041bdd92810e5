//! SYS-2: running out under a limit says what was asked, what is in use, and which limit it was. Each case is a process of its
//! own, under `ulimit`.
#![cfg(not(miri))]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests keep the contracts that the functions state"
)]

use gort_sys::{Backend, Linux, MemError, MemOp, Resource, SysStat};
use std::process::Command;

const CASE: &str = "GORT_EXHAUSTED";

/// Takes memory in the way that the case names until there is none.
fn exhaust(case: &str) -> MemError {
    let st = SysStat::new();
    let page = Linux.page_size();
    // A page in use, so that the figure is not 0.
    let first = Linux.reserve(16 * page, page, 0, &st).unwrap();
    unsafe { Linux.map(first, &st) }.unwrap();
    match case {
        // At once, far above the limit.
        "start" => Linux.reserve(8 << 30, page, 0, &st).unwrap_err(),
        // After a while, step by step.
        "growth" => loop {
            match Linux.reserve(1 << 20, page, 0, &st) {
                Ok(r) => unsafe { Linux.map(r, &st) }.unwrap(),
                Err(e) => break e,
            }
        },
        // Address space is there; memory is not.
        "data" => {
            let r = Linux.reserve(8 << 30, page, 0, &st).unwrap();
            let mut at = 0;
            loop {
                match unsafe { Linux.map(r.part(at, 1 << 20).unwrap(), &st) } {
                    Ok(()) => at += 1 << 20,
                    Err(e) => break e,
                }
            }
        }
        // Every other page is another mapping.
        "mappings" => {
            let r = Linux.reserve(4 << 30, page, 0, &st).unwrap();
            (0..r.len / page)
                .step_by(2)
                .find_map(|p| unsafe { Linux.map(r.part(p * page, page).unwrap(), &st) }.err())
                .unwrap()
        }
        other => panic!("no such case: {other}"),
    }
}

/// The child's part; without its variable it is no test.
#[test]
fn child() {
    if let Ok(case) = std::env::var(CASE) {
        let e = exhaust(&case);
        // Whoever formats the error may have no memory to do so with.
        let mut line = gort_sys::fatal::Line::new();
        let _ = std::fmt::Write::write_fmt(&mut line, format_args!("{e}\n{:?}\n", e.resource));
        gort_sys::fatal::stderr(line.as_bytes());
        unsafe { libc::_exit(7) };
    }
}

fn run(case: &str, limit: &str) -> String {
    let exe = std::env::current_exe().unwrap();
    let script = format!("{limit} && exec \"$0\" --exact child --nocapture --test-threads=1");
    let out = Command::new("sh").args(["-c", &script]).arg(exe).env(CASE, case).output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(7), "{case}: {text}");
    text
}

/// `(bytes asked, bytes in use)` of a message of Go's form.
fn figures(text: &str) -> (u64, u64) {
    let rest = text.split_once("out of memory: cannot allocate ").expect(text).1;
    let (asked, rest) = rest.split_once("-byte block (").expect(text);
    let (in_use, _) = rest.split_once(" in use)").expect(text);
    (asked.parse().unwrap(), in_use.parse().unwrap())
}

#[test]
fn address_space_at_the_start() {
    let text = run("start", "ulimit -v 1048576");
    let page = Linux.page_size() as u64;
    assert_eq!(figures(&text), (8 << 30, 16 * page));
    assert!(text.contains("address space (RLIMIT_AS): limit 1073741824 bytes"), "{text}");
    assert!(text.contains(&format!("{:?}", Resource::AddressSpace)), "{text}");
}

#[test]
fn address_space_at_growth() {
    let text = run("growth", "ulimit -v 1048576");
    let (asked, in_use) = figures(&text);
    assert_eq!(asked, 1 << 20);
    // All of the limit is ours but what the test program itself has.
    assert!(in_use > 256 << 20 && in_use < 1 << 30, "{in_use}");
    assert!(text.contains("address space (RLIMIT_AS): limit 1073741824 bytes"), "{text}");
}

#[test]
fn private_memory() {
    let text = run("data", "ulimit -d 262144");
    let (asked, in_use) = figures(&text);
    assert_eq!(asked, 1 << 20);
    assert!(in_use > 128 << 20 && in_use < 256 << 20, "{in_use}");
    assert!(text.contains("private memory (RLIMIT_DATA): limit 268435456 bytes"), "{text}");
}

#[test]
fn the_number_of_mappings() {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let most: u64 = most.trim().parse().unwrap();
    if most > 200_000 {
        return eprintln!("not shown: {most} mappings take too long");
    }
    let text = run("mappings", "true");
    assert!(text.contains(&format!("mappings (vm.max_map_count): {most}")), "{text}");
}

/// Without a limit in the way no limit is named.
#[test]
fn no_limit_no_name() {
    let huge = Linux.reserve(1 << 60, 4096, 0, &SysStat::new()).unwrap_err();
    assert_eq!((huge.op, huge.errno, huge.resource), (MemOp::Reserve, 12, Resource::Unknown));
}
