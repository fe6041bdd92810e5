//! gort itself: builds the package `gort-bench` with the bench profile.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use super::system::System;
use crate::failure::Failure;
use crate::metadata;

/// What is read of the messages that cargo prints while it builds.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// Builds the programs and says where they are.
pub(crate) fn build(root: &Path) -> Result<System, Failure> {
    let output = metadata::cargo()
        .args(["build", "--quiet", "--profile", "bench", "--package", "gort-bench"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::Tool(format!("bench: cargo cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(Failure::Tool("bench: gort's workloads could not be built".into()));
    }
    let built = executables(&String::from_utf8_lossy(&output.stdout));
    let program = |name: &str| {
        let found = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
        found.cloned().ok_or_else(|| {
            Failure::Tool(format!("bench: cargo built no program {name} in gort-bench"))
        })
    };
    Ok(System {
        name: "gort",
        version: env!("CARGO_PKG_VERSION").into(),
        bench: program("gort-bench")?,
        hello: program("gort-hello")?,
    })
}

/// The paths of the programs in cargo's messages, one message a line.
fn executables(messages: &str) -> Vec<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_among_the_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/gort-bench\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executables(messages), [PathBuf::from("/t/gort-bench")]);
    }
}
