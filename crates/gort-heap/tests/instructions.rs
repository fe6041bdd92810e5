//! The length of the fast paths, against the table in `instructions.txt`: disassembled from an optimised build.
//!
//! The slow paths are tail calls. So the way through is the longest one from the entry to a return that leaves the function
//! nowhere else (the shortest may be that of a null pointer).
#![cfg(all(target_arch = "x86_64", not(miri)))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A function by address: instruction, and where it may jump to.
type Code<'a> = BTreeMap<u64, (&'a str, Option<u64>)>;

/// The instructions of the function whose name contains `name`.
fn function<'a>(listing: &'a str, name: &str) -> Code<'a> {
    let is_head = |line: &&str| line.ends_with(">:") && line.contains(name);
    let body = listing.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut code = Code::new();
    for line in body.take_while(|line| !line.is_empty()) {
        let mut parts = line.split('\t');
        let (Some(at), Some(text)) = (parts.next(), parts.next()) else { continue };
        let Ok(at) = u64::from_str_radix(at.trim().trim_end_matches(':'), 16) else { continue };
        let target = text.starts_with('j').then(|| text.split_whitespace().nth(1)).flatten();
        code.insert(at, (text.trim(), target.and_then(|t| u64::from_str_radix(t, 16).ok())));
    }
    code
}

/// The longest way from `at` to a return.
fn way<'a>(code: &Code<'a>, at: u64) -> Option<Vec<&'a str>> {
    let (text, target) = *code.get(&at)?;
    if text.starts_with("ret") {
        return Some(vec![text]);
    }
    let next = code.range(at + 1..).next().map(|(next, _)| *next);
    let jump = target.filter(|t| *t > at).and_then(|t| way(code, t));
    let fall = next.filter(|_| !text.starts_with("jmp")).and_then(|n| way(code, n));
    let rest = [jump, fall].into_iter().flatten().max_by_key(Vec::len)?;
    Some([vec![text], rest].concat())
}

#[test]
fn fast_paths_are_as_short_as_the_table_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--lib"])
        .arg("--manifest-path")
        .arg(here.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .env_remove("RUSTFLAGS")
        // As in a program that is optimised as a whole.
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .status()
        .expect("cargo runs");
    assert!(built.success());
    let program = target.join("release/libgort_heap.rlib");
    let Ok(out) = Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(program).output()
    else {
        println!("not counted: there is no objdump");
        return;
    };
    let listing = String::from_utf8_lossy(&out.stdout);
    let table = std::fs::read_to_string(here.join("tests/instructions.txt")).expect("the table");
    let mut rows = 0;
    for row in table.lines().filter(|row| !row.starts_with('#')) {
        let mut fields = row.split_whitespace();
        let name = fields.next().expect("a path");
        let mut number = || fields.next().and_then(|n| n.parse::<usize>().ok()).expect("a number");
        let (now, most) = (number(), number());
        let code = function(&listing, name);
        let code = code.keys().next().and_then(|entry| way(&code, *entry)).expect("a way through");
        assert!(
            code.len() <= most,
            "{name}: {} instructions, {most} at most:\n{}",
            code.len(),
            code.join("\n")
        );
        // Another compiler may do better or a little worse; the table says what ours does.
        if code.len() != now {
            println!("{name}: {} instructions, the table says {now}", code.len());
        }
        let locked = code
            .iter()
            .any(|i| i.starts_with("lock") || i.starts_with("xchg") || i.starts_with("call"));
        assert!(!locked, "{name} calls or locks:\n{}", code.join("\n"));
        rows += 1;
    }
    assert_eq!(rows, 4);
}
