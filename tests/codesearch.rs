//! The code search against a plain scan of the same tree, byte for byte.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

fn codesearch(args: &[&OsStr]) -> (Option<i32>, Vec<u8>, String) {
    let mut path: PathBuf = std::env::current_exe().expect("a test binary");
    path.pop();
    path.pop();
    let out = Command::new(path.join("examples/codesearch"))
        .args(args)
        .output()
        .expect("the examples are built by `cargo test` or `cargo build --examples`");
    (out.status.code(), out.stdout, String::from_utf8_lossy(&out.stderr).into_owned())
}

/// The obvious search: every file, every line.
fn scan(pattern: &str, dir: &Path) -> Vec<u8> {
    fn files(dir: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("readable").map(|e| e.expect("an entry")) {
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                files(&entry.path(), all);
            } else if kind.is_file() {
                all.push(entry.path());
            }
        }
    }
    let pattern = regex::bytes::Regex::new(pattern).expect("a pattern");
    let mut all = Vec::new();
    files(dir, &mut all);
    all.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    let mut out = Vec::new();
    for path in all {
        let Ok(bytes) = fs::read(&path) else { continue };
        if bytes.is_empty() || bytes[..bytes.len().min(8192)].contains(&0) {
            continue;
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        for (i, line) in text.split(|&b| b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if pattern.is_match(line) {
                out.extend(
                    [path.as_os_str().as_bytes(), format!(":{}:", i + 1).as_bytes(), line, b"\n"]
                        .concat(),
                );
            }
        }
    }
    out
}

fn check(pattern: &str, dir: &Path) -> usize {
    let want = scan(pattern, dir);
    for mode in [None, Some("--sequential")] {
        let mut args: Vec<&OsStr> = mode.iter().map(OsStr::new).collect();
        args.extend([OsStr::new(pattern), dir.as_os_str()]);
        let (code, got, err) = codesearch(&args);
        assert_eq!(code, Some(0), "{err}");
        assert!(
            got == want,
            "{pattern} {mode:?}: {} bytes, {} wanted\n{err}",
            got.len(),
            want.len()
        );
    }
    want.len()
}

fn fresh(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

#[test]
fn agrees_with_a_plain_scan_of_these_sources() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    for pattern in [
        "unsafe fn \\w+",
        "SAFETY: [A-Z]+-[0-9]",
        "(alpha|fn) main|Chance",
        "x{3}",
        "^$",
        "zzz\\dzzz",
        "ü",
    ] {
        check(pattern, &sources);
    }
    assert!(check("fn ", &sources) > 10_000);
}

#[test]
fn agrees_on_an_ugly_tree() {
    let dir = fresh("ugly");
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    };
    put("empty", b"");
    put("one", b"needle");
    put("crlf/file.txt", b"a needle\r\nno\r\nneedle again\r\n");
    put("binary", b"needle\0needle\n");
    put("late_nul", &[vec![b'a'; 9000], b"\nneedle\0\n".to_vec()].concat());
    put("latin1", b"\xe4 needle \xff\n\n\n");
    put("a/b/c/d/e/f/g/h/deep", b"\n\nneedle\n");
    put("a-b/x", b"needle\n");
    put("a/b.txt", b"nee\ndle needle needle\n");
    fs::write(dir.join(OsStr::from_bytes(b"odd\xffname")), b"needle\n").expect("a file");
    for i in 0..300 {
        put(&format!("many/{}/{i}.txt", i % 7), format!("line {i}\nneedle {i}\n").as_bytes());
    }
    symlink("..", dir.join("a/b/loop")).expect("a link");
    symlink("one", dir.join("link_to_file")).expect("a link");
    symlink("nowhere", dir.join("dangling")).expect("a link");
    for pattern in ["needle", "needle (1|2)\\d+", "^nee$", "e+d", "."] {
        check(pattern, &dir);
    }
}

#[test]
fn goes_on_past_what_cannot_be_read() {
    let dir = fresh("unreadable");
    fs::write(dir.join("good"), "needle\n").expect("a file");
    fs::write(dir.join("secret"), "needle\n").expect("a file");
    fs::set_permissions(dir.join("secret"), fs::Permissions::from_mode(0o000)).expect("a mode");
    let (code, out, err) = codesearch(&[OsStr::new("needle"), dir.as_os_str()]);
    assert_eq!(code, Some(0));
    // Root reads everything; anybody else is told what was left out.
    if fs::read(dir.join("secret")).is_err() {
        assert_eq!(out, format!("{}:1:needle\n", dir.join("good").display()).into_bytes());
        assert!(err.contains("secret") && err.contains("1 unreadable"), "{err}");
    } else {
        assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), 2);
    }
}

#[test]
fn empty_directories_and_bad_words() {
    let dir = fresh("empty");
    let (code, out, err) = codesearch(&[OsStr::new("x"), dir.as_os_str()]);
    assert_eq!((code, out.len()), (Some(0), 0));
    assert!(err.contains("0 matches in 0 candidates of 0 files"), "{err}");
    for (args, words) in [
        (vec![OsStr::new("("), dir.as_os_str()], "bad pattern"),
        (vec![OsStr::new("x"), OsStr::new("/no/such/dir")], "/no/such/dir"),
        (vec![OsStr::new("x")], "usage"),
        (vec![OsStr::new("--fast"), OsStr::new("x"), dir.as_os_str()], "no option --fast"),
    ] {
        let (code, out, err) = codesearch(&args);
        assert_eq!((code, out.len()), (Some(2), 0));
        assert!(err.contains(words), "{err}");
    }
}
