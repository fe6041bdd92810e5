//! Peers that are crates: packages of the workspace in `benches/peers`, which
//! has a lock file of its own, so that no peer's dependency ever meets gort's.

use std::fs;
use std::path::Path;

use crate::bench::systems::programs::Programs;
use crate::bench::systems::system::System;

/// What to build.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) package: &'static str,
    pub(crate) program: &'static str,
    pub(crate) hello: Option<&'static str>,
    /// The crate whose version is the peer's.
    pub(crate) version_of: &'static str,
}

/// Builds the package under `target/peers`.
pub(crate) fn prepare(root: &Path, name: &'static str, recipe: &Recipe) -> Result<System, String> {
    let folder = root.join("benches").join("peers");
    let target = root.join("target").join("peers").join("cargo");
    let built = Programs::build(&folder, &[recipe.package], "release", Some(&target))?;
    let hello = recipe.hello.map(|hello| built.get(hello)).transpose()?;
    let version = match recipe.version_of {
        "" => "std".to_string(),
        krate => {
            let manifest = manifest(&folder, recipe.package)?;
            pinned(&manifest, krate).ok_or_else(|| format!("{krate} is not pinned"))?
        }
    };
    System::of(name, version, &[built.get(recipe.program)?], hello)
}

/// The text of a package's manifest.
fn manifest(folder: &Path, package: &str) -> Result<String, String> {
    let name = package.trim_start_matches("peer-").replace("parking-lot", "parking_lot");
    let file = folder.join(name).join("Cargo.toml");
    fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The version that a manifest pins a crate to: `name = "=1.2.3"`, or the same in a table.
fn pinned(manifest: &str, krate: &str) -> Option<String> {
    let mut lines = manifest.lines().filter_map(|line| line.strip_prefix(krate)?.split_once("\"="));
    let (_, rest) = lines.next()?;
    rest.split_once('"').map(|(version, _)| version.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_pinned_ones() {
        let text = "[dependencies]\ngort-bench-kit.workspace = true\nflume = { version = \"=0.12.0\" }\n\
                    tokio = \"=1.54.1\"\n";
        assert_eq!(pinned(text, "flume").as_deref(), Some("0.12.0"));
        assert_eq!(pinned(text, "tokio").as_deref(), Some("1.54.1"));
        assert_eq!(pinned(text, "may"), None);
    }
}
