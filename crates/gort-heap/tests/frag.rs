//! A heap full of holes, seen from outside: a child with the process's allocator leaves its report, and the project's own
//! command says what is wrong with it.

use gort_heap::GortAlloc;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

const PART: &str = "GORT_HEAP_PART";

/// What the child does: 32 000 blocks of 512 bytes, of which one in `keep` stays.
#[test]
fn a_part_of_the_child() {
    let Some(keep) = std::env::var(PART).ok().and_then(|n| n.parse().ok()) else { return };
    let blocks: Vec<Box<[u8; 512]>> = (0..32_000).map(|i| Box::new([i as u8; 512])).collect();
    std::mem::forget(blocks.into_iter().step_by(keep).collect::<Vec<_>>());
    GortAlloc::flush_current();
}

fn summary(keep: usize) -> Value {
    let path = std::env::temp_dir().join(format!("gort-frag-{}-{keep}", std::process::id()));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env(PART, keep.to_string()).env("GORT_HEAP_REPORT", &path);
    let out = child.args(["--exact", "a_part_of_the_child"]).output().unwrap();
    assert!(out.status.success());
    let mut frag = Command::new(env!("CARGO"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    frag.args(["run", "--quiet", "--package", "xtask", "--", "frag", "--json", "--read"]);
    let out = frag.arg(&path).current_dir(root).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::remove_file(&path).unwrap();
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn holes_are_found_and_named() {
    let holes = summary(16);
    let row = |s: &Value| {
        let rows = s["classes"].as_array().unwrap().clone();
        rows.into_iter().find(|r| r["size"] == 512).unwrap()
    };
    let of = row(&holes);
    assert!(of["objects"].as_u64().unwrap() >= 2000 && of["used"].as_f64().unwrap() < 0.1);
    assert!(of["sparse_spans"].as_u64().unwrap() * 10 >= of["spans"].as_u64().unwrap() * 9);
    assert!(holes["internal"].as_f64().unwrap() > 0.8);
    let verdict = holes["verdict"].to_string();
    assert!(verdict.contains("full of holes") && verdict.contains("class 512"), "{verdict}");
    // The kernel has it all in memory: no page of it is free.
    assert!(holes["kernel"]["explicit"]["rss"].as_u64().unwrap() > 14 << 20);
    assert!(!holes["kernel_page_sizes"].as_array().unwrap().is_empty());

    let full = summary(1);
    assert!(row(&full)["used"].as_f64().unwrap() > 0.95);
    assert!(!full["verdict"].to_string().contains("holes"), "{}", full["verdict"]);
}
