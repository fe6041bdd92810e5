//! Programs of others, with the library preloaded: what they print must be what they print without it.

#[allow(dead_code, reason = "parts of children are played elsewhere")]
mod common;

use common::{library, output, preloaded};
use std::process::{Command, Stdio};

/// What a program prints, or `None` where there is no such program.
fn says(program: &str, args: &[&str], input: &str) -> Option<String> {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?
        .wait()
        .ok()?;
    let out = output(preloaded(program).args(args), input);
    let (text, errors) =
        (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{program} {args:?}: {}\n{text}{errors}", out.status);
    assert!(errors.is_empty(), "{program}: {errors}");
    Some(text.trim().to_owned())
}

#[test]
fn the_library_is_used() {
    let maps = says("cat", &["/proc/self/maps"], "").unwrap();
    assert!(maps.contains("libgort_malloc.so"), "{maps}");
}

#[test]
fn small_programs() {
    assert!(says("ls", &["-la", "/"], "").unwrap().contains("proc"));
    let numbers: String =
        (0..60_000u32).map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761) % 60_013)).collect();
    let mut sorted: Vec<u32> = numbers.lines().map(|l| l.parse().unwrap()).collect();
    sorted.sort_unstable();
    let text = says("sort", &["-n", "--parallel=4"], &numbers).unwrap();
    assert!(text.lines().map(|l| l.parse::<u32>().unwrap()).eq(sorted));
}

#[test]
fn python_with_threads_and_forks() {
    let program = "
import os, threading, sys
def work():
    keep = []
    for i in range(200):
        keep = [bytearray(i * 37 % 5000) for _ in range(100)] + keep[:50]
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
for i in range(10):
    pid = os.fork()
    if pid == 0:
        x = [bytearray(n) for n in range(1000)]
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
[t.join() for t in threads]
print(len({str(n): [n] * 3 for n in range(100000)}))
";
    if let Some(text) = says("python3", &["-c", program], "") {
        assert_eq!(text, "100000");
    }
}

#[test]
fn perl_and_sqlite() {
    if let Some(text) =
        says("perl", &["-e", "my %h; $h{$_ % 977} .= $_ for 1..100000; print scalar keys %h"], "")
    {
        assert_eq!(text, "977");
    }
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select count(*), sum(length(hex(i))) from (select i from n order by -i % 977);";
    if let Some(text) = says("sqlite3", &[":memory:", sql], "") {
        assert!(text.starts_with("50000|"), "{text}");
    }
}

/// With little address space the tables are smaller.
#[test]
fn under_an_address_space_limit() {
    for kib in [200_000, 1_000_000, 20_000_000] {
        let line = format!("ulimit -v {kib}; LD_PRELOAD='{}' sort -n", library().display());
        let out = output(Command::new("sh").args(["-c", &line]), "3\n1\n2\n");
        assert!(out.status.success(), "{kib}: {out:?}");
        assert_eq!(out.stdout, b"1\n2\n3\n");
    }
}

/// What C++ makes of the C interface, where there is a compiler.
#[test]
fn new_and_delete() {
    let program = std::env::temp_dir().join(format!("gort-malloc-cxx-{}", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cxx.cpp");
    let made = Command::new("c++")
        .args(["-std=c++17", "-O1", "-pthread", "-fno-builtin", "-w", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let out = output(&mut preloaded(program.to_str().unwrap()), "");
    std::fs::remove_file(&program).unwrap();
    assert!(out.status.success(), "{out:?}");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.starts_with("<malloc version") && text.ends_with("all is well\n"), "{text}");
}
