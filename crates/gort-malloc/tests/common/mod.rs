//! Programs with the library preloaded.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Says to a child which part it is to play.
pub(crate) const PART: &str = "GORT_MALLOC_PART";

/// The library lies beside this program: cargo has built it for the test.
pub(crate) fn library() -> PathBuf {
    let path = env::current_exe().unwrap().with_file_name("libgort_malloc.so");
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A program that will have the library.
pub(crate) fn preloaded(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", library());
    command
}

/// Runs it to its end, with something to read.
pub(crate) fn output(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let out = child.wait_with_output().unwrap();
    let _ = feeder.join();
    out
}

/// This program again, preloaded, in one of its parts: the test `a_part_of_the_child`.
pub(crate) fn play(part: &str) -> Output {
    let me = env::current_exe().unwrap();
    let mut command = preloaded(me.to_str().unwrap());
    command.env(PART, part).args(["--exact", "a_part_of_the_child", "--nocapture"]);
    output(&mut command, "")
}

/// The part ends as a test that has passed.
pub(crate) fn plays_well(part: &str) {
    let out = play(part);
    assert!(
        out.status.success(),
        "{part}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}
