//! The collector workloads on gc-arena: an arena belongs to one thread, and collects
//! where its owner lets it, in proportion to what was allocated.

mod binary_trees;
mod gc_mark;

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(&[
        ("binary_trees", binary_trees::run),
        ("gc_mark", gc_mark::sparse),
        ("gc_mark_full", gc_mark::full),
    ])
}
