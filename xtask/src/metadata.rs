//! What `cargo metadata` says about the workspace: its packages and which of
//! them depend on which, and where its root is.
//!
//! The manifests are asked, not the resolved graph: an edge behind a feature or
//! a `cfg` is an edge of the architecture too.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;

/// The workspace as its manifests describe it.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependency tables.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// Asks cargo about the workspace at `root`, without the network.
pub(crate) fn read(root: &Path) -> Result<Metadata, Failure> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| Failure::Tool(format!("cargo metadata cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Tool(format!("cargo metadata failed: {}", said.trim_end())));
    }
    parse(&output.stdout)
}

fn parse(json: &[u8]) -> Result<Metadata, Failure> {
    serde_json::from_slice(json)
        .map_err(|error| Failure::Tool(format!("cargo metadata is not understood: {error}")))
}

/// The cargo that runs this command, or the one on `PATH`.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The root of the workspace: the directory above this package's.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_kinds() {
        let json = br#"{"packages":[{"name":"a","version":"1.0.0","dependencies":[
            {"name":"b","kind":null},{"name":"c","kind":"dev"}]}],"target_directory":"/t"}"#;
        let metadata = parse(json).map_err(|failure| failure.to_string()).expect("is understood");
        let a = &metadata.packages[0];
        assert_eq!(a.name, "a");
        assert_eq!(a.dependencies[0].kind, None);
        assert_eq!(a.dependencies[1].kind.as_deref(), Some("dev"));
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(matches!(parse(b"{}"), Err(Failure::Tool(_))));
    }
}
