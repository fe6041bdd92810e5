//! Building programs with cargo.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::metadata;

/// What is read of the messages that cargo prints while it builds.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// The programs of a build.
#[derive(Debug)]
pub(crate) struct Programs(Vec<PathBuf>);

impl Programs {
    /// Builds some packages of the workspace in `folder`, into its own folder of
    /// build products or into `target`.
    pub(crate) fn build(
        folder: &Path,
        packages: &[&str],
        profile: &str,
        target: Option<&Path>,
    ) -> Result<Self, String> {
        let mut command = metadata::cargo();
        command.args(["build", "--quiet", "--locked", "--profile", profile]);
        command.args(["--message-format", "json-render-diagnostics"]);
        for package in packages {
            command.args(["--package", package]);
        }
        if let Some(target) = target {
            command.arg("--target-dir").arg(target);
        }
        let output = command.current_dir(folder).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo failed: {}", reason(&said)));
        }
        Ok(Self(executables(&String::from_utf8_lossy(&output.stdout))))
    }

    /// The program of this name.
    pub(crate) fn get(&self, name: &str) -> Result<PathBuf, String> {
        let found = self.0.iter().find(|path| path.file_name().is_some_and(|file| file == name));
        found.cloned().ok_or_else(|| format!("cargo built no program {name}"))
    }
}

/// The paths of the programs in cargo's messages, one message a line.
fn executables(messages: &str) -> Vec<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .collect()
}

/// The lines that say why: the first error, and at most some after it.
fn reason(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.trim_start().starts_with("error"));
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).take(6).collect();
    if lines.is_empty() { said.trim().to_string() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_among_the_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/gort-bench\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        let programs = Programs(executables(messages));
        assert_eq!(programs.get("gort-bench"), Ok(PathBuf::from("/t/gort-bench")));
        assert!(programs.get("gort").unwrap_err().contains("no program gort"));
    }

    #[test]
    fn a_failure_is_told_from_its_first_error() {
        assert_eq!(reason("warning: a\nerror: b\n\n  c\n"), "error: b; c");
        assert_eq!(reason("  killed \n"), "killed");
    }
}
