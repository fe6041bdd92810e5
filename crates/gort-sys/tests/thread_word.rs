//! SYS-7: the accessor of a thread word, as the machine sees it: this program disassembles itself.
//!
//! Meant for release builds too: `cargo test --release -p gort-sys --test thread_word`.
#![cfg(all(target_arch = "x86_64", not(miri)))]

use gort_sys::thread::ThreadWord;
use std::process::Command;

/// The accessor alone.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gort_probe_get() -> *mut () {
    ThreadWord::<3>::get()
}

/// What a goroutine does: it reads the word, something runs that may change the thread, and it reads the word again.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gort_probe_twice(switch: extern "C" fn()) -> bool {
    let before = ThreadWord::<3>::get();
    switch();
    before == ThreadWord::<3>::get()
}

/// Writes, and reads back.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn gort_probe_set(value: *mut ()) -> *mut () {
    ThreadWord::<3>::set(value);
    ThreadWord::<3>::get()
}

extern "C" fn nothing() {}

/// Instructions of a function of this program, without addresses; `None` without a disassembler.
fn instructions(name: &str) -> Option<Vec<String>> {
    let mut objdump = Command::new("objdump");
    objdump.args(["-d", "--no-show-raw-insn", "--no-addresses", &format!("--disassemble={name}")]);
    let out = objdump.arg(std::env::current_exe().expect("a path")).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let body = text.split_once(&format!("<{name}>:")).map(|(_, body)| body.to_owned())?;
    let lines = body.lines().map(str::trim).filter(|l| !l.is_empty());
    Some(lines.take_while(|l| !l.ends_with(':')).map(str::to_owned).collect())
}

/// Where the word's place in the thread's block comes from: the table of offsets, or a constant by the linker's grace.
fn is_offset(line: &str, register: &str) -> bool {
    line.starts_with("mov ") && line.contains(&format!(",{register}"))
}

#[test]
fn the_accessor_calls_nothing_and_keeps_nothing() {
    assert!(gort_probe_twice(nothing));
    let value = 8 as *mut ();
    assert_eq!(gort_probe_set(value), value);
    assert_eq!(gort_probe_get(), value);
    gort_probe_set(std::ptr::null_mut());

    let Some(get) = instructions("gort_probe_get") else {
        return eprintln!("not shown: objdump is not installed");
    };
    // Debug builds keep calls of checks that were decided when they were compiled, and that nothing reaches.
    let release = !cfg!(debug_assertions);
    let calls = |code: &[String]| code.iter().filter(|l| release && l.starts_with("call")).count();
    let loads = |code: &[String]| code.iter().filter(|l| l.contains("%fs:")).count();
    assert_eq!((calls(&get), loads(&get)), (0, 1), "{get:#?}");
    if release {
        let code = get.iter().filter(|l| !l.starts_with("nop") && !l.starts_with("endbr"));
        assert!(code.count() <= 3, "an offset, a load, a return: {get:#?}");
    }

    // Two reads, and the place is worked out anew for the second: between the call and the load stands the offset.
    let twice = instructions("gort_probe_twice").expect("a disassembly");
    assert_eq!((calls(&twice), loads(&twice)), (usize::from(release), 2), "{twice:#?}");
    let mut loads_at = (0..twice.len()).filter(|i| twice[*i].contains("%fs:"));
    let (first, load) = (loads_at.next().expect("counted"), loads_at.next().expect("counted"));
    let call = (first..load).find(|i| twice[*i].starts_with("call")).expect("a call between");
    let base = twice[load].split_once("(%").and_then(|(_, r)| r.split_once(')'));
    let register = format!("%{}", base.expect("a register").0);
    assert!(twice[call..load].iter().any(|l| is_offset(l, &register)), "{twice:#?}");

    let set = instructions("gort_probe_set").expect("a disassembly");
    assert_eq!((calls(&set), loads(&set)), (0, 2), "{set:#?}");
}
