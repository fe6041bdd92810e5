//! `cargo xtask layers`: the architecture is a table, and a test.
//!
//! Cargo refuses cycles; this table also refuses new downward edges that nobody
//! decided. Each row names a package and the packages of this workspace that it
//! may depend on; rows stand bottom up, so a row may name only rows above it.
//! Dev-dependencies are no arrows: a test may use what it likes.

use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::failure::{Failure, only_help};
use crate::metadata::{self, Metadata};

/// The permitted arrows. An edge that is not written here fails.
const LAYERS: &[(&str, &[&str])] = &[
    ("gort-sys", &[]),
    ("gort-macros", &[]),
    ("gort-fixalloc", &["gort-sys"]),
    ("gort-heap", &["gort-sys", "gort-fixalloc"]),
    ("gort-stack", &["gort-sys", "gort-fixalloc"]),
    ("gort-gc", &["gort-sys", "gort-fixalloc", "gort-heap", "gort-macros"]),
    ("gort-sched", &["gort-sys", "gort-fixalloc", "gort-stack"]),
    ("gort-sync", &["gort-sys", "gort-sched"]),
    ("gort-net", &["gort-sys", "gort-sched", "gort-sync"]),
    ("gort-malloc", &["gort-sys", "gort-heap"]),
    (
        "gort-observe",
        &[
            "gort-sys",
            "gort-macros",
            "gort-fixalloc",
            "gort-heap",
            "gort-stack",
            "gort-gc",
            "gort-sched",
            "gort-sync",
            "gort-net",
        ],
    ),
    (
        "gort-boot",
        &[
            "gort-sys",
            "gort-macros",
            "gort-fixalloc",
            "gort-heap",
            "gort-stack",
            "gort-gc",
            "gort-sched",
            "gort-sync",
            "gort-net",
            "gort-observe",
        ],
    ),
    (
        "gort",
        &[
            "gort-sys",
            "gort-macros",
            "gort-fixalloc",
            "gort-heap",
            "gort-stack",
            "gort-gc",
            "gort-sched",
            "gort-sync",
            "gort-net",
            "gort-observe",
            "gort-boot",
        ],
    ),
    // What all programs of the bench share knows none of what they measure.
    ("gort-bench-kit", &[]),
    ("gort-bench-allocators", &["gort-bench-kit"]),
    // What measures gort sees what programs see, and a layer where it measures that alone;
    // what checks it sees none of it.
    (
        "gort-bench",
        &["gort", "gort-sys", "gort-stack", "gort-heap", "gort-bench-kit", "gort-bench-allocators"],
    ),
    ("xtask", &[]),
];

const HELP: &str = "\
Compares the dependencies between the workspace's packages with the permitted
arrows (the table LAYERS in xtask/src/layers.rs).

Usage: cargo xtask layers

Exit status: 0 all permitted, 1 an arrow or a package that is not in the table,
2 wrong usage, 3 cargo metadata failed.
";

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    if only_help(args, HELP)? {
        return Ok(());
    }
    let metadata = metadata::read(&metadata::root())?;
    let arrows = check(&metadata, LAYERS).map_err(|findings| {
        Failure::Found(format!(
            "layers: {} not permitted:\n{}",
            findings.len(),
            findings.join("\n")
        ))
    })?;
    println!("layers: {} packages, {arrows} arrows, all permitted", metadata.packages.len());
    Ok(())
}

/// The number of arrows, or what is wrong with them.
fn check(metadata: &Metadata, table: &[(&str, &[&str])]) -> Result<usize, Vec<String>> {
    let members: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let mut arrows = BTreeSet::new();
    let mut findings = BTreeSet::new();
    for package in &metadata.packages {
        let from = package.name.as_str();
        let Some((_, permitted)) = table.iter().find(|(name, _)| *name == from) else {
            findings.insert(format!(
                "  {from}: has no row; decide what it may depend on and add it to LAYERS"
            ));
            continue;
        };
        let inside = package.dependencies.iter().filter(|dependency| {
            dependency.kind.as_deref() != Some("dev") && members.contains(dependency.name.as_str())
        });
        for dependency in inside {
            let to = dependency.name.as_str();
            arrows.insert((from, to));
            if !permitted.contains(&to) {
                findings.insert(format!(
                    "  {from} -> {to}: take {to} out of {from}'s [dependencies], or give {from} \
                     what it needs through a struct of functions that boot fills; a new arrow is a \
                     decision: then write it into LAYERS"
                ));
            }
        }
    }
    if findings.is_empty() { Ok(arrows.len()) } else { Err(findings.into_iter().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Dependency, Package};

    const SMALL: &[(&str, &[&str])] = &[("low", &[]), ("high", &["low"])];

    /// A workspace of two packages with one edge, of the given kind.
    fn workspace(from: &str, to: &str, kind: Option<&str>) -> Metadata {
        let package = |name: &str| Package {
            name: name.into(),
            dependencies: if name == from {
                vec![Dependency { name: to.into(), kind: kind.map(String::from) }]
            } else {
                vec![]
            },
        };
        Metadata { packages: vec![package("low"), package("high")] }
    }

    #[test]
    fn written_arrow_is_fine() {
        assert_eq!(check(&workspace("high", "low", None), SMALL), Ok(1));
    }

    #[test]
    fn planted_upward_arrow_is_found() {
        let findings = check(&workspace("low", "high", None), SMALL).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("low -> high"), "{findings:?}");
    }

    #[test]
    fn planted_build_arrow_is_found() {
        assert!(check(&workspace("low", "high", Some("build")), SMALL).is_err());
    }

    #[test]
    fn dev_dependency_is_no_arrow() {
        assert_eq!(check(&workspace("low", "high", Some("dev")), SMALL), Ok(0));
    }

    #[test]
    fn other_peoples_packages_are_no_arrows() {
        assert_eq!(check(&workspace("low", "libc", None), SMALL), Ok(0));
    }

    #[test]
    fn package_without_row_is_found() {
        let findings = check(&workspace("high", "low", None), &SMALL[..1]).unwrap_err();
        assert!(findings[0].contains("high: has no row"), "{findings:?}");
    }

    #[test]
    fn table_points_down_only() {
        for (row, (name, permitted)) in LAYERS.iter().enumerate() {
            for to in *permitted {
                let above = LAYERS[..row].iter().any(|(name, _)| name == to);
                assert!(above, "{name} -> {to}: {to} has no row above {name}");
            }
        }
    }

    #[test]
    fn the_workspace_keeps_its_layers() {
        let metadata = metadata::read(&metadata::root()).map_err(|f| f.to_string()).unwrap();
        assert_eq!(check(&metadata, LAYERS).err(), None);
    }
}
