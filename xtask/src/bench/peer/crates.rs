//! Peers that are crates: packages of the workspace in `benches/peers`, which
//! has a lock file of its own, so that no peer's dependency ever meets gort's.

use std::fs;
use std::path::Path;

use super::super::programs::Programs;
use super::super::system::System;

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
    let lock = fs::read_to_string(folder.join("Cargo.lock")).map_err(|error| error.to_string())?;
    let version = match recipe.version_of {
        "" => "std".to_string(),
        krate => locked(&lock, krate).ok_or_else(|| format!("{krate} is not locked"))?,
    };
    System::of(name, version, &[built.get(recipe.program)?], hello)
}

/// The version of a crate in a lock file.
fn locked(lock: &str, krate: &str) -> Option<String> {
    let name = format!("name = \"{krate}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_locked_ones() {
        let lock = "[[package]]\nname = \"tokio-macros\"\nversion = \"2.0.0\"\n\n\
                    [[package]]\nname = \"tokio\"\nversion = \"1.54.0\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "tokio").as_deref(), Some("1.54.0"));
        assert_eq!(locked(lock, "may"), None);
    }
}
