//! A profile of this very process: decoded by its own messages, and opened by Go's tool where there is one.

use gort_heap::GortAlloc;
use gort_observe::pprof::{self, message};
use prost::Message;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

#[inline(never)]
fn keeps_much() -> Vec<Box<[u8; 4096]>> {
    (0..2000).map(|i| std::hint::black_box(Box::new([i as u8; 4096]))).collect()
}

#[inline(never)]
fn drops_much() -> usize {
    (0..3000).map(|i| std::hint::black_box(vec![i as u8; 2000]).len()).sum()
}

/// The sum of a value over the samples in whose stacks a function is.
fn sum(p: &message::Profile, function: &str, what: &str) -> i64 {
    let text = |n: i64| p.string_table[n as usize].as_str();
    let value = p.sample_type.iter().position(|t| text(t.r#type) == what).unwrap();
    let inside = |id: &u64| {
        let location = p.location.iter().find(|l| l.id == *id).unwrap();
        let functions = location.line.iter().map(|l| &p.function[l.function_id as usize - 1]);
        functions.into_iter().any(|f| text(f.name).contains(function))
    };
    let samples = p.sample.iter().filter(|s| s.location_id.iter().any(inside));
    samples.map(|s| s.value[value]).sum()
}

/// Go's tool: on the path, in `GO`, or none.
fn go() -> Option<PathBuf> {
    let go = std::env::var_os("GO").map_or(PathBuf::from("go"), PathBuf::from);
    let works = Command::new(&go).arg("version").output().is_ok_and(|o| o.status.success());
    if !works {
        eprintln!("no go on the path and none in GO: the profile is not opened by its tool");
    }
    works.then_some(go)
}

/// One test: the profile is the process's.
#[test]
fn the_process_is_profiled() {
    assert!(pprof::profile("nonsense").is_none());
    assert!(pprof::write("nonsense", Vec::new()).is_err());
    GortAlloc::set_profile_rate(1 << 16);
    GortAlloc::flush_current();
    let kept = keeps_much();
    let dropped = drops_much();
    assert_eq!(dropped, 6_000_000);

    let mut file = Vec::new();
    pprof::write("heap", &mut file).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
    let p = message::Profile::decode(&plain[..]).unwrap();

    // About 8 MB are kept in blocks of 4 KiB: 1940 samples of 65536 bytes would be exact; five deviations are 45 % off at most.
    let near = |got: i64, want: i64| (want * 6 / 10..want * 14 / 10).contains(&got);
    let (keeps, drops) = ("keeps_much", "drops_much");
    assert!(near(sum(&p, keeps, "inuse_space"), 2000 * 4096), "{}", sum(&p, keeps, "inuse_space"));
    assert!(near(sum(&p, keeps, "alloc_objects"), 2000));
    assert!(near(sum(&p, drops, "alloc_space"), 3000 * 2048), "{}", sum(&p, drops, "alloc_space"));
    assert_eq!(sum(&p, drops, "inuse_space"), 0);
    let text = |n: i64| p.string_table[n as usize].as_str();
    assert_eq!((text(p.default_sample_type), p.period), ("inuse_space", 1 << 16));
    assert_eq!(
        text(pprof::profile("allocs").unwrap().message().default_sample_type),
        "alloc_space"
    );
    // The allocator's own frames say nothing about who called.
    for sample in &p.sample {
        let first = p.location.iter().find(|l| l.id == sample.location_id[0]).unwrap();
        let name = |f: u64| text(p.function[f as usize - 1].name);
        let name = name(first.line[0].function_id);
        assert!(!name.starts_with("gort_heap::") && !name.starts_with("alloc::alloc::"), "{name}");
    }

    let mut report = Vec::new();
    gort_observe::heap_report::write(&mut report).unwrap();
    assert!(report.starts_with(b"{\"gort_heap_report\":1,"));
    // The first error of the writer is the one that is told.
    assert!(gort_observe::heap_report::write(&mut &mut [0u8; 100][..]).is_err());

    if let Some(go) = go() {
        let path = std::env::temp_dir().join(format!("gort-heap-{}.pb.gz", std::process::id()));
        std::fs::write(&path, &file).unwrap();
        let top = |args: &[&str]| {
            let out =
                Command::new(&go).args(["tool", "pprof"]).args(args).arg(&path).output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            text
        };
        let text = top(&["-top", "-cum"]);
        assert!(text.contains("Type: inuse_space") && text.contains(keeps), "{text}");
        assert!(!text.contains(drops), "{text}");
        let text = top(&["-top", "-cum", "-sample_index=alloc_space"]);
        assert!(text.contains(keeps) && text.contains(drops), "{text}");
        let text = top(&["-traces"]);
        assert!(text.contains("bytes:") && text.contains(keeps), "{text}");
        std::fs::remove_file(&path).unwrap();
    }
    drop(kept);
}
