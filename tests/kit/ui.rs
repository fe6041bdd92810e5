//! Programs that must not compile, each for the reason that its `.stderr` gives, and programs that must: in `tests/ui/fail` and
//! `tests/ui/pass` of the crate whose test includes this file.
//!
//! `TRYBUILD=overwrite cargo test -p CRATE --test ui` writes the expected messages anew (another compiler may word them
//! differently). Where the standard library's sources are installed (`rust-src`), the compiler quotes them; the programs
//! whose messages then differ are left out there.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn ui() {
    let t = trybuild::TestCases::new();
    t.pass("tests/ui/pass/*.rs");
    let quoted = sources_installed();
    for entry in fs::read_dir("tests/ui/fail").unwrap() {
        let program = entry.unwrap().path();
        if program.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let expected = fs::read_to_string(program.with_extension("stderr")).unwrap_or_default();
        if quoted && expected.contains("$RUST/") {
            println!("{}: left out, rust-src is installed", program.display());
        } else {
            t.compile_fail(program);
        }
    }
}

fn sources_installed() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = Command::new(rustc).args(["--print", "sysroot"]).output().unwrap();
    Path::new(String::from_utf8(out.stdout).unwrap().trim())
        .join("lib/rustlib/src/rust/library")
        .exists()
}
