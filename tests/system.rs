//! What the programs ask of the system: their calls, by strace; limits of memory, by `ulimit`; their mappings, by `/proc`.

#[path = "kit/program.rs"]
mod program;

use gort::gc::{Gc, GcPacked, Root};
use std::collections::BTreeMap;
use std::process::{Command, Output};

const PART: &str = "GORT_SYSTEM_PART";

fn quiet(command: &mut Command) -> &mut Command {
    for name in ["GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "LD_PRELOAD"] {
        command.env_remove(name);
    }
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = quiet(command).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// This program's own part, below a limit of the shell.
fn under(limit: &str, part: &str) -> (Option<i32>, String, String) {
    let exe = std::env::current_exe().expect("a test binary");
    let script =
        format!("{limit} && exec \"$0\" --exact a_part_of_the_child --nocapture --test-threads=1");
    output(Command::new("sh").args(["-c", &script]).arg(exe).env(PART, part))
}

/// Objects of 64 KiB until the heap says no.
fn fill() -> String {
    gort::run(|| {
        let block = vec![7u8; 64 << 10];
        let mut roots: Vec<Root<GcPacked<u8>>> = vec![];
        loop {
            let mu = gort::gc::pin();
            let object: Gc<'_, GcPacked<u8>> = match mu.alloc_packed(&block) {
                Ok(object) => object,
                Err(e) => return format!("{} objects; {e}", roots.len()),
            };
            roots.push(Root::new(&mu, object));
        }
    })
}

#[test]
fn a_part_of_the_child() {
    if let Ok(part) = std::env::var(PART) {
        match part.as_str() {
            "fill" => println!("said: {}", fill()),
            "account" => account(),
            other => panic!("no such part: {other}"),
        }
    }
}

/// SYS-2 at boot: whatever the limit, the program runs or says in one line why not; nothing in between.
#[test]
fn too_little_memory_to_boot() {
    let hello = program::path("hello");
    let (mut refused, mut ran) = (0, 0);
    for kib in [30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 2_000_000, 4_000_000] {
        let script = format!("ulimit -v {kib} && exec \"$0\"");
        let (code, out, err) = output(Command::new("sh").args(["-c", &script]).arg(&hello));
        if code == Some(0) {
            assert_eq!((out.as_str(), err.as_str()), ("hello from a goroutine\n", ""));
            ran += 1;
            continue;
        }
        refused += 1;
        assert!(err.contains("out of memory: cannot allocate "), "{kib} KiB: {err}");
        assert!(err.contains("-byte block (") && err.contains(" in use)"), "{kib} KiB: {err}");
        let limit = format!("address space (RLIMIT_AS): limit {} bytes", kib << 10);
        assert!(err.contains(&limit), "{kib} KiB: {err}");
        assert!(!err.contains("panicked"), "{kib} KiB: {err}");
    }
    assert!(refused >= 2 && ran >= 1, "{refused} refused, {ran} ran");
}

/// SYS-2 at growth: the error of an allocation names what was hit, with its figures, and the program goes on.
#[test]
fn running_out_while_growing() {
    for (limit, name) in [
        ("ulimit -v 4000000", "reserved range: limit "),
        ("ulimit -d 300000", "private memory (RLIMIT_DATA): limit 307200000 bytes"),
    ] {
        let (code, out, err) = under(limit, "fill");
        assert_eq!(code, Some(0), "{limit}: {out}{err}");
        let said = out.lines().find_map(|l| l.split_once("said: ")).expect(&out).1;
        let objects: u64 = said.split(' ').next().and_then(|n| n.parse().ok()).expect(said);
        assert!(objects > 100, "{said}");
        let rest = said.split_once("out of memory: cannot allocate ").expect(said).1;
        let (asked, rest) = rest.split_once("-byte block (").expect(said);
        let in_use: u64 = rest.split_once(" in use)").expect(said).0.parse().expect(said);
        assert!(asked.parse::<u64>().is_ok_and(|n| n >= 64 << 10), "{said}");
        assert!(in_use >= objects * (64 << 10), "{said}");
        assert!(said.contains(name), "{limit}: {said}");
    }
}

/// SYS-3: the runtime's memory is private, anonymous and `mmap`ed; it makes no `brk` call. (The loader and the C library make
/// some; they come before the first mapping of the runtime, or are questions.)
#[test]
fn the_calls_of_hello() {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "trace=execve,brk,mmap,read,munmap,mremap"])
        .arg(program::path("hello"));
    let Ok(Output { status, stderr, .. }) = quiet(&mut strace).output() else {
        return eprintln!("not shown: strace is not installed");
    };
    let text = String::from_utf8_lossy(&stderr);
    if !status.success() {
        return eprintln!("not shown: strace may not trace here: {text}");
    }
    let calls: Vec<&str> = text.lines().collect();
    assert_eq!(calls.iter().filter(|c| c.contains("execve(")).count(), 1);
    // What the runtime maps is reserved without access and without a promise.
    let ours =
        |c: &str| c.contains("mmap(") && c.contains("PROT_NONE") && c.contains("MAP_NORESERVE");
    let first = calls.iter().position(|c| ours(c)).expect("the runtime maps memory");
    assert!(calls.iter().filter(|c| ours(c)).count() > 5);
    for call in calls.iter().filter(|c| ours(c)) {
        assert!(
            call.contains("MAP_PRIVATE|MAP_ANONYMOUS") && !call.contains("MAP_FIXED"),
            "{call}"
        );
    }
    // brk before that: the loader's question, and the C library's first heap (two calls). After it: none.
    let brk = |calls: &[&str]| calls.iter().filter(|c| c.contains("brk(")).count();
    assert!(brk(&calls[..first]) <= 3, "{text}");
    assert_eq!(brk(&calls[first..]), 0, "{text}");
    // Nothing is read for the heap: of the files, the loader's and those of `/proc` and `/sys` alone, before it.
    let heap =
        calls.iter().position(|c| c.contains("mmap(0xc000000000")).expect("the collector's range");
    assert_eq!(calls[heap..].iter().filter(|c| c.contains("read(")).count(), 0, "{text}");
}

/// Bytes of this process's mappings that promise nothing (`MAP_NORESERVE`), all and writable: the runtime's are such, and
/// with one arena the C library has none.
fn unpromised() -> (u64, u64) {
    let (mut all, mut writable, mut here) = (0, 0, (0, false));
    for line in std::fs::read_to_string("/proc/self/smaps").expect("smaps").lines() {
        let first = line.split(' ').next().expect(line);
        if let Some((from, to)) = first.split_once('-') {
            let hex = |s| u64::from_str_radix(s, 16).expect(line);
            here = (hex(to) - hex(from), line[first.len()..].starts_with(" rw"));
        } else if let Some(flags) = line.strip_prefix("VmFlags:")
            && flags.split(' ').any(|f| f == "nr")
        {
            all += here.0;
            writable += if here.1 { here.0 } else { 0 };
        }
    }
    (all, writable)
}

/// Compares the account with the kernel's, stage by stage. The two are read one after the other while other threads may map: a
/// few looks are allowed until they agree.
fn account() {
    let compare = |stage: &str| {
        let mut last = String::new();
        for _ in 0..50 {
            let ours = gort_sys::mem::total();
            let (all, writable) = unpromised();
            let (sum, open) =
                (ours.reserved + ours.mapped + ours.released, ours.mapped + ours.released);
            if (sum, open) == (all, writable) && ours == gort_sys::mem::total() {
                return println!("agreed: {stage}");
            }
            last = format!("{ours:?}, the kernel has {all} bytes, {writable} writable");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{stage}: {last}");
    };
    compare("before the boot");
    for round in 0..2 {
        let runtime = gort::Runtime::builder().procs(3).build().expect("a runtime");
        runtime.run(move || {
            compare("after the boot");
            let (tx, rx) = gort::channel::bounded::<()>(0);
            let waiting: Vec<_> = (0..300)
                .map(|_| {
                    let rx = rx.clone();
                    gort::go(move || rx.recv().is_err())
                })
                .collect();
            let mut roots: Vec<Root<GcPacked<u8>>> = vec![];
            for i in 0..400 {
                let mu = gort::gc::pin();
                let object = mu.alloc_packed(&vec![1u8; i * 97]).expect("memory");
                roots.push(Root::new(&mu, object));
                drop(mu);
                if i % 100 == 50 {
                    gort::thread::yield_now();
                    compare("under load");
                }
            }
            roots.truncate(10);
            gort::gc::collect().expect("nobody holds a guard");
            compare("after a collection");
            drop((tx, rx));
            assert!(waiting.into_iter().all(|g| g.join().expect("no panic")));
            compare("after the goroutines");
        });
        drop(runtime);
        compare(["after the first end", "after the second end"][round]);
    }
}

/// SYS-9: every byte that the runtime has mapped is in the account, in its state, over boot, load and end.
#[test]
fn the_account_is_the_kernels() {
    let exe = std::env::current_exe().expect("a test binary");
    let mut child = Command::new(exe);
    child.args(["--exact", "a_part_of_the_child", "--nocapture", "--test-threads=1"]);
    let (code, out, err) = output(child.env(PART, "account").env("MALLOC_ARENA_MAX", "1"));
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(out.matches("agreed: ").count(), 1 + 2 * 8, "{out}");
}

/// SYS-7 end to end: goroutines that change threads all the time see at each place the word of the thread that they are on.
#[test]
fn the_thread_word_is_that_of_the_thread() {
    use gort_sys::thread::{ThreadWord, id};
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    let runtime = gort::Runtime::builder().procs(4).build().expect("a runtime");
    let seen: Arc<Mutex<HashMap<i32, usize>>> = Arc::default();
    let changes = runtime.run(move || {
        let visit = |seen: &Mutex<HashMap<i32, usize>>| {
            let (thread, word) = (id(), ThreadWord::<0>::get() as usize);
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(*seen.entry(thread).or_insert(word), word, "thread {thread}");
            thread
        };
        let run = |seen: Arc<Mutex<HashMap<i32, usize>>>| {
            move || {
                let (mut last, mut changes) = (visit(&seen), 0u64);
                for _ in 0..2_000 {
                    gort::thread::yield_now();
                    let now = visit(&seen);
                    changes += u64::from(now != last);
                    last = now;
                }
                changes
            }
        };
        // SAFETY: no lock and no thread-local is held over a yield.
        let all: Vec<_> =
            (0..12).map(|_| unsafe { gort::thread::go_migrating(run(seen.clone())) }).collect();
        let changes = all.into_iter().map(|g| g.join().expect("no panic")).sum::<u64>();
        let words = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut distinct: Vec<usize> = words.values().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), words.len(), "no two threads share a word");
        assert!(!distinct.contains(&0));
        changes
    });
    assert!(changes > 0, "no goroutine has changed its thread");
}

/// Sizes of the mappings of this process by name; `rw` only.
fn named() -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in std::fs::read_to_string("/proc/self/maps").expect("maps").lines() {
        let (range, rest) = line.split_once(' ').expect(line);
        let (from, to) = range.split_once('-').expect(line);
        let hex = |s| u64::from_str_radix(s, 16).expect(line);
        if let Some((_, name)) = rest.split_once("[anon:gort: ")
            && rest.starts_with("rw")
        {
            *sums.entry(name.trim_end_matches(']').to_owned()).or_default() += hex(to) - hex(from);
        }
    }
    sums
}

/// SYS-3: mappings carry names where the kernel can.
#[test]
fn mappings_have_names() {
    let names = gort::run(|| {
        let mu = gort::gc::pin();
        let object = mu.alloc_packed(&[1u8; 1000]).expect("memory");
        let root = Root::new(&mu, object);
        let names = named();
        drop(root);
        names
    });
    if names.is_empty() {
        return eprintln!("not shown: this kernel does not name anonymous memory");
    }
    for part in ["heap", "stacks", "page table", "marks", "metadata", "spans"] {
        assert!(names.get(part).is_some_and(|bytes| *bytes > 0), "{part} is not in {names:?}");
    }
}
